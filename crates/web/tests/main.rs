//! The server from outside: every request goes through the whole router, to a
//! real engine over a database in memory and the emulator, in one process. The
//! tree mirrors the addresses.

#![allow(clippy::unwrap_used)] // a test fails by unwrap

mod api;
mod damaged;
mod graph_endpoints;
mod oauth;
mod outgoing;
mod pages;
mod probes;
mod serving;
mod world;
