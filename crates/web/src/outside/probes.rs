//! Whether the process lives, whether it can work, and its measurements.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::AppState;
use crate::error::Result;

/// `GET /healthz`: the process answers.
pub(super) async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: the database answers and has this program's schema.
pub(super) async fn readyz(State(state): State<AppState>) -> Response {
    let db = state.engine.db();
    let problem = match db.pending_migrations().await {
        Ok(pending) if pending.is_empty() => None,
        Ok(_) => Some("the database lacks migrations"),
        Err(error) => {
            tracing::warn!("not ready: {error}");
            Some("the database cannot be read")
        }
    };
    match problem {
        None => Json(json!({ "status": "ready" })).into_response(),
        Some(reason) => {
            let body = json!({ "status": "not_ready", "reason": reason });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

/// `GET /metrics`
pub(super) async fn metrics(State(state): State<AppState>) -> Result<Response> {
    let text = crate::measure::render(&state).await?;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}
