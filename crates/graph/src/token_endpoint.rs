//! The token endpoint: one form out, tokens or an OAuth error in.
//!
//! Knows no grant; `identity` fills the forms.
//! Source: <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow>.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Request, StatusCode};
use serde::Deserialize;
use url::form_urlencoded;

use crate::aadsts;
use crate::environment::Environment;
use crate::error::{GraphError, Kind};
use crate::retry::{RetryPolicy, retry_after};
use crate::transport::Answer;
use crate::wire;

/// No answer of the identity platform comes near this.
pub(crate) const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

/// A successful answer. Not shown by `Debug`.
#[derive(Deserialize)]
pub(crate) struct TokenAnswer {
    pub(crate) access_token: String,
    /// Seconds.
    pub(crate) expires_in: Seconds,
    #[serde(default)]
    pub(crate) refresh_token: Option<String>,
    #[serde(default)]
    pub(crate) id_token: Option<String>,
    #[serde(default)]
    pub(crate) scope: Option<String>,
}

/// A number, which some servers send as text.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Seconds {
    Number(u64),
    Text(String),
}

impl Seconds {
    pub(crate) fn duration(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Number(seconds) => *seconds,
            Self::Text(text) => text.parse().ok()?,
        };
        Some(Duration::from_secs(seconds))
    }
}

#[derive(Deserialize, Default)]
struct OauthError {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: Option<String>,
    #[serde(default)]
    error_codes: Vec<u32>,
    #[serde(default)]
    correlation_id: Option<String>,
}

/// Posts a form to `url`. Passing failures are tried again as `retry` says.
pub(crate) async fn post(
    environment: &Environment,
    retry: &RetryPolicy,
    url: &str,
    form: &[(&str, &str)],
    doing: &str,
) -> Result<TokenAnswer, GraphError> {
    // A serializer may not be held across an await: its future would not be Send.
    let body = {
        let mut encoded = form_urlencoded::Serializer::new(String::new());
        encoded.extend_pairs(form);
        Bytes::from(encoded.finish())
    };
    let answer = send(environment, retry, doing, || {
        Request::post(url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(body.clone())
    })
    .await?;
    wire::parse(&answer.body).map_err(|malformed| {
        let what = malformed.what;
        GraphError::new(Kind::Malformed { what }, doing)
    })
}

/// Gets a public document of the identity platform.
pub(crate) async fn get(
    environment: &Environment,
    retry: &RetryPolicy,
    url: &str,
    doing: &str,
) -> Result<Answer, GraphError> {
    send(environment, retry, doing, || {
        Request::get(url)
            .header(ACCEPT, "application/json")
            .body(Bytes::new())
    })
    .await
}

async fn send(
    environment: &Environment,
    retry: &RetryPolicy,
    doing: &str,
    request: impl Fn() -> http::Result<Request<Bytes>>,
) -> Result<Answer, GraphError> {
    let mut tries = 0;
    let mut waited = Duration::ZERO;
    loop {
        let request = request()
            .map_err(|error| GraphError::new(Kind::Configuration, doing).with_source(error))?;
        let result = environment.transport.send(request, LONGEST_ANSWER).await;
        tries += 1;
        let (error, asked) = match result {
            Ok(answer) if answer.status.is_success() => return Ok(answer),
            Ok(answer) => (
                refusal(&answer, doing),
                retry_after(&answer.headers, environment.now()),
            ),
            Err(error) => (GraphError::from_transport(error, doing), None),
        };
        if !matches!(error.kind(), Kind::Transient | Kind::Throttled { .. }) {
            return Err(error);
        }
        let Some(wait) = retry.wait(tries + 1, waited, asked, environment) else {
            return Err(error);
        };
        waited += wait;
        tokio::time::sleep(wait).await;
    }
}

fn refusal(answer: &Answer, doing: &str) -> GraphError {
    let body = serde_json::from_slice::<OauthError>(&answer.body).unwrap_or_default();
    let error = if body.error.is_empty() {
        GraphError::new(by_status(answer.status), doing)
    } else {
        let code = body.error_codes.first().copied();
        oauth_error(&body.error, code, body.error_description.as_deref(), doing)
    };
    let error = match error.kind() {
        Kind::Throttled { .. } => error.with_kind(Kind::Throttled {
            retry_after: answer
                .header("retry-after")
                .and_then(|text| text.parse().ok())
                .map(Duration::from_secs),
        }),
        _ => error,
    };
    error
        .with_status(answer.status)
        .with_request_id(body.correlation_id)
}

/// What an OAuth error means. The numeric code, when known, chooses the kind
/// and its cure; else the `error` value does.
pub(crate) fn oauth_error(
    error: &str,
    code: Option<u32>,
    description: Option<&str>,
    doing: &str,
) -> GraphError {
    let description = description.unwrap_or_default();
    let code = code.or_else(|| aadsts::code_in(description));
    let (kind, cure) = code
        .and_then(aadsts::lookup)
        .unwrap_or_else(|| (aadsts::from_oauth_error(error), None));
    let provider_code = code.map_or_else(|| error.to_owned(), |code| format!("AADSTS{code}"));
    GraphError::new(kind, doing)
        .with_provider_code(Some(provider_code))
        .with_message(description)
        .with_cure(cure)
}

fn by_status(status: StatusCode) -> Kind {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Kind::Throttled { retry_after: None },
        StatusCode::NOT_FOUND => Kind::TenantUnknown,
        status if status.is_server_error() => Kind::Transient,
        _ => Kind::Refused,
    }
}

#[cfg(test)]
mod tests;
