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

/// `GET /readyz`: the database answers and has a schema this program works on.
pub(super) async fn readyz(State(state): State<AppState>) -> Response {
    let db = state.engine.db();
    let problem = match db.schema().await {
        Ok(schema) if schema.pending.is_empty() => {
            let about = match schema.newer {
                None => "this program's".to_owned(),
                Some(newer) => format!("one version newer than this program's: {newer}"),
            };
            return Json(json!({ "status": "ready", "schema": about })).into_response();
        }
        Ok(_) => "the database lacks migrations".to_owned(),
        Err(error @ store::StoreError::SchemaTooNew { .. }) => error.to_string(),
        Err(error) => {
            tracing::warn!("not ready: {error}");
            "the database cannot be read".to_owned()
        }
    };
    let body = json!({ "status": "not_ready", "reason": problem });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

/// `GET /metrics`
pub(super) async fn metrics(State(state): State<AppState>) -> Result<Response> {
    let text = crate::measure::render(&state).await?;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}
