//! An answer of the server, and what every answer of the API must be.

use std::sync::LazyLock;

use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&web::openapi_json()).unwrap());

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self {
            status,
            headers,
            text,
            body,
        }
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The first part of `Set-Cookie`, to send back.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let all = self.headers.get_all(http::header::SET_COOKIE).into_iter();
        let pairs = all.map(|line| line.to_str().unwrap().split(';').next().unwrap());
        let start = format!("{name}=");
        let mut pairs = pairs.filter(|pair| pair.starts_with(&start) && pair.len() > start.len());
        pairs.next().map(str::to_owned)
    }

    /// Fails unless the status is this one.
    #[track_caller]
    pub(crate) fn is(&self, status: StatusCode) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Fails unless it is a problem with this status and code.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: StatusCode, code: &str) -> &Self {
        self.is(status);
        assert_eq!(self.body["code"], code, "{}", self.text);
        self
    }

    /// The items of a list.
    #[track_caller]
    pub(crate) fn items(&self) -> &Vec<Value> {
        self.is(StatusCode::OK);
        self.body["items"].as_array().expect("a list")
    }

    /// One value of each item of a list.
    #[track_caller]
    pub(crate) fn each(&self, field: &str) -> Vec<&str> {
        let items = self.items().iter();
        items.map(|item| item[field].as_str().unwrap()).collect()
    }

    /// The API answers as it is described: the documented success, or a problem
    /// with everything a problem has.
    #[track_caller]
    pub(crate) fn fits_description(&self, method: &Method, path: &str) {
        let Some(path) = path.strip_prefix("/api/v1") else {
            return;
        };
        if !self.status.is_success() {
            let kind = self.header("content-type");
            assert_eq!(
                kind,
                Some("application/problem+json"),
                "{path} {}",
                self.text
            );
            for member in ["type", "title", "status", "code", "detail"] {
                assert!(
                    !self.body[member].is_null(),
                    "{path}: {member} in {}",
                    self.text
                );
            }
            assert_eq!(self.body["status"], self.status.as_u16());
            return;
        }
        let described =
            described(method, path).unwrap_or_else(|| panic!("{method} {path} is not described"));
        let responses = described["responses"].as_object().unwrap();
        let status = self.status.as_str();
        assert!(
            responses.contains_key(status),
            "{method} {path} answered {status}"
        );
        if self.status == StatusCode::NO_CONTENT {
            assert!(self.text.is_empty(), "{}", self.text);
        }
        if self.body["items"].is_array() {
            let next = &self.body["next"];
            assert!(
                next.is_null() || next.is_string(),
                "{method} {path}: {next}"
            );
        }
    }
}

/// The description of an operation.
fn described(method: &Method, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let fits = |template: &str| {
        let (a, b): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        let same = |(a, b): (&&str, &&str)| a == b || a.starts_with('{');
        a.len() == b.len() && a.iter().zip(&b).all(same)
    };
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    // A path without parameters comes before one with them.
    let exact = paths.get(path);
    let method = method.as_str().to_lowercase();
    let found = exact.or_else(|| {
        let mut all = paths.iter();
        all.find(|(template, item)| fits(template) && item.get(&method).is_some())
            .map(|(_, item)| item)
    });
    found?.get(&method)
}
