//! The contract of the store: what every public function does, on SQLite in
//! memory, on a SQLite file, and on PostgreSQL.
//!
//! PostgreSQL is used when `ROLLCALL_TEST_POSTGRES` holds an address whose user
//! may create databases; with `ROLLCALL_REQUIRE_POSTGRES=1` a missing address
//! fails the tests instead of leaving PostgreSQL out.

#![allow(clippy::unwrap_used)] // a test fails by it

mod access;
mod catalogue;
mod connections;
mod database;
mod desk;
mod directory;
mod jobs;
mod journal;
mod links;
mod loads;
mod mapping_rules;
mod mirror;
mod overview;
mod plans;
mod record_list;
mod records;
mod review_items;
mod rounds;
mod runs;
mod samples;
mod schema;
mod secrets;
mod support;
mod webhooks;
