//! Unit tests of `keys`.

use serde_json::{Value, json};

use super::*;
use crate::scripted::{self, Reply};

const URL: &str = "https://login.example/keys";

fn rsa(id: &str) -> Value {
    json!({"kty": "RSA", "use": "sig", "kid": id, "n": "AQAB", "e": "AQAB"})
}

fn set(keys: &[Value]) -> Reply {
    Reply::json(200, &json!({"keys": keys}))
}

#[tokio::test(start_paused = true)]
async fn keys_are_kept_refreshed_and_asked_for_again_when_unknown() {
    let curve = json!({"kty": "EC", "kid": "c"});
    let (environment, script) = scripted::environment(vec![
        set(&[curve, rsa("a")]),
        set(&[rsa("b"), rsa("a")]),
        Reply::error(404, "", ""),
        set(&[rsa("b")]),
    ]);
    let store = KeyStore::default();
    let retry = RetryPolicy::default();
    let has = async |id: &str| {
        let found = store.find(&environment, &retry, URL, id).await;
        found.map(|key| key.is_some())
    };
    let minutes = async |count: u64| {
        tokio::time::advance(Duration::from_secs(count * 60)).await;
    };
    assert!(has("a").await.unwrap());
    assert!(!has("c").await.unwrap() && !has("b").await.unwrap());
    assert_eq!(script.sent().len(), 1);
    minutes(5).await;
    assert!(has("b").await.unwrap() && has("a").await.unwrap());
    assert_eq!(script.sent().len(), 2);
    // An hour later the refresh fails: the known key goes on, tried rarely.
    minutes(60).await;
    assert!(has("a").await.unwrap() && has("a").await.unwrap());
    assert_eq!(script.sent().len(), 3);
    minutes(5).await;
    assert!(!has("a").await.unwrap());
    assert!(script.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_set_without_usable_keys_is_an_error() {
    let (environment, _) = scripted::environment(vec![set(&[])]);
    let retry = RetryPolicy::default();
    let found = KeyStore::default()
        .find(&environment, &retry, URL, "a")
        .await;
    assert!(matches!(
        found.err().unwrap().kind(),
        Kind::Malformed { .. }
    ));
}
