//! Many rows in one statement: the one place where the databases differ.
//!
//! A statement names its rows as `{rows}`, a table called `r`; further
//! arguments are `$1 …` as elsewhere. PostgreSQL gets one array for each column
//! (`UNNEST`); SQLite gets `VALUES` in chunks of fixed sizes, so that few
//! texts are prepared and all of them stay cached. Rows that are only added go
//! to PostgreSQL by binary `COPY`, see [`crate::copy`].
//!
//! Measured on SQLite in 1,000-row transactions: `VALUES` against one JSON text
//! through `json_each`, 3 narrow columns 40 against 38 thousand rows/s (random
//! keys: the indexes decide), 8 columns with a 600-byte body 200 against 85.
//! Binding takes a few per cent of the time, so another driver would change
//! little.

use std::fmt::Write as _;

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, SqliteConnection};
use uuid::Uuid;

use crate::db::{Raw, Tx};
use crate::error::{Result, StoreError};
use crate::moment::Moment;
use crate::sql::{Arg, Row, postgres_args, sql_str, sqlite_args};

/// The type of a column of [`Rows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// [`Arg::Int`].
    Int,
    /// [`Arg::Bool`].
    Bool,
    /// [`Arg::Text`].
    Text,
    /// [`Arg::Bytes`].
    Bytes,
    /// [`Arg::Uuid`].
    Uuid,
    /// [`Arg::Time`].
    Time,
}

impl Type {
    fn postgres(self) -> &'static str {
        match self {
            Self::Int => "bigint",
            Self::Bool => "boolean",
            Self::Text => "text",
            Self::Bytes => "bytea",
            Self::Uuid => "uuid",
            Self::Time => "timestamptz",
        }
    }
}

/// Rows for one statement, each with the same columns.
#[derive(Debug)]
pub struct Rows {
    columns: &'static [(&'static str, Type)],
    cells: Vec<Arg>,
}

impl Rows {
    /// No rows yet, room for `count`.
    pub fn new(columns: &'static [(&'static str, Type)], count: usize) -> Self {
        Self {
            columns,
            cells: Vec::with_capacity(columns.len() * count),
        }
    }

    /// Adds a row: one cell for each column, in order.
    pub fn push<const N: usize>(&mut self, row: [Arg; N]) {
        debug_assert_eq!(N, self.columns.len());
        self.cells.extend(row);
    }

    fn len(&self) -> u64 {
        (self.cells.len() / self.columns.len()) as u64
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

/// One row for [`Rows::push`].
#[macro_export]
macro_rules! cells {
    ($($value:expr),+ $(,)?) => { [$($crate::sql::Arg::from($value)),+] };
}

/// Rows of one SQLite statement, largest first: a rest is made of the others.
const CHUNKS: [usize; 5] = [256, 64, 16, 4, 1];

/// Fewer rows than this are not copied to PostgreSQL.
const FEW: u64 = 64;

impl Tx {
    /// Runs a statement over many rows; the rows it returns.
    pub async fn bulk_rows(
        &mut self,
        text: &'static str,
        rows: Rows,
        args: Vec<Arg>,
    ) -> Result<Vec<Row>> {
        let mut returned = Vec::new();
        self.bulk(text, rows, args, |row| returned.push(row))
            .await?;
        Ok(returned)
    }

    /// Runs a statement over many rows; how many it changed.
    pub async fn bulk_execute(
        &mut self,
        text: &'static str,
        rows: Rows,
        args: Vec<Arg>,
    ) -> Result<u64> {
        self.bulk(text, rows, args, drop).await
    }

    /// Adds rows, of which none can be there already, to a table.
    pub async fn bulk_insert(&mut self, table: &'static str, rows: Rows) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.bulk_rows += rows.len();
        let names: Vec<&str> = rows.columns.iter().map(|(name, _)| *name).collect();
        let into = format!("{table} ({})", names.join(", "));
        match self.raw() {
            // A copy is a conversation of several messages: for a few rows one
            // statement is quicker.
            Raw::Postgres(on) if rows.len() < FEW => {
                let text = format!(
                    "INSERT INTO {into} SELECT * FROM {}",
                    unnest(rows.columns, 0)
                );
                let mut all = postgres_args(Vec::new())?;
                add_arrays(&mut all, rows)?;
                let query = sqlx::query_with(sql_str(text.into()), all);
                query.execute(on).await?;
                Ok(())
            }
            Raw::Postgres(on) => {
                crate::copy::copy(on, &into, rows.columns.len(), &rows.cells).await
            }
            Raw::Sqlite(on) => {
                // What fails halfway is not taken back by the statement: whoever
                // sees the error rolls back, as PostgreSQL makes them. SQLite
                // would keep a copy of every page it changes for that.
                let insert = |size| {
                    format!(
                        "INSERT OR FAIL INTO {into} VALUES {}",
                        marks(rows.columns.len(), size)
                    )
                };
                run_sqlite(on, chunks(insert, rows, Vec::new()), false, drop).await?;
                Ok(())
            }
        }
    }

    async fn bulk(
        &mut self,
        text: &'static str,
        rows: Rows,
        args: Vec<Arg>,
        returned: impl FnMut(Row),
    ) -> Result<u64> {
        if rows.is_empty() {
            return Ok(0);
        }
        self.bulk_rows += rows.len();
        let returning = text.contains("RETURNING");
        match self.raw() {
            Raw::Postgres(on) => {
                let text = text.replace("{rows}", &unnest(rows.columns, args.len()));
                let mut all = postgres_args(args)?;
                add_arrays(&mut all, rows)?;
                let query = sqlx::query_with(sql_str(text.into()), all);
                if !returning {
                    return Ok(query.execute(on).await?.rows_affected());
                }
                let rows = query.fetch_all(on).await?;
                let count = rows.len() as u64;
                rows.into_iter().map(Row::Postgres).for_each(returned);
                Ok(count)
            }
            Raw::Sqlite(on) => {
                let columns = rows.columns;
                let count = args.len();
                let with = |size| values(text, columns, size, count);
                #[cfg(debug_assertions)]
                crate::plan_guard::look(&mut *on, text, || with(CHUNKS[0])).await?;
                run_sqlite(on, chunks(with, rows, args), returning, returned).await
            }
        }
    }
}

/// Runs statements on SQLite one after the other, and makes one while the one
/// before it runs; how many rows they changed.
async fn run_sqlite(
    on: &mut SqliteConnection,
    mut statements: impl Iterator<Item = Result<(String, SqliteArguments)>>,
    returning: bool,
    mut returned: impl FnMut(Row),
) -> Result<u64> {
    let mut changed = 0;
    let mut next = statements.next().transpose()?;
    while let Some((text, args)) = next {
        let query = sqlx::query_with(sql_str(text.into()), args);
        let running = async {
            if returning {
                let rows = query.fetch_all(&mut *on).await?;
                changed += rows.len() as u64;
                rows.into_iter().map(Row::Sqlite).for_each(&mut returned);
            } else {
                changed += query.execute(&mut *on).await?.rows_affected();
            }
            Ok::<_, StoreError>(())
        };
        let making = async { statements.next().transpose() };
        let (done, made) = tokio::join!(biased; running, making);
        done?;
        next = made?;
    }
    Ok(changed)
}

/// The statements for SQLite, each with its arguments, made as they are taken.
fn chunks(
    text: impl Fn(usize) -> String,
    rows: Rows,
    args: Vec<Arg>,
) -> impl Iterator<Item = Result<(String, SqliteArguments)>> {
    let width = rows.columns.len();
    let mut left = rows.cells.len() / width;
    let mut cells = rows.cells.into_iter();
    let mut last: Option<(usize, String)> = None;
    std::iter::from_fn(move || {
        let size = CHUNKS.into_iter().find(|size| *size <= left)?;
        left -= size;
        let text = match &last {
            Some((known, text)) if *known == size => text.clone(),
            _ => text(size),
        };
        last = Some((size, text.clone()));
        let cells = cells.by_ref().take(size * width);
        let all = sqlite_args(cells.chain(args.iter().cloned()));
        Some(all.map(|all| (text, all)))
    })
}

/// `(?,?),(?,?)`: nameless parameters for `size` rows.
fn marks(width: usize, size: usize) -> String {
    let mut one = String::from("(?");
    one.push_str(&",?".repeat(width - 1));
    one.push_str("),");
    let mut all = one.repeat(size);
    all.pop();
    all
}

fn unnest(columns: &[(&str, Type)], args: usize) -> String {
    let mut text = String::from("UNNEST(");
    let mut names = String::new();
    for (index, (name, kind)) in columns.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}${}::{}[]", args + index + 1, kind.postgres());
        let _ = write!(names, "{comma}{name}");
    }
    let _ = write!(text, ") AS r({names})");
    text
}

/// The statement for `size` rows on SQLite. The cells are nameless and come
/// first; the arguments are numbered after them.
fn values(text: &str, columns: &[(&str, Type)], size: usize, args: usize) -> String {
    let width = columns.len();
    let mut rows = String::with_capacity(size * (width * 2 + 3) + 32 * width);
    rows.push_str("(SELECT ");
    for (index, (name, _)) in columns.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(rows, "{comma}column{} AS {name}", index + 1);
    }
    let _ = write!(rows, " FROM (VALUES {})) AS r", marks(width, size));
    let mut text = text.to_owned();
    for index in (1..=args).rev() {
        text = text.replace(&format!("${index}"), &format!("${{{index}}}"));
    }
    for index in 1..=args {
        text = text.replace(
            &format!("${{{index}}}"),
            &format!("${}", size * width + index),
        );
    }
    text.replace("{rows}", &rows)
}

macro_rules! column {
    ($args:ident, $cells:ident, $variant:ident, $type:ty) => {{
        let column = $cells.map(|cell| match cell {
            Arg::$variant(value) => Ok(value),
            other => Err(mistyped(&other)),
        });
        $args.add(column.collect::<Result<Vec<Option<$type>>>>()?)
    }};
}

/// One array for each column, from cells in row order.
fn add_arrays(args: &mut PgArguments, rows: Rows) -> Result<()> {
    let width = rows.columns.len();
    let mut cells: Vec<Arg> = rows.cells;
    for (index, (_, kind)) in rows.columns.iter().enumerate() {
        let column = cells
            .iter_mut()
            .skip(index)
            .step_by(width)
            .map(|cell| std::mem::replace(cell, Arg::Int(None)));
        match kind {
            Type::Int => column!(args, column, Int, i64),
            Type::Bool => column!(args, column, Bool, bool),
            Type::Text => column!(args, column, Text, String),
            Type::Bytes => column!(args, column, Bytes, Vec<u8>),
            Type::Uuid => column!(args, column, Uuid, Uuid),
            Type::Time => column!(args, column, Time, Moment),
        }
        .map_err(|error| StoreError::Other(sqlx::Error::Encode(error)))?;
    }
    Ok(())
}

fn mistyped(cell: &Arg) -> StoreError {
    let found = std::mem::discriminant(cell);
    let message = format!("a cell does not have its column's type: {found:?}");
    StoreError::Other(sqlx::Error::Encode(message.into()))
}
