//! Graph's error bodies and codes, and what each means here.
//!
//! Microsoft asks clients to look inward for the most specific code they know
//! and never to branch on the message.
//! Source: <https://learn.microsoft.com/graph/errors>.

use http::StatusCode;
use serde::Deserialize;

use crate::error::{GraphError, Kind};
use crate::transport::Answer;

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Deserialize, Default)]
struct ErrorDetail {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default, alias = "innererror", alias = "InnerError")]
    #[serde(rename = "innerError")]
    inner: Option<Box<ErrorDetail>>,
}

/// Deeper nesting than anything seen; the rest is not looked at.
const DEEPEST: usize = 8;

/// The error an unsuccessful answer stands for.
pub(crate) fn error(answer: &Answer, doing: &str, permission: &'static str) -> GraphError {
    let detail = serde_json::from_slice::<ErrorBody>(&answer.body)
        .map(|body| body.error)
        .unwrap_or_default();
    let (code, kind) = most_specific(&detail, permission);
    let kind = kind.unwrap_or_else(|| by_status(answer.status, permission));
    GraphError::new(kind, doing)
        .with_status(answer.status)
        .with_provider_code(code)
        .with_message(detail.message.as_deref().unwrap_or_default())
        .with_request_id(request_id(answer))
}

/// The id to give to Microsoft's support.
pub(crate) fn request_id(answer: &Answer) -> Option<String> {
    answer.header("request-id").map(str::to_owned)
}

/// The innermost code that is known, else the outermost that is not empty.
fn most_specific(detail: &ErrorDetail, permission: &'static str) -> (Option<String>, Option<Kind>) {
    let mut known = None;
    let mut outermost = None;
    let mut next = Some(detail);
    for _ in 0..DEEPEST {
        let Some(detail) = next else { break };
        if let Some(code) = detail.code.as_ref().filter(|code| !code.is_empty()) {
            if let Some(kind) = by_code(code, permission) {
                known = Some((code.clone(), kind));
            }
            outermost.get_or_insert_with(|| code.clone());
        }
        next = detail.inner.as_deref();
    }
    match known {
        Some((code, kind)) => (Some(code), Some(kind)),
        None => (outermost, None),
    }
}

fn by_code(code: &str, permission: &'static str) -> Option<Kind> {
    Some(match code {
        "InvalidAuthenticationToken" | "insufficient_claims" => Kind::NeedsReconnect,
        "Authorization_RequestDenied" | "accessDenied" => Kind::PermissionMissing { permission },
        "Authorization_IdentityNotFound" => Kind::ConsentMissing,
        "Request_ResourceNotFound" | "ResourceNotFound" | "itemNotFound" => Kind::NotFound,
        "Directory_ExpiredPageToken" | "DirectoryPageTokenNotFoundException" => Kind::PageExpired,
        "syncStateNotFound"
        | "resyncRequired"
        | "resyncApplyDifferences"
        | "resyncUploadDifferences" => Kind::ResyncRequired,
        "TooManyRequests" | "activityLimitReached" | "throttledRequest" => {
            Kind::Throttled { retry_after: None }
        }
        _ => return None,
    })
}

fn by_status(status: StatusCode, permission: &'static str) -> Kind {
    match status {
        StatusCode::UNAUTHORIZED => Kind::NeedsReconnect,
        StatusCode::FORBIDDEN => Kind::PermissionMissing { permission },
        StatusCode::NOT_FOUND => Kind::NotFound,
        StatusCode::GONE => Kind::ResyncRequired,
        StatusCode::TOO_MANY_REQUESTS => Kind::Throttled { retry_after: None },
        StatusCode::NOT_IMPLEMENTED => Kind::Refused,
        StatusCode::REQUEST_TIMEOUT => Kind::Transient,
        status if status.is_server_error() => Kind::Transient,
        status if status.is_redirection() => Kind::Malformed {
            what: "a redirect, which Graph does not send".to_owned(),
        },
        _ => Kind::Refused,
    }
}

#[cfg(test)]
mod tests;
