//! The production transport: TLS, pooling, gzip and HTTP/2 by reqwest.
//!
//! Follows no redirects, keeps no cookies, and uses no proxy unless one is
//! given. Does not know Graph.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Request;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::Instant;

use crate::transport::{Answer, Transport, TransportError, TransportFailure, TransportFuture};

/// At most one fresh set of connections in this time, however many 503s come.
const RENEW_INTERVAL: Duration = Duration::from_secs(10);

/// How to reach the network.
#[derive(Debug, Clone)]
pub struct TransportOptions {
    /// Certificates (PEM) trusted beside the system's.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// An explicit http(s) proxy; the environment's proxies are never used.
    pub proxy: Option<String>,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// How long the answer may pause.
    pub read_timeout: Duration,
    /// How long the whole exchange may take.
    pub total_timeout: Duration,
    /// Idle connections kept per host.
    pub idle_per_host: usize,
    /// Which addresses a name may lead to; every one when there is no rule. A
    /// name is judged by what it resolves to at the moment of connecting.
    pub reachable: Option<fn(IpAddr) -> bool>,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            extra_ca_pem: None,
            proxy: None,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
            total_timeout: Duration::from_secs(180),
            idle_per_host: 64,
            reachable: None,
        }
    }
}

/// Why the transport could not be built.
#[derive(Debug, thiserror::Error)]
pub enum TransportSetupError {
    /// The CA file holds no certificate, or a broken one.
    #[error("microsoft.ca_file holds no readable PEM certificate")]
    CaFile(#[source] Option<reqwest::Error>),
    /// The proxy address is wrong.
    #[error("the proxy address is not usable")]
    Proxy(#[source] reqwest::Error),
    /// TLS or the resolver could not be set up.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

/// Requests over the network.
pub struct ReqwestTransport {
    options: TransportOptions,
    current: Mutex<Current>,
}

struct Current {
    client: reqwest::Client,
    made: Instant,
}

impl ReqwestTransport {
    /// A transport with its own pool.
    pub fn new(options: TransportOptions) -> Result<Self, TransportSetupError> {
        let client = build(&options)?;
        Ok(Self {
            options,
            current: Mutex::new(Current {
                client,
                made: now(),
            }),
        })
    }

    fn client(&self) -> reqwest::Client {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.client.clone()
    }
}

impl Transport for ReqwestTransport {
    fn send(&self, request: Request<Bytes>, limit_bytes: usize) -> TransportFuture<'_> {
        let client = self.client();
        Box::pin(async move {
            let request = reqwest::Request::try_from(request.map(reqwest::Body::from))
                .map_err(|error| failed(TransportFailure::Request, error))?;
            let response = client
                .execute(request)
                .await
                .map_err(|error| failed(TransportFailure::Connect, error))?;
            collect(response, limit_bytes).await
        })
    }

    fn renew_connections(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.made.elapsed() < RENEW_INTERVAL {
            return;
        }
        match build(&self.options) {
            Ok(client) => {
                current.client = client;
                current.made = now();
            }
            Err(error) => tracing::warn!(%error, "connections could not be renewed"),
        }
    }
}

impl std::fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReqwestTransport").finish_non_exhaustive()
    }
}

// Only the age of the connections is measured, never shown or stored.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

// The one place an HTTP client is made.
#[allow(clippy::disallowed_methods)]
fn build(options: &TransportOptions) -> Result<reqwest::Client, TransportSetupError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .gzip(true)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(30))
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.read_timeout)
        .timeout(options.total_timeout)
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .http2_keep_alive_timeout(Duration::from_secs(20))
        .pool_idle_timeout(Duration::from_secs(90))
        .pool_max_idle_per_host(options.idle_per_host)
        .no_proxy();
    if let Some(reachable) = options.reachable {
        builder = builder.dns_resolver(Judging(reachable));
    }
    if let Some(proxy) = &options.proxy {
        builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(TransportSetupError::Proxy)?);
    }
    if let Some(pem) = &options.extra_ca_pem {
        let certificates = reqwest::Certificate::from_pem_bundle(pem)
            .map_err(|error| TransportSetupError::CaFile(Some(error)))?;
        if certificates.is_empty() {
            return Err(TransportSetupError::CaFile(None));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(TransportSetupError::Client)
}

/// A resolver that gives only addresses that may be reached.
struct Judging(fn(IpAddr) -> bool);

impl Resolve for Judging {
    fn resolve(&self, name: Name) -> Resolving {
        let reachable = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|at| reachable(at.ip())).collect();
            if allowed.is_empty() {
                return Err(format!("{} leads to no public address", name.as_str()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

async fn collect(
    mut response: reqwest::Response,
    limit_bytes: usize,
) -> Result<Answer, TransportError> {
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    // Trust the announced length only as far as the limit.
    let announced = usize::try_from(response.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
    let mut first: Option<Bytes> = None;
    let mut joined = BytesMut::new();
    loop {
        let chunk = response
            .chunk()
            .await
            .map_err(|error| failed(TransportFailure::Interrupted, error))?;
        let Some(chunk) = chunk else { break };
        let so_far = joined.len() + first.as_ref().map_or(0, Bytes::len);
        if so_far + chunk.len() > limit_bytes {
            return Err(TransportError::new(
                TransportFailure::TooLong,
                format!("more than {limit_bytes} bytes"),
            ));
        }
        match first.take() {
            // A body of one chunk is passed on without a copy.
            None if joined.is_empty() => first = Some(chunk),
            None => joined.extend_from_slice(&chunk),
            Some(earlier) => {
                joined.reserve(announced.min(limit_bytes).max(earlier.len() + chunk.len()));
                joined.extend_from_slice(&earlier);
                joined.extend_from_slice(&chunk);
            }
        }
    }
    Ok(Answer {
        status,
        headers,
        body: first.unwrap_or_else(|| joined.freeze()),
    })
}

fn failed(otherwise: TransportFailure, error: reqwest::Error) -> TransportError {
    // The query of a link holds a page token; it does not belong in logs.
    let error = error.without_url();
    let failure = if is_untrusted(&error) {
        TransportFailure::Certificate
    } else if error.is_timeout() {
        TransportFailure::Timeout
    } else if error.is_connect() {
        TransportFailure::Connect
    } else if error.is_builder() {
        TransportFailure::Request
    } else if error.is_body() || error.is_decode() || error.is_request() {
        TransportFailure::Interrupted
    } else {
        otherwise
    };
    TransportError::new(failure, chain(&error))
}

fn is_untrusted(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let tls = error.downcast_ref::<rustls::Error>().or(inner);
        if matches!(tls, Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        next = error.source();
    }
    false
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
