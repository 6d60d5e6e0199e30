//! SQLite as `.cargo/config.toml` has it built: without these options everything
//! works, and first syncs are slower.

#![allow(clippy::unwrap_used)] // a test fails by it

use store::{Db, Options};

#[tokio::test]
async fn sqlite_is_built_as_the_configuration_says() {
    let db = Db::open(&Options::new("sqlite::memory:")).await.unwrap();
    let rows = db.source().rows("PRAGMA compile_options", vec![]).await;
    let options: Vec<String> = rows
        .unwrap()
        .iter()
        .map(|row| row.get("compile_options").unwrap())
        .collect();
    for wanted in ["STMTJRNL_SPILL=-1", "DEFAULT_MEMSTATUS=0", "ENABLE_QPSG"] {
        assert!(
            options.iter().any(|option| option == wanted),
            "{wanted} is not in {options:?}"
        );
    }
    assert!(!options.iter().any(|o| o == "ENABLE_MEMORY_MANAGEMENT"));
}

#[tokio::test]
async fn a_statement_that_fails_after_many_pages_is_taken_back() {
    let db = Db::open(&Options::new("sqlite::memory:")).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    for text in [
        "CREATE TABLE big (id INTEGER NOT NULL PRIMARY KEY, body TEXT NOT NULL)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
            INSERT INTO big SELECT i, hex(randomblob(4000)) FROM n",
    ] {
        tx.execute(text, vec![]).await.unwrap();
    }
    // Eight megabytes are changed when the last row fails.
    let text = "UPDATE big SET body = CASE id WHEN 1000 THEN NULL ELSE 'x' END";
    let error = tx.execute(text, vec![]).await.unwrap_err();
    assert!(
        format!("{error:?}").contains("NOT NULL constraint failed"),
        "{error:?}"
    );
    let row = tx.row(
        "SELECT COUNT(*) AS left FROM big WHERE length(body) = 8000",
        vec![],
    );
    let left: i64 = row.await.unwrap().unwrap().get("left").unwrap();
    assert_eq!(left, 1_000);
}
