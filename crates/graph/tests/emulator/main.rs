//! The connector against the emulator, in one process and without sockets.
//!
//! The emulator knows nothing of the connector: a shared misreading of the
//! documentation would have to be made twice.

// Panics are how tests fail.
#![allow(clippy::unwrap_used)]

mod changes;
mod check;
mod faults;
mod sign_in;
mod sockets;
mod subscriptions;
mod walk;
mod world;
