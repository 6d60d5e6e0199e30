//! The only place that speaks SQL.
//!
//! Knows SQLite and PostgreSQL, and the types of `provisioning`; knows nothing
//! of HTTP, Graph, the clock or randomness: ids and times are parameters. One
//! file for each entity; each statement is written once for both databases
//! ([`sql`]), only bulk writes differ ([`bulk`]).

pub mod bulk;
pub mod db;
pub mod error;
pub mod json;
pub mod keys;
pub mod moment;
pub mod sql;

pub use db::{Backend, Db, Options, Source, Tx};
pub use error::{Result, StoreError};
