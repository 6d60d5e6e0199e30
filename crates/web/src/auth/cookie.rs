//! Cookies: reading one, setting one, clearing one.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use crate::AppState;

/// The value of a cookie of the request.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).into_iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

/// `Set-Cookie` for a value that scripts never see. `seconds` is its life;
/// without one it ends with the browser.
pub(crate) fn set(
    state: &AppState,
    name: &str,
    value: &str,
    path: &str,
    seconds: Option<u64>,
) -> HeaderValue {
    let mut text = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax");
    if let Some(seconds) = seconds {
        text.push_str(&format!("; Max-Age={seconds}"));
    }
    if state.is_https() {
        text.push_str("; Secure");
    }
    // Names, values and paths here are ours: plain ASCII.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// `Set-Cookie` that removes a cookie.
pub(crate) fn clear(state: &AppState, name: &str, path: &str) -> HeaderValue {
    set(state, name, "", path, Some(0))
}
