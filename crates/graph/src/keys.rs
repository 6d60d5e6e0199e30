//! The identity platform's signing keys, fetched when needed and kept.
//!
//! Keys roll without notice, so an unknown key id fetches anew, but not often.
//! Does not know tokens.
//! Source: <https://learn.microsoft.com/entra/identity-platform/signing-key-rollover>.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::environment::Environment;
use crate::error::{GraphError, Kind};
use crate::retry::RetryPolicy;
use crate::token_endpoint;
use crate::wire;

const REFRESHED_EVERY: Duration = Duration::from_secs(3600);
const USABLE_FOR: Duration = Duration::from_secs(24 * 3600);
const UNKNOWN_KEY_EVERY: Duration = Duration::from_secs(300);
const DOING: &str = "fetching the signing keys";

/// A key that may sign ID tokens.
#[derive(Clone)]
pub(crate) struct SigningKey {
    pub(crate) id: String,
    /// Whose tokens it may sign; may hold `{tenantid}`.
    pub(crate) issuer: Option<String>,
    pub(crate) key: DecodingKey,
}

/// Keys by the address they come from.
#[derive(Default)]
pub(crate) struct KeyStore(Mutex<HashMap<String, Held>>);

struct Held {
    keys: Vec<SigningKey>,
    fetched: Timestamp,
    tried: Timestamp,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct WireKey {
    kty: String,
    kid: String,
    n: String,
    e: String,
    #[serde(default)]
    r#use: Option<String>,
    #[serde(default)]
    issuer: Option<String>,
}

impl KeyStore {
    /// The key `id` published at `url`, or `None` when there is no such key.
    pub(crate) async fn find(
        &self,
        environment: &Environment,
        retry: &RetryPolicy,
        url: &str,
        id: &str,
    ) -> Result<Option<SigningKey>, GraphError> {
        let mut all = self.0.lock().await;
        let now = environment.now();
        if let Some(held) = all.get(url) {
            let found = held.find(id);
            let wait = match found {
                Some(_) if is_within(now, held.fetched, REFRESHED_EVERY) => return Ok(found),
                Some(_) | None => UNKNOWN_KEY_EVERY,
            };
            if is_within(now, held.tried, wait) {
                return Ok(found.filter(|_| is_within(now, held.fetched, USABLE_FOR)));
            }
        }
        match fetch(environment, retry, url).await {
            Ok(keys) => {
                let held = Held {
                    keys,
                    fetched: now,
                    tried: now,
                };
                let found = held.find(id);
                all.insert(url.to_owned(), held);
                Ok(found)
            }
            Err(error) => {
                let Some(held) = all.get_mut(url) else {
                    return Err(error);
                };
                held.tried = now;
                let found = held.find(id);
                if found.is_some() && is_within(now, held.fetched, USABLE_FOR) {
                    return Ok(found);
                }
                Err(error)
            }
        }
    }
}

impl Held {
    fn find(&self, id: &str) -> Option<SigningKey> {
        self.keys.iter().find(|key| key.id == id).cloned()
    }
}

fn is_within(now: Timestamp, since: Timestamp, time: Duration) -> bool {
    let age = now.duration_since(since);
    age.is_negative() || age.unsigned_abs() < time
}

async fn fetch(
    environment: &Environment,
    retry: &RetryPolicy,
    url: &str,
) -> Result<Vec<SigningKey>, GraphError> {
    let answer = token_endpoint::get(environment, retry, url, DOING).await?;
    let malformed = |what: String| GraphError::new(Kind::Malformed { what }, DOING);
    let set: KeySet = wire::parse(&answer.body).map_err(|error| malformed(error.what))?;
    // Keys of kinds we do not know may stand beside those we need.
    let keys: Vec<_> = set.keys.into_iter().filter_map(usable).collect();
    if keys.is_empty() {
        return Err(malformed("no usable signing key".to_owned()));
    }
    Ok(keys)
}

fn usable(key: serde_json::Value) -> Option<SigningKey> {
    let key: WireKey = serde_json::from_value(key).ok()?;
    let signs = key.r#use.as_deref().is_none_or(|purpose| purpose == "sig");
    if key.kty != "RSA" || !signs {
        return None;
    }
    Some(SigningKey {
        key: DecodingKey::from_rsa_components(&key.n, &key.e).ok()?,
        id: key.kid,
        issuer: key.issuer,
    })
}

#[cfg(test)]
mod tests;
