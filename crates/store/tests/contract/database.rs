//! Opening, migrating, transactions and errors.

use std::net::TcpStream;

use jiff::Timestamp;
use store::{Backend, Db, Options, StoreError, args, postgres_nodelay, settings};

use crate::samples::{CONNECTION, connect, time};
use crate::support::{both, create_database, drop_database, postgres_url};

both! {
    migrating_again_changes_nothing(db) {
        assert!(db.pending_migrations().await.unwrap().is_empty());
        db.migrate().await.unwrap();
        db.ping().await.unwrap();
    }

    postgres_compiles_no_query(db) {
        if db.backend() == Backend::Postgres {
            let row = db.source().row("SHOW jit", vec![]).await.unwrap().unwrap();
            assert_eq!(row.get::<String>("jit").unwrap(), "off");
        }
    }

    small_packets_to_postgres_are_sent_at_once(db) {
        if db.backend() == Backend::Postgres {
            let text = "SELECT CAST(inet_client_port() AS bigint) AS here,
                CAST(inet_server_port() AS bigint) AS there";
            let row = db.source().row(text, vec![]).await.unwrap().unwrap();
            let port = |name| u16::try_from(row.get::<i64>(name).unwrap()).unwrap();
            let sockets = postgres_nodelay::sockets_to(port("there")).unwrap();
            let socket = sockets.into_iter().map(TcpStream::from).find(|socket| {
                socket.local_addr().unwrap().port() == port("here")
            });
            assert!(socket.unwrap().nodelay().unwrap());
        }
    }

    postgres_need_not_wait_for_its_disk_where_that_is_said(db) {
        if db.backend() == Backend::Postgres {
            let text = "SELECT setting, source FROM pg_settings WHERE name = 'synchronous_commit'";
            let mut tx = db.begin_relaxed().await.unwrap();
            let row = tx.row(text, vec![]).await.unwrap().unwrap();
            assert_eq!(row.get::<String>("setting").unwrap(), "off");
            assert_eq!(row.get::<String>("source").unwrap(), "session");
            tx.rollback().await.unwrap();
            let mut tx = db.begin().await.unwrap();
            let row = tx.row(text, vec![]).await.unwrap().unwrap();
            assert_ne!(row.get::<String>("source").unwrap(), "session");
        }
    }

    what_is_not_committed_is_gone(db) {
        let mut tx = db.begin().await.unwrap();
        settings::put(&mut tx, "key", &1, None, time(0)).await.unwrap();
        drop(tx);
        let mut tx = db.begin().await.unwrap();
        settings::put(&mut tx, "other", &1, None, time(0)).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(settings::get::<i64>(&db, "key").await.unwrap(), None);
        assert_eq!(settings::get::<i64>(&db, "other").await.unwrap(), None);
    }

    what_is_cut_off_disturbs_nobody(db) {
        let slow = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
            SELECT COUNT(*) AS one FROM n";
        let moment = std::time::Duration::from_millis(2);
        for turn in 0..4_i64 {
            let mut source = db.source();
            let read = source.row(slow, args![]);
            assert!(tokio::time::timeout(moment, read).await.is_err());
            db.ping().await.unwrap();
            // Begun, and left in the middle of a statement or between two.
            let left = async {
                let mut tx = db.begin().await.unwrap();
                settings::put(&mut tx, "left", &turn, None, time(1)).await.unwrap();
                tx.row(slow, args![]).await.unwrap();
            };
            assert!(tokio::time::timeout(moment * 10, left).await.is_err());
            let mut source = db.source();
            let row = source.row("SELECT CAST($1 AS bigint) AS one", args![turn]).await.unwrap().unwrap();
            assert_eq!(row.get::<i64>("one").unwrap(), turn);
            assert_eq!(settings::get::<i64>(&db, "left").await.unwrap(), None);
            let mut tx = db.begin().await.unwrap();
            settings::put(&mut tx, &format!("kept {turn}"), &turn, None, time(1)).await.unwrap();
            tx.commit().await.unwrap();
            let kept = settings::get::<i64>(&db, &format!("kept {turn}")).await.unwrap();
            assert_eq!(kept, Some((turn, 1)));
        }
    }

    a_transaction_sees_its_own_writes_and_others_do_not(db) {
        let mut tx = db.begin().await.unwrap();
        settings::put(&mut tx, "key", &1, None, time(0)).await.unwrap();
        assert_eq!(settings::get::<i64>(&mut tx, "key").await.unwrap(), Some((1, 1)));
        assert_eq!(settings::get::<i64>(&db, "key").await.unwrap(), None);
        tx.commit().await.unwrap();
        assert_eq!(settings::get::<i64>(&db, "key").await.unwrap(), Some((1, 1)));
    }

    read_then_write_never_loses_to_another_writer(db) {
        let add = |db: Db| async move {
            let mut tx = db.begin().await.unwrap();
            if db.backend() == Backend::Postgres {
                // There a row is locked by whoever changes it; here, by reading it.
                tx.row("SELECT key FROM settings WHERE key = 'sum' FOR UPDATE", vec![]).await.unwrap();
            }
            let (sum, _) = settings::get::<i64>(&mut tx, "sum").await.unwrap().unwrap();
            tokio::task::yield_now().await;
            settings::put(&mut tx, "sum", &(sum + 1), None, time(0)).await.unwrap();
            tx.commit().await.unwrap();
        };
        let mut tx = db.begin().await.unwrap();
        settings::put(&mut tx, "sum", &0, None, time(0)).await.unwrap();
        tx.commit().await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..40 {
            tasks.spawn(add(db.clone()));
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        assert_eq!(settings::get::<i64>(&db, "sum").await.unwrap(), Some((40, 41)));
    }

    a_setting_at_another_version_is_stale(db) {
        let mut tx = db.begin().await.unwrap();
        assert_eq!(settings::put(&mut tx, "key", &"a", Some(0), time(0)).await.unwrap(), 1);
        assert_eq!(settings::put(&mut tx, "key", &"b", Some(1), time(0)).await.unwrap(), 2);
        let stale = settings::put(&mut tx, "key", &"c", Some(1), time(0)).await;
        assert!(matches!(stale, Err(StoreError::Stale { what: "setting" })));
    }

    times_keep_their_microseconds(db) {
        let at: Timestamp = "2026-11-25T03:04:05.123456Z".parse().unwrap();
        let before_1970: Timestamp = "1969-12-31T23:59:59.999999Z".parse().unwrap();
        connect(&db).await;
        for at in [at, before_1970] {
            let mut tx = db.begin().await.unwrap();
            let run = provisioning::ids::RunId(uuid::Uuid::from_u128(1));
            store::connections::record_success(&mut tx, CONNECTION, run, false, at).await.unwrap();
            tx.commit().await.unwrap();
            let found = store::connections::get(&db, CONNECTION).await.unwrap().unwrap();
            assert_eq!(found.progress.last_success_at, Some(at));
        }
    }

    a_violated_constraint_has_one_name_on_both_databases(db) {
        let mut tx = db.begin().await.unwrap();
        let text = "INSERT INTO jobs (kind, key, run_at, fence, attempts, created_at)
            VALUES ('a', 'b', $1, 0, 0, $1)";
        tx.execute(text, store::args![time(0)]).await.unwrap();
        let error = tx.execute(text, store::args![time(0)]).await.unwrap_err();
        assert!(error.is_conflict("jobs_kind_key"), "{error:?}");
        drop(tx);
        let mut tx = db.begin().await.unwrap();
        let text = "INSERT INTO cursors (connection_id, feed, link, kind, updated_at)
            VALUES ($1, 'users', '', 'next', $2)";
        let error = tx.execute(text, store::args![CONNECTION, time(0)]).await.unwrap_err();
        assert!(error.is_conflict("foreign_key"), "{error:?}");
    }

    a_snapshot_sees_one_state_and_writes_nothing(db) {
        let mut snapshot = db.snapshot().await.unwrap();
        assert_eq!(settings::get::<i64>(&mut snapshot, "key").await.unwrap(), None);
        let mut tx = db.begin().await.unwrap();
        settings::put(&mut tx, "key", &1, None, time(0)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(settings::get::<i64>(&mut snapshot, "key").await.unwrap(), None);
        assert!(settings::put(&mut snapshot, "key", &2, None, time(0)).await.is_err());
    }
}

#[tokio::test]
async fn an_address_of_neither_kind_is_refused_without_repeating_it() {
    let error = Db::open(&Options::new("mysql://root:hunter2@host/db"))
        .await
        .unwrap_err();
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[tokio::test]
async fn many_processes_may_migrate_a_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("rollcall.db").display());
    migrate_at_once(url).await;
}

#[tokio::test]
async fn many_processes_may_migrate_a_server_at_once() {
    let Some(url) = postgres_url() else { return };
    let (name, url) = create_database(&url, None).await;
    migrate_at_once(url.clone()).await;
    drop_database(&url, &name).await;
}

async fn migrate_at_once(url: String) {
    let first = Db::open(&Options::new(url.clone())).await.unwrap();
    assert!(!first.pending_migrations().await.unwrap().is_empty());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let url = url.clone();
        tasks.spawn(async move {
            let db = Db::open(&Options::new(url)).await.unwrap();
            db.migrate().await.unwrap();
            assert!(db.pending_migrations().await.unwrap().is_empty());
            db.close().await;
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    first.close().await;
}

#[tokio::test]
async fn a_copy_of_a_file_has_what_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let url = |name| format!("sqlite:{}", folder.path().join(name).display());
    let db = Db::open(&Options::new(url("a.db"))).await.unwrap();
    db.migrate().await.unwrap();
    connect(&db).await;
    let copy = folder.path().join("b.db");
    db.copy_to(copy.to_str().unwrap()).await.unwrap();
    let copy = Db::open(&Options::new(url("b.db"))).await.unwrap();
    assert!(
        store::connections::get(&copy, CONNECTION)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_full_disk_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("rollcall.db").display());
    let db = Db::open(&Options::new(url)).await.unwrap();
    db.migrate().await.unwrap();
    let mut tx = db.begin().await.unwrap();
    // As if no page could be added.
    tx.rows("PRAGMA max_page_count = 1", vec![]).await.unwrap();
    let large = "x".repeat(1 << 22);
    let error = settings::put(&mut tx, "key", &large, None, time(0)).await;
    assert!(matches!(error, Err(StoreError::Full(_))), "{error:?}");
}

#[tokio::test]
async fn a_second_writer_waits_and_then_is_busy() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("rollcall.db").display());
    let mut options = Options::new(url);
    options.busy = std::time::Duration::from_millis(200);
    let db = Db::open(&options).await.unwrap();
    db.migrate().await.unwrap();
    let other_process = Db::open(&options).await.unwrap();
    let tx = db.begin().await.unwrap();
    for refused in [db.begin().await, other_process.begin().await] {
        assert!(matches!(refused, Err(StoreError::Busy(_))), "{refused:?}");
    }
    tx.commit().await.unwrap();
    other_process.begin().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let error = Db::open(&Options::new("postgres://127.0.0.1:1/none")).await;
    assert!(
        matches!(error, Err(StoreError::Unavailable(_))),
        "{error:?}"
    );
}

/// The server says that it has no TLS.
#[tokio::test]
async fn a_server_without_the_tls_that_is_asked_for_is_refused_with_a_cure() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 8];
        stream.read_exact(&mut request).await.unwrap();
        stream.write_all(b"N").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await
    });
    let url = format!("postgres://rollcall:hunter2@127.0.0.1:{port}/db?sslmode=verify-full");
    let error = Db::open(&Options::new(url)).await.unwrap_err();
    assert!(matches!(error, StoreError::NotSecured(_)), "{error:?}");
    let told = error.to_string();
    for wanted in ["sslrootcert", "sslmode", "database.url"] {
        assert!(told.contains(wanted), "{told}");
    }
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[tokio::test]
async fn what_nobody_holds_leaves_no_thread() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    for _ in 0..20 {
        let db = Db::open(&Options::new("sqlite::memory:")).await.unwrap();
        db.migrate().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        settings::put(&mut tx, "key", &1, None, time(0))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        db.ping().await.unwrap();
        drop(db.begin().await.unwrap());
        drop(db);
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let after = threads();
    assert!(after < before + 10, "{before} threads, then {after}");
}
