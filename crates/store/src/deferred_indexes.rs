//! Indexes that a large load does without: what is written in no order of an
//! index costs a page of it for each row, and building the index afterwards
//! costs a sort. A first sync of a million people is two to three times as
//! fast on SQLite.
//!
//! Nothing depends on these indexes but speed: while they are missing,
//! every query gives the same answers, some of them slowly. So this is for loads
//! that are large beside what is there already. What was dropped is remembered
//! in the database, so a crash loses nothing: [`restore`] is called at every
//! start.

use crate::args;
use crate::db::{Backend, Db};
use crate::error::Result;
use crate::sql::Row;

/// A stage of a first sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// People and memberships are read.
    Collect,
    /// Decisions are added to a plan.
    Plan,
    /// Records and links are made.
    Apply,
}

impl Stage {
    /// The table whose size tells how large the database is for it.
    fn table(self) -> &'static str {
        match self {
            Self::Collect => "memberships",
            Self::Plan => "decisions",
            Self::Apply => "records",
        }
    }

    /// The indexes it writes and does not read.
    fn indexes(self) -> &'static [&'static str] {
        match self {
            Self::Collect => &["memberships_by_member"],
            Self::Plan => &["decisions_visible"],
            Self::Apply => &[
                "records_by_name",
                "records_by_first_name",
                "records_by_email",
                "links_by_rule",
                "links_by_connection",
                "journal_by_connection",
            ],
        }
    }
}

/// Fewer new rows than this are not worth it.
pub const LARGE: u64 = 20_000;

/// Drops the indexes of a stage when so many new rows are many beside what is
/// there; whether it did.
pub async fn defer_for(db: &Db, stage: Stage, new_rows: u64) -> Result<bool> {
    if new_rows < LARGE {
        return Ok(false);
    }
    let text = format!("SELECT COUNT(*) AS there FROM {}", stage.table());
    let row = db.source().row(text, args![]).await?;
    let there: u64 = row.map_or(Ok(0), |row| row.get("there"))?;
    if there > new_rows {
        return Ok(false);
    }
    defer(db, stage).await?;
    Ok(true)
}

/// Drops the indexes of a stage; how many were there. They are gone for
/// everybody until [`restore`].
pub async fn defer(db: &Db, stage: Stage) -> Result<u64> {
    let mut tx = db.begin().await?;
    let text = match tx.backend() {
        Backend::Sqlite => {
            "SELECT name, sql AS definition FROM sqlite_schema WHERE type = 'index' AND name IN ($1)"
        }
        Backend::Postgres => {
            "SELECT indexname::text AS name, indexdef AS definition FROM pg_indexes
            WHERE schemaname = current_schema() AND indexname IN ($1)"
        }
    };
    let found = tx.rows(text, args![stage.indexes()]).await?;
    for row in &found {
        let name: String = row.get("name")?;
        let definition: String = row.get("definition")?;
        tx.execute(format!("DROP INDEX {name}"), args![]).await?;
        let text = "INSERT INTO deferred_indexes (name, definition) VALUES ($1, $2)
            ON CONFLICT (name) DO NOTHING";
        tx.execute(text, args![name, definition]).await?;
    }
    tx.commit().await?;
    Ok(found.len() as u64)
}

/// Memory an index of SQLite is sorted in, for each of two threads, in KiB.
const SORTING_KIB: u32 = 8 * 1024;

/// Makes every index again that was dropped; how many.
pub async fn restore(db: &Db) -> Result<u64> {
    let text = "SELECT name FROM deferred_indexes ORDER BY name";
    let dropped = db.source().rows(text, args![]).await?;
    if dropped.is_empty() {
        return Ok(0);
    }
    // SQLite sorts in as much memory as the writer's pages may take, beside them:
    // while it does, both have less.
    db.set_cache(Some(SORTING_KIB)).await?;
    let made = make(db, &dropped).await;
    db.set_cache(None).await?;
    let made = made?;
    if made > 0 && db.backend() == Backend::Postgres {
        // PostgreSQL would look at what was loaded within a minute or two, and
        // until then plan as if there were next to nothing.
        let text = "ANALYZE memberships, people, decisions, records, links, journal";
        db.source().rows(text, args![]).await?;
    }
    Ok(made)
}

async fn make(db: &Db, dropped: &[Row]) -> Result<u64> {
    let mut made = 0;
    for row in dropped {
        let name: String = row.get("name")?;
        // Another process may make it meanwhile: whoever takes the row does.
        let mut tx = db.begin().await?;
        let text = "DELETE FROM deferred_indexes WHERE name = $1 RETURNING definition";
        if let Some(row) = tx.row(text, args![name]).await? {
            tx.execute(row.get::<String>("definition")?, args![])
                .await?;
            tx.commit().await?;
            made += 1;
        }
    }
    Ok(made)
}
