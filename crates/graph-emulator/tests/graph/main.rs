//! Graph as the emulator serves it, called in process: one module per area, tables from the documentation.

// One-element lists read best written as lists.
#![allow(clippy::cloned_ref_to_slice_refs)]
// Panics are how tests fail.
#![allow(clippy::unwrap_used)]

mod batch;
mod control;
mod deleted_items;
mod delta_groups;
mod delta_users;
mod faults;
mod generated;
mod invitations;
mod lists;
mod members;
mod notifications;
mod page;
mod paging;
mod permissions;
mod principals;
mod scenario;
mod schema;
mod socket;
mod subscriptions;
mod throttling;
mod world;
mod writes;
