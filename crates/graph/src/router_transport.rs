//! A transport that calls an HTTP service in the same process, so that a
//! simulation needs no sockets and runs on paused time.
//!
//! Knows `tower_service` and `http` only, no server framework.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tower_service::Service;

use crate::transport::{Answer, Transport, TransportError, TransportFailure, TransportFuture};

/// Requests handed to a service of this process.
#[derive(Debug, Clone)]
pub struct RouterTransport<S>(S);

impl<S> RouterTransport<S> {
    /// A transport over `service`, which must be ready without waiting.
    pub fn new(service: S) -> Self {
        Self(service)
    }
}

impl<S, B> Transport for RouterTransport<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Future<Output = Result<Response<B>, Infallible>> + Send,
    B: Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn send(&self, request: Request<Bytes>, limit_bytes: usize) -> TransportFuture<'_> {
        let mut service = self.0.clone();
        Box::pin(async move {
            let request = with_host(request)?;
            std::future::poll_fn(|context| service.poll_ready(context))
                .await
                .unwrap_or_else(|never| match never {});
            let response = service
                .call(request)
                .await
                .unwrap_or_else(|never| match never {});
            let (parts, body) = response.into_parts();
            let body = std::pin::pin!(Limited::new(body, limit_bytes))
                .collect()
                .await
                .map_err(|error| broken(error.as_ref(), limit_bytes))?;
            Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                body: body.to_bytes(),
            })
        })
    }
}

// A socket client would set Host; servers build their links from it.
fn with_host(request: Request<Bytes>) -> Result<Request<Full<Bytes>>, TransportError> {
    let mut request = request.map(Full::new);
    let host = request
        .uri()
        .authority()
        .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
        .ok_or_else(|| TransportError::new(TransportFailure::Request, "the address has no host"))?;
    request.headers_mut().insert(header::HOST, host);
    Ok(request)
}

fn broken(error: &(dyn Error + Send + Sync + 'static), limit_bytes: usize) -> TransportError {
    if error.is::<LengthLimitError>() {
        let detail = format!("more than {limit_bytes} bytes");
        return TransportError::new(TransportFailure::TooLong, detail);
    }
    TransportError::new(TransportFailure::Interrupted, error.to_string())
}

#[cfg(test)]
mod tests;
