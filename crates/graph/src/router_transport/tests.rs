//! Unit tests of `router_transport`.

use axum::Router;
use axum::routing::get;

use super::*;

fn transport() -> RouterTransport<Router> {
    let echo = |headers: http::HeaderMap| async move {
        headers[header::HOST]
            .to_str()
            .unwrap_or_default()
            .to_owned()
    };
    RouterTransport::new(Router::new().route("/host", get(echo)))
}

fn request() -> Request<Bytes> {
    Request::get("http://emulator.example:81/host")
        .body(Bytes::new())
        .unwrap()
}

#[tokio::test]
async fn calls_the_service_with_a_host() {
    let answer = transport().send(request(), 100).await.unwrap();
    assert_eq!(&answer.body[..], b"emulator.example:81");
}

#[tokio::test]
async fn the_body_is_bounded() {
    let error = transport().send(request(), 5).await.unwrap_err();
    assert_eq!(error.failure, TransportFailure::TooLong);
}
