//! The REST API: one file for each resource.

pub(crate) mod accounts;
pub(crate) mod api_tokens;
pub(crate) mod audit;
mod connections;
mod employee_defaults;
pub(crate) mod finance;
mod idempotency;
mod lookups;
mod mapping_rules;
mod openapi;
pub(crate) mod people;
mod plans;
mod review_items;
mod routes;
pub(crate) mod security_roles;
pub(crate) mod sessions;
mod sheet;
mod sync_runs;
pub(crate) mod tickets;
mod undo;
pub(crate) mod webhooks;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use provisioning::psa::Kind;
use serde_json::{Value, json};
use store::references::Reference;

pub use idempotency::reseal_answers;
pub(crate) use openapi::openapi;
pub use openapi::openapi_json;
use routes::Routes;

use crate::AppState;
use crate::auth::authenticate;

/// Everything under `/api/v1`, for callers who are known.
pub(crate) fn router(state: &AppState) -> Router<AppState> {
    routes()
        .into_router()
        .fallback(crate::router::not_found)
        .method_not_allowed_fallback(crate::router::wrong_method)
        .layer(from_fn_with_state(state.clone(), idempotency::once))
        .layer(from_fn_with_state(state.clone(), authenticate))
}

#[allow(clippy::too_many_lines)] // one line for each address
fn routes() -> Routes {
    Routes::default()
        .route(
            "/connections",
            get(connections::list).post(connections::create),
        )
        .route(
            "/connections/{id}",
            get(connections::show)
                .patch(connections::update)
                .delete(connections::remove),
        )
        .route("/connections/{id}/connect", post(connections::connect))
        .route("/connections/{id}/sync", post(connections::sync))
        .route("/connections/{id}/check", get(connections::check))
        .route("/connections/{id}/groups", get(connections::groups))
        .route(
            "/mapping-rules",
            get(mapping_rules::list).post(mapping_rules::create),
        )
        .route("/mapping-rules/reorder", post(mapping_rules::reorder))
        .route(
            "/mapping-rules/{id}",
            get(mapping_rules::show)
                .patch(mapping_rules::update)
                .delete(mapping_rules::remove),
        )
        .route("/mapping-rules/{id}/undo", post(undo::rule))
        .route(
            "/employee-defaults",
            get(employee_defaults::show).put(employee_defaults::put),
        )
        .route(
            "/field-policies",
            get(employee_defaults::show_fields).put(employee_defaults::put_fields),
        )
        .route("/plans/{id}", get(plans::show))
        .route("/plans/{id}/approve", post(plans::approve))
        .route("/plans/{id}/reject", post(plans::reject))
        .route("/sync-runs", get(sync_runs::list))
        .route("/sync-runs/{id}", get(sync_runs::show))
        .route("/sync-runs/{id}/actions", get(sync_runs::actions))
        .route("/sync-runs/{id}/undo", post(undo::run))
        .route("/review-items", get(review_items::list))
        .route("/review-items/{id}", get(review_items::show))
        .route("/review-items/{id}/resolve", post(review_items::resolve))
        .route("/accounts", get(accounts::list).post(accounts::create))
        .route(
            "/accounts/{id}",
            get(accounts::show)
                .patch(accounts::update)
                .delete(accounts::remove),
        )
        .route(
            "/security-roles",
            get(security_roles::list).post(security_roles::create),
        )
        .route(
            "/security-roles/{id}",
            get(security_roles::show)
                .patch(security_roles::update)
                .delete(security_roles::remove),
        )
        .route("/tickets", get(tickets::list).post(tickets::create))
        .route("/tickets/export", get(tickets::export::export))
        .route("/invoices", get(finance::list).post(finance::create))
        .route(
            "/tickets/{id}",
            get(tickets::show)
                .patch(tickets::update)
                .delete(tickets::remove),
        )
        .route(
            "/tickets/{id}/comments",
            get(tickets::comments::list).post(tickets::comments::create),
        )
        .route(
            "/invoices/{id}",
            get(finance::show)
                .patch(finance::update)
                .delete(finance::remove),
        )
        .merge(people::routes(Kind::Employee))
        .merge(people::routes(Kind::Contact))
        .merge(lookups::routes())
        .route("/audit", get(audit::list))
        .route("/audit/export", get(audit::export::export))
        .route("/audit/verification", get(audit::export::verification))
        .route("/me", get(api_tokens::me))
        .route("/me/sessions", get(sessions::mine))
        .route("/me/sessions/{id}", delete(sessions::end_mine))
        .route(
            "/api-tokens",
            get(api_tokens::list).post(api_tokens::create),
        )
        .route(
            "/api-tokens/{id}",
            get(api_tokens::show).delete(api_tokens::revoke),
        )
        .route("/webhooks", get(webhooks::list).post(webhooks::create))
        .route(
            "/webhooks/{id}",
            get(webhooks::show)
                .patch(webhooks::update)
                .delete(webhooks::remove),
        )
        .route("/webhooks/{id}/deliveries", get(webhooks::deliveries))
        .route(
            "/webhooks/{id}/deliveries/{delivery}/redeliver",
            post(webhooks::redeliver),
        )
}

/// What refers to something, for 409 `record_in_use`.
pub(crate) fn references(found: &[Reference]) -> Value {
    let one = |found: &Reference| json!({ "kind": found.kind.name(), "id": found.id, "label": found.label });
    found.iter().map(one).collect()
}
