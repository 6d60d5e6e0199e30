//! AADSTS errors: the `error` value, HTTP status and text that go with each code.
//! Knows the wording alone, not when an error is due. Source: Entra docs, "Microsoft Entra authentication and
//! authorization error codes"; where that page names no `error` value, what the service was seen to send.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::Principals;

/// A refusal of the identity platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LoginError {
    pub code: u32,
    pub text: String,
}

/// What every refusal carries so that support can find it.
pub(super) struct Trace {
    pub trace_id: Uuid,
    pub correlation_id: Uuid,
    pub at: Timestamp,
}

impl Trace {
    /// A fresh trace; the correlation id is the client's own when it sent one.
    pub(super) fn new(principals: &dyn Principals, headers: &HeaderMap) -> Self {
        let correlation = headers
            .get("client-request-id")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| Uuid::parse_str(value).ok());
        Self {
            trace_id: random_uuid(principals),
            correlation_id: correlation.unwrap_or_else(|| random_uuid(principals)),
            at: principals.now(),
        }
    }

    pub(super) fn time(&self) -> String {
        self.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
    }
}

/// A version 4 id drawn from the emulator's seeded chance.
pub(super) fn random_uuid(principals: &dyn Principals) -> Uuid {
    let mut bytes = [0; 16];
    principals.random(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

impl LoginError {
    pub(super) fn new(code: u32, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }

    /// An error by its code alone, as a Conditional Access fault makes it.
    pub(super) fn standard(code: u32) -> Self {
        Self::new(code, standard_text(code))
    }

    /// The value of the OAuth `error` field.
    pub(super) fn error(&self) -> &'static str {
        match self.code {
            90002 | 900_023 | 50059 | 900_144 | 90014 | 900_561 | 50147 | 50149 | 9_002_326
            | 9_001_023 | 50196 | 90023 => "invalid_request",
            700_016 | 7_000_112 | 50194 | 700_011 | 70001 | 90099 => "unauthorized_client",
            7_000_215 | 7_000_218 | 7_000_222 | 700_027 | 700_021 | 700_023 | 700_024 | 50027
            | 70002 | 650_053 | 500_112 => "invalid_client",
            70003 => "unsupported_grant_type",
            700_051 | 700_054 => "unsupported_response_type",
            70011 | 1_002_012 | 28002 | 28003 | 700_022 => "invalid_scope",
            500_011 | 650_057 | 65005 => "invalid_resource",
            50058 => "login_required",
            65004 | 90094 | 50105 | 500_212 | 500_213 | 53000..=53002 | 50131 => "access_denied",
            90033 | 90006 | 90024 | 90012 | 50033 | 50087 | 90055 => "temporarily_unavailable",
            _ => "invalid_grant",
        }
    }

    /// The HTTP status at the token endpoint.
    pub(super) fn status(&self) -> StatusCode {
        match (self.code, self.error()) {
            (500_112, _) => StatusCode::BAD_REQUEST,
            (_, "invalid_client") => StatusCode::UNAUTHORIZED,
            (_, "temporarily_unavailable") => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn suberror(&self) -> Option<&'static str> {
        match self.code {
            50072 | 50074 | 50076 | 50078 | 50079 | 70043 => Some("basic_action"),
            53000..=53003 | 530_032 => Some("message_only"),
            65001 => Some("consent_required"),
            _ => None,
        }
    }

    /// Codes the documentation has an article of its own for.
    fn has_article(&self) -> bool {
        matches!(
            self.code,
            50011
                | 50020
                | 50034
                | 50057
                | 50076
                | 50105
                | 50173
                | 53003
                | 54005
                | 65001
                | 65004
                | 70000
                | 700_016
                | 70008
                | 700_082
                | 7_000_112
                | 7_000_215
                | 7_000_222
                | 700_027
                | 90002
                | 90094
        )
    }

    /// The text a person or an `error_description` shows.
    pub(super) fn description(&self, trace: &Trace) -> String {
        format!(
            "AADSTS{}: {}\r\nTrace ID: {}\r\nCorrelation ID: {}\r\nTimestamp: {}",
            self.code,
            self.text,
            trace.trace_id,
            trace.correlation_id,
            trace.time()
        )
    }

    /// The token endpoint's answer; `base` is the address of the identity platform.
    pub(super) fn token_response(&self, base: &str, trace: &Trace) -> Response {
        let mut body = json!({
            "error": self.error(),
            "error_description": self.description(trace),
            "error_codes": [self.code],
            "timestamp": trace.time(),
            "trace_id": trace.trace_id,
            "correlation_id": trace.correlation_id,
        });
        if self.has_article() {
            body["error_uri"] = json!(format!("{base}/error?code={}", self.code));
        }
        if let Some(suberror) = self.suberror() {
            body["suberror"] = json!(suberror);
        }
        let mut response = (self.status(), Json(body)).into_response();
        no_store(response.headers_mut());
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Tokens and their refusals are never to be cached (RFC 6749 5.1).
pub(super) fn no_store(headers: &mut HeaderMap) {
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-cache"),
    );
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
}

fn standard_text(code: u32) -> &'static str {
    match code {
        50053 => {
            "The account is locked, you've tried to sign in too many times with an incorrect user ID or password."
        }
        50055 => "The password is expired.",
        50072 | 50079 => {
            "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access the resource."
        }
        50074 | 50076 => {
            "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access the resource."
        }
        50078 => {
            "Presented multi-factor authentication has expired due to policies configured by your administrator, you must refresh your multi-factor authentication to access the resource."
        }
        50105 => {
            "Your administrator has configured the application to block users unless they are specifically granted ('assigned') access to the application."
        }
        53000 => "Your device is required to be compliant to access this resource.",
        53001 => "Your device is required to be managed to access this resource.",
        53002 => "The application used is not an approved application for Conditional Access.",
        53003 => {
            "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."
        }
        70043 => {
            "The refresh token has expired or is invalid due to sign-in frequency checks by Conditional Access."
        }
        700_082 => "The refresh token has expired due to inactivity.",
        90033 => "A transient error has occurred. Please try again.",
        90055 => "The tenant is throttled due to too many requests.",
        _ => "The request was refused by a policy of the tenant.",
    }
}
