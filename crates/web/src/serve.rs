//! Serves on a socket until stopped, with bounds on what a client may keep
//! waiting: how long a request's head may take, how long a connection may rest,
//! and how many there are. TLS ends at a proxy in front.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::{AppState, router};

/// What a client may keep waiting.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// How long the head of a request may take to arrive, from the moment the
    /// connection is ready for it.
    pub head: Duration,
    /// How long a connection may be without a new request; those that run are
    /// finished.
    pub idle: Duration,
    /// Connections at a time; further ones wait to be accepted.
    pub connections: usize,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            // Below the usual limit of 1024 open files.
            connections: 900,
        }
    }
}

/// Serves until stopped; requests that run are finished.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    stop: CancellationToken,
) -> std::io::Result<()> {
    serve_within(ServeLimits::default(), listener, state, stop).await
}

/// Serves within other limits than the usual ones.
pub async fn serve_within(
    limits: ServeLimits,
    mut listener: TcpListener,
    state: AppState,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let app = router(state);
    let places = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    loop {
        let accepted = async {
            // Never closed; an error would only end the server.
            let place = Arc::clone(&places).acquire_owned().await;
            // Of axum: goes on when there are no more files.
            (place, Listener::accept(&mut listener).await)
        };
        let (place, (stream, peer)) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accepted => accepted,
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, "small packets are sent late: {error}");
        }
        let (app, stop) = (app.clone(), stop.clone());
        connections.spawn(async move {
            let _place = place;
            connection(limits, app, stream, peer, stop).await;
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

/// One connection to its end.
async fn connection(
    limits: ServeLimits,
    app: Router,
    stream: TcpStream,
    peer: SocketAddr,
    stop: CancellationToken,
) {
    let begun = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&begun);
    let service = app.map_request(move |request: Request<Incoming>| {
        count.fetch_add(1, Ordering::Relaxed);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.idle)
        .keep_alive_timeout(limits.head);
    let service = TowerToHyperService::new(service);
    let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut served = pin!(served);
    let mut seen = 0;
    let mut is_ending = false;
    loop {
        // Before the first request nobody knows which protocol it will be, and
        // no protocol's own limit holds.
        let wait = if seen == 0 { limits.head } else { limits.idle };
        tokio::select! {
            ended = served.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, error, "a connection ended badly");
                }
                return;
            }
            () = stop.cancelled(), if !is_ending => {
                is_ending = true;
                served.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep(wait) => {
                let now = begun.load(Ordering::Relaxed);
                if now == 0 {
                    tracing::debug!(%peer, "a connection without a request was closed");
                    return;
                }
                if now == seen && !is_ending {
                    is_ending = true;
                    served.as_mut().graceful_shutdown();
                }
                seen = now;
            }
        }
    }
}
