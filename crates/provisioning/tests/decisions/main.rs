//! Every decision about who becomes what, as a table of cases. One module for
//! each section of the decisions.

#![allow(clippy::unwrap_used)] // a test fails by it

mod absence;
mod access;
mod common;
mod fields;
mod further_cases;
mod limits;
mod mapping_rule;
mod type_change;
mod which_record;
mod which_rule_wins;
