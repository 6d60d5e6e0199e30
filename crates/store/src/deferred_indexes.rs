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

use tokio::task::JoinSet;

use crate::args;
use crate::db::{Backend, Db};
use crate::error::{Result, StoreError};

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

    /// The tables it fills.
    fn filled(self) -> &'static str {
        match self {
            Self::Collect => "people, memberships",
            Self::Plan => "decisions",
            Self::Apply => "records, links, journal",
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

/// How many indexes PostgreSQL makes at once.
const AT_ONCE: usize = 2;

/// Makes every index again that was dropped; how many.
pub async fn restore(db: &Db) -> Result<u64> {
    let text = "SELECT name FROM deferred_indexes ORDER BY name";
    let rows = db.source().rows(text, args![]).await?;
    let dropped: Result<Vec<String>> = rows.iter().map(|row| row.get("name")).collect();
    let dropped = dropped?;
    if dropped.is_empty() {
        return Ok(0);
    }
    // SQLite sorts in as much memory as the writer's pages may take, beside them:
    // while it does, both have less.
    db.set_cache(Some(SORTING_KIB)).await?;
    let made = make_all(db, &dropped).await;
    db.set_cache(None).await?;
    let made = made?;
    if made > 0 && db.backend() == Backend::Postgres {
        // PostgreSQL would look at what was loaded within a minute or two, and
        // until then plan as if there were next to nothing.
        for stage in [Stage::Collect, Stage::Plan, Stage::Apply] {
            let mut indexes = stage.indexes().iter();
            if indexes.any(|index| dropped.iter().any(|name| name == index)) {
                let text = format!("ANALYZE {}", stage.filled());
                db.source().rows(text, args![]).await?;
            }
        }
    }
    Ok(made)
}

async fn make_all(db: &Db, names: &[String]) -> Result<u64> {
    let at_once = match db.backend() {
        Backend::Sqlite => 1,
        Backend::Postgres => AT_ONCE,
    };
    let mut names = names.iter().cloned();
    let mut making = JoinSet::new();
    let mut made = 0;
    loop {
        while making.len() < at_once
            && let Some(name) = names.next()
        {
            let db = db.clone();
            making.spawn(async move { make(&db, &name).await });
        }
        let Some(done) = making.join_next().await else {
            return Ok(made);
        };
        made += done.map_err(|error| StoreError::Other(sqlx::Error::Io(error.into())))??;
    }
}

/// Makes one; 0 when another process does, whoever takes the row.
async fn make(db: &Db, name: &str) -> Result<u64> {
    let mut tx = db.begin().await?;
    let text = "DELETE FROM deferred_indexes WHERE name = $1 RETURNING definition";
    let Some(row) = tx.row(text, args![name]).await? else {
        return Ok(0);
    };
    tx.execute(row.get::<String>("definition")?, args![])
        .await?;
    tx.commit().await?;
    Ok(1)
}
