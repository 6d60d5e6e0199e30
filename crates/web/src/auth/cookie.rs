//! Cookies: reading one, setting one, clearing one. Over https their names say
//! that nobody but this host set them (RFC 6265bis, 4.1.3).

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use crate::AppState;

/// A cookie of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookie {
    /// Its name over plain http.
    pub(crate) name: &'static str,
    /// Where it is sent.
    pub(crate) path: &'static str,
    /// How many seconds it lives; without, it ends with the browser.
    pub(crate) seconds: Option<u64>,
}

impl Cookie {
    fn full_name(&self, state: &AppState) -> String {
        let prefix = match (state.is_https(), self.path) {
            (false, _) => "",
            (true, "/") => "__Host-",
            (true, _) => "__Secure-",
        };
        format!("{prefix}{}", self.name)
    }

    /// Its value in a request.
    pub(crate) fn of<'a>(&self, state: &AppState, headers: &'a HeaderMap) -> Option<&'a str> {
        let name = self.full_name(state);
        let lines = headers.get_all(COOKIE).into_iter();
        let pairs = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'));
        let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
        pairs
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    /// `Set-Cookie` for a value that scripts never see.
    pub(crate) fn set(&self, state: &AppState, value: &str) -> HeaderValue {
        self.header(state, value, self.seconds)
    }

    /// `Set-Cookie` that removes it.
    pub(crate) fn clear(&self, state: &AppState) -> HeaderValue {
        self.header(state, "", Some(0))
    }

    fn header(&self, state: &AppState, value: &str, seconds: Option<u64>) -> HeaderValue {
        let (name, path) = (self.full_name(state), self.path);
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
}
