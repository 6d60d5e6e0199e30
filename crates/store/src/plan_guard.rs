//! Refuses, while developing and testing, statements over many rows for which
//! SQLite would go through a whole table: each batch would cost more the larger
//! the table is. A release build has none of it.

#![cfg(debug_assertions)]

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use crate::error::{Result, StoreError};

/// The texts that were looked at.
static SEEN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// Tables that grow with the number of people, or of what happened to them.
const LARGE: [&str; 7] = [
    "decisions",
    "journal",
    "links",
    "memberships",
    "pending",
    "people",
    "records",
];

/// Looks at the plan of a statement once; `full` gives the text as it is run for
/// many rows, of which the plan is another than for a few.
pub(crate) async fn look(
    on: &mut SqliteConnection,
    text: &'static str,
    full: impl FnOnce() -> String,
) -> Result<()> {
    if !SEEN
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(text)
    {
        return Ok(());
    }
    let explain = format!("EXPLAIN QUERY PLAN {}", full());
    let lines = sqlx::query(AssertSqlSafe(explain)).fetch_all(on).await?;
    for line in lines {
        let detail: String = line.get("detail");
        let scanned = detail.strip_prefix("SCAN ");
        let table = scanned.and_then(|rest| rest.split(' ').next());
        if table.is_some_and(|table| LARGE.contains(&table)) {
            let what = format!("the plan of a statement: {detail}: {text}");
            return Err(StoreError::corrupt(what));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::bulk::{Rows, Type};
    use crate::db::Db;
    use crate::{args, cells};

    /// What this statement was before it was found to make large runs quadratic.
    #[tokio::test]
    async fn a_statement_that_goes_through_all_records_is_refused() {
        let options = crate::Options::new("sqlite::memory:");
        let db = Db::open(&options).await.unwrap();
        db.migrate().await.unwrap();
        let text = "UPDATE records SET username_key = NULL FROM {rows}
            WHERE records.id = r.id AND records.kind = r.kind AND records.username_key <> r.name";
        const COLUMNS: &[(&str, Type)] = &[
            ("id", Type::Uuid),
            ("kind", Type::Text),
            ("name", Type::Text),
        ];
        let mut rows = Rows::new(COLUMNS, 1);
        rows.push(cells![uuid::Uuid::nil(), "employee", "ada"]);
        let mut tx = db.begin().await.unwrap();
        let error = tx.bulk_execute(text, rows, args![]).await.unwrap_err();
        assert!(error.to_string().contains("SCAN records"), "{error}");
    }
}
