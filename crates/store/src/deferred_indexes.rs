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
    fn filled(self) -> &'static [&'static str] {
        match self {
            Self::Collect => &["people", "memberships"],
            Self::Plan => &["decisions"],
            Self::Apply => &["records", "links", "journal"],
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

/// How many indexes PostgreSQL makes at once, and looks at tables.
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
    let made = several(&dropped, db, make).await;
    db.set_cache(None).await?;
    let made = made?.into_iter().sum();
    if made > 0 && db.backend() == Backend::Postgres {
        let stages = [Stage::Collect, Stage::Plan, Stage::Apply].into_iter();
        let filled = stages.filter(|stage| {
            let mut indexes = stage.indexes().iter();
            indexes.any(|index| dropped.iter().any(|name| name == index))
        });
        analyze(db, filled.flat_map(Stage::filled).copied().collect()).await?;
    }
    Ok(made)
}

/// Has PostgreSQL look at what was loaded. It would by itself within a minute
/// or two, and until then plan as if there were next to nothing. Only at what is
/// searched by, which is what indexes are made of: the long texts are most of
/// the work.
async fn analyze(db: &Db, tables: Vec<&'static str>) -> Result<()> {
    let text = "SELECT FORMAT('ANALYZE %I (%s)', tables.relname,
                STRING_AGG(QUOTE_IDENT(columns.attname), ', ' ORDER BY columns.attnum)) AS text
        FROM pg_class tables JOIN pg_attribute columns ON columns.attrelid = tables.oid
        WHERE tables.relname IN ($1)
            AND tables.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = CURRENT_SCHEMA())
            AND columns.attnum > 0 AND NOT columns.attisdropped
            AND EXISTS (SELECT FROM pg_index indexes WHERE indexes.indrelid = tables.oid
                AND (columns.attnum = ANY (indexes.indkey)
                    OR EXISTS (SELECT FROM pg_depend
                        WHERE pg_depend.classid = 'pg_class'::regclass
                            AND pg_depend.objid = indexes.indexrelid
                            AND pg_depend.refclassid = 'pg_class'::regclass
                            AND pg_depend.refobjid = tables.oid
                            AND pg_depend.refobjsubid = columns.attnum)))
        GROUP BY tables.oid, tables.relname ORDER BY tables.relpages DESC";
    let rows = db.source().rows(text, args![&tables[..]]).await?;
    let texts: Result<Vec<String>> = rows.iter().map(|row| row.get("text")).collect();
    several(&texts?, db, analyze_one).await?;
    Ok(())
}

async fn analyze_one(db: Db, text: String) -> Result<()> {
    db.source().rows(text, args![]).await?;
    Ok(())
}

/// Does something with each, at once as far as the database lets it.
async fn several<T, F>(each: &[String], db: &Db, work: impl Fn(Db, String) -> F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let at_once = match db.backend() {
        Backend::Sqlite => 1,
        Backend::Postgres => AT_ONCE,
    };
    let mut left = each.iter().cloned();
    let mut working = JoinSet::new();
    let mut results = Vec::with_capacity(each.len());
    loop {
        while working.len() < at_once
            && let Some(one) = left.next()
        {
            working.spawn(work(db.clone(), one));
        }
        let Some(done) = working.join_next().await else {
            return Ok(results);
        };
        results.push(done.map_err(|error| StoreError::Other(sqlx::Error::Io(error.into())))??);
    }
}

/// Makes one; 0 when another process does, whoever takes the row.
async fn make(db: Db, name: String) -> Result<u64> {
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
