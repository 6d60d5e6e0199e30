//! Puts the server together.

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::{Router, extract::Request};
use tower_http::catch_panic::CatchPanicLayer;

use crate::error::Problem;
use crate::{AppState, api, front, measure, outside, pages};

/// The longest body of a request; notifications have a limit of their own.
const LONGEST_BODY: usize = 1 << 20;

/// Everything the server answers.
pub fn router(state: AppState) -> Router {
    measure::install();
    Router::new()
        .nest("/api/v1", api::router(&state))
        .route("/api/openapi.json", axum::routing::get(api::openapi))
        .merge(outside::router(&state))
        .merge(pages::router(&state))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(state.clone(), front::pages))
        .layer(from_fn_with_state(state.clone(), front::same_site))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(CatchPanicLayer::custom(front::panicked))
        .layer(from_fn_with_state(state.clone(), front::headers))
        .layer(from_fn_with_state(state.clone(), front::record))
        .with_state(state)
}

/// 404 for whatever no route answers.
pub(crate) async fn not_found(request: Request) -> Problem {
    let detail = format!("there is nothing at {}", request.uri().path());
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
}

/// 405.
pub(crate) async fn wrong_method(request: Request) -> Problem {
    let detail = format!(
        "{} is not possible at {}",
        request.method(),
        request.uri().path()
    );
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
