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

/// Seals everything, changes the database behind the program's back, and gives
/// what checking says.
async fn tampered(statement: &'static str) -> serde_json::Value {
    let world = World::new().await;
    for name in ["Ada", "Bo", "Cy"] {
        world
            .made("/api/v1/employees", json!({ "first_name": name }))
            .await;
    }
    while world.engine.seal_journal().await.unwrap() > 0 {}
    let before = world.get("/api/v1/audit/verification").await;
    assert_eq!(before.body["broken"], json!(null), "{}", before.text);
    assert!(before.body["verified"].as_u64().unwrap() >= 5);
    let mut tx = world.engine.db().begin().await.unwrap();
    assert!(tx.execute(statement, vec![]).await.unwrap() > 0);
    tx.commit().await.unwrap();
    world.get("/api/v1/audit/verification").await.body
}

#[tokio::test]
async fn tampering_with_the_journal_is_found() {
    for statement in [
        "UPDATE journal SET actor = 'somebody else' WHERE seq = 3",
        "UPDATE journal SET body = '{}' WHERE seq = 3",
        "UPDATE journal SET at = at - 1000000 WHERE seq = 3",
        "DELETE FROM journal WHERE seq = 3",
        "DELETE FROM journal WHERE seq = (SELECT MAX(seq) FROM journal)",
        "UPDATE journal SET seq = -1 WHERE seq = 3",
        "UPDATE journal_seals SET hash = x'00'",
        "DELETE FROM journal_seals",
    ] {
        let found = tampered(statement).await;
        assert!(found["broken"].is_object(), "{statement}: {found}");
    }
}

#[tokio::test]
async fn the_journal_is_exported_line_by_line() {
    let world = World::new().await;
    world
        .made("/api/v1/employees", json!({ "first_name": "Ada" }))
        .await;
    let export = world.get("/api/v1/audit/export").await;
    export.is(StatusCode::OK);
    assert_eq!(export.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<serde_json::Value> = export
        .text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seqs: Vec<i64> = lines
        .iter()
        .map(|line| line["seq"].as_i64().unwrap())
        .collect();
    assert!(seqs.is_sorted() && seqs.len() >= 3, "{seqs:?}");
    assert_eq!(lines.last().unwrap()["action"], "create");
    let rest = world
        .get(&format!("/api/v1/audit/export?after={}", seqs[0]))
        .await;
    assert_eq!(rest.text.lines().count(), seqs.len() - 1);
}

#[tokio::test]
async fn an_export_has_what_the_same_filters_list_and_is_a_sheet_when_asked() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let named = json!({ "first_name": "Sam", "last_name": "=Cell" });
    let sam = world.made("/api/v1/employees", named).await;
    for filter in [
        format!("record_id={sam}"),
        "origin=directory&action=create".to_owned(),
        "actor=first%20start".to_owned(),
        "to=2001-01-01T00:00:00Z".to_owned(),
    ] {
        let list = world
            .get(&format!("/api/v1/audit?limit=200&{filter}"))
            .await;
        let mut listed: Vec<_> = list.items().iter().map(|one| one["seq"].clone()).collect();
        listed.reverse();
        let export = world.get(&format!("/api/v1/audit/export?{filter}")).await;
        let lines = export.text.lines().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["seq"].clone()
        });
        assert_eq!(lines.collect::<Vec<_>>(), listed, "{filter}");
        let sheet = format!("/api/v1/audit/export?{filter}&format=csv");
        let sheet = world.get(&sheet).await;
        assert_eq!(
            sheet.header("content-type"),
            Some("text/csv; charset=utf-8")
        );
        assert!(sheet.text.starts_with("seq,at,origin,actor,action,record,"));
        assert_eq!(
            sheet.text.lines().count(),
            listed.len() + 1,
            "{}",
            sheet.text
        );
    }
    let sheet = format!("/api/v1/audit/export?record_id={sam}&format=csv");
    let sheet = world.get(&sheet).await;
    assert!(sheet.text.contains("Sam =Cell"), "{}", sheet.text);
    for wrong in [
        "audit?format=csv",
        "audit/export?format=pdf",
        "audit/export?after=x",
    ] {
        let refused = world.get(&format!("/api/v1/{wrong}")).await;
        assert!(
            refused.status.is_client_error(),
            "{wrong}: {}",
            refused.text
        );
    }
}
