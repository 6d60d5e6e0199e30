//! The door to the network: one request out, one bounded answer in.
//!
//! Does not know what is asked, retry anything, or follow redirects.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, StatusCode};

/// Sends one request and brings the whole answer.
pub trait Transport: Send + Sync + 'static {
    /// Sends `request`; an answer longer than `limit_bytes` is an error.
    fn send(&self, request: Request<Bytes>, limit_bytes: usize) -> TransportFuture<'_>;

    /// Asks that the next requests use new connections. Called after a 503,
    /// where the old connection may lead to the same overloaded machine.
    fn renew_connections(&self) {}
}

/// What [`Transport::send`] returns.
pub type TransportFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Answer, TransportError>> + Send + 'a>>;

/// Posts JSON somewhere, for those who know no HTTP of their own.
pub async fn post_json(
    via: &dyn Transport,
    url: &url::Url,
    headers: &[(&str, String)],
    body: String,
    limit_bytes: usize,
) -> Result<Answer, TransportError> {
    let mut request = Request::post(url.as_str()).header(CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request
        .body(Bytes::from(body))
        .map_err(|error| TransportError::new(TransportFailure::Request, error.to_string()))?;
    via.send(request, limit_bytes).await
}

/// A complete answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
}

impl Answer {
    /// A header as text, when it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why no complete answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{failure}: {detail}")]
pub struct TransportError {
    /// What kind of failure.
    pub failure: TransportFailure,
    /// What the network said, without addresses' queries.
    pub detail: String,
}

/// The kinds of network failure a caller can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportFailure {
    /// No connection could be made.
    #[error("no connection")]
    Connect,
    /// The other side's certificate is not trusted.
    #[error("certificate not trusted")]
    Certificate,
    /// Nothing came in time.
    #[error("timed out")]
    Timeout,
    /// The answer broke off.
    #[error("answer broke off")]
    Interrupted,
    /// The answer is longer than allowed.
    #[error("answer too long")]
    TooLong,
    /// The request could not be sent at all: a mistake of ours.
    #[error("request not sendable")]
    Request,
}

impl TransportError {
    /// A failure with its detail.
    pub fn new(failure: TransportFailure, detail: impl Into<String>) -> Self {
        Self {
            failure,
            detail: detail.into(),
        }
    }
}
