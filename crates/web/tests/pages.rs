//! The pages: what a browser sends, and what comes back.

mod admin;
mod auth_provision;
mod frame;
mod home;
mod me;
mod people;
mod plans;
mod review;
mod runs;
mod set_up;
mod tickets;
