//! The only place that speaks SQL.
//!
//! Knows SQLite and PostgreSQL, and the types of `provisioning`; knows nothing
//! of HTTP, Graph, the clock or randomness: ids and times are parameters. One
//! file for each entity; each statement is written once for both databases
//! ([`sql`]), only bulk writes differ ([`bulk`]).

pub mod accounts;
pub mod api_tokens;
pub mod bulk;
mod checkpoint;
pub mod connections;
mod copy;
mod crash;
pub mod cursors;
pub mod db;
mod decision_text;
pub mod decisions;
pub mod deferred_indexes;
pub mod directory_groups;
pub mod error;
pub mod idempotency_keys;
pub mod invoices;
pub mod jobs;
pub mod journal;
pub mod journal_seals;
pub mod json;
pub mod keys;
pub mod links;
pub mod lookups;
pub mod mapping_rules;
pub mod memberships;
pub mod mirror;
pub mod moment;
mod money;
mod narrow;
pub mod oauth_states;
pub mod overview;
pub mod page;
pub mod pending;
mod plan_guard;
pub mod plans;
pub mod postgres_nodelay;
mod postgres_pool;
mod postgres_tls;
pub mod psa_ids;
mod record_filter;
pub mod record_list;
pub mod records;
mod records_write;
pub mod references;
pub mod review_items;
pub mod rights;
pub mod rounds;
pub mod runs;
pub mod schema;
mod scratch;
pub mod sealer;
pub mod second_factors;
pub mod secrets;
pub mod security_roles;
pub mod sessions;
pub mod settings;
mod shelf;
pub mod sign_in_attempts;
pub mod sql;
pub mod subscriptions;
pub mod ticket_comments;
pub mod tickets;
mod tx;
pub mod webhook_deliveries;
pub mod webhooks;

pub use db::{Backend, Db, Options};
pub use error::{Result, StoreError};
pub use tx::{Source, Tx};
