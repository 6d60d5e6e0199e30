//! A database for each story, on each backend.
//!
//! PostgreSQL is used when `ROLLCALL_TEST_POSTGRES` holds an address whose user
//! may create databases; with `ROLLCALL_REQUIRE_POSTGRES=1` a missing address
//! fails the stories instead of leaving PostgreSQL out.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt as _;
use store::{Db, Options};
use url::Url;

tokio::task_local! {
    static ADDRESS: String;
}

/// Makes a story a test on each backend: `both! { async fn name() { … } }`.
macro_rules! both {
    (async fn $name:ident() $body:block) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn story() $body

            #[tokio::test]
            async fn sqlite() {
                $crate::database::on_sqlite(story()).await;
            }

            #[tokio::test]
            async fn postgres() {
                $crate::database::on_postgres(story()).await;
            }
        }
    };
}
pub(crate) use both;

/// The database of the story that is told: a new handle on it.
pub(crate) async fn open() -> Db {
    let address = ADDRESS.try_with(Clone::clone);
    let address = address.unwrap_or_else(|_| "sqlite::memory:".to_owned());
    let db = Db::open(&Options::new(address)).await.unwrap();
    db.migrate().await.unwrap();
    db
}

pub(crate) async fn on_sqlite(story: impl Future<Output = ()>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollcall.db");
    let address = format!("sqlite:{}", path.display());
    ADDRESS.scope(address, story).await;
}

pub(crate) async fn on_postgres(story: impl Future<Output = ()>) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let required = std::env::var("ROLLCALL_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
    let Ok(server) = std::env::var("ROLLCALL_TEST_POSTGRES") else {
        assert!(
            !required,
            "ROLLCALL_REQUIRE_POSTGRES=1, but ROLLCALL_TEST_POSTGRES is not set"
        );
        return;
    };
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("rollcall_story_{}_{number}", std::process::id());
    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    let create = format!("CREATE DATABASE {name} TEMPLATE template0");
    run(&server, &[drop.clone(), create]).await;
    let mut address: Url = server.parse().unwrap();
    address.set_path(&name);
    let told = ADDRESS.scope(address.into(), story);
    let told = AssertUnwindSafe(told).catch_unwind().await;
    run(&server, &[drop]).await;
    if let Err(panic) = told {
        std::panic::resume_unwind(panic);
    }
}

async fn run(server: &str, texts: &[String]) {
    let admin = Db::open(&Options::new(server)).await.unwrap();
    for text in texts {
        admin.source().rows(text.clone(), vec![]).await.unwrap();
    }
    admin.close().await;
}
