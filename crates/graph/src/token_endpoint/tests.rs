//! Unit tests of `token_endpoint`.

use serde_json::json;

use super::*;
use crate::scripted::{self, Reply};

async fn ask(replies: Vec<Reply>) -> Result<TokenAnswer, GraphError> {
    let (environment, _) = scripted::environment(replies);
    let retry = RetryPolicy::default();
    post(
        &environment,
        &retry,
        "https://login.example/token",
        &[],
        "testing",
    )
    .await
}

fn refused(error: &str, description: &str, codes: &[u32]) -> Reply {
    let body = json!({
        "error": error, "error_description": description, "error_codes": codes,
        "correlation_id": "c-1",
    });
    Reply::json(400, &body)
}

#[tokio::test(start_paused = true)]
async fn errors_are_known_by_code_and_else_by_value() {
    for (reply, kind, code) in [
        (
            refused("invalid_grant", "AADSTS50173: gone\r\nTrace", &[50173]),
            Kind::NeedsReconnect,
            "AADSTS50173",
        ),
        (
            refused("invalid_client", "AADSTS7000222: old", &[]),
            Kind::SecretExpired,
            "AADSTS7000222",
        ),
        (
            refused("invalid_grant", "AADSTS53003: policy", &[53003]),
            Kind::ConditionalAccess,
            "AADSTS53003",
        ),
        (
            refused("consent_required", "AADSTS1: ?", &[1]),
            Kind::ConsentMissing,
            "AADSTS1",
        ),
        (refused("unheard_of", "", &[]), Kind::Refused, "unheard_of"),
    ] {
        let error = ask(vec![reply]).await.err().unwrap();
        assert_eq!(error.kind(), &kind);
        assert_eq!(error.provider_code(), Some(code));
        assert_eq!(error.request_id(), Some("c-1"));
    }
}

#[tokio::test(start_paused = true)]
async fn passing_failures_are_tried_again() {
    let answer = ask(vec![
        Reply::text(503, "<html>"),
        refused("temporarily_unavailable", "AADSTS90033: wait", &[90033]),
        Reply::text(429, "").header("retry-after", "2"),
        Reply::json(200, &json!({"access_token": "a", "expires_in": "3599"})),
    ])
    .await
    .ok()
    .unwrap();
    assert_eq!(
        answer.expires_in.duration(),
        Some(Duration::from_secs(3599))
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_token_is_malformed() {
    let error = ask(vec![Reply::text(200, "{}")]).await.err().unwrap();
    assert!(matches!(error.kind(), Kind::Malformed { .. }));
}
