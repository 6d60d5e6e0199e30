//! Stories told through the whole engine, the store and the emulator in one
//! process, each on SQLite and on PostgreSQL. No sockets but PostgreSQL's.

#![allow(clippy::unwrap_used)] // a test fails by unwrap

mod attacks;
mod child_tenants;
mod database;
mod first_sync;
mod full_reads;
mod health;
mod leave_taking;
mod life;
mod removals;
mod rules;
mod undo;
mod workers;
mod world;
