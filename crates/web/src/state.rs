//! What every handler is given.

use std::sync::Arc;

use engine::Engine;
use tokio::sync::Semaphore;

use crate::auth::rate::Buckets;

/// How the server behaves towards the outside.
#[derive(Debug, Clone, Default)]
pub struct WebOptions {
    /// Outgoing webhooks may go to private and loopback addresses, and over
    /// plain http.
    pub allow_private_webhooks: bool,
    /// A proxy of ours is in front: the last address of `X-Forwarded-For` is
    /// the client's.
    pub trust_forwarded_for: bool,
    /// There is a mail server, so that webhooks may be `mailto:` addresses.
    pub mail: bool,
}

/// The engine, the options, and what requests share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The engine.
    pub engine: Engine,
    /// The options.
    pub options: WebOptions,
    pub(crate) shared: Arc<Shared>,
}

/// What requests share in memory.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Requests of each client to the public endpoints.
    pub(crate) buckets: Buckets,
    /// How many passwords are hashed at once: each takes 19 MiB and a core.
    pub(crate) hashing: Semaphore,
}

impl AppState {
    /// The state over an engine.
    pub fn new(engine: Engine, options: WebOptions) -> Self {
        let shared = Shared {
            buckets: Buckets::default(),
            hashing: Semaphore::new(2),
        };
        Self {
            engine,
            options,
            shared: Arc::new(shared),
        }
    }

    /// Whether browsers reach us over https, so that cookies may be `Secure`.
    pub(crate) fn is_https(&self) -> bool {
        self.engine.options().public_url.scheme() == "https"
    }
}
