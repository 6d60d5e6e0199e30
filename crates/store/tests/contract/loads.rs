//! Large loads: indexes that wait, commits that do not, checkpoints beside the
//! writer.

use provisioning::link::LinkRole;
use provisioning::psa::Kind;
use store::deferred_indexes::{self, Stage};
use store::records::{self, RecordWrite};
use store::{Backend, Db, Options, links, memberships, mirror};

use crate::samples::{CONNECTION, connect, group, link, mirrored, object, person, record, time};
use crate::support::both;

async fn indexes(db: &Db) -> Vec<String> {
    let text = match db.backend() {
        Backend::Sqlite => {
            "SELECT sql AS definition FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
            ORDER BY name"
        }
        Backend::Postgres => {
            "SELECT indexdef AS definition FROM pg_indexes WHERE schemaname = current_schema()
            ORDER BY indexname"
        }
    };
    let rows = db.source().rows(text, vec![]).await.unwrap();
    rows.iter()
        .map(|row| row.get("definition").unwrap())
        .collect()
}

both! {
    deferred_indexes_come_back_as_they_were(db) {
        let before = indexes(&db).await;
        assert_eq!(deferred_indexes::restore(&db).await.unwrap(), 0);
        let mut dropped = 0;
        for stage in [Stage::Collect, Stage::Plan, Stage::Apply] {
            let count = deferred_indexes::defer(&db, stage).await.unwrap();
            assert!(count > 0, "{stage:?} names indexes that are not there");
            dropped += count;
            // Another process may defer the same.
            assert_eq!(deferred_indexes::defer(&db, stage).await.unwrap(), 0);
        }
        assert_eq!(indexes(&db).await.len() as u64, before.len() as u64 - dropped);
        assert_eq!(deferred_indexes::restore(&db).await.unwrap(), dropped);
        assert_eq!(indexes(&db).await, before);
    }

    without_the_deferred_indexes_every_answer_is_the_same(db) {
        connect(&db).await;
        for stage in [Stage::Collect, Stage::Plan, Stage::Apply] {
            deferred_indexes::defer(&db, stage).await.unwrap();
        }
        let mut tx = db.begin_relaxed().await.unwrap();
        mirror::write(&mut tx, CONNECTION, &[mirrored(&person(1))], time(1)).await.unwrap();
        memberships::add(&mut tx, CONNECTION, group(1), &[(object(1), false)]).await.unwrap();
        let write = RecordWrite { record: record(1, Kind::Employee), expected_version: 0 };
        records::write(&mut tx, &[write], time(1)).await.unwrap();
        links::write(&mut tx, &[link(1, LinkRole::Primary, 1)]).await.unwrap();
        tx.commit().await.unwrap();
        for _ in 0..2 {
            let of = memberships::of_members(&db, CONNECTION, &[object(1)]).await.unwrap();
            assert_eq!(of, [(object(1), group(1))]);
            let keys = ["user1@fabrikam.com".to_owned()];
            assert_eq!(records::by_email_keys(&db, &keys).await.unwrap().len(), 1);
            assert_eq!(links::count_primary(&db, CONNECTION).await.unwrap(), 1);
            deferred_indexes::restore(&db).await.unwrap();
        }
        if db.backend() == Backend::Postgres {
            // Nobody waits for autovacuum to learn what was loaded: what is searched by, be it in
            // the condition of an index, and no long text.
            let known = |name: &'static str| {
                let db = &db;
                async move {
                    let text = "SELECT 1 AS known FROM pg_stats
                        WHERE schemaname = current_schema() AND tablename || '.' || attname = $1";
                    db.source().row(text, store::args![name]).await.unwrap().is_some()
                }
            };
            for name in ["memberships.group_id", "people.object_id", "records.email_key",
                "records.is_poc", "links.tenant_id", "links.role"]
            {
                assert!(known(name).await, "{name}");
            }
            for name in ["people.body", "records.other_emails", "links.applied"] {
                assert!(!known(name).await, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn the_log_of_a_file_is_moved_into_it_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollcall.db");
    let db = Db::open(&Options::new(format!("sqlite:{}", path.display())))
        .await
        .unwrap();
    db.migrate().await.unwrap();
    connect(&db).await;
    let people: Vec<_> = (1..=25_000).map(|n| mirrored(&person(n))).collect();
    let mut tx = db.begin().await.unwrap();
    mirror::write(&mut tx, CONNECTION, &people, time(1))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    // Far below the writer's own threshold: only the checkpoint beside it can
    // make the file grow.
    let large = |path: &std::path::Path| std::fs::metadata(path).unwrap().len() > 4 << 20;
    for _ in 0..500 {
        if large(&path) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(large(&path));
    db.close().await;
}
