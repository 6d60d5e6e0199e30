//! The schema: what this program knows of it, what the database has, and how
//! far the two may be apart.
//!
//! A program works on a schema that is one version newer than its own, since
//! migrations only add: see decision 18. It knows nothing of what was added.

use std::sync::LazyLock;

use sqlx::Connection as _;
use sqlx::migrate::{MigrateError, Migrator};

use crate::args;
use crate::db::{Backend, Db, Inner};
use crate::error::{Result, StoreError};

static SQLITE: LazyLock<Migrator> =
    LazyLock::new(|| told_apart(sqlx::migrate!("migrations/sqlite")));
static POSTGRES: LazyLock<Migrator> =
    LazyLock::new(|| told_apart(sqlx::migrate!("migrations/postgres")));

/// The lock under which processes migrate PostgreSQL: any number nobody else
/// takes, the same in every version.
const LOCK: i64 = 0x726f_6c6c_6361_6c6c;

/// Migrations of a newer program are judged by [`Db::schema`] alone, and the
/// lock is ours: one of the transaction, which a pooler keeps on one server
/// connection.
fn told_apart(mut migrator: Migrator) -> Migrator {
    migrator.set_ignore_missing(true).set_locking(false);
    migrator
}

/// How the database's schema stands to this program's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// Migrations that this program knows and the database lacks, as `NNNN name`.
    pub pending: Vec<String>,
    /// The one migration that the database has and this program does not know,
    /// as `NNNN name`: of a newer program.
    pub newer: Option<String>,
}

fn called(version: i64, description: &str) -> String {
    format!("{version:04} {description}")
}

impl Db {
    /// Brings the schema up to date, in one transaction under a lock: any
    /// number of processes may call it at once. A schema one version newer than
    /// this program's is left as it is; one that is newer still is
    /// [`StoreError::SchemaTooNew`]. What was pending when it began.
    pub async fn migrate(&self) -> Result<Vec<String>> {
        let pending = self.schema().await?.pending;
        match &self.0 {
            Inner::Sqlite { writer, .. } => {
                let mut on = writer.lend().await?;
                let mut tx = on.begin_with("BEGIN IMMEDIATE").await?;
                SQLITE.run_direct(None, &mut *tx, false).await?;
                tx.commit().await?;
            }
            Inner::Postgres(shelf) => {
                let mut on = shelf.lend().await?;
                let mut tx = on.begin().await?;
                let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK);
                lock.execute(&mut *tx).await?;
                POSTGRES.run_direct(None, &mut *tx, false).await?;
                tx.commit().await?;
            }
        }
        // A newer program may have been here meanwhile.
        self.schema().await?;
        Ok(pending)
    }

    /// How the database's schema stands to this program's;
    /// [`StoreError::SchemaTooNew`] when it is more than one version newer.
    pub async fn schema(&self) -> Result<Schema> {
        let known: &Migrator = match self.backend() {
            Backend::Sqlite => &SQLITE,
            Backend::Postgres => &POSTGRES,
        };
        let applied = self.applied().await?;
        let missing = known
            .iter()
            .filter(|own| !applied.iter().any(|(version, _)| *version == own.version));
        let pending: Vec<String> = missing
            .map(|own| called(own.version, &own.description))
            .collect();
        let newest = known.iter().map(|own| own.version).max().unwrap_or(0);
        let unknown: Vec<&(i64, String)> = applied
            .iter()
            .filter(|(version, _)| !known.version_exists(*version))
            .collect();
        let Some((there, description)) = unknown.last() else {
            let newer = None;
            return Ok(Schema { pending, newer });
        };
        // A newer program has all of ours before its own.
        let (first, _) = unknown[0];
        if *first <= newest || !pending.is_empty() {
            return Err(MigrateError::VersionMissing(*first).into());
        }
        if *there > newest + 1 {
            return Err(StoreError::SchemaTooNew {
                known: newest,
                there: *there,
            });
        }
        let newer = Some(called(*there, description));
        Ok(Schema { pending, newer })
    }

    /// Migrations that this program knows and the database does not have, as
    /// `NNNN name`; fails as [`Db::schema`] does.
    pub async fn pending_migrations(&self) -> Result<Vec<String>> {
        Ok(self.schema().await?.pending)
    }

    /// What the database has: version and description, oldest first.
    async fn applied(&self) -> Result<Vec<(i64, String)>> {
        let there = match self.backend() {
            Backend::Sqlite => "SELECT 1 AS one FROM sqlite_schema WHERE name = '_sqlx_migrations'",
            Backend::Postgres => {
                "SELECT 1::bigint AS one WHERE to_regclass('_sqlx_migrations') IS NOT NULL"
            }
        };
        if self.source().row(there, args![]).await?.is_none() {
            return Ok(Vec::new());
        }
        let text =
            "SELECT version, description FROM _sqlx_migrations WHERE success ORDER BY version";
        let rows = self.source().rows(text, args![]).await?;
        rows.iter()
            .map(|row| Ok((row.get("version")?, row.get("description")?)))
            .collect()
    }
}
