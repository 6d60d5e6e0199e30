//! One emulator with all its parts: memory, identity platform, limits, log of requests.
//! Wiring alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::http::{HeaderMap, Uri, header};

use crate::core::Core;
use crate::login::{Login, Principals};
use crate::request_log::RequestLog;
use crate::throttle::Throttle;

/// What handlers share.
pub(crate) struct App {
    pub core: Arc<Core>,
    pub login: Arc<Login>,
    throttle: Mutex<Throttle>,
    log: Mutex<RequestLog>,
    /// Set once the notifier runs.
    pub notifier: OnceLock<()>,
    https: AtomicBool,
}

impl App {
    pub(crate) fn new(core: Core) -> Arc<Self> {
        let core = Arc::new(core);
        let principals: Arc<dyn Principals> = Arc::clone(&core) as Arc<dyn Principals>;
        Arc::new(Self {
            login: Login::new(principals),
            core,
            throttle: Mutex::default(),
            log: Mutex::default(),
            notifier: OnceLock::new(),
            https: AtomicBool::new(false),
        })
    }

    pub(crate) fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, RequestLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Absolute addresses begin with `https` from now on.
    pub(crate) fn use_https(&self) {
        self.https.store(true, Ordering::Relaxed);
        self.login.set_scheme("https");
    }

    /// Scheme and host a request was sent to.
    pub(crate) fn base(&self, headers: &HeaderMap, uri: &Uri) -> String {
        let scheme = if self.https.load(Ordering::Relaxed) {
            "https"
        } else {
            "http"
        };
        let host = uri
            .authority()
            .map(|authority| authority.as_str())
            .or_else(|| headers.get(header::HOST)?.to_str().ok())
            .unwrap_or("localhost");
        format!("{scheme}://{host}")
    }

    /// Forgets everything.
    pub(crate) fn reset(&self) {
        self.core.reset();
        self.login.reset();
        *self.throttle() = Throttle::default();
        *self.log() = RequestLog::default();
    }
}
