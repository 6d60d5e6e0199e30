//! What can go wrong in the database, in terms a caller can act on.
//!
//! Both databases' errors are sorted into the same few kinds; the database's
//! own error stays attached as the source.

use std::error::Error as StdError;

use sqlx::error::{DatabaseError, ErrorKind};

/// The result of every function of this crate.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why a statement or a function of this crate failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What was asked for by id is not there.
    #[error("there is no such {what}")]
    NotFound {
        /// The entity, as a person calls it.
        what: &'static str,
    },
    /// A rule of the schema forbids it: something unique exists already, or
    /// something is still referred to.
    #[error("the database refused: {detail}")]
    Conflict {
        /// The violated constraint, `table_column[_column]`, the same on both
        /// databases; `foreign_key` or `check` when SQLite does not name it.
        code: String,
        /// The database's own words.
        detail: String,
    },
    /// Another writer came first: the version is not the expected one.
    #[error("the {what} was changed by somebody else meanwhile")]
    Stale {
        /// The entity.
        what: &'static str,
    },
    /// The job was given to another worker: whatever this one did must not
    /// be committed.
    #[error("the job was handed to another worker")]
    Fenced,
    /// Locked for longer than the time-out, or a serialisation failure: the
    /// same transaction may well succeed when it is tried again.
    #[error("the database is busy")]
    Busy(#[source] sqlx::Error),
    /// The disk is full.
    #[error("the database's disk is full")]
    Full(#[source] sqlx::Error),
    /// No connection, or it was lost.
    #[error("the database cannot be reached")]
    Unavailable(#[source] sqlx::Error),
    /// The way to the database cannot be secured as `sslmode` says.
    #[error(
        "the connection to PostgreSQL cannot be secured: beyond this machine it must be TLS with a certificate of the \
         host's name (sslmode=verify-full). Turn TLS on at the server; name the authority of its certificate with \
         ?sslrootcert=FILE in database.url where it is none that browsers trust; or accept less by saying so, \
         ?sslmode=require (encrypted, not verified) or ?sslmode=disable (neither)"
    )]
    NotSecured(#[source] sqlx::Error),
    /// What is stored cannot be read: damage, or a newer program wrote it.
    #[error("stored data cannot be read: {what}")]
    Corrupt {
        /// Where, and what.
        what: String,
        /// The parser's or database's error.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// A secret cannot be opened or sealed: wrong master key, or tampering.
    #[error("a secret cannot be opened: {0}")]
    Sealed(&'static str),
    /// The schema cannot be brought up to date.
    #[error("the schema cannot be migrated")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// A program two or more versions newer changed the schema.
    #[error(
        "the database's schema is version {there:04}, this program's is {known:04}: it works with one that is one version \
         newer, and not with this one"
    )]
    SchemaTooNew {
        /// The newest migration this program knows.
        known: i64,
        /// The newest one the database has.
        there: i64,
    },
    /// Anything else: a mistake in a statement, most likely.
    #[error("the database failed")]
    Other(#[source] sqlx::Error),
}

impl StoreError {
    /// Stored text that does not mean anything to this program.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt {
            what: what.into(),
            source: None,
        }
    }

    /// Stored text that a parser refuses.
    pub fn unreadable(
        what: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Corrupt {
            what: what.into(),
            source: Some(source.into()),
        }
    }

    /// Whether it is this constraint that was violated.
    pub fn is_conflict(&self, constraint: &str) -> bool {
        matches!(self, Self::Conflict { code, .. } if code == constraint)
    }

    /// Whether trying the whole transaction again makes sense.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Unavailable(_))
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Migrate(error)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::Database(database) => match kind_of(database.as_ref()) {
                Kind::Conflict { code } => Self::Conflict {
                    code,
                    detail: database.message().to_owned(),
                },
                Kind::Busy => Self::Busy(error),
                Kind::Full => Self::Full(error),
                Kind::Unavailable => Self::Unavailable(error),
                Kind::Corrupt => Self::unreadable("the database file", error),
                Kind::Other => Self::Other(error),
            },
            E::PoolTimedOut => Self::Busy(error),
            E::Io(_) | E::Tls(_) | E::PoolClosed | E::WorkerCrashed => Self::Unavailable(error),
            E::ColumnDecode { .. } | E::Decode(_) => Self::unreadable("a column", error),
            _ => Self::Other(error),
        }
    }
}

enum Kind {
    Conflict { code: String },
    Busy,
    Full,
    Unavailable,
    Corrupt,
    Other,
}

fn kind_of(error: &dyn DatabaseError) -> Kind {
    match error.kind() {
        ErrorKind::UniqueViolation => {
            return Kind::Conflict {
                code: constraint(error).unwrap_or_else(|| "unique".to_owned()),
            };
        }
        ErrorKind::ForeignKeyViolation => {
            return Kind::Conflict {
                code: "foreign_key".to_owned(),
            };
        }
        ErrorKind::CheckViolation => {
            return Kind::Conflict {
                code: "check".to_owned(),
            };
        }
        _ => {}
    }
    let code = error.code().unwrap_or_default();
    match code.parse::<u32>() {
        // SQLite: the low byte is the primary result code; PostgreSQL's have
        // five characters. https://www.sqlite.org/rescode.html
        Ok(number) if code.len() < 5 => match number & 0xff {
            5 | 6 => Kind::Busy,
            13 => Kind::Full,
            10 | 14 => Kind::Unavailable,
            11 | 26 => Kind::Corrupt,
            _ => Kind::Other,
        },
        // https://www.postgresql.org/docs/current/errcodes-appendix.html
        _ => match code.as_ref() {
            "40001" | "40P01" | "55P03" | "53300" => Kind::Busy,
            "53100" => Kind::Full,
            "57P01" | "57P02" | "57P03" => Kind::Unavailable,
            "XX001" | "XX002" => Kind::Corrupt,
            code if code.starts_with("08") => Kind::Unavailable,
            _ => Kind::Other,
        },
    }
}

/// The violated unique constraint in one form for both databases. PostgreSQL
/// names it (our migrations call it `table_column`); SQLite's message lists
/// the columns: `UNIQUE constraint failed: t.a, t.b`.
fn constraint(error: &dyn DatabaseError) -> Option<String> {
    if let Some(name) = error.constraint() {
        return Some(name.to_owned());
    }
    let columns = error.message().rsplit_once("failed: ")?.1;
    if let Some(index) = columns.strip_prefix("index ") {
        return Some(index.trim_matches('\'').to_owned());
    }
    let mut parts = columns
        .split(", ")
        .filter_map(|column| column.split_once('.'));
    let (table, first) = parts.next()?;
    let mut code = format!("{table}_{first}");
    for (_, column) in parts {
        code.push('_');
        code.push_str(column);
    }
    Some(code)
}
