//! `$batch`: order, dependencies, limits.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{World, person};

async fn run(world: &World, requests: Value) -> Value {
    world
        .write(Method::POST, "$batch", json!({ "requests": requests }))
        .await
}

fn answer<'a>(batch: &'a Value, id: &str) -> &'a Value {
    crate::world::entry(batch["responses"].as_array().unwrap(), id)
}

#[tokio::test]
async fn items_are_answered_each_for_itself() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    let batch = run(&world, json!([
        {"id": "1", "method": "GET", "url": format!("/users/{amy}?$select=id")},
        {"id": "2", "method": "GET", "url": "users/nobody@contoso.com"},
        {"id": "3", "method": "GET", "url": "/users/$count", "headers": {"ConsistencyLevel": "eventual"}},
        {"id": "4", "method": "PATCH", "url": format!("/users/{amy}"), "headers": {"Content-Type": "application/json"}, "body": {"jobTitle": "x"}},
    ])).await;
    assert_eq!(answer(&batch, "1")["body"]["id"], amy);
    assert_eq!(answer(&batch, "2")["status"], 404);
    assert_eq!(
        answer(&batch, "2")["body"]["error"]["code"],
        "Request_ResourceNotFound"
    );
    assert_eq!(answer(&batch, "3")["body"], 1);
    assert_eq!(answer(&batch, "4")["status"], 204);
}

#[tokio::test]
async fn what_depends_on_a_failure_is_not_done() {
    let world = World::new().await;
    let headers = json!({"Content-Type": "application/json"});
    let batch = run(&world, json!([
        {"id": "a", "method": "POST", "url": "/users", "headers": headers, "body": person("amy")},
        {"id": "b", "method": "POST", "url": "/users", "headers": headers, "body": person("amy"), "dependsOn": ["a"]},
        {"id": "c", "method": "POST", "url": "/users", "headers": headers, "body": person("cleo"), "dependsOn": ["B"]},
    ])).await;
    for (id, status) in [("a", 201), ("b", 400), ("c", 424)] {
        assert_eq!(answer(&batch, id)["status"], status, "{id}");
    }
    assert_eq!(
        world.get("users/cleo@contoso.com").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn malformed_batches_are_refused_whole() {
    let world = World::new().await;
    let get = |id: String| json!({"id": id, "method": "GET", "url": "/users"});
    for requests in [
        json!((0..21).map(|n| get(n.to_string())).collect::<Vec<_>>()),
        json!([]),
        json!([get("x".to_owned()), get("X".to_owned())]),
        json!([{"id": "1", "method": "POST", "url": "/users", "body": {}}]),
        json!([{"id": "1", "method": "GET", "url": "/users", "dependsOn": ["2"]}]),
        json!([{"id": "1", "method": "GET"}]),
    ] {
        let reply = world
            .try_write(Method::POST, "$batch", json!({ "requests": requests }))
            .await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{requests}");
    }
    let nested = run(&world, json!([{"id": "1", "method": "POST", "url": "/$batch", "headers": {"Content-Type": "application/json"}, "body": {}}])).await;
    assert_eq!(answer(&nested, "1")["status"], 400);
}

#[tokio::test]
async fn items_are_throttled_one_by_one() {
    let world = World::new().await;
    world
        .fault(
            json!({"path": "/v1.0/users"}),
            json!({"status": 429, "retry_after": 7}),
            1,
        )
        .await;
    let batch = run(
        &world,
        json!([
            {"id": "1", "method": "GET", "url": "/users"},
            {"id": "2", "method": "GET", "url": "/users"},
        ]),
    )
    .await;
    assert_eq!(answer(&batch, "1")["status"], 429);
    assert_eq!(answer(&batch, "1")["headers"]["Retry-After"], "7");
    assert_eq!(answer(&batch, "2")["status"], 200);
}
