//! What every request passes: its id and log line, security headers, the
//! check that a browser's request comes from our own pages, and the choice
//! between a problem's JSON and its page.

use std::any::Any;

use axum::extract::{Request, State};
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, COOKIE, HOST, LOCATION, ORIGIN, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;

use crate::AppState;
use crate::error::Problem;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives each request an id, a span, a log line and a measurement.
pub(crate) async fn record(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let given = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let id = match given {
        Some(id) if is_id(id) => id.to_owned(),
        _ => state.engine.new_id().to_string(),
    };
    let method = request.method().clone();
    // The path alone: queries hold codes, states and search words.
    let path = request.uri().path().to_owned();
    let started = state.engine.now();
    let span = tracing::info_span!("request", request_id = id, %method, path);
    let mut response = next.run(request).instrument(span.clone()).await;
    let took = state
        .engine
        .now()
        .duration_since(started)
        .as_secs_f64()
        .max(0.0);
    let status = response.status();
    span.in_scope(|| {
        let is_refused = matches!(
            status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
        );
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), seconds = took, "answered");
        } else if is_refused {
            tracing::info!(status = status.as_u16(), "refused");
        } else {
            tracing::debug!(status = status.as_u16(), seconds = took, "answered");
        }
    });
    crate::measure::answered(&method, status, took);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn is_id(text: &str) -> bool {
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'.');
    (8..=64).contains(&text.len()) && text.bytes().all(fits)
}

/// Security headers on every answer.
pub(crate) async fn headers(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let is_asset = request.uri().path().starts_with("/assets/");
    let mut response = next.run(request).await;
    // Browsers hold the redirect after a form to `form-action` too: Azure
    // Connect is a form that leads to Microsoft.
    let login = state
        .engine
        .options()
        .cloud
        .login_url()
        .origin()
        .ascii_serialization();
    let policy = format!(
        "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; \
         form-action 'self' {login}"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    let fixed = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=()",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if state.is_https() {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(STRICT_TRANSPORT_SECURITY, year);
    }
    if !is_asset && !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Refuses changes that another site's page asks a browser for. Requests with
/// a token or without any cookie carry no browser's authority.
pub(crate) async fn same_site(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let is_safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let headers = request.headers();
    let has_authority = headers.contains_key(COOKIE) && !headers.contains_key(AUTHORIZATION);
    // What gives a session is not done from elsewhere either.
    let path = request.uri().path();
    let signs_in = path.starts_with("/sign-in") || path == "/set-up";
    if is_safe || !(has_authority || signs_in) || is_ours(&state, headers) {
        return next.run(request).await;
    }
    Problem::new(
        StatusCode::FORBIDDEN,
        "cross_site",
        "the request comes from another site's page",
    )
    .into_response()
}

/// `Sec-Fetch-Site` where the browser sends it, else `Origin`; a request
/// with neither comes from no page of today's browsers.
fn is_ours(state: &AppState, headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(ORIGIN) else {
        return true;
    };
    let public = state
        .engine
        .options()
        .public_url
        .origin()
        .ascii_serialization();
    let host = origin.split_once("://").map(|(_, host)| host);
    origin == public || (host.is_some() && host == text(HOST))
}

/// Shows a browser the page of a problem instead of its JSON; leads those who
/// must sign in to where they can.
pub(crate) async fn pages(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let accept = request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok());
    let wants_page = !path.starts_with("/api/") && accept.is_some_and(|a| a.contains("text/html"));
    let is_get = request.method() == Method::GET;
    let wanted = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let headers = request.headers().clone();
    let mut response = next.run(request).await;
    if !wants_page {
        return response;
    }
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    if problem.status() == StatusCode::UNAUTHORIZED && is_get {
        let to = format!("/sign-in?return_to={}", escape(&wanted));
        if let Ok(to) = HeaderValue::from_str(&to) {
            return (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response();
        }
    }
    // Whoever is signed in keeps their way around; not being able to tell is no second problem.
    let user = crate::auth::current(&state, &headers).await.unwrap_or(None);
    crate::pages::problem_page(user.as_ref(), &problem)
}

/// A text as part of a query.
pub(crate) fn escape(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A handler panicked: the log has where; the client gets a 500.
pub(crate) fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| cause.downcast_ref::<String>().cloned());
    tracing::error!(cause = text, "a handler panicked");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "something failed here; the log has more under this request's id",
    )
    .into_response()
}
