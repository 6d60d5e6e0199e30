//! `/api-tokens`

use http::{Method, StatusCode};
use serde_json::json;

use crate::world::{World, call};

const PATH: &str = "/api/v1/api-tokens";

#[tokio::test]
async fn a_token_is_shown_once_works_and_ends_when_revoked() {
    let world = World::new().await;
    let made = world
        .post(PATH, json!({ "name": "grafana", "scopes": ["read"] }))
        .await;
    made.is(StatusCode::CREATED);
    let (id, text) = (
        made.body["id"].as_str().unwrap(),
        made.body["token"].as_str().unwrap(),
    );
    let path = format!("{PATH}/{id}");
    for path in [PATH, &path] {
        assert!(!world.get(path).await.text.contains(text));
    }
    let use_it = || call(Method::GET, "/api/v1/employees").token(text);
    world.send(use_it()).await.is(StatusCode::OK);
    world.delete(&path).await.is(StatusCode::NO_CONTENT);
    world
        .send(use_it())
        .await
        .is_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
    assert!(world.get(&path).await.body["revoked_at"].is_string());
}

#[tokio::test]
async fn what_a_token_cannot_be_is_refused() {
    let world = World::new().await;
    for body in [
        json!({ "name": "x", "scopes": [] }),
        json!({ "name": " ", "scopes": ["read"] }),
        json!({ "name": "x", "scopes": ["everything"] }),
        json!({ "name": "x", "scopes": ["read"], "expires_at": "2001-01-01T00:00:00Z" }),
    ] {
        let reply = world.post(PATH, body).await;
        reply.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
    }
}
