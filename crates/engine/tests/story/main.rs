//! Stories told through the whole engine, the store and the emulator in one
//! process. No sockets but those of a PostgreSQL, when one is given.

#![allow(clippy::unwrap_used)] // a test fails by unwrap

mod first_sync;
mod life;
mod rules;
mod world;
