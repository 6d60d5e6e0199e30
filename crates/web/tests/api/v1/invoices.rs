//! `/invoices`

use http::StatusCode;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn an_invoice_is_made_sent_and_paid() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let max = json!({ "first_name": "Max", "account_id": account });
    let max = world.made("/api/v1/contacts", max).await;
    let new = json!({
        "number": "INV-1", "account_id": account, "contact_id": max,
        "amount": "120.50", "currency": "EUR",
    });
    let made = world.post("/api/v1/invoices", new.clone()).await;
    made.is(StatusCode::CREATED);
    assert_eq!(made.body["amount"], "120.50");
    assert_eq!(made.body["status"], "draft");
    let twice = world.post("/api/v1/invoices", new).await;
    twice.is_problem(StatusCode::CONFLICT, "number_taken");
    let path = format!("/api/v1/invoices/{}", made.body["id"].as_str().unwrap());
    let paid = world
        .patch(&path, json!({ "status": "paid", "contact_id": null }))
        .await;
    assert_eq!(paid.is(StatusCode::OK).body["contact_id"], Value::Null);
    let found = world
        .get(&format!(
            "/api/v1/invoices?status=paid&account_id={account}"
        ))
        .await;
    assert_eq!(found.items().len(), 1);
    world.delete(&path).await.is(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_an_invoice_cannot_be_is_refused() {
    let world = World::new().await;
    let account = world
        .made("/api/v1/accounts", json!({ "name": "Northwind" }))
        .await;
    let nobody = "00000000-0000-4000-8000-000000000000";
    for body in [
        json!({ "account_id": account }),
        json!({ "number": "1" }),
        json!({ "number": " ", "account_id": account }),
        json!({ "number": "1", "account_id": nobody }),
        json!({ "number": "1", "account_id": account, "amount": "much" }),
        json!({ "number": "1", "account_id": account, "currency": "euro" }),
    ] {
        let reply = world.post("/api/v1/invoices", body).await;
        reply.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
    }
}
