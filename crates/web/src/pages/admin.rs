//! Admin: security roles, API tokens, webhooks, the audit log and health.

mod acts;
mod audit;
mod health;
mod roles;
mod tokens;
mod webhooks;

pub(crate) use roles::{Line, effective};

use axum::Router;
use axum::routing::{get, post};

use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::Result;

use super::frame::needs;
use store::rights::{Module, Right};

/// The routes under `/admin`, but for those of Auth & Provision.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/security-roles", get(roles::list).post(roles::create))
        .route("/security-roles/new", get(roles::blank))
        .route(
            "/security-roles/{name}",
            get(roles::show).post(roles::update),
        )
        .route(
            "/security-roles/{name}/delete",
            get(roles::ask_delete).post(roles::delete),
        )
        .route("/api-tokens", get(tokens::list).post(tokens::create))
        .route(
            "/api-tokens/{id}/revoke",
            get(tokens::ask_revoke).post(tokens::revoke),
        )
        .route("/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/webhooks/{id}", get(webhooks::show).post(webhooks::update))
        .route(
            "/webhooks/{id}/remove",
            get(webhooks::ask_remove).post(webhooks::remove),
        )
        .route(
            "/webhooks/{id}/deliveries/{delivery}",
            post(webhooks::again),
        )
        .route("/audit", get(audit::list))
        .route("/audit/verification", post(audit::verify))
        .route("/health", get(health::show))
}

/// Refuses whoever may not look at administration.
fn looks(user: &CurrentUser) -> Result<()> {
    needs(user, Module::Admin, Right::View)
}

/// Whether somebody may change administration.
fn changes(user: &CurrentUser) -> bool {
    needs(user, Module::Admin, Right::Edit).is_ok()
}
