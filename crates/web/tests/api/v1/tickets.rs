//! `/tickets` and their comments

use http::StatusCode;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_ticket_is_opened_assigned_closed_and_reopened() {
    let world = World::new().await;
    let sam = world
        .made("/api/v1/employees", json!({ "first_name": "Sam" }))
        .await;
    let made = world
        .post("/api/v1/tickets", json!({ "title": "Printer" }))
        .await;
    made.is(StatusCode::CREATED);
    assert_eq!(made.body["status"], "open");
    assert_eq!(made.body["number"], 1);
    assert_eq!(made.body["assignee_id"], Value::Null);
    let path = format!("/api/v1/tickets/{}", made.body["id"].as_str().unwrap());
    let closed = world
        .patch(&path, json!({ "assignee_id": sam, "status": "closed" }))
        .await;
    assert_eq!(closed.is(StatusCode::OK).body["assignee_id"], sam.as_str());
    assert!(closed.body["closed_at"].is_string());
    let filter = format!("/api/v1/tickets?assignee_id={sam}&status=closed");
    assert_eq!(world.get(&filter).await.items().len(), 1);
    let reopened = world
        .patch(&path, json!({ "assignee_id": null, "status": "open" }))
        .await;
    assert_eq!(reopened.body["assignee_id"], Value::Null);
    assert_eq!(reopened.body["closed_at"], Value::Null);
}

#[tokio::test]
async fn what_a_ticket_cannot_be_is_refused() {
    let world = World::new().await;
    let nobody = "00000000-0000-4000-8000-000000000000";
    for body in [
        json!({}),
        json!({ "title": " " }),
        json!({ "title": "A", "status": "lost" }),
        json!({ "title": "A", "contact_id": nobody }),
        json!({ "title": "A", "account_id": nobody }),
    ] {
        let reply = world.post("/api/v1/tickets", body).await;
        reply.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
    }
    assert!(world.get("/api/v1/tickets").await.items().is_empty());
}

#[tokio::test]
async fn comments_come_in_the_order_they_were_written() {
    let world = World::new().await;
    let id = world
        .made("/api/v1/tickets", json!({ "title": "Printer" }))
        .await;
    let path = format!("/api/v1/tickets/{id}/comments");
    for body in ["one", "two", "three"] {
        world.made(&path, json!({ "body": body })).await;
    }
    let page = world.get(&format!("{path}?limit=2")).await;
    assert_eq!(page.each("body"), ["one", "two"]);
    assert_eq!(page.each("author_name")[0], "first start");
    let next = page.body["next"].as_str().unwrap();
    assert_eq!(
        world
            .get(&format!("{path}?after={next}"))
            .await
            .each("body"),
        ["three"]
    );
    let empty = world.post(&path, json!({ "body": "\n" })).await;
    empty.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
}
