//! A schema that a newer program made.

use store::{Backend, Db, StoreError, args, connections};

use crate::samples::{CONNECTION, connect};
use crate::support::both;

async fn newest(db: &Db) -> i64 {
    let text = "SELECT MAX(version) AS newest FROM _sqlx_migrations";
    let row = db.source().row(text, args![]).await.unwrap();
    row.unwrap().get("newest").unwrap()
}

/// Notes a migration as applied.
async fn apply(db: &Db, version: i64) {
    let text = "INSERT INTO _sqlx_migrations
            (version, description, success, checksum, execution_time)
        VALUES ($1, 'later', $2, $3, 0)";
    let mut tx = db.begin().await.unwrap();
    tx.execute(text, args![version, true, vec![0_u8]])
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

both! {
    a_schema_one_version_newer_is_worked_on_and_a_newer_one_refused(db) {
        let known = newest(&db).await;
        assert_eq!(db.schema().await.unwrap(), store::schema::Schema::default());
        apply(&db, known + 1).await;
        let schema = db.schema().await.unwrap();
        assert_eq!(schema.newer, Some(format!("{:04} later", known + 1)));
        assert_eq!(db.migrate().await.unwrap(), Vec::<String>::new());
        assert_eq!(db.pending_migrations().await.unwrap(), Vec::<String>::new());

        apply(&db, known + 2).await;
        for refused in [db.migrate().await.err(), db.schema().await.err()] {
            let Some(StoreError::SchemaTooNew { known: own, there }) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!((own, there), (known, known + 2));
        }
    }

    a_schema_of_something_else_is_refused(db) {
        // Neither known nor the next one: not ours, or not in order.
        apply(&db, newest(&db).await + 2).await;
        assert!(matches!(db.schema().await, Err(StoreError::SchemaTooNew { .. })));
        apply(&db, 0).await;
        assert!(matches!(db.migrate().await, Err(StoreError::Migrate(_))));
    }

    a_column_added_under_a_program_disturbs_nothing_it_does(db) {
        if db.backend() == Backend::Sqlite {
            // There the processes are stopped first.
            return;
        }
        connect(&db).await;
        let known = connections::get(&db, CONNECTION).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        connections::list(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        tx.execute("ALTER TABLE connections ADD COLUMN later text", args![]).await.unwrap();
        tx.commit().await.unwrap();
        // Also where the statement was prepared before, and on every connection.
        for _ in 0..2 {
            assert_eq!(connections::get(&db, CONNECTION).await.unwrap(), known);
        }
        let mut open = Vec::new();
        for _ in 0..4 {
            let mut tx = db.begin().await.unwrap();
            assert_eq!(connections::get(&mut tx, CONNECTION).await.unwrap(), known);
            assert_eq!(connections::list(&mut tx).await.unwrap().len(), 1);
            open.push(tx);
        }
        for tx in open {
            tx.commit().await.unwrap();
        }
    }
}
