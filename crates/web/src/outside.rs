//! What others call: Microsoft's redirect and notifications, probes, and
//! whoever collects measurements. All of it is public and limited by address.

mod callback;
mod notifications;
mod probes;

use axum::Router;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::AppState;
use crate::auth::Client;
use crate::auth::rate::Allowance;
use crate::error::Problem;

pub use callback::BINDING_COOKIE;
pub(crate) use callback::{bind, local_path};

const CALLBACKS: Allowance = Allowance {
    purpose: "callback",
    burst: 60.0,
    rate: 1.0,
};
/// Microsoft sends from a few addresses, in bursts.
const NOTIFICATIONS: Allowance = Allowance {
    purpose: "notifications",
    burst: 2_000.0,
    rate: 200.0,
};

pub(crate) fn router(state: &AppState) -> Router<AppState> {
    let limited = |allowance: Allowance| {
        from_fn_with_state(
            state.clone(),
            move |State(state): State<AppState>, request: Request, next: Next| {
                limit(state, allowance, request, next)
            },
        )
    };
    let callback = Router::new()
        .route("/OAuth/IntegrationCallback.aspx", get(callback::callback))
        .layer(limited(CALLBACKS));
    let notifications = Router::new()
        .route("/graph/notifications", post(notifications::notifications))
        .route("/graph/lifecycle", post(notifications::lifecycle))
        .layer(axum::extract::DefaultBodyLimit::max(notifications::LONGEST))
        .layer(limited(NOTIFICATIONS));
    let probes = Router::new()
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(probes::metrics));
    callback.merge(notifications).merge(probes)
}

async fn limit(state: AppState, allowance: Allowance, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(client) = Client::from_request_parts(&mut parts, &state).await;
    let now = state.engine.now();
    match state.shared.buckets.take(allowance, &client.key(), now) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(seconds) => Problem::too_many("too many requests", seconds).into_response(),
    }
}
