//! Resource units on every answer, warnings near the limit, 429 above it.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn every_answer_names_its_price() {
    let world = World::new().await;
    let sales = world.add_group("sales").await;
    for (path, units) in [
        ("users".to_owned(), "2"),
        ("users?$select=id".to_owned(), "1"),
        ("users?$expand=manager".to_owned(), "3"),
        ("users/delta".to_owned(), "1"),
        (format!("groups/{sales}/members"), "3"),
        (format!("groups/{sales}/transitiveMembers"), "5"),
    ] {
        assert_eq!(
            world.get(&path).await.header("x-ms-resource-unit"),
            Some(units),
            "{path}"
        );
    }
}

/// Spends units of a small tenant (3,500 in 10 s) at five a call.
async fn spend(world: &World, sales: &str, calls: u32) -> crate::world::Answer {
    let mut last = None;
    for _ in 0..calls {
        last = Some(
            world
                .get(&format!("groups/{sales}/transitiveMembers"))
                .await,
        );
    }
    last.unwrap()
}

#[tokio::test(start_paused = true)]
async fn above_the_limit_there_is_429_with_a_way_back() {
    let world = World::new().await;
    let sales = world.add_group("sales").await;
    let near = spend(&world, &sales, 600).await;
    assert_eq!(near.header("x-ms-throttle-limit-percentage"), Some("0.9"));
    let over = spend(&world, &sales, 101).await;
    assert_eq!(over.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(over.code(), "TooManyRequests");
    assert_eq!(over.json()["error"]["innerError"]["status"], "429");
    let wait: u64 = over.header("retry-after").unwrap().parse().unwrap();
    let scope = format!(
        "Tenant_Application/ReadWrite/{}/{}",
        crate::world::APP,
        world.tenant
    );
    assert_eq!(over.header("x-ms-throttle-scope"), Some(scope.as_str()));
    assert_eq!(
        over.header("x-ms-throttle-information"),
        Some("ResourceUnitLimitExceeded")
    );
    world.advance(wait);
    assert_eq!(spend(&world, &sales, 1).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn switched_off_it_still_counts() {
    let world = World::new().await;
    let sales = world.add_group("sales").await;
    world.switch(|switches| switches.throttling = false);
    let over = spend(&world, &sales, 800).await;
    assert_eq!(over.status, StatusCode::OK);
    assert_eq!(over.header("x-ms-throttle-limit-percentage"), Some("1.1"));
    let log = world.control(Method::GET, "requests", Value::Null).await;
    assert_eq!(
        log["items"].as_array().unwrap().last().unwrap()["resource_units"],
        5
    );
    world
        .control(
            Method::PATCH,
            "switches",
            json!({"throttling": true, "decimal_retry_after": true}),
        )
        .await;
    let refused = spend(&world, &sales, 1).await;
    assert!(refused.header("retry-after").unwrap().contains('.'));
}
