//! The one error of this crate: what went wrong, where, and how to mend it.
//!
//! The API shows it as RFC 9457 problem details with a stable `code`; pages
//! show the same words (see `front::pages`).

use std::borrow::Cow;

use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::{Class, EngineError};
use serde_json::{Map, Value, json};
use store::StoreError;

/// The result of a handler.
pub(crate) type Result<T, E = Problem> = std::result::Result<T, E>;

/// A failure, ready to be shown.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    cure: Option<String>,
    more: Map<String, Value>,
    headers: HeaderMap,
}

impl Problem {
    /// A failure with status, stable code and words.
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Details {
            status,
            code: code.into(),
            detail: detail.into(),
            cure: None,
            more: Map::new(),
            headers: HeaderMap::new(),
        }))
    }

    /// 422: a value is not acceptable.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation", detail)
    }

    /// 404.
    pub(crate) fn not_found(what: &str) -> Self {
        let detail = format!("there is no such {what}");
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 409.
    pub(crate) fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 412: somebody else came first.
    pub(crate) fn stale(what: &str) -> Self {
        let detail = format!("the {what} was changed by somebody else meanwhile");
        Self::new(StatusCode::PRECONDITION_FAILED, "stale", detail)
            .cure("Read it again and repeat the change.")
    }

    /// 401.
    pub(crate) fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail).header(
            axum::http::header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"rollcall\""),
        )
    }

    /// 429, with the seconds to wait.
    pub(crate) fn too_many(detail: impl Into<String>, seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
            .header(axum::http::header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Adds how to mend it.
    #[must_use]
    pub(crate) fn cure(mut self, cure: impl Into<String>) -> Self {
        self.0.cure = Some(cure.into());
        self
    }

    /// Adds a member for programs.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(name.to_owned(), value.into());
        self
    }

    /// Adds members for programs.
    #[must_use]
    pub(crate) fn more(mut self, members: Value) -> Self {
        if let Value::Object(members) = members {
            self.0.more.extend(members);
        }
        self
    }

    /// Adds a header.
    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    /// Whether whoever filled a form in can mend it there: what was typed, or
    /// what it was typed for, does not fit.
    pub(crate) fn is_mendable(&self) -> bool {
        matches!(
            self.status(),
            StatusCode::UNPROCESSABLE_ENTITY
                | StatusCode::CONFLICT
                | StatusCode::PRECONDITION_FAILED
        )
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &str {
        &self.0.code
    }

    /// What happened, in words.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// How to mend it, in words.
    pub(crate) fn cure_text(&self) -> Option<&str> {
        self.0.cure.as_deref()
    }

    /// A text among the members for programs.
    pub(crate) fn member(&self, name: &str) -> Option<&str> {
        self.0.more.get(name)?.as_str()
    }

    fn body(&self) -> Value {
        let Details {
            status, code, more, ..
        } = &*self.0;
        let mut body = more.clone();
        let title = status.canonical_reason().unwrap_or("Failed");
        body.insert("type".into(), format!("urn:rollcall:problem:{code}").into());
        body.insert("title".into(), title.into());
        body.insert("status".into(), status.as_u16().into());
        body.insert("code".into(), code.as_ref().into());
        body.insert("detail".into(), self.detail().into());
        if let Some(cure) = self.cure_text() {
            body.insert("cure".into(), cure.into());
        }
        Value::Object(body)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.0.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.extend(self.0.headers.clone());
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, kind);
        response.extensions_mut().insert(self);
        response
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let status = match error.class {
            Class::Invalid if error.code == "unknown_state" => StatusCode::BAD_REQUEST,
            Class::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Class::NotFound => StatusCode::NOT_FOUND,
            Class::Conflict => StatusCode::CONFLICT,
            Class::Stale => StatusCode::PRECONDITION_FAILED,
            Class::Forbidden => StatusCode::FORBIDDEN,
            Class::Upstream => StatusCode::BAD_GATEWAY,
            Class::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Class::Internal => return Self::internal(&error),
        };
        if let Some(source) = error.source.as_ref()
            && let Some(store) = source.downcast_ref::<StoreError>()
            && matches!(store, StoreError::Conflict { .. })
        {
            return of_store(store);
        }
        let mut problem = Self::new(status, error.code, error.message);
        problem.0.cure = error.cure;
        match error.detail {
            Some(Value::Object(members)) => problem.0.more.extend(members),
            Some(other) => problem = problem.with("context", other),
            None => {}
        }
        problem
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        of_store(&error)
    }
}

impl Problem {
    /// 500: the log says more than the client is told.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut chain = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            chain.push_str(": ");
            chain.push_str(&cause.to_string());
            source = cause.source();
        }
        tracing::error!(error = chain, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something failed here; the log has more under this request's id",
        )
    }
}

fn of_store(error: &StoreError) -> Problem {
    let unavailable = |code: &'static str, cure: &str| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Problem::new(status, code, error.to_string())
            .cure(cure)
            .header(axum::http::header::RETRY_AFTER, HeaderValue::from(2))
    };
    match error {
        StoreError::NotFound { what } => Problem::not_found(what),
        StoreError::Stale { what } => Problem::stale(what),
        StoreError::Conflict { code, detail } => of_conflict(code, detail),
        StoreError::Fenced | StoreError::Busy(_) => unavailable("database_busy", "Try again."),
        StoreError::Full(_) => unavailable(
            "disk_full",
            "Free disk space where the database lives; nothing was half-done.",
        ),
        StoreError::Unavailable(_) => unavailable(
            "database_unavailable",
            "Start the database, or check database.url.",
        ),
        error => Problem::internal(error),
    }
}

fn of_conflict(code: &str, detail: &str) -> Problem {
    match code {
        "records_username_key" => {
            Problem::conflict("username_taken", "somebody has this username already")
                .cure("Employees and contacts share one pool of usernames: choose another.")
        }
        "records_is_root" => Problem::conflict("root_exists", "there is a root user already"),
        "accounts_name_key" => Problem::conflict("name_taken", "an account has this name already")
            .cure("Use the account that is there, or choose another name."),
        "connections_tenant_id" => Problem::conflict(
            "tenant_already_connected",
            "this tenant has a connection already",
        ),
        "invoices_number_key" => {
            Problem::conflict("number_taken", "an invoice has this number already")
        }
        "record_in_use" | "account_in_use" | "role_in_use" => {
            Problem::conflict("record_in_use", detail).with("records", json!([]))
        }
        "system_role" => Problem::conflict("system_role", detail),
        "administrator_role" => Problem::conflict("administrator_role", detail),
        "foreign_key" => Problem::invalid("something the request refers to does not exist")
            .cure("Check the ids in the request."),
        "check" => Problem::invalid(detail),
        code if code.ends_with("_name_key") || code.ends_with("_name") => {
            Problem::conflict("name_taken", "the name is taken")
        }
        _ => Problem::conflict("conflict", detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_conflict_of_the_database_has_a_stable_code() {
        let table = [
            ("records_username_key", "username_taken", 409),
            ("departments_name_key", "name_taken", 409),
            ("accounts_name_key", "name_taken", 409),
            ("account_in_use", "record_in_use", 409),
            ("foreign_key", "validation", 422),
            ("something_else", "conflict", 409),
        ];
        for (code, expected, status) in table {
            let problem = of_conflict(code, "words");
            assert_eq!(problem.code(), expected, "{code}");
            assert_eq!(problem.status().as_u16(), status, "{code}");
        }
    }

    #[test]
    fn internal_errors_tell_the_client_nothing_of_their_cause() {
        let error = EngineError::new("database_failed", Class::Internal, "table secrets is gone");
        let body = Problem::from(error).body().to_string();
        assert!(!body.contains("secrets"), "{body}");
    }
}
