//! A request to Graph as a module describes it: address, query, body, what it
//! is for, what it costs and which permission it needs.
//!
//! Sends nothing; `send` does.

use bytes::Bytes;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use url::Url;

use crate::error::{GraphError, Kind};
use crate::link::Link;

/// What may stand in a query or path segment as it is; OData uses these.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b',')
    .remove(b'(')
    .remove(b')')
    .remove(b'/')
    .remove(b':');

enum Target {
    Path { path: String, query: String },
    Link(Link),
}

/// A request as a module describes it.
pub(crate) struct Call {
    pub(crate) doing: String,
    pub(crate) permission: &'static str,
    pub(crate) method: Method,
    target: Target,
    pub(crate) body: Option<Bytes>,
    pub(crate) units: u32,
    pub(crate) is_advanced: bool,
    pub(crate) is_plain: bool,
}

impl Call {
    /// A GET of `path` below the version. `doing` says what for, in words that
    /// fit before a colon; `permission` is what a 403 means is missing.
    pub(crate) fn get(doing: impl Into<String>, permission: &'static str, path: &str) -> Self {
        Self::new(doing.into(), permission, Method::GET, path.to_owned())
    }

    /// Another method without a body.
    pub(crate) fn bare(
        method: Method,
        doing: impl Into<String>,
        permission: &'static str,
        path: &str,
    ) -> Self {
        Self::new(doing.into(), permission, method, path.to_owned())
    }

    /// Another method with a JSON body.
    pub(crate) fn with_body(
        method: Method,
        doing: impl Into<String>,
        permission: &'static str,
        path: &str,
        body: &impl Serialize,
    ) -> Self {
        let mut call = Self::new(doing.into(), permission, method, path.to_owned());
        let body = serde_json::to_vec(body).expect("our bodies are plain structures");
        call.body = Some(body.into());
        call
    }

    /// The next page, or a new delta round: the link as it is, headers again.
    pub(crate) fn link(doing: impl Into<String>, permission: &'static str, link: &Link) -> Self {
        let mut call = Self::new(doing.into(), permission, Method::GET, String::new());
        call.target = Target::Link(link.clone());
        call
    }

    fn new(doing: String, permission: &'static str, method: Method, path: String) -> Self {
        let query = String::new();
        Self {
            doing,
            permission,
            method,
            target: Target::Path { path, query },
            body: None,
            units: 1,
            is_advanced: false,
            is_plain: false,
        }
    }

    /// Adds a query option; a link already holds its own.
    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        if let Target::Path { query, .. } = &mut self.target {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            query.extend(utf8_percent_encode(value, ESCAPED));
        }
        self
    }

    /// The resource units the documentation gives for the call.
    pub(crate) fn units(mut self, units: u32) -> Self {
        self.units = units;
        self
    }

    /// Asks for an answer without compression: it will be small.
    pub(crate) fn plain(mut self) -> Self {
        self.is_plain = true;
        self
    }

    /// Asks for advanced query capabilities, on every page anew.
    pub(crate) fn advanced(mut self) -> Self {
        self.is_advanced = true;
        self.query("$count", "true")
    }

    pub(crate) fn malformed(&self, what: impl Into<String>) -> GraphError {
        GraphError::new(Kind::Malformed { what: what.into() }, &self.doing)
    }

    pub(crate) fn url(&self, base: &Url) -> Result<Url, GraphError> {
        match &self.target {
            Target::Link(link) => Ok(link.url().clone()),
            Target::Path { path, query } => {
                let mut url = base
                    .join(path)
                    .map_err(|error| self.fail(Kind::Refused).with_source(error))?;
                url.set_query((!query.is_empty()).then_some(query));
                Ok(url)
            }
        }
    }

    pub(crate) fn fail(&self, kind: Kind) -> GraphError {
        GraphError::new(kind, &self.doing)
    }
}
