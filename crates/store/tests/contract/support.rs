//! A fresh, migrated database for each test, on each backend.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection};
use store::{Db, Options};

/// Defines a test for each backend: `both! { name_of_test(db) { … } }`.
macro_rules! both {
    ($($(#[$doc:meta])* $name:ident($db:ident) $body:block)*) => {$(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn check($db: store::Db) $body

            #[tokio::test]
            async fn memory() {
                crate::support::on_memory(check).await;
            }

            #[tokio::test]
            async fn file() {
                crate::support::on_file(check).await;
            }

            #[tokio::test]
            async fn postgres() {
                crate::support::on_postgres(check).await;
            }
        }
    )*};
}
pub(crate) use both;

async fn open(url: String) -> Db {
    let db = Db::open(&Options::new(url)).await.unwrap();
    db.migrate().await.unwrap();
    db
}

pub(crate) async fn on_memory<F: Future<Output = ()>>(check: impl FnOnce(Db) -> F) {
    let db = open("sqlite::memory:".to_owned()).await;
    check(db.clone()).await;
    db.close().await;
}

pub(crate) async fn on_file<F: Future<Output = ()>>(check: impl FnOnce(Db) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollcall.db");
    let db = open(format!("sqlite:{}", path.display())).await;
    check(db.clone()).await;
    db.close().await;
}

/// The address of a PostgreSQL to test on, if there is one.
pub(crate) fn postgres_url() -> Option<String> {
    let url = std::env::var("ROLLCALL_TEST_POSTGRES").ok();
    let required = std::env::var("ROLLCALL_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
    assert!(
        url.is_some() || !required,
        "ROLLCALL_REQUIRE_POSTGRES=1, but ROLLCALL_TEST_POSTGRES is not set"
    );
    url
}

pub(crate) async fn on_postgres<F: Future<Output = ()>>(check: impl FnOnce(Db) -> F) {
    let Some(url) = postgres_url() else { return };
    let (name, url) = create_database(&url, Some(&template(&url).await)).await;
    let db = Db::open(&Options::new(url.clone())).await.unwrap();
    check(db.clone()).await;
    db.close().await;
    drop_database(&url, &name).await;
}

fn at(url: &str, database: &str) -> sqlx::postgres::PgConnectOptions {
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    options.database(database).disable_statement_logging()
}

async fn admin(url: &str) -> PgConnection {
    PgConnection::connect_with(&at(url, "postgres"))
        .await
        .unwrap()
}

/// A database of its own, empty or a copy of a template: its name and address.
pub(crate) async fn create_database(url: &str, template: Option<&str>) -> (String, String) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("rollcall_test_{}_{number}", std::process::id());
    let mut admin = admin(url).await;
    let template = template.unwrap_or("template0");
    for text in [
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        format!("CREATE DATABASE {name} TEMPLATE {template}"),
    ] {
        admin.execute(sqlx::AssertSqlSafe(text)).await.unwrap();
    }
    let url = at(url, &name).to_url_lossy().to_string();
    (name, url)
}

pub(crate) async fn drop_database(url: &str, name: &str) {
    let text = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    let mut admin = admin(url).await;
    admin.execute(sqlx::AssertSqlSafe(text)).await.unwrap();
}

/// A migrated database to copy, made once for these migrations: the tests run
/// in many processes.
async fn template(url: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().flatten().collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    for file in files {
        hasher.update(&std::fs::read(file.path()).unwrap());
    }
    let name = format!("rollcall_template_{}", &hasher.finalize().to_hex()[..12]);
    let mut admin = admin(url).await;
    admin
        .execute("SELECT pg_advisory_lock(7255)")
        .await
        .unwrap();
    let known = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(&name);
    if known.fetch_optional(&mut admin).await.unwrap().is_none() {
        let building = format!("{name}_building");
        for text in [
            format!("DROP DATABASE IF EXISTS {building} WITH (FORCE)"),
            format!("CREATE DATABASE {building} TEMPLATE template0"),
        ] {
            admin.execute(sqlx::AssertSqlSafe(text)).await.unwrap();
        }
        let db = open(at(url, &building).to_url_lossy().to_string()).await;
        db.close().await;
        let text = format!("ALTER DATABASE {building} RENAME TO {name}");
        admin.execute(sqlx::AssertSqlSafe(text)).await.unwrap();
    }
    admin.close().await.unwrap(); // ends the lock
    name
}
