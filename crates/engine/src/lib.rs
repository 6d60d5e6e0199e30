//! Runs the loop: collect, plan, hold, apply; owns jobs and the clock.
//!
//! Everything that decides about people is in `provisioning`; this crate
//! brings it what it needs and does what it says. Knows Graph through `graph`
//! and the database through `store`; knows no page and no HTTP server.
//!
//! Invariants, each held by a test:
//! - a notification never reaches the planner: it wakes a collect;
//! - page and cursor are saved in one transaction;
//! - a membership is removed only with an `Absence`;
//! - a failed precondition means: plan that person again.

mod acts;
mod apply;
mod approve;
mod audit;
mod changes;
mod client;
mod collect;
mod connections;
mod consent;
mod convert;
mod courier;
mod engine;
mod error;
mod events;
mod health;
mod hold;
mod input;
mod lease;
mod mail;
mod model;
mod notify;
mod people;
mod planning;
mod recompute;
mod removal;
mod resealing;
mod rules;
mod run;
mod saving;
mod settle;
mod subscribe;
mod sweep;
mod target;
mod undo;
mod why;
mod worker;

pub use approve::APPROVED;
pub use audit::{AuditReport, Broken};
pub use courier::{Courier, SIGNING_SECRET, sign};
pub use engine::{Engine, EngineOptions, Notifications};
pub use error::{Class, EngineError, Result};
pub use events::tell;
pub use health::{HealthLine, Severity};
pub use mail::{Mail, Mailer, Undelivered, is_for_mail};
pub use model::{
    Actor, CallbackOutcome, CallbackQuery, Change, CheckLine, ConnectionChange, GroupInfo, Mode,
    NewConnection, PeopleOnRemoval, ProvisioningMode, RuleChange, RuleDraft, RulePlace, RuleScope,
    SyncRequest, Warning, Why, Woken,
};
pub use recompute::{Difference, Recomputed};
pub use target::{Target, Ways, check_target, is_public};
pub use undo::{Conflict, Undo, Undone};
