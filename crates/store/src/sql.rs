//! One text per statement, for both databases.
//!
//! Parameters are `$1 …` on both. A list as an argument makes `IN ($n)` what
//! each database does best with a whole list: one array on PostgreSQL, one
//! JSON text on SQLite. Columns are read by name and into our own types.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::Timestamp;
use provisioning::ids::{
    AccountId, ConnectionId, GenerationId, GroupId, ObjectId, PlanId, RecordId, ReviewId, RuleId,
    RunId, TenantId,
};
use serde::de::DeserializeOwned;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments as _, AssertSqlSafe, Postgres, Row as _, SqlSafeStr as _, SqlStr, Sqlite};
use uuid::Uuid;

use crate::error::{Result, StoreError};
use crate::json;
use crate::moment::Moment;

/// An argument of a statement. Nulls are typed, since PostgreSQL wants to know.
#[derive(Debug, Clone)]
pub enum Arg {
    /// `bigint` or INTEGER.
    Int(Option<i64>),
    /// `boolean`, or INTEGER 0 and 1.
    Bool(Option<bool>),
    /// `text`.
    Text(Option<String>),
    /// `bytea` or BLOB.
    Bytes(Option<Vec<u8>>),
    /// `uuid` or BLOB of 16 bytes.
    Uuid(Option<Uuid>),
    /// `timestamptz`, or INTEGER microseconds.
    Time(Option<Moment>),
    /// For `IN ($n)`.
    Ints(Vec<i64>),
    /// For `IN ($n)`.
    Texts(Vec<String>),
    /// For `IN ($n)`.
    Uuids(Vec<Uuid>),
}

/// The arguments of a statement: `args![id, name, now]`.
#[macro_export]
macro_rules! args {
    () => { ::std::vec::Vec::<$crate::sql::Arg>::new() };
    ($($value:expr),+ $(,)?) => { ::std::vec![$($crate::sql::Arg::from($value)),+] };
}

macro_rules! plain_args {
    ($($type:ty => $variant:ident($value:ident) $convert:expr;)*) => {$(
        impl From<$type> for Arg {
            fn from($value: $type) -> Self {
                Self::$variant(Some($convert))
            }
        }
        impl From<Option<$type>> for Arg {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map(|$value| $convert))
            }
        }
    )*};
}

plain_args! {
    i64 => Int(n) n;
    u32 => Int(n) i64::from(n);
    u64 => Int(n) i64::try_from(n).unwrap_or(i64::MAX);
    bool => Bool(flag) flag;
    String => Text(text) text;
    &str => Text(text) text.to_owned();
    &String => Text(text) text.clone();
    Vec<u8> => Bytes(bytes) bytes;
    &[u8] => Bytes(bytes) bytes.to_vec();
    [u8; 16] => Bytes(bytes) bytes.to_vec();
    Uuid => Uuid(id) id;
    Timestamp => Time(at) Moment(at);
}

impl From<Vec<String>> for Arg {
    fn from(list: Vec<String>) -> Self {
        Self::Texts(list)
    }
}

impl From<&[String]> for Arg {
    fn from(list: &[String]) -> Self {
        Self::Texts(list.to_vec())
    }
}

impl From<&[&str]> for Arg {
    fn from(list: &[&str]) -> Self {
        Self::Texts(list.iter().map(|text| (*text).to_owned()).collect())
    }
}

impl From<Vec<i64>> for Arg {
    fn from(list: Vec<i64>) -> Self {
        Self::Ints(list)
    }
}

impl From<&[Uuid]> for Arg {
    fn from(list: &[Uuid]) -> Self {
        Self::Uuids(list.to_vec())
    }
}

macro_rules! id_args {
    ($($id:ident)*) => {$(
        impl From<$id> for Arg {
            fn from(id: $id) -> Self {
                Self::Uuid(Some(id.0))
            }
        }
        impl From<Option<$id>> for Arg {
            fn from(id: Option<$id>) -> Self {
                Self::Uuid(id.map(|id| id.0))
            }
        }
        impl From<&[$id]> for Arg {
            fn from(ids: &[$id]) -> Self {
                Self::Uuids(ids.iter().map(|id| id.0).collect())
            }
        }
        impl FromColumn for $id {
            type Wire = Uuid;
            fn from_column(id: Uuid) -> Result<Self> {
                Ok(Self(id))
            }
        }
    )*};
}

id_args! {
    AccountId ConnectionId GenerationId GroupId ObjectId PlanId RecordId ReviewId RuleId RunId
    TenantId
}

/// A type that a column can be read into.
pub trait FromColumn: Sized {
    /// What both databases give.
    type Wire: Wire;
    /// The value, or [`StoreError::Corrupt`].
    fn from_column(wire: Self::Wire) -> Result<Self>;
}

/// A type that both databases can decode.
pub trait Wire:
    for<'r> sqlx::Decode<'r, Sqlite>
    + sqlx::Type<Sqlite>
    + for<'r> sqlx::Decode<'r, Postgres>
    + sqlx::Type<Postgres>
{
}

impl<T> Wire for T where
    T: for<'r> sqlx::Decode<'r, Sqlite>
        + sqlx::Type<Sqlite>
        + for<'r> sqlx::Decode<'r, Postgres>
        + sqlx::Type<Postgres>
{
}

macro_rules! plain_columns {
    ($($type:ty)*) => {$(
        impl FromColumn for $type {
            type Wire = Self;
            fn from_column(value: Self) -> Result<Self> {
                Ok(value)
            }
        }
    )*};
}

plain_columns! { i64 bool String Vec<u8> Uuid }

impl FromColumn for Timestamp {
    type Wire = Moment;
    fn from_column(moment: Moment) -> Result<Self> {
        Ok(moment.0)
    }
}

impl FromColumn for u64 {
    type Wire = i64;
    fn from_column(number: i64) -> Result<Self> {
        Self::try_from(number).map_err(|error| StoreError::unreadable("a count", error))
    }
}

impl FromColumn for [u8; 16] {
    type Wire = Vec<u8>;
    fn from_column(bytes: Vec<u8>) -> Result<Self> {
        Self::try_from(bytes).map_err(|_| StoreError::corrupt("a fingerprint of another length"))
    }
}

/// A row of a result.
#[derive(Debug)]
pub enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

impl Row {
    /// A column that is never null.
    pub fn get<T: FromColumn>(&self, column: &str) -> Result<T> {
        T::from_column(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A column that may be null.
    pub fn maybe<T: FromColumn>(&self, column: &str) -> Result<Option<T>> {
        let wire: Option<T::Wire> = match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        };
        wire.map(T::from_column).transpose()
    }

    /// A JSON body.
    pub fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        json::parse(column, &self.get::<String>(column)?)
    }

    /// A JSON body that may be null.
    pub fn maybe_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>> {
        let body = self.maybe::<String>(column)?;
        body.map(|body| json::parse(column, &body)).transpose()
    }

    /// An enum stored by its serde name.
    pub fn named<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        json::from_name(&self.get::<String>(column)?)
    }

    /// An enum stored by its serde name, or null.
    pub fn maybe_named<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>> {
        let name = self.maybe::<String>(column)?;
        name.map(|name| json::from_name(&name)).transpose()
    }
}

/// A statement: fixed text, or one put together from fixed pieces.
pub type Text = Cow<'static, str>;

/// Conditions put together from fixed pieces, each with one argument where it
/// says `$?`.
#[derive(Debug, Default)]
pub struct Where {
    text: String,
    args: Vec<Arg>,
}

impl Where {
    /// No condition yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition; every `$?` in it is this argument.
    pub fn and(&mut self, condition: &'static str, arg: impl Into<Arg>) {
        let param = self.arg(arg);
        self.fixed(&condition.replace("$?", &param));
    }

    /// Adds a condition if there is something to ask for.
    pub fn and_some(&mut self, condition: &'static str, arg: Option<impl Into<Arg>>) {
        if let Some(arg) = arg {
            self.and(condition, arg);
        }
    }

    /// Adds a condition without an argument.
    pub fn fixed(&mut self, condition: &str) {
        self.text.push_str(if self.text.is_empty() {
            " WHERE "
        } else {
            " AND "
        });
        self.text.push_str(condition);
    }

    /// An argument for the statement around it; its `$n`.
    pub fn arg(&mut self, arg: impl Into<Arg>) -> String {
        self.args.push(arg.into());
        format!("${}", self.args.len())
    }

    /// ` WHERE …`, or nothing.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The arguments, in the order of their numbers.
    pub fn into_args(self) -> Vec<Arg> {
        self.args
    }
}

/// A pattern for `LIKE … ESCAPE '\\'` that finds `text` anywhere.
pub fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

pub(crate) fn sql_str(text: Text) -> SqlStr {
    match text {
        Cow::Borrowed(text) => SqlStr::from_static(text),
        Cow::Owned(text) => AssertSqlSafe(text).into_sql_str(),
    }
}

/// `IN ($n)` for list arguments, in one database's words.
pub(crate) fn expand(
    text: Text,
    args: &[Arg],
    list: impl Fn(&Arg) -> Option<&'static str>,
) -> Text {
    let mut text = text;
    for (index, arg) in args.iter().enumerate() {
        let Some(form) = list(arg) else { continue };
        let mark = format!("IN (${})", index + 1);
        let mut param = String::new();
        let _ = write!(param, "${}", index + 1); // writing to a String cannot fail
        text = Cow::Owned(text.replace(&mark, &form.replace('$', &param)));
    }
    text
}

pub(crate) fn sqlite_list(arg: &Arg) -> Option<&'static str> {
    match arg {
        Arg::Ints(_) | Arg::Texts(_) => Some("IN (SELECT value FROM json_each($))"),
        Arg::Uuids(_) => Some("IN (SELECT unhex(value) FROM json_each($))"),
        _ => None,
    }
}

pub(crate) fn postgres_list(arg: &Arg) -> Option<&'static str> {
    match arg {
        Arg::Ints(_) | Arg::Texts(_) | Arg::Uuids(_) => Some("= ANY ($)"),
        _ => None,
    }
}

fn refused(error: sqlx::error::BoxDynError) -> StoreError {
    StoreError::Other(sqlx::Error::Encode(error))
}

pub(crate) fn sqlite_args(args: impl IntoIterator<Item = Arg>) -> Result<SqliteArguments> {
    let args = args.into_iter();
    let mut out = SqliteArguments::default();
    out.reserve(args.size_hint().0, 0);
    for arg in args {
        match arg {
            Arg::Int(value) => out.add(value),
            Arg::Bool(value) => out.add(value),
            Arg::Text(value) => out.add(value),
            Arg::Bytes(value) => out.add(value),
            Arg::Uuid(value) => out.add(value),
            Arg::Time(value) => out.add(value),
            Arg::Ints(list) => out.add(json::text(&list)?),
            Arg::Texts(list) => out.add(json::text(&list)?),
            Arg::Uuids(list) => out.add(hex_list(&list)),
        }
        .map_err(refused)?;
    }
    Ok(out)
}

/// Ids as a JSON list of hex texts, which `unhex` makes blobs again.
fn hex_list(ids: &[Uuid]) -> String {
    let mut text = String::with_capacity(ids.len() * 35 + 2);
    let mut buffer = Uuid::encode_buffer();
    text.push('[');
    for (index, id) in ids.iter().enumerate() {
        text.push_str(if index == 0 { "\"" } else { ",\"" });
        text.push_str(id.as_simple().encode_lower(&mut buffer));
        text.push('"');
    }
    text.push(']');
    text
}

pub(crate) fn postgres_args(args: Vec<Arg>) -> Result<PgArguments> {
    let mut out = PgArguments::default();
    out.reserve(args.len(), 0);
    for arg in args {
        match arg {
            Arg::Int(value) => out.add(value),
            Arg::Bool(value) => out.add(value),
            Arg::Text(value) => out.add(value),
            Arg::Bytes(value) => out.add(value),
            Arg::Uuid(value) => out.add(value),
            Arg::Time(value) => out.add(value),
            Arg::Ints(list) => out.add(list),
            Arg::Texts(list) => out.add(list),
            Arg::Uuids(list) => out.add(list),
        }
        .map_err(refused)?;
    }
    Ok(out)
}
