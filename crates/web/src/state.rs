//! What every handler is given.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::Engine;
use jiff::{SignedDuration, Timestamp};
use provisioning::ids::ConnectionId;
use store::{Db, links};
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
    /// How many people each connection has, as lately counted.
    pub(crate) people: PeopleCounts,
    /// How many passwords are hashed at once: each takes 19 MiB and a core.
    pub(crate) hashing: Semaphore,
}

/// How many people each connection has. Counting a million takes a tenth of a
/// second, so a large count is as old as it took long to change visibly.
#[derive(Debug, Default)]
pub(crate) struct PeopleCounts(Mutex<HashMap<ConnectionId, (Timestamp, u64)>>);

/// From here on a count is kept...
const LARGE: u64 = 10_000;
/// ...or all are, when so many are wanted at once...
const MANY: usize = 100;
/// ...for so long.
const KEPT: SignedDuration = SignedDuration::from_secs(60);

impl PeopleCounts {
    /// How many each of these has, or had a minute ago.
    pub(crate) async fn of(
        &self,
        db: &Db,
        connections: &[ConnectionId],
        now: Timestamp,
    ) -> store::Result<HashMap<ConnectionId, u64>> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let are_many = connections.len() > MANY;
        let is_kept = |(at, count): (Timestamp, u64)| {
            let is_long = count >= LARGE || are_many;
            (is_long && now.duration_since(at) < KEPT).then_some(count)
        };
        let (mut counts, mut unknown) = (HashMap::new(), Vec::new());
        for id in connections {
            match known().get(id).copied().and_then(is_kept) {
                Some(count) => drop(counts.insert(*id, count)),
                None => unknown.push(*id),
            }
        }
        for (id, count) in links::counts_primary(db, &unknown).await? {
            known().insert(id, (now, count));
            counts.insert(id, count);
        }
        Ok(counts)
    }
}

impl AppState {
    /// The state over an engine.
    pub fn new(engine: Engine, options: WebOptions) -> Self {
        let shared = Shared {
            buckets: Buckets::default(),
            people: PeopleCounts::default(),
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
