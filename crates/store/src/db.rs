//! The handle on the database: opening, beginning.
//!
//! SQLite: one connection writes, several read; every write transaction is
//! `BEGIN IMMEDIATE`, so a read followed by a write can never lose to another
//! writer. PostgreSQL: one pool.

use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Postgres, Sqlite};

use crate::checkpoint::Checkpoints;
use crate::error::{Result, StoreError};
use crate::postgres_pool::{self, answered};
use crate::scratch::Scratch;
use crate::shelf::{Lent, Shelf};
use crate::sql::sql_str;
use crate::tx::InnerTx;
pub(crate) use crate::tx::Raw;
pub use crate::tx::{Source, Tx};

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A file, or memory.
    Sqlite,
    /// A server.
    Postgres,
}

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// `sqlite:PATH`, `postgres://…`, or `sqlite::memory:` for a database of its
    /// own that is gone with its last handle.
    pub url: String,
    /// Connections that read (SQLite), or connections in all (PostgreSQL).
    pub connections: u32,
    /// How long a statement waits for a lock or for a free connection before
    /// it fails with [`StoreError::Busy`].
    pub busy: Duration,
    /// Page cache of SQLite's writing connection, in KiB.
    pub cache_kib: u32,
}

impl Options {
    /// Everything but the address at its default.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            connections: 8,
            busy: Duration::from_secs(30),
            cache_kib: 26 * 1024,
        }
    }
}

/// A database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Db(pub(crate) Inner);

#[derive(Debug, Clone)]
pub(crate) enum Inner {
    Sqlite {
        writer: Shelf<Sqlite>,
        readers: Shelf<Sqlite>,
        checkpoints: Checkpoints,
        /// See [`Options::cache_kib`].
        cache_kib: u32,
        /// Removes the files of a database that nobody keeps.
        _scratch: Option<Arc<Scratch>>,
    },
    Postgres(Shelf<Postgres>),
}

impl Db {
    /// Opens the database; a missing SQLite file is made. Does not migrate.
    pub async fn open(options: &Options) -> Result<Self> {
        if options.url.starts_with("postgres:") || options.url.starts_with("postgresql:") {
            let pool = postgres_pool::open(options).await?;
            let shelf = Shelf::new(pool, options.busy, postgres_pool::LATELY);
            return Ok(Self(Inner::Postgres(shelf)));
        }
        if options.url.starts_with("sqlite:") {
            return open_sqlite(options).await;
        }
        // The address may hold a password: it is not repeated.
        let message = "database.url must begin with sqlite: or postgres://";
        Err(StoreError::Other(sqlx::Error::Configuration(
            message.into(),
        )))
    }

    /// Which database it is.
    pub fn backend(&self) -> Backend {
        match &self.0 {
            Inner::Sqlite { .. } => Backend::Sqlite,
            Inner::Postgres(_) => Backend::Postgres,
        }
    }

    /// A transaction that writes.
    pub async fn begin(&self) -> Result<Tx> {
        self.begin_with("BEGIN").await
    }

    /// A transaction that writes what would be read or planned again if it were
    /// lost: a crash of the database's machine may undo its commit, whole. On
    /// SQLite every commit is like that between two checkpoints; PostgreSQL
    /// need not wait for its disk.
    pub async fn begin_relaxed(&self) -> Result<Tx> {
        self.begin_with("BEGIN; SET LOCAL synchronous_commit TO off")
            .await
    }

    async fn begin_with(&self, postgres: &'static str) -> Result<Tx> {
        Ok(Tx::new(match &self.0 {
            Inner::Sqlite {
                writer,
                checkpoints,
                ..
            } => InnerTx::Sqlite {
                on: begin_sqlite(writer, "BEGIN IMMEDIATE").await?,
                checkpoints: Some(checkpoints.clone()),
            },
            Inner::Postgres(shelf) => InnerTx::Postgres(begin_postgres(shelf, postgres).await?),
        }))
    }

    /// A transaction that only reads, and sees one state of the database
    /// however long it lasts.
    pub async fn snapshot(&self) -> Result<Tx> {
        Ok(Tx::new(match &self.0 {
            Inner::Sqlite { readers, .. } => InnerTx::Sqlite {
                on: begin_sqlite(readers, "BEGIN").await?,
                checkpoints: None,
            },
            Inner::Postgres(shelf) => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                InnerTx::Postgres(begin_postgres(shelf, begin).await?)
            }
        }))
    }

    /// Reads outside a transaction.
    pub fn source(&self) -> Source<'_> {
        Source::Db(self)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.source().row("SELECT 1 AS one", vec![]).await?;
        Ok(())
    }

    /// How far this machine's clock, which `now` reads, is ahead of the
    /// database's; `None` where the database has none of its own.
    pub async fn clock_ahead(
        &self,
        now: impl Fn() -> Timestamp,
    ) -> Result<Option<jiff::SignedDuration>> {
        if self.backend() == Backend::Sqlite {
            return Ok(None);
        }
        // The first question may have to make its connection.
        self.ping().await?;
        let before = now();
        let mut source = self.source();
        let row = source.row("SELECT clock_timestamp() AS at", vec![]);
        let Some(row) = row.await? else {
            return Ok(None);
        };
        // Read there half-way between asking and hearing.
        let half = now().duration_since(before) / 2;
        let there: Timestamp = row.get("at")?;
        Ok(Some(before.duration_since(there) + half))
    }

    /// Writes a consistent copy of a SQLite database to a new file. PostgreSQL
    /// has `pg_dump`; there it is [`StoreError::Other`].
    pub async fn copy_to(&self, path: &str) -> Result<()> {
        match &self.0 {
            Inner::Sqlite { writer, .. } => {
                own_file(Path::new(path))?;
                let mut on = writer.lend().await?;
                let query = sqlx::query("VACUUM INTO $1").bind(path.to_owned());
                query.execute(&mut *on).await?;
                on.answered();
                Ok(())
            }
            Inner::Postgres(_) => {
                let message = "a PostgreSQL database is backed up with pg_dump";
                Err(StoreError::Other(sqlx::Error::Configuration(
                    message.into(),
                )))
            }
        }
    }

    /// Waits until everything that was committed is on the disk. On SQLite a
    /// crash of the machine may otherwise undo the last commits, whole;
    /// PostgreSQL's commits have waited for it.
    pub async fn reach_disk(&self) -> Result<()> {
        if let Inner::Sqlite { writer, .. } = &self.0 {
            let mut on = writer.lend().await?;
            let query = sqlx::query("PRAGMA wal_checkpoint(FULL)");
            query.execute(&mut *on).await?;
            on.answered();
        }
        Ok(())
    }

    /// Gives SQLite's writing connection another page cache, or its own again.
    pub(crate) async fn set_cache(&self, kib: Option<u32>) -> Result<()> {
        if let Inner::Sqlite {
            writer, cache_kib, ..
        } = &self.0
        {
            let kib = kib.unwrap_or(*cache_kib);
            let text = format!("PRAGMA cache_size = -{kib}");
            let mut on = writer.lend().await?;
            sqlx::query(sql_str(text.into())).execute(&mut *on).await?;
            on.answered();
        }
        Ok(())
    }

    /// Ends every connection, after what is running.
    pub async fn close(&self) {
        match &self.0 {
            Inner::Sqlite {
                writer, readers, ..
            } => {
                readers.close().await;
                writer.close().await;
            }
            Inner::Postgres(shelf) => shelf.close().await,
        }
    }
}

async fn begin_sqlite(shelf: &Shelf<Sqlite>, begin: &'static str) -> Result<Lent<Sqlite>> {
    let mut on = shelf.lend().await?;
    on.opened();
    sqlx::query(begin).execute(&mut *on).await?;
    Ok(on)
}

async fn begin_postgres(shelf: &Shelf<Postgres>, begin: &'static str) -> Result<Lent<Postgres>> {
    let mut on = shelf.lend().await?;
    on.opened();
    answered(sqlx::raw_sql(begin).execute(&mut *on)).await?;
    Ok(on)
}

async fn open_sqlite(options: &Options) -> Result<Db> {
    let (connect, scratch) = if options.url == "sqlite::memory:" {
        let scratch = Scratch::new()?;
        let path = scratch.path().join("rollcall.db");
        let connect = SqliteConnectOptions::new().filename(path);
        let connect = connect.synchronous(SqliteSynchronous::Off);
        (connect, Some(Arc::new(scratch)))
    } else {
        let connect = SqliteConnectOptions::from_str(&options.url)?;
        own_file(connect.get_filename())?;
        (connect.synchronous(SqliteSynchronous::Normal), None)
    };
    let connect = connect
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("journal_size_limit", "67108864")
        // Half the page writes of 4 KiB in a load, and still little for one change.
        .page_size(8192)
        .foreign_keys(true)
        .busy_timeout(options.busy)
        .row_buffer_size(512)
        .disable_statement_logging();
    let pool = |connections: u32| {
        SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(connections)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .acquire_timeout(options.busy)
    };
    // Far out, since checkpoints are made beside the writer.
    let writing = connect
        .clone()
        .statement_cache_capacity(512)
        .pragma("cache_size", format!("-{}", options.cache_kib))
        .pragma("wal_autocheckpoint", "20000")
        // An index is sorted by another thread while its rows are read.
        .pragma("threads", "1");
    // A file works until the process ends.
    let shelf = |pool| Shelf::new(pool, options.busy, Duration::MAX);
    let writer = shelf(pool(1).connect_with(writing).await?);
    let reading = connect
        .pragma("temp_store", "memory")
        .statement_cache_capacity(256)
        .pragma("cache_size", "-2048")
        .pragma("query_only", "true");
    let readers = pool(options.connections.max(1))
        .connect_with(reading)
        .await?;
    let readers = shelf(readers);
    Ok(Db(Inner::Sqlite {
        checkpoints: Checkpoints::new(readers.clone()),
        cache_kib: options.cache_kib,
        writer,
        readers,
        _scratch: scratch,
    }))
}

/// Makes a file that is missing, for its owner's eyes only: it will hold personal
/// data. SQLite gives the files beside it the same mode.
fn own_file(path: &Path) -> Result<()> {
    let mut open = std::fs::OpenOptions::new();
    open.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        open.mode(0o600);
    }
    match open.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Unavailable(sqlx::Error::Io(error))),
    }
}
