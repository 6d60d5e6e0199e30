//! Refusals as Graph words them.
//! Source: "Microsoft Graph error responses and resource types", and answers seen in the field.

use axum::http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{StatusCode, header};
use serde_json::{Value, json};

/// An error answer; the ids of the request are added when it is sent.
#[derive(Clone, Debug)]
pub(crate) struct GraphError {
    pub status: StatusCode,
    pub code: String,
    pub message: String,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Further members of `innerError`.
    pub inner: Value,
}

impl GraphError {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            headers: Vec::new(),
            inner: json!({}),
        }
    }

    fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// 400 `Request_BadRequest`.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
    }

    /// 400 `BadRequest`, from the layer before the directory.
    pub(crate) fn gateway(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 400 `Request_UnsupportedQuery`.
    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_UnsupportedQuery", message)
    }

    /// 404 for an object that is not there, or not there yet.
    pub(crate) fn not_found(id: &str) -> Self {
        let message = format!(
            "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
        );
        Self::new(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message)
    }

    /// 403: the permission, or the person's right, is missing.
    pub(crate) fn denied() -> Self {
        let message = "Insufficient privileges to complete the operation.";
        Self::new(
            StatusCode::FORBIDDEN,
            "Authorization_RequestDenied",
            message,
        )
    }

    /// 405.
    pub(crate) fn wrong_method() -> Self {
        let message = "Specified HTTP method is not allowed for the request target.";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Request_BadRequest",
            message,
        )
    }

    /// 501: kept outside the directory.
    pub(crate) fn not_implemented() -> Self {
        let message = "This operation target is not yet supported.";
        Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message)
    }

    /// 400 for a delta link that is too old.
    pub(crate) fn sync_state_not_found() -> Self {
        let message = "The sync state generation is not found. The delta token is expired and data must be synchronized again.";
        Self::new(StatusCode::BAD_REQUEST, "syncStateNotFound", message)
    }

    /// 400 for a page link that is too old.
    pub(crate) fn page_expired() -> Self {
        let message = "The specified page token value has expired and can no longer be included in your request.";
        Self::new(
            StatusCode::BAD_REQUEST,
            "Directory_ExpiredPageToken",
            message,
        )
    }

    /// 409.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "Conflict", message)
    }

    /// 401, with the way to a token.
    pub(crate) fn unauthorized(message: &str, base: &str) -> Self {
        let way = format!(
            "Bearer realm=\"\", authorization_uri=\"{base}/common/oauth2/authorize\", \
             client_id=\"00000003-0000-0000-c000-000000000000\""
        );
        Self::new(
            StatusCode::UNAUTHORIZED,
            "InvalidAuthenticationToken",
            message,
        )
        .header(WWW_AUTHENTICATE, &way)
    }

    /// 429, with when to come back and which limit was reached.
    pub(crate) fn throttled(retry_after: &str, scope: &str, information: &str) -> Self {
        let mut error = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequests",
            "Please retry again later.",
        )
        .header(RETRY_AFTER, retry_after)
        .header(HeaderName::from_static("x-ms-throttle-scope"), scope)
        .header(
            HeaderName::from_static("x-ms-throttle-information"),
            information,
        );
        error.inner = json!({"code": "429", "message": "Please retry after", "status": "429"});
        error
    }

    /// 410 of a delta whose state the service threw away: start over at `location`.
    pub(crate) fn gone(location: &str) -> Self {
        let message = "Resync required. The server could not continue from the given state.";
        Self::new(StatusCode::GONE, "resyncRequired", message).header(header::LOCATION, location)
    }

    /// The body of section "error responses".
    pub(crate) fn body(&self, date: &str, request_id: &str, client_request_id: &str) -> Value {
        let mut inner = self.inner.clone();
        inner["date"] = date.into();
        inner["request-id"] = request_id.into();
        inner["client-request-id"] = client_request_id.into();
        json!({"error": {"code": self.code, "message": self.message, "innerError": inner}})
    }
}
