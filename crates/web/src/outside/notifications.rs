//! Change and lifecycle notifications of Microsoft Graph. Nothing in them is
//! believed here: the engine decides what they wake.
//!
//! Graph wants an answer within three seconds, and sends again what got none
//! (learn.microsoft.com/graph/change-notifications-delivery-webhooks).

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use engine::{Class, EngineError, Woken};
use serde::Deserialize;

use crate::AppState;

/// The longest body: Graph batches a thousand notifications of some 600 bytes.
pub(super) const LONGEST: usize = 4 << 20;
/// When the answer goes out whether or not the work is done.
const PATIENCE: Duration = Duration::from_secs(2);
/// Graph's tokens are far shorter.
const LONGEST_TOKEN: usize = 4096;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Handshake {
    #[serde(rename = "validationToken")]
    validation_token: Option<String>,
}

/// `POST /graph/notifications`
pub(super) async fn notifications(
    State(state): State<AppState>,
    Query(handshake): Query<Handshake>,
    body: Bytes,
) -> Response {
    if let Some(token) = handshake.validation_token {
        return echo(token);
    }
    let engine = state.engine.clone();
    take(async move { engine.notification(&body).await }).await
}

/// `POST /graph/lifecycle`
pub(super) async fn lifecycle(
    State(state): State<AppState>,
    Query(handshake): Query<Handshake>,
    body: Bytes,
) -> Response {
    if let Some(token) = handshake.validation_token {
        return echo(token);
    }
    let engine = state.engine.clone();
    take(async move { engine.lifecycle(&body).await }).await
}

/// The token comes back decoded and as plain text, whatever is in it.
fn echo(token: String) -> Response {
    if token.len() > LONGEST_TOKEN {
        return StatusCode::BAD_REQUEST.into_response();
    }
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], token).into_response()
}

/// 202 in time. Only when we cannot keep the notification is Graph asked to
/// send it again; a forged or broken one gets the same 202.
async fn take(work: impl Future<Output = Result<Woken, EngineError>> + Send + 'static) -> Response {
    let work = tokio::spawn(work);
    let status = match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(Ok(woken))) => {
            let (accepted, refused) = (woken.accepted, woken.refused);
            metrics::counter!("rollcall_notifications_total", "outcome" => "accepted")
                .increment(accepted as u64);
            metrics::counter!("rollcall_notifications_total", "outcome" => "refused")
                .increment(refused as u64);
            StatusCode::ACCEPTED
        }
        Ok(Ok(Err(error))) if error.class == Class::Invalid => {
            metrics::counter!("rollcall_notifications_total", "outcome" => "unreadable")
                .increment(1);
            tracing::info!("a notification was refused: {error}");
            StatusCode::ACCEPTED
        }
        Ok(Ok(Err(error))) => {
            tracing::warn!(
                code = error.code,
                "a notification could not be kept: {error}"
            );
            StatusCode::SERVICE_UNAVAILABLE
        }
        Ok(Err(error)) => {
            tracing::error!("a notification could not be kept: {error}");
            StatusCode::SERVICE_UNAVAILABLE
        }
        Err(_) => StatusCode::ACCEPTED,
    };
    status.into_response()
}
