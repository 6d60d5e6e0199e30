//! Unit tests of `token`.

use std::sync::Mutex as PlainMutex;

use secrecy::ExposeSecret;
use serde_json::json;

use super::*;
use crate::cloud::Cloud;
use crate::scripted::{self, Reply, Scripted};

#[derive(Default)]
struct Vault {
    stored: PlainMutex<Vec<String>>,
    failures: PlainMutex<u32>,
}

impl TokenVault for Vault {
    fn store<'a>(
        &'a self,
        refresh_token: &'a SecretString,
    ) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move {
            let mut failures = self.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return Err(VaultError::new("disk full"));
            }
            let token = refresh_token.expose_secret().to_owned();
            self.stored.lock().unwrap().push(token);
            Ok(())
        })
    }
}

fn rotated(number: u32) -> Reply {
    Reply::json(
        200,
        &json!({
            "token_type": "Bearer", "expires_in": 3600,
            "access_token": format!("access-{number}"),
            "refresh_token": format!("refresh-{number}"),
        }),
    )
}

fn delegated(replies: Vec<Reply>) -> (TokenCache, Arc<Vault>, Arc<Scripted>) {
    let (environment, script) = scripted::environment(replies);
    let vault = Arc::new(Vault::default());
    let source = TokenSource::Delegated {
        refresh_token: "refresh-0".into(),
        vault: vault.clone(),
    };
    let platform = IdentityPlatform::new(environment, Cloud::global());
    let cache = TokenCache::new(platform, scripted::application(), scripted::TENANT, source);
    (cache, vault, script)
}

async fn access(cache: &TokenCache) -> Result<String, Kind> {
    let token = cache.get().await;
    token
        .map(|token| token.secret.expose_secret().to_owned())
        .map_err(|error| error.kind().clone())
}

#[tokio::test(start_paused = true)]
async fn one_request_serves_all_who_wait() {
    let (cache, vault, script) = delegated(vec![rotated(1)]);
    let all = futures::future::join_all((0..50).map(|_| access(&cache))).await;
    assert!(all.iter().all(|token| token.as_deref() == Ok("access-1")));
    assert_eq!(script.sent().len(), 1);
    assert_eq!(*vault.stored.lock().unwrap(), ["refresh-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_it_runs_out_with_the_newest_refresh_token() {
    let (cache, vault, script) = delegated(vec![rotated(1), rotated(2)]);
    assert_eq!(access(&cache).await.as_deref(), Ok("access-1"));
    tokio::time::advance(Duration::from_secs(3290)).await;
    assert_eq!(access(&cache).await.as_deref(), Ok("access-1"));
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(access(&cache).await.as_deref(), Ok("access-2"));
    assert_eq!(
        script.sent()[1].form("refresh_token").as_deref(),
        Some("refresh-1")
    );
    assert_eq!(*vault.stored.lock().unwrap(), ["refresh-1", "refresh-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_could_not_be_stored_is_kept_and_stored_later() {
    let (cache, vault, script) = delegated(vec![rotated(1)]);
    *vault.failures.lock().unwrap() = 1;
    assert_eq!(access(&cache).await, Err(Kind::TokenNotStored));
    tokio::time::advance(FAILURE_HOLDS).await;
    assert_eq!(access(&cache).await.as_deref(), Ok("access-1"));
    assert_eq!(*vault.stored.lock().unwrap(), ["refresh-1"]);
    assert_eq!(script.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_answers_everybody_for_a_while() {
    let revoked = Reply::json(
        400,
        &json!({"error": "invalid_grant", "error_codes": [50173]}),
    );
    let (cache, _, script) = delegated(vec![revoked, rotated(1)]);
    let all = futures::future::join_all((0..9).map(|_| access(&cache))).await;
    assert!(all.iter().all(|token| *token == Err(Kind::NeedsReconnect)));
    assert_eq!(script.sent().len(), 1);
    tokio::time::advance(FAILURE_HOLDS).await;
    assert_eq!(access(&cache).await.as_deref(), Ok("access-1"));
}

#[tokio::test(start_paused = true)]
async fn only_the_refused_token_is_discarded() {
    let (cache, _, _) = delegated(vec![rotated(1), rotated(2)]);
    let first = cache.get().await.unwrap();
    cache.discard(&first).await;
    assert_eq!(access(&cache).await.as_deref(), Ok("access-2"));
    cache.discard(&first).await;
    assert_eq!(access(&cache).await.as_deref(), Ok("access-2"));
}
