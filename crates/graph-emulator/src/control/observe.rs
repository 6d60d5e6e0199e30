//! Clock, request log, live subscriptions, reset.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refused, read};
use crate::app::App;
use crate::notify::Subscription;
use crate::request_log::Since;

/// `GET /clock`.
pub(super) async fn clock(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({"now": app.core.now()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdvanceBody {
    seconds: f64,
}

/// `POST /clock/advance`.
pub(super) async fn advance(
    State(app): State<Arc<App>>,
    body: Bytes,
) -> Result<Json<Value>, Refused> {
    let body: AdvanceBody = read(&body)?;
    let by = Duration::try_from_secs_f64(body.seconds)
        .map_err(|_| Refused::bad("seconds: must be 0 or more"))?;
    app.core.advance(by);
    Ok(clock(State(app)).await)
}

/// `GET /requests?since=`: a number from an earlier answer, or an instant.
pub(super) async fn requests(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refused> {
    let mut since = Since::Start;
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "since" if value.is_empty() => {}
            "since" => since = value.parse().map_err(Refused::bad)?,
            other => {
                return Err(Refused::bad(format!(
                    "unknown parameter {other:?}, expected since"
                )));
            }
        }
    }
    let log = app.log();
    let items = log.since(since);
    let units: u64 = items
        .iter()
        .map(|entry| u64::from(entry.resource_units))
        .sum();
    Ok(Json(
        json!({"items": items, "next": log.last(), "resource_units": units}),
    ))
}

/// `DELETE /requests`.
pub(super) async fn forget_requests(State(app): State<Arc<App>>) -> StatusCode {
    app.log().clear();
    StatusCode::NO_CONTENT
}

/// `GET /subscriptions`: every live one, of every tenant.
pub(super) async fn subscriptions(State(app): State<Arc<App>>) -> Json<Value> {
    let subscriptions = app.core.subscriptions();
    let live = subscriptions.live(app.core.now());
    let items: Vec<Value> = live
        .map(|subscription: &Subscription| {
            let mut item = subscription.to_json();
            item["tenantId"] = json!(subscription.tenant_id);
            item["tokenExpires"] = json!(subscription.token_expires);
            item
        })
        .collect();
    Json(json!({ "items": items }))
}

/// `POST /reset`.
pub(super) async fn reset(State(app): State<Arc<App>>) -> StatusCode {
    app.reset();
    StatusCode::NO_CONTENT
}
