//! The engine itself: what everything else in this crate hangs on, and the one
//! place that looks at the clock.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use graph::{ApplicationBudgets, Cloud, Environment, GraphClient, IdentityPlatform};
use jiff::Timestamp;
use provisioning::ids::ConnectionId;
use provisioning::limits::Limits;
use store::connections::Connection;
use store::jobs::{self, Job};
use store::sealer::Sealer;
use store::{Db, Tx};
use url::Url;
use uuid::Uuid;

use crate::error::Result;
use crate::lease::Idle;

/// Whether change notifications are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notifications {
    /// When the public address can be reached by Microsoft.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never: polling only.
    Off,
}

/// How the engine works.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The address of this server as the world sees it.
    pub public_url: Url,
    /// Which Microsoft cloud.
    pub cloud: Cloud,
    /// How often changes are asked for; while notifications are alive and nothing
    /// happens, up to eight times as long passes.
    pub poll_interval: Duration,
    /// How often everything is read.
    pub reconcile_interval: Duration,
    /// Whether notifications are used.
    pub notifications: Notifications,
    /// Approve first syncs without a person.
    pub auto_approve_first: bool,
    /// Limits of connections without their own.
    pub limits: Limits,
    /// This process's name in leases.
    pub worker: String,
}

/// The engine. Cheap to clone.
///
/// A clone that works on a connection carries the job it does so by, and every
/// transaction it begins fails once that job is somebody else's.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Inner>, Option<Arc<Job>>);

pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) sealer: Sealer,
    pub(crate) environment: Environment,
    pub(crate) platform: IdentityPlatform,
    pub(crate) options: EngineOptions,
    pub(crate) clients: Mutex<HashMap<ConnectionId, GraphClient>>,
    /// What each application may still spend at Graph in all its tenants.
    pub(crate) budgets: ApplicationBudgets,
    /// This process in leases.
    pub(crate) worker: String,
    /// Connections the worker holds between two rounds.
    pub(crate) idle: Mutex<Idle>,
    /// Jobs this process holds for anything but the worker's rounds, by id.
    pub(crate) lent: Mutex<HashSet<i64>>,
    /// How many rounds in a row were calm.
    pub(crate) calm: Mutex<HashMap<ConnectionId, u32>>,
    /// When each connection was read last.
    pub(crate) read_at: Mutex<HashMap<ConnectionId, Timestamp>>,
    /// Of which of them the database does not know yet.
    pub(crate) unwritten_reads: Mutex<HashSet<ConnectionId>>,
    /// When it was told last.
    pub(crate) reads_written_at: Mutex<Option<Timestamp>>,
    counter: AtomicU32,
    pub(crate) wake: tokio::sync::Notify,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine over a migrated database.
    pub fn new(db: Db, sealer: Sealer, environment: Environment, options: EngineOptions) -> Self {
        let platform = IdentityPlatform::new(environment.clone(), options.cloud.clone());
        let mut tail = [0; 4];
        environment.entropy.fill(&mut tail);
        let inner = Inner {
            worker: format!("{} {:08x}", options.worker, u32::from_le_bytes(tail)),
            db,
            sealer,
            environment,
            platform,
            options,
            clients: Mutex::default(),
            budgets: ApplicationBudgets::default(),
            idle: Mutex::default(),
            lent: Mutex::default(),
            calm: Mutex::default(),
            read_at: Mutex::default(),
            unwritten_reads: Mutex::default(),
            reads_written_at: Mutex::default(),
            counter: AtomicU32::new(0),
            wake: tokio::sync::Notify::new(),
        };
        Self(Arc::new(inner), None)
    }

    /// The engine doing a job.
    pub(crate) fn holding(&self, job: Arc<Job>) -> Self {
        Self(Arc::clone(&self.0), Some(job))
    }

    /// The engine doing no job, for what outlives one.
    pub(crate) fn unheld(&self) -> Self {
        Self(Arc::clone(&self.0), None)
    }

    /// A transaction that writes: for a job, only while it is this engine's.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        let tx = self.db().begin().await?;
        self.fenced(tx).await
    }

    /// The same, for what would be read, planned or applied again if the machine
    /// lost it: what comes later is lost with it, and what is committed by
    /// [`Self::begin`] keeps everything before.
    pub(crate) async fn begin_relaxed(&self) -> Result<Tx> {
        let tx = self.db().begin_relaxed().await?;
        self.fenced(tx).await
    }

    async fn fenced(&self, mut tx: Tx) -> Result<Tx> {
        self.lean_on_job(&mut tx).await?;
        Ok(tx)
    }

    /// Makes a transaction fail once the job this engine does is somebody else's.
    pub(crate) async fn lean_on_job(&self, tx: &mut Tx) -> Result<()> {
        if let Some(job) = &self.1 {
            jobs::fence(tx, job).await?;
        }
        Ok(())
    }

    /// How fresh what is known of a connection is. The database is told of it
    /// every minute, of all connections at once, so that a round in which nothing
    /// happened writes nothing.
    pub fn as_of(&self, connection: &Connection) -> Option<Timestamp> {
        let read_at = locked(&self.0.read_at);
        let here = read_at.get(&connection.id).copied();
        here.max(connection.progress.as_of)
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// What seals secrets.
    pub fn sealer(&self) -> &Sealer {
        &self.0.sealer
    }

    /// How it works.
    pub fn options(&self) -> &EngineOptions {
        &self.0.options
    }

    /// What applications may spend at Graph.
    pub fn budgets(&self) -> &ApplicationBudgets {
        &self.0.budgets
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.0.environment.clock.now()
    }

    /// Random bytes.
    pub fn fill(&self, out: &mut [u8]) {
        self.0.environment.entropy.fill(out);
    }

    /// A new id (UUID version 7): later ones are greater, so that rows made
    /// together lie together.
    pub fn new_id(&self) -> Uuid {
        let mut bytes = [0; 10];
        self.fill(&mut bytes);
        let count = self.0.counter.fetch_add(1, Ordering::Relaxed);
        bytes[..4].copy_from_slice(&count.to_be_bytes());
        let millis = self.now().as_millisecond();
        let millis = u64::try_from(millis).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }

    /// 256 random bits as text that is safe in an address.
    pub fn secret(&self) -> String {
        use base64::Engine as _;
        let mut bytes = [0; 32];
        self.fill(&mut bytes);
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The OAuth redirect address, exactly as it must be registered.
    pub fn redirect_uri(&self) -> String {
        let base = self.0.options.public_url.as_str().trim_end_matches('/');
        format!("{base}/OAuth/IntegrationCallback.aspx")
    }
}

/// What a mutex guards, also after a panic elsewhere.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A hash for tokens and states that are looked up.
pub(crate) fn digest(text: &str) -> [u8; 32] {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(text.as_bytes()).into()
}
