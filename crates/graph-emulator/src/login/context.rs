//! What every request to the identity platform has: the address it came to, a trace, and parameters.
//! Knows HTTP, not sign-in.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Uri, header};

use super::Login;
use super::errors::{LoginError, Trace};

/// The surroundings of one request.
pub(super) struct Context {
    /// Host and port the client used, as in its `Host` header.
    pub host: String,
    /// Scheme and host: what absolute addresses begin with.
    pub base: String,
    pub trace: Trace,
}

impl Context {
    pub(super) fn new(login: &Login, headers: &HeaderMap, uri: &Uri) -> Self {
        let host = uri
            .authority()
            .map(|authority| authority.as_str())
            .or_else(|| headers.get(header::HOST)?.to_str().ok())
            .unwrap_or("localhost")
            .to_owned();
        let base = format!("{}://{host}", login.scheme());
        Self {
            host,
            base,
            trace: Trace::new(login.principals(), headers),
        }
    }

    pub(super) fn issuer(&self, tenant: &str) -> String {
        format!("{}/{tenant}/v2.0", self.base)
    }
}

/// Parameters of a query or a form; the first of a name counts, an empty one is absent (RFC 6749 3.1).
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut all = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(text) {
            if !value.is_empty() {
                all.entry(name.into_owned())
                    .or_insert_with(|| value.into_owned());
            }
        }
        Self(all)
    }

    pub(super) fn query(uri: &Uri) -> Self {
        Self::parse(uri.query().unwrap_or_default().as_bytes())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// # Errors
    /// 900144 when the parameter is absent.
    pub(super) fn require(&self, name: &str) -> Result<&str, LoginError> {
        self.get(name).ok_or_else(|| missing(name))
    }
}

/// 900144 for a parameter.
pub(super) fn missing(name: &str) -> LoginError {
    LoginError::new(
        900_144,
        format!("The request body must contain the following parameter: '{name}'."),
    )
}
