//! Unit tests of sending one request, over a scripted transport.

// Measures waits on paused time.
#![allow(clippy::disallowed_methods)]

use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::*;
use crate::client::ClientOptions;
use crate::cloud::Cloud;
use crate::scripted::{self, Reply};
use crate::token::TokenSource;
use crate::transport::TransportFailure;

fn call() -> Call {
    Call::get("reading", "User.Read.All", "users").query("$select", "id")
}

fn ok() -> Reply {
    Reply::json(200, &json!({"value": []}))
}

fn busy(status: u16) -> Reply {
    Reply::error(status, "", "busy")
}

#[tokio::test(start_paused = true)]
async fn a_request_carries_token_and_headers() {
    let (client, script) = scripted::client(vec![ok()]);
    let call = call().query("$filter", "id eq 'a b'").advanced();
    client.send(&call).await.unwrap();
    let sent = &script.sent()[1];
    assert_eq!(
        sent.url,
        "https://graph.microsoft.com/v1.0/users?$select=id&$filter=id%20eq%20%27a%20b%27&$count=true"
    );
    assert_eq!(sent.header("authorization"), Some("Bearer token-1"));
    assert_eq!(sent.header("consistencylevel"), Some("eventual"));
    assert!(sent.header("client-request-id").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_401_refreshes_once_and_retries_once() {
    let expired = || Reply::error(401, "InvalidAuthenticationToken", "expired");
    let (client, script) = scripted::client(vec![expired(), Reply::token("token-2"), ok()]);
    client.send(&call()).await.unwrap();
    assert_eq!(
        script.sent()[3].header("authorization"),
        Some("Bearer token-2")
    );

    let (client, script) = scripted::client(vec![expired(), Reply::token("token-2"), expired()]);
    let error = client.send(&call()).await.unwrap_err();
    assert_eq!(error.kind(), &Kind::NeedsReconnect);
    assert!(script.is_finished() && script.sent().len() == 4);
}

#[tokio::test(start_paused = true)]
async fn a_claims_challenge_needs_a_person() {
    for status in [401, 403] {
        let challenge = Reply::error(status, "InvalidAuthenticationToken", "policy").header(
            "www-authenticate",
            r#"Bearer realm="", error="insufficient_claims", claims="e30=""#,
        );
        let (client, _) = scripted::client(vec![challenge]);
        let error = client.send(&call()).await.unwrap_err();
        assert_eq!(error.kind(), &Kind::NeedsReconnect);
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_waits_as_asked_and_stops_the_clones_too() {
    let (client, _) = scripted::client(vec![busy(429).header("retry-after", "20"), ok(), ok()]);
    let start = Instant::now();
    let clone = client.clone();
    let (calls, other) = (call(), call());
    let later = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        clone.send(&other).await
    };
    let (first, second) = tokio::join!(client.send(&calls), later);
    assert!(first.is_ok() && second.is_ok());
    assert!(start.elapsed() >= Duration::from_secs(20));
    let cost = client.cost();
    assert_eq!((cost.requests, cost.retries, cost.throttled), (3, 1, 1));
}

/// Two tenants of one application, of which the first is refused with `scope`:
/// how long the second one's next request took.
async fn second_tenant_waits(scope: &str) -> Duration {
    let refused = busy(429)
        .header("retry-after", "20")
        .header("x-ms-throttle-scope", scope);
    let token = || Reply::token("token");
    let (environment, _) = scripted::environment(vec![token(), ok(), token(), refused, ok(), ok()]);
    let options = ClientOptions::default();
    let client = |tenant| {
        GraphClient::new(
            environment.clone(),
            Cloud::global(),
            Uuid::from_u128(tenant),
            scripted::application(),
            TokenSource::Application,
            options.clone(),
        )
    };
    let (one, other) = (client(1), client(2));
    other.send(&call()).await.unwrap();
    let calls = call();
    let start = Instant::now();
    let later = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        other.send(&call()).await.map(|_| start.elapsed())
    };
    let (first, second) = tokio::join!(one.send(&calls), later);
    first.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(20));
    second.unwrap() - Duration::from_secs(1)
}

#[tokio::test(start_paused = true)]
async fn a_429_for_the_application_stops_its_other_tenants_too() {
    let in_tenant = "Tenant_Application/ReadWrite/a/t";
    assert_eq!(second_tenant_waits(in_tenant).await, Duration::ZERO);
    let in_all = "Application/ReadWrite/a/t";
    assert!(second_tenant_waits(in_all).await >= Duration::from_secs(19));
}

#[tokio::test(start_paused = true)]
async fn a_long_429_is_returned_for_the_caller_to_park() {
    let (client, _) = scripted::client(vec![busy(429).header("retry-after", "3600")]);
    let error = client.send(&call()).await.unwrap_err();
    let hour = Duration::from_secs(3600);
    assert_eq!(
        error.kind(),
        &Kind::Throttled {
            retry_after: Some(hour)
        }
    );
    assert!(error.is_passing());
    // The next one is stopped before it is sent.
    let error = client.send(&call()).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Throttled { .. }));
    assert_eq!(client.cost().requests, 1);
}

#[tokio::test(start_paused = true)]
async fn passing_failures_are_retried() {
    let (client, script) = scripted::client(vec![
        busy(503),
        busy(502),
        Reply::Failure(TransportFailure::Interrupted),
        busy(429),
        busy(500),
        busy(504).header("retry-after", "1"),
        Reply::Failure(TransportFailure::Timeout),
        ok(),
    ]);
    client.send(&call()).await.unwrap();
    assert_eq!(script.renewals(), 1);
    assert!(script.is_finished());
}

#[tokio::test(start_paused = true)]
async fn patience_ends_with_the_typed_error() {
    let (client, script) = scripted::client(vec![busy(503); 8]);
    let error = client.send(&call()).await.unwrap_err();
    assert_eq!(error.kind(), &Kind::Transient);
    assert_eq!(error.status(), Some(503));
    assert!(script.is_finished());
}

#[tokio::test(start_paused = true)]
async fn refusals_are_not_retried() {
    for (reply, kind) in [
        (Reply::error(400, "Request_BadRequest", ""), Kind::Refused),
        (
            Reply::error(403, "Authorization_RequestDenied", ""),
            Kind::PermissionMissing {
                permission: "User.Read.All",
            },
        ),
        (
            Reply::error(404, "Request_ResourceNotFound", ""),
            Kind::NotFound,
        ),
        (
            Reply::Failure(TransportFailure::Certificate),
            Kind::CertificateUntrusted,
        ),
    ] {
        let (client, script) = scripted::client(vec![reply]);
        assert_eq!(client.send(&call()).await.unwrap_err().kind(), &kind);
        assert_eq!(script.sent().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_never_followed() {
    let away = Reply::text(302, "").header("location", "https://evil.example/");
    let (client, script) = scripted::client(vec![away]);
    let error = client.send(&call()).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Malformed { .. }));
    assert_eq!(script.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_asked_for_again_and_then_an_error() {
    let list = |answer: &Answer| crate::wire::parse::<Vec<u32>>(&answer.body);
    let cut = || Reply::text(200, "[1,2");
    let (client, _) = scripted::client(vec![cut(), Reply::text(200, "[1,2,3]")]);
    assert_eq!(client.read(&call(), list).await.unwrap(), [1, 2, 3]);

    let (client, script) = scripted::client(vec![cut(), cut(), cut()]);
    let error = client.read(&call(), list).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Malformed { .. }));
    assert!(script.is_finished());

    let (client, script) = scripted::client(vec![Reply::text(200, "{}")]);
    assert!(client.read(&call(), list).await.is_err());
    assert_eq!(script.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_charged_units_are_counted() {
    let (client, _) = scripted::client(vec![ok().header("x-ms-resource-unit", "5"), ok()]);
    client.send(&call().units(2)).await.unwrap();
    client.send(&call().units(3)).await.unwrap();
    assert_eq!(client.cost().resource_units, 8);
    assert_eq!(client.cost().bytes, 24);
}
