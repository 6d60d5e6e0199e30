//! Transactions, and where a read runs.

use sqlx::{Connection as _, PgConnection, Postgres, Sqlite, SqliteConnection};

use crate::checkpoint::Checkpoints;
#[cfg(debug_assertions)]
use crate::crash;
use crate::db::{Backend, Db, Inner};
use crate::error::{Result, StoreError};
use crate::postgres_pool::answered;
use crate::shelf::Lent;
use crate::sql::{
    Arg, Row, Text, expand, postgres_args, postgres_list, sql_str, sqlite_args, sqlite_list,
};

/// A transaction. Dropped without [`Tx::commit`], it is rolled back.
#[derive(Debug)]
pub struct Tx {
    inner: InnerTx,
    /// Rows written in bulk.
    pub(crate) bulk_rows: u64,
}

#[derive(Debug)]
pub(crate) enum InnerTx {
    Sqlite {
        on: Lent<Sqlite>,
        checkpoints: Option<Checkpoints>,
    },
    Postgres(Lent<Postgres>),
}

/// One database's connection, for the few statements that differ.
pub(crate) enum Raw<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl Tx {
    pub(crate) fn new(inner: InnerTx) -> Self {
        Self {
            inner,
            bulk_rows: 0,
        }
    }

    /// Makes it all true.
    #[track_caller]
    pub fn commit(self) -> impl Future<Output = Result<()>> + Send {
        #[cfg(debug_assertions)]
        {
            let at = std::panic::Location::caller();
            async move {
                let commit = crash::next(at);
                crash::here(crash::Side::Before, commit, at);
                self.make_true().await?;
                crash::here(crash::Side::After, commit, at);
                Ok(())
            }
        }
        #[cfg(not(debug_assertions))]
        self.make_true()
    }

    async fn make_true(self) -> Result<()> {
        match self.inner {
            InnerTx::Sqlite {
                mut on,
                checkpoints,
            } => {
                sqlx::query("COMMIT").execute(&mut *on).await?;
                on.answered();
                if let Some(checkpoints) = checkpoints {
                    checkpoints.committed(self.bulk_rows);
                }
            }
            InnerTx::Postgres(mut on) => {
                answered(sqlx::raw_sql("COMMIT").execute(&mut *on)).await?;
                on.answered();
            }
        }
        Ok(())
    }

    /// Forgets it all.
    pub async fn rollback(self) -> Result<()> {
        match self.inner {
            InnerTx::Sqlite { mut on, .. } => {
                sqlx::query("ROLLBACK").execute(&mut *on).await?;
                on.answered();
            }
            InnerTx::Postgres(mut on) => {
                answered(sqlx::raw_sql("ROLLBACK").execute(&mut *on)).await?;
                on.answered();
            }
        }
        Ok(())
    }

    /// Which database it is.
    pub fn backend(&self) -> Backend {
        match self.inner {
            InnerTx::Sqlite { .. } => Backend::Sqlite,
            InnerTx::Postgres(_) => Backend::Postgres,
        }
    }

    /// Runs a statement; the number of rows it changed.
    pub async fn execute(&mut self, text: impl Into<Text>, args: Vec<Arg>) -> Result<u64> {
        let text = text.into();
        match self.raw() {
            Raw::Sqlite(on) => {
                let text = sql_str(expand(text, &args, sqlite_list));
                let query = sqlx::query_with(text, sqlite_args(args)?);
                Ok(query.execute(on).await?.rows_affected())
            }
            Raw::Postgres(on) => {
                let text = sql_str(expand(text, &args, postgres_list));
                let query = sqlx::query_with(text, postgres_args(args)?);
                Ok(answered(query.execute(on)).await?.rows_affected())
            }
        }
    }

    /// The rows of a query, or of a statement with RETURNING.
    pub async fn rows(&mut self, text: impl Into<Text>, args: Vec<Arg>) -> Result<Vec<Row>> {
        match self.raw() {
            Raw::Sqlite(on) => sqlite_rows(on, text.into(), args).await,
            Raw::Postgres(on) => {
                let text = text.into();
                let is_kept = !names_all_columns(&text);
                postgres_rows(on, text, args, is_kept).await
            }
        }
    }

    /// The only row, or the first one.
    pub async fn row(&mut self, text: impl Into<Text>, args: Vec<Arg>) -> Result<Option<Row>> {
        Ok(self.rows(text, args).await?.into_iter().next())
    }

    pub(crate) fn raw(&mut self) -> Raw<'_> {
        match &mut self.inner {
            InnerTx::Sqlite { on, .. } => Raw::Sqlite(on),
            InnerTx::Postgres(on) => Raw::Postgres(on),
        }
    }
}

/// Where a read runs: on the database, or inside an open transaction. Every
/// reading function takes `impl Into<Source>`, so `&db` and `&mut tx` both do.
#[derive(Debug)]
pub enum Source<'a> {
    /// On a connection of its own; sees what is committed.
    Db(&'a Db),
    /// Sees what the transaction wrote.
    Tx(&'a mut Tx),
}

impl<'a> From<&'a Db> for Source<'a> {
    fn from(db: &'a Db) -> Self {
        Self::Db(db)
    }
}

impl<'a> From<&'a mut Tx> for Source<'a> {
    fn from(tx: &'a mut Tx) -> Self {
        Self::Tx(tx)
    }
}

impl Source<'_> {
    /// The rows of a query.
    pub async fn rows(&mut self, text: impl Into<Text>, args: Vec<Arg>) -> Result<Vec<Row>> {
        match self {
            Self::Tx(tx) => tx.rows(text, args).await,
            Self::Db(Db(Inner::Sqlite { readers, .. })) => {
                let mut on = readers.lend().await?;
                let rows = sqlite_rows(&mut on, text.into(), args).await?;
                on.answered();
                Ok(rows)
            }
            Self::Db(Db(Inner::Postgres(shelf))) => {
                let mut on = shelf.lend().await?;
                let text = text.into();
                let rows = match names_all_columns(&text) {
                    false => postgres_rows(&mut on, text, args, true).await?,
                    true => postgres_all_columns(&mut on, &text, args).await?,
                };
                on.answered();
                Ok(rows)
            }
        }
    }

    /// The only row, or the first one.
    pub async fn row(&mut self, text: impl Into<Text>, args: Vec<Arg>) -> Result<Option<Row>> {
        Ok(self.rows(text, args).await?.into_iter().next())
    }

    /// Which database it is.
    pub fn backend(&self) -> Backend {
        match self {
            Self::Db(db) => db.backend(),
            Self::Tx(tx) => tx.backend(),
        }
    }
}

async fn sqlite_rows(on: &mut SqliteConnection, text: Text, args: Vec<Arg>) -> Result<Vec<Row>> {
    let text = sql_str(expand(text, &args, sqlite_list));
    let query = sqlx::query_with(text, sqlite_args(args)?);
    let rows = query.fetch_all(on).await?;
    Ok(rows.into_iter().map(Row::Sqlite).collect())
}

/// Outside a transaction a statement whose result has all columns of a table is
/// kept prepared, and prepared anew when there are others.
async fn postgres_all_columns(
    on: &mut PgConnection,
    text: &str,
    args: Vec<Arg>,
) -> Result<Vec<Row>> {
    // Another text than in transactions, which find no statement of theirs kept.
    let kept = format!("{text} -- kept");
    match postgres_rows(on, kept.clone().into(), args.clone(), true).await {
        Err(error) if has_new_columns(&error) => {
            answered(on.clear_cached_statements()).await?;
            postgres_rows(on, kept.into(), args, true).await
        }
        rows => rows,
    }
}

async fn postgres_rows(
    on: &mut PgConnection,
    text: Text,
    args: Vec<Arg>,
    is_kept: bool,
) -> Result<Vec<Row>> {
    let text = expand(text, &args, postgres_list);
    let query = sqlx::query_with(sql_str(text), postgres_args(args)?).persistent(is_kept);
    let rows = answered(query.fetch_all(on)).await?;
    Ok(rows.into_iter().map(Row::Postgres).collect())
}

/// Whether a statement was not run since its result has other columns than when
/// it was prepared.
fn has_new_columns(error: &StoreError) -> bool {
    let StoreError::Other(sqlx::Error::Database(error)) = error else {
        return false;
    };
    error.code().is_some_and(|code| code == "0A000")
}

/// Whether a statement's result has whatever columns a table has. PostgreSQL
/// refuses to run such a statement again once a newer program added a column to
/// the table ("cached plan must not change result type"), which would end a
/// transaction: there it is not kept prepared.
fn names_all_columns(text: &str) -> bool {
    ["SELECT *", "RETURNING *", ".*"]
        .iter()
        .any(|all| text.contains(all))
}
