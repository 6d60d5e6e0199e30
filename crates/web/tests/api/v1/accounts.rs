//! `/accounts`

use http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn an_account_is_made_read_found_changed_and_deleted() {
    let world = World::new().await;
    let made = world
        .post("/api/v1/accounts", json!({ "name": " Northwind " }))
        .await;
    made.is(StatusCode::CREATED);
    assert_eq!(made.body["name"], "Northwind");
    let path = format!("/api/v1/accounts/{}", made.body["id"].as_str().unwrap());
    let changed = world.patch(&path, json!({ "is_active": false })).await;
    assert_eq!(changed.is(StatusCode::OK).body["is_active"], false);
    assert_eq!(world.get(&path).await.body["name"], "Northwind");
    for (filter, count) in [
        ("name=northwind", 1),
        ("search=nor", 1),
        ("is_active=true", 0),
        ("is_active=false", 1),
    ] {
        let found = world.get(&format!("/api/v1/accounts?{filter}")).await;
        assert_eq!(found.items().len(), count, "{filter}");
    }
    world.delete(&path).await.is(StatusCode::NO_CONTENT);
    world
        .get(&path)
        .await
        .is_problem(StatusCode::NOT_FOUND, "not_found");
    let nameless = world
        .post("/api/v1/accounts", json!({ "name": "  " }))
        .await;
    nameless.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
    let missing = world.post("/api/v1/accounts", json!({})).await;
    missing.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
}

#[tokio::test]
async fn a_second_account_of_the_same_name_is_refused() {
    let world = World::new().await;
    let accounts = "/api/v1/accounts";
    world.made(accounts, json!({ "name": "Northwind" })).await;
    let other = world.made(accounts, json!({ "name": "Fabrikam" })).await;
    let again = world.post(accounts, json!({ "name": "NORTHWIND " })).await;
    again.is_problem(StatusCode::CONFLICT, "name_taken");
    let path = format!("{accounts}/{other}");
    let renamed = world.patch(&path, json!({ "name": "northwind" })).await;
    renamed.is_problem(StatusCode::CONFLICT, "name_taken");
    let own = world.patch(&path, json!({ "name": "FABRIKAM" })).await;
    assert_eq!(own.is(StatusCode::OK).body["name"], "FABRIKAM");
}
