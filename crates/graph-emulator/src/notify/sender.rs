//! How notifications leave: over HTTP, or to a service in the same process.
//! Knows nothing of subscriptions.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SendError(pub String);

/// An answer on its way.
pub type SendFuture = Pin<Box<dyn Future<Output = Result<Response<Bytes>, SendError>> + Send>>;

/// Sends validation requests and notifications to the addresses subscribers gave.
pub trait Sender: Send + Sync + 'static {
    /// Sends one request; its URI is absolute. Timeouts are the caller's.
    fn send(&self, request: Request<Bytes>) -> SendFuture;
}

/// Sends over HTTP and HTTPS; the client is made when first needed.
#[derive(Debug, Default)]
pub(crate) struct HttpSender(OnceLock<Result<reqwest::Client, String>>);

impl HttpSender {
    fn client(&self) -> Result<reqwest::Client, SendError> {
        let client = self.0.get_or_init(|| {
            let builder = reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy();
            builder.build().map_err(|error| error.to_string())
        });
        client.clone().map_err(SendError)
    }
}

impl Sender for HttpSender {
    fn send(&self, request: Request<Bytes>) -> SendFuture {
        let client = self.client();
        Box::pin(async move {
            let failed = |error: reqwest::Error| SendError(error.to_string());
            let request = reqwest::Request::try_from(request).map_err(failed)?;
            let answer = client?.execute(request).await.map_err(failed)?;
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            *response.body_mut() = answer.bytes().await.map_err(failed)?;
            Ok(response)
        })
    }
}

/// Hands requests to a service of this process, whatever host they name.
#[derive(Clone, Debug)]
pub struct ServiceSender<S>(pub S);

impl<S> Sender for ServiceSender<S>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    fn send(&self, request: Request<Bytes>) -> SendFuture {
        let service = self.0.clone();
        Box::pin(async move {
            let Ok(answer) = service.oneshot(request.map(Body::from)).await;
            let (parts, body) = answer.into_parts();
            let body = body
                .collect()
                .await
                .map_err(|error| SendError(error.to_string()))?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        })
    }
}
