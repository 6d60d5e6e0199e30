//! The only place that speaks SQL.
//!
//! Knows SQLite and PostgreSQL, and the types of `provisioning`; knows nothing
//! of HTTP, Graph, the clock or randomness: ids and times are parameters. One
//! file for each entity; each statement is written once for both databases
//! ([`sql`]), only bulk writes differ ([`bulk`]).

pub mod bulk;
pub mod connections;
pub mod cursors;
pub mod db;
pub mod decisions;
pub mod directory_groups;
pub mod error;
pub mod jobs;
pub mod journal;
pub mod json;
pub mod keys;
pub mod links;
pub mod mapping_rules;
pub mod memberships;
pub mod mirror;
pub mod moment;
pub mod oauth_states;
pub mod pending;
pub mod plans;
pub mod records;
mod records_write;
pub mod review_items;
pub mod runs;
pub mod sealer;
pub mod secrets;
pub mod settings;
pub mod sql;
pub mod subscriptions;

pub use db::{Backend, Db, Options, Source, Tx};
pub use error::{Result, StoreError};
