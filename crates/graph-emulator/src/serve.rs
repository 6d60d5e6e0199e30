//! Serving on a socket, with or without TLS, until told to stop.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

use crate::Emulator;
use crate::tls::{self, TlsError};

/// Why serving failed.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket.
    #[error("socket: {0}")]
    Socket(#[from] std::io::Error),
    /// The certificates of `--tls`.
    #[error("{0}")]
    Tls(String),
}

impl From<TlsError> for ServeError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error.to_string())
    }
}

/// TLS made ready: the authority clients must trust, and the server's side of it.
pub struct TlsReady {
    /// The authority's certificate in PEM.
    pub ca_file: PathBuf,
    config: axum_server::tls_rustls::RustlsConfig,
}

impl std::fmt::Debug for TlsReady {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TlsReady")
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

impl Emulator {
    /// Serves plain HTTP until `stop` is ready.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "no TCP_NODELAY");
            }
        });
        axum::serve(listener, self.router())
            .with_graceful_shutdown(stop)
            .await?;
        Ok(())
    }

    /// Makes an authority and a certificate for localhost and the hosts clients have wired in; writes the authority to
    /// `ca.pem` in `directory`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn prepare_tls(directory: &Path) -> Result<TlsReady, ServeError> {
        let made = tls::make(directory).await?;
        Ok(TlsReady {
            ca_file: made.ca_file,
            config: made.config,
        })
    }

    /// Serves HTTPS until `stop` is ready; absolute addresses begin with `https` from now on.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve_tls(
        &self,
        listener: TcpListener,
        tls: TlsReady,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        self.app.use_https();
        let handle = axum_server::Handle::<SocketAddr>::new();
        let stopper = handle.clone();
        tokio::spawn(async move {
            stop.await;
            stopper.graceful_shutdown(Some(std::time::Duration::from_secs(1)));
        });
        let server = axum_server::from_tcp_rustls(listener.into_std()?, tls.config)?;
        server
            .handle(handle)
            .serve(self.router().into_make_service())
            .await?;
        Ok(())
    }
}
