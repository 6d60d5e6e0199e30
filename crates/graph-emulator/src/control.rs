//! The control surface under `/emulator/v1`: what a test or a person sets up, breaks and looks at.
//! Nothing here exists at Microsoft. Bad input is answered 400 with `{"error":{"code","message"}}`.

mod faults;
mod observe;
mod state;
pub(crate) mod tenants;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::app::App;
use crate::error::GraphError;

/// A refusal.
#[derive(Debug)]
pub(crate) struct Refused(pub StatusCode, pub String);

impl Refused {
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, message.into())
    }

    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, message.into())
    }
}

impl From<GraphError> for Refused {
    fn from(error: GraphError) -> Self {
        Self(error.status, error.message)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let code = match self.0 {
            StatusCode::NOT_FOUND => "NotFound",
            StatusCode::CONFLICT => "Conflict",
            _ => "BadRequest",
        };
        let body = json!({"error": {"code": code, "message": self.1}});
        (self.0, axum::Json(body)).into_response()
    }
}

/// Reads a JSON body; an empty one is `{}`. The message says which field is wrong and where.
///
/// # Errors
/// 400.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    let text: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(text).map_err(|error| Refused::bad(error.to_string()))
}

/// Every path of the control surface but those of the identity platform.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route(
            "/emulator/v1/tenants",
            get(tenants::list).post(tenants::create),
        )
        .route("/emulator/v1/tenants/{tenant}", get(tenants::show))
        .route(
            "/emulator/v1/tenants/{tenant}/generate",
            post(tenants::generate),
        )
        .route("/emulator/v1/tenants/{tenant}/state", get(state::get))
        .route(
            "/emulator/v1/tenants/{tenant}/objects/{id}",
            patch(tenants::patch_object),
        )
        .route("/emulator/v1/tenants/{tenant}/purge", post(tenants::purge))
        .route(
            "/emulator/v1/faults",
            get(faults::list).post(faults::create).delete(faults::clear),
        )
        .route("/emulator/v1/faults/{id}", delete(faults::remove))
        .route(
            "/emulator/v1/switches",
            get(faults::switches).patch(faults::set_switches),
        )
        .route("/emulator/v1/clock", get(observe::clock))
        .route("/emulator/v1/clock/advance", post(observe::advance))
        .route(
            "/emulator/v1/requests",
            get(observe::requests).delete(observe::forget_requests),
        )
        .route("/emulator/v1/subscriptions", get(observe::subscriptions))
        .route("/emulator/v1/reset", post(observe::reset))
        .with_state(Arc::clone(app))
}
