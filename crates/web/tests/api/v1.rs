//! `/api/v1/…`: what all resources have in common, and each of them.

mod accounts;
mod api_tokens;
mod audit;
mod common;
mod connections;
mod employee_defaults;
mod employees;
mod invoices;
mod lookups;
mod mapping_rules;
mod me;
mod plans;
mod rights;
mod security_roles;
mod sync_runs;
mod tickets;
mod webhooks;
