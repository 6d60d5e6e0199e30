//! Unit tests of the self-check. Requests of one check run side by side, so
//! answers are chosen by address.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::client::ClientOptions;
use crate::cloud::Cloud;
use crate::environment::Environment;
use crate::scripted::{self, TENANT, application};
use crate::subscription::SubscriptionResource;
use crate::token::TokenSource;
use crate::transport::{Answer, Transport, TransportFuture};

const GROUP: Uuid = Uuid::from_u128(6);

/// Answers by the end of the path; whatever is not listed works.
struct ByPath(Vec<(&'static str, u16, Value)>);

impl ByPath {
    fn answer(&self, request: &Request<Bytes>) -> (u16, Value) {
        let path = request.uri().path();
        let listed = self.0.iter().find(|(end, _, _)| path.ends_with(end));
        if let Some((_, status, body)) = listed {
            return (*status, body.clone());
        }
        let id = Uuid::from_u128(1);
        let list = |item: Value| (200, json!({"value": [item]}));
        match path.rsplit('/').next().unwrap_or_default() {
            "token" => (200, json!({"access_token": "a", "expires_in": 3600})),
            "organization" => list(json!({"id": TENANT, "verifiedDomains": []})),
            "appRoleAssignedTo" => (200, json!({"value": []})),
            "subscriptions" => (
                201,
                json!({"id": id, "resource": "users", "expirationDateTime": "2026-01-02T00:00:00Z"}),
            ),
            "users" | "groups" | "servicePrincipals" | "microsoft.graph.user" => {
                list(json!({"id": id}))
            }
            _ if path.contains("/subscriptions/") => (204, Value::Null),
            _ => (200, json!({"id": GROUP, "displayName": "Sales"})),
        }
    }
}

impl Transport for ByPath {
    fn send(&self, request: Request<Bytes>, _limit_bytes: usize) -> TransportFuture<'_> {
        let (status, body) = self.answer(&request);
        Box::pin(async move {
            Ok(Answer {
                status: StatusCode::from_u16(status).unwrap(),
                headers: HeaderMap::new(),
                body: body.to_string().into(),
            })
        })
    }
}

async fn check(listed: Vec<(&'static str, u16, Value)>) -> Vec<CheckLine> {
    let (environment, _) = scripted::environment(Vec::new());
    let environment = Environment {
        transport: Arc::new(ByPath(listed)),
        ..environment
    };
    let client = GraphClient::new(
        environment,
        Cloud::global(),
        TENANT,
        application(),
        TokenSource::Application,
        ClientOptions::default(),
    );
    let options = CheckOptions {
        groups: vec![GROUP],
        notifications: Some(SubscriptionRequest {
            resource: SubscriptionResource::Users,
            notification_url: "https://psa.example/graph/notifications".to_owned(),
            lifecycle_url: None,
            client_state: "s".into(),
            expires: "2026-01-01T01:00:00Z".parse().unwrap(),
        }),
    };
    client.check(&options).await
}

fn refused(code: &str) -> Value {
    json!({"error": {"code": code, "message": "m"}})
}

fn failures(lines: &[CheckLine]) -> Vec<(CheckSubject, &'static str)> {
    lines
        .iter()
        .filter_map(|line| match &line.outcome {
            CheckOutcome::Failed(error) => Some((line.subject, error.code())),
            CheckOutcome::Passed { .. } | CheckOutcome::Skipped { .. } => None,
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn everything_passes_where_everything_works() {
    let lines = check(Vec::new()).await;
    assert_eq!(failures(&lines), []);
    assert_eq!(lines.len(), 12);
    let members = lines
        .iter()
        .find(|line| line.subject == CheckSubject::GroupMembers(GROUP))
        .unwrap();
    assert!(
        matches!(&members.outcome, CheckOutcome::Passed { detail } if detail == "Sales: 1 people")
    );
}

#[tokio::test(start_paused = true)]
async fn every_failure_is_its_own_line_with_a_cure() {
    let denied = refused("Authorization_RequestDenied");
    for (path, status, body, expected) in [
        (
            "/v1.0/groups",
            403,
            denied.clone(),
            vec![
                (
                    CheckSubject::Permission(Permission::GroupReadAll),
                    "permission_missing",
                ),
                (CheckSubject::Groups, "permission_missing"),
            ],
        ),
        (
            "/v1.0/users",
            200,
            json!({"value": []}),
            vec![
                (
                    CheckSubject::Permission(Permission::UserReadAll),
                    "permission_missing",
                ),
                (CheckSubject::Users, "permission_missing"),
            ],
        ),
        (
            "/microsoft.graph.user",
            404,
            refused("Request_ResourceNotFound"),
            vec![(CheckSubject::GroupMembers(GROUP), "not_found")],
        ),
        (
            "/organization",
            200,
            json!({"value": [{"id": GROUP, "verifiedDomains": []}]}),
            vec![(CheckSubject::Organization, "wrong_tenant")],
        ),
        (
            "/v1.0/subscriptions",
            400,
            refused("ValidationError"),
            vec![(CheckSubject::Notifications, "notification_address")],
        ),
        ("/v1.0/subscriptions", 409, refused("Conflict"), Vec::new()),
    ] {
        let lines = check(vec![(path, status, body)]).await;
        assert_eq!(failures(&lines), expected, "{path} {status}");
        for line in &lines {
            if let CheckOutcome::Failed(error) = &line.outcome {
                assert!(!error.cure().is_empty());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_token_the_rest_is_skipped() {
    let expired = json!({"error": "invalid_client", "error_codes": [7_000_222]});
    let lines = check(vec![("/token", 401, expired)]).await;
    assert_eq!(failures(&lines), [(CheckSubject::Token, "secret_expired")]);
    let skipped = lines
        .iter()
        .filter(|line| matches!(line.outcome, CheckOutcome::Skipped { .. }));
    assert_eq!(skipped.count(), 11);
}

#[test]
fn granted_scopes_decide_for_delegated_connections() {
    let scope = "User.Read https://graph.microsoft.com/Group.Read.All";
    assert!(!in_scope(Permission::GroupReadAll, scope).is_failure());
    assert!(in_scope(Permission::UserReadAll, scope).is_failure());
}
