//! `/audit`

use http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn what_people_and_programs_do_is_written_down_and_found() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let id = world
        .made("/api/v1/employees", json!({ "first_name": "Sam" }))
        .await;
    let by_record = world.get(&format!("/api/v1/audit?record_id={id}")).await;
    let entry = &by_record.items()[0];
    assert_eq!(entry["action"], "create");
    assert_eq!(entry["origin"], "api");
    assert_eq!(entry["actor"], "first start");
    for (filter, at_least) in [
        ("origin=directory", 1),
        ("action=root_created", 1),
        ("action=token_created", 1),
        ("actor=first%20start", 1),
        ("from=2001-01-01T00:00:00Z", 3),
    ] {
        let found = world.get(&format!("/api/v1/audit?{filter}")).await;
        assert!(found.items().len() >= at_least, "{filter}");
    }
    let none = world.get("/api/v1/audit?to=2001-01-01T00:00:00Z").await;
    assert!(none.items().is_empty());
    let newest = world.get("/api/v1/audit?limit=1").await;
    assert_eq!(newest.items().len(), 1);
    let next = newest.body["next"].as_str().unwrap();
    let rest = world.get(&format!("/api/v1/audit?after={next}")).await;
    rest.is(StatusCode::OK);
    assert!(rest.items()[0]["seq"].as_i64() < newest.items()[0]["seq"].as_i64());
}
