//! A rolling upgrade: processes of this version on a schema that a newer one made.

use std::time::Duration;

use store::{Db, args};

use super::fleet::{Fleet, Process};
use super::taken_over;
use crate::killed::server::postgres_url;
use crate::text;

/// Migrates as the next version might, by all that it may do: a table, and a
/// column and an index for each table there is. Each in a transaction of its own,
/// since the processes work on. The new version.
async fn upgrade(db: &Db) -> i64 {
    let text = "SELECT table_name::text AS name FROM information_schema.tables
        WHERE table_schema = current_schema() AND table_name <> '_sqlx_migrations'";
    let rows = db.source().rows(text, args![]).await.unwrap();
    let names: Vec<String> = rows.iter().map(|row| row.get("name").unwrap()).collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        let mut tx = db.begin().await.unwrap();
        let column = format!("ALTER TABLE {name} ADD COLUMN later text NOT NULL DEFAULT 'x'");
        tx.execute(column, args![]).await.unwrap();
        let index = format!("CREATE INDEX {name}_later ON {name} (later)");
        tx.execute(index, args![]).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut tx = db.begin().await.unwrap();
    let table = "CREATE TABLE later (id uuid NOT NULL PRIMARY KEY)";
    tx.execute(table, args![]).await.unwrap();
    tx.commit().await.unwrap();
    note(db).await
}

/// Says that one more migration was applied; its number.
async fn note(db: &Db) -> i64 {
    let text = "INSERT INTO _sqlx_migrations
            (version, description, success, checksum, execution_time)
        SELECT MAX(version) + 1, 'later', TRUE, ''::bytea, 0 FROM _sqlx_migrations
        RETURNING version";
    let mut tx = db.begin().await.unwrap();
    let row = tx.row(text, args![]).await.unwrap();
    tx.commit().await.unwrap();
    row.unwrap().get("version").unwrap()
}

/// Every tenant's change is applied, by whoever has it.
async fn goes_on(fleet: &Fleet, workers: &[&Process], title: &str) {
    let all: Vec<usize> = (0..fleet.tenants.all.len()).collect();
    taken_over(fleet, &all, title).await;
    for worker in workers {
        let told = worker.told();
        assert!(!told.contains("the database failed"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_processes_go_on_and_start_on_a_schema_one_version_newer_and_no_newer() {
    let Some(url) = postgres_url() else { return };
    let mut fleet = Fleet::new(&url, 2).await;
    let old = fleet.worker();
    fleet
        .settles(Duration::from_secs(60), "the first syncs")
        .await;
    // Everything has been prepared once.
    goes_on(&fleet, &[&old], "Before").await;
    let newer = upgrade(&fleet.db).await;
    let called = format!("{newer:04} later");
    goes_on(&fleet, &[&old], "After").await;
    let (status, ready) = fleet.call("/readyz", None).await.unwrap();
    let says = format!("one version newer than this program's: {called}");
    assert_eq!((status, &ready["schema"]), (200, &says.into()), "{ready}");

    // One that starts now works too, and says what it found.
    let late = fleet.worker();
    fleet.is_spread_over(&[&old, &late]).await;
    goes_on(&fleet, &[&old], "Beside").await;
    assert!(late.told().contains(&called), "{}", late.told());
    fleet.nothing_is_lost_or_doubled().await;
    let doctor = fleet.run(&["doctor", "--offline"]).await;
    assert!(text(&doctor.stdout).contains(&called));
    drop((old, late));

    note(&fleet.db).await;
    let (status, ready) = fleet.call("/readyz", None).await.unwrap();
    assert_eq!(status, 503, "{ready}");
    fleet.serve = None;
    let parts = [
        format!("version {:04}", newer + 1),
        format!("{:04}", newer - 1),
        "Run the newer Rollcall".to_owned(),
    ];
    for refused in [&["worker"][..], &["serve"], &["migrate"], &["doctor"]] {
        let output = fleet.run(refused).await;
        let told = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{refused:?}: {told}");
        for part in &parts {
            assert!(told.contains(part), "{refused:?}: no {part:?} in {told}");
        }
    }
    fleet.end().await;
}
