//! Answers that are too long to be held in memory: made block by block while
//! the client takes them.

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;

use crate::error::Problem;

/// What a browser makes of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Download {
    /// The media type.
    pub(crate) kind: &'static str,
    /// The file's name.
    pub(crate) name: &'static str,
}

/// Why an answer breaks off: the client sees it end before its end.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off: {0}")]
struct BrokeOff(String);

/// Streams blocks: `next` makes the one after a place and says where the one
/// after that begins, if there is one.
pub(crate) fn streamed<P, F, N>(file: Download, start: P, next: N) -> Response
where
    P: Send + 'static,
    F: Future<Output = Result<(Vec<u8>, Option<P>), Problem>> + Send + 'static,
    N: Fn(P) -> F + Send + 'static,
{
    let blocks = futures::stream::try_unfold((Some(start), next), async |(place, next)| {
        let Some(place) = place else {
            return Ok(None);
        };
        let (block, place) = next(place).await.map_err(|problem| {
            let broken = BrokeOff(problem.detail().to_owned());
            tracing::warn!("{broken}");
            broken
        })?;
        Ok::<_, BrokeOff>(Some((Bytes::from(block), (place, next))))
    });
    let mut response = Response::new(Body::from_stream(blocks));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.kind));
    let disposition = format!("attachment; filename=\"{}\"", file.name);
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    response
}
