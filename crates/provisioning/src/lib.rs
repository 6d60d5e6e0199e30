//! Decides what should happen to whom, and says why.
//!
//! Pure: no clock, no randomness, no I/O, no Graph JSON, no SQL. Policy plus
//! observed state go in, a plan with a reason for every action comes out; the
//! same input gives the same plan, in any order of people.
//!
//! Invariants, each held by a test in `tests/`:
//! - applying a plan and planning again gives nothing;
//! - every action has a reason and a precondition;
//! - access is taken away only with a [`absence::Loss`], and a loss for absence
//!   only from an explicit removal or a completed generation;
//! - root and the last active administrator are never archived, deactivated or
//!   stripped.

pub mod absence;
pub mod action;
pub mod address;
pub mod case;
pub mod claims;
pub mod correlation;
pub mod decide;
pub mod defaults;
pub mod directory;
pub mod field;
pub mod field_mapping;
pub mod ids;
pub mod limits;
pub mod link;
pub mod mapping_rule;
pub mod plan;
pub mod policy;
pub mod precedence;
pub mod psa;
pub mod reason;
pub mod scope;
pub mod shape;
pub mod username;
pub mod why;
