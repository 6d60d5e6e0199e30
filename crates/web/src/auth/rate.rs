//! Limits: a token bucket for each client of the public endpoints, in memory;
//! and failed sign-ins, counted in the database so that every process of an
//! installation sees them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use provisioning::ids::RecordId;
use store::sign_in_attempts;

use super::{Client, token};
use crate::AppState;
use crate::error::{Problem, Result};

/// Clients remembered before the full buckets are forgotten.
const REMEMBERED: usize = 10_000;

/// Buckets by client and purpose.
#[derive(Debug, Default)]
pub(crate) struct Buckets(Mutex<HashMap<(&'static str, String), Bucket>>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

/// How much a purpose allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    /// What for.
    pub(crate) purpose: &'static str,
    /// Requests at once.
    pub(crate) burst: f64,
    /// Requests a second.
    pub(crate) rate: f64,
}

impl Buckets {
    /// Takes one request out of a client's bucket; `Err` with the seconds
    /// until there is one again.
    pub(crate) fn take(
        &self,
        allowance: Allowance,
        client: &str,
        now: Timestamp,
    ) -> Result<(), u64> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let level = |bucket: &Bucket| {
            let passed = now.duration_since(bucket.at).as_secs_f64().max(0.0);
            (bucket.tokens + passed * allowance.rate).min(allowance.burst)
        };
        if buckets.len() >= REMEMBERED {
            buckets.retain(|(purpose, _), bucket| {
                *purpose != allowance.purpose || level(bucket) < allowance.burst
            });
        }
        if buckets.len() >= REMEMBERED {
            buckets.clear();
        }
        let key = (allowance.purpose, client.to_owned());
        let full = Bucket {
            tokens: allowance.burst,
            at: now,
        };
        let bucket = buckets.entry(key).or_insert(full);
        let tokens = level(bucket);
        if tokens < 1.0 {
            *bucket = Bucket { tokens, at: now };
            return Err(((1.0 - tokens) / allowance.rate).ceil().max(1.0) as u64);
        }
        *bucket = Bucket {
            tokens: tokens - 1.0,
            at: now,
        };
        Ok(())
    }
}

/// How long a failed sign-in counts.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// Failures for one username from one address.
const PER_USER: i64 = 8;
/// Failures for one username from everywhere: whoever guesses from many
/// addresses is stopped, and one address alone locks nobody out elsewhere.
const PER_USER_EVERYWHERE: i64 = 50;
/// Failures from one address.
const PER_ADDRESS: i64 = 60;

/// What a try is counted under, each with how many may fail. What was typed as
/// a name is kept as a hash: it may be a password, and may be long.
#[derive(Debug)]
pub(crate) struct Keys {
    of_name: [(String, i64); 2],
    of_address: (String, i64),
}

impl Keys {
    /// A try to sign in under a name.
    pub(crate) fn of_name(username: &str, client: &Client) -> Self {
        Self::new("user", &store::keys::fold(username), client)
    }

    /// A code after the password.
    pub(crate) fn of_code(id: RecordId, client: &Client) -> Self {
        Self::new("code", &id.to_string(), client)
    }

    fn new(what: &str, name: &str, client: &Client) -> Self {
        let (name, address) = (URL_SAFE_NO_PAD.encode(token::digest(name)), client.key());
        Self {
            of_name: [
                (format!("{what}:{name}@{address}"), PER_USER),
                (format!("{what}:{name}"), PER_USER_EVERYWHERE),
            ],
            of_address: (format!("ip:{address}"), PER_ADDRESS),
        }
    }

    /// Counts the try, before anything is looked at; refuses it when there were
    /// too many.
    pub(crate) async fn count(&self, state: &AppState) -> Result<()> {
        let now = state.engine.now();
        let mut is_too_many = false;
        let mut tx = state.engine.db().begin().await?;
        for (key, most) in self.of_name.iter().chain([&self.of_address]) {
            is_too_many |= sign_in_attempts::tried(&mut tx, key, now, WINDOW).await? > *most;
        }
        tx.commit().await?;
        if is_too_many {
            let seconds = WINDOW.as_secs().unsigned_abs();
            return Err(Problem::too_many("too many failed sign-ins", seconds)
                .cure("Wait a quarter of an hour, or ask your administrator."));
        }
        Ok(())
    }

    /// The try was right: it does not count, and what failed before under the
    /// name from this address is forgotten.
    pub(crate) async fn was_right(&self, state: &AppState) -> Result<()> {
        let [here, everywhere] = &self.of_name;
        let mut tx = state.engine.db().begin().await?;
        sign_in_attempts::clear(&mut tx, &here.0).await?;
        sign_in_attempts::was_right(&mut tx, &everywhere.0).await?;
        sign_in_attempts::was_right(&mut tx, &self.of_address.0).await?;
        tx.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance {
        purpose: "test",
        burst: 2.0,
        rate: 0.5,
    };

    #[test]
    fn a_bucket_empties_and_fills_with_time_for_each_client_alone() {
        let (buckets, start) = (Buckets::default(), Timestamp::UNIX_EPOCH);
        let at = |seconds| start + SignedDuration::from_secs(seconds);
        assert_eq!(buckets.take(ALLOWANCE, "a", at(0)), Ok(()));
        assert_eq!(buckets.take(ALLOWANCE, "a", at(0)), Ok(()));
        assert_eq!(buckets.take(ALLOWANCE, "a", at(0)), Err(2));
        assert_eq!(buckets.take(ALLOWANCE, "b", at(0)), Ok(()));
        assert_eq!(buckets.take(ALLOWANCE, "a", at(1)), Err(1));
        assert_eq!(buckets.take(ALLOWANCE, "a", at(2)), Ok(()));
    }
}
