//! Connections that are used again at once.
//!
//! The driver's pool asks every connection that comes back whether it still
//! works, in a task of its own. That is a way to the server and back after each
//! statement, or two more turns of threads on SQLite, whose only connection
//! that writes is away for as long. One whose last statement was answered need not
//! be asked. So those stay here, beside the pool, which makes connections and mends
//! or closes all others.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, PgConnection, Pool, Postgres, Sqlite, SqliteConnection};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::Instant;

use crate::error::Result;
use crate::postgres_pool::{SILENCE, within};

/// How long a connection stays away from the pool, which ends those that have
/// lived long.
const LONGEST: Duration = Duration::from_secs(300);

/// A database whose connections are kept.
pub(crate) trait Kind: Database {
    /// Ends a transaction that may be open, whatever else was cut off.
    fn roll_back(on: &mut Self::Connection) -> impl Future<Output = sqlx::Result<()>> + Send + '_;
}

impl Kind for Sqlite {
    async fn roll_back(on: &mut SqliteConnection) -> sqlx::Result<()> {
        let text = "ROLLBACK";
        // One that never began cannot be ended, and that is as well.
        match sqlx::query(text).execute(on).await {
            Ok(_) | Err(sqlx::Error::Database(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Kind for Postgres {
    async fn roll_back(on: &mut PgConnection) -> sqlx::Result<()> {
        let rolled = sqlx::raw_sql("ROLLBACK").execute(on);
        within(SILENCE, rolled).await.map(|_| ())
    }
}

/// A pool, and the connections of it that are at hand. Cheap to clone.
pub(crate) struct Shelf<DB: Kind>(Arc<State<DB>>);

struct State<DB: Kind> {
    pool: Pool<DB>,
    free: Mutex<Vec<Kept<DB>>>,
    permits: Arc<Semaphore>,
    /// How long whoever wants a connection waits for one.
    patience: Duration,
    /// For how long a connection that was answered counts as one that works.
    lately: Duration,
}

struct Kept<DB: Kind> {
    on: PoolConnection<DB>,
    taken_at: Instant,
    used_at: Instant,
}

/// A connection in use. Comes back when dropped.
pub(crate) struct Lent<DB: Kind> {
    on: Option<PoolConnection<DB>>,
    taken_at: Instant,
    is_answered: bool,
    is_open: bool,
    shelf: Shelf<DB>,
    _permit: OwnedSemaphorePermit,
}

impl<DB: Kind> Shelf<DB> {
    /// A shelf beside a pool of so many connections.
    pub(crate) fn new(pool: Pool<DB>, patience: Duration, lately: Duration) -> Self {
        let size = pool.options().get_max_connections();
        let permits = usize::try_from(size).unwrap_or(Semaphore::MAX_PERMITS);
        Self(Arc::new(State {
            pool,
            free: Mutex::default(),
            permits: Arc::new(Semaphore::new(permits)),
            patience,
            lately,
        }))
    }

    /// A connection, once one is free.
    pub(crate) async fn lend(&self) -> Result<Lent<DB>> {
        let permits = Arc::clone(&self.0.permits);
        let permit = match permits.try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::Closed) => return Err(sqlx::Error::PoolClosed.into()),
            Err(TryAcquireError::NoPermits) => self.wait().await?,
        };
        let (on, taken_at) = match self.take() {
            Some(kept) => (kept.on, kept.taken_at),
            // On the heap: making a connection is a large future, and rare.
            None => (Box::pin(self.0.pool.acquire()).await?, now()),
        };
        Ok(Lent {
            on: Some(on),
            taken_at,
            is_answered: false,
            is_open: false,
            shelf: Self(Arc::clone(&self.0)),
            _permit: permit,
        })
    }

    async fn wait(&self) -> Result<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.0.permits).acquire_owned();
        let permit = tokio::time::timeout(self.0.patience, permit).await;
        let permit = permit.map_err(|_| sqlx::Error::PoolTimedOut)?;
        Ok(permit.map_err(|_| sqlx::Error::PoolClosed)?)
    }

    /// The one used last, if it is known to work.
    fn take(&self) -> Option<Kept<DB>> {
        let kept = self.free().pop()?;
        // Any other goes to the pool, which asks it.
        (kept.used_at.elapsed() < self.0.lately).then_some(kept)
    }

    fn keep(&self, on: PoolConnection<DB>, taken_at: Instant) {
        let used_at = now();
        let mut free = self.free();
        // One that nobody needed lately goes to the pool.
        let is_left = |kept: &Kept<DB>| kept.used_at.elapsed() >= self.0.lately;
        let left = free.first().is_some_and(is_left).then(|| free.remove(0));
        free.push(Kept {
            on,
            taken_at,
            used_at,
        });
        drop(free);
        drop(left);
        if self.0.pool.is_closed() {
            self.empty();
        }
    }

    fn empty(&self) {
        let free = std::mem::take(&mut *self.free());
        drop(free);
    }

    fn free(&self) -> MutexGuard<'_, Vec<Kept<DB>>> {
        let free = self.0.free.lock();
        free.unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every connection, after what is running.
    pub(crate) async fn close(&self) {
        self.0.permits.close();
        // Closed from here on: what is kept afterwards does not stay.
        let closed = self.0.pool.close();
        self.empty();
        closed.await;
    }
}

impl<DB: Kind> Lent<DB> {
    /// Says that a transaction begins.
    pub(crate) fn opened(&mut self) {
        self.is_open = true;
    }

    /// Says that everything that was asked is answered, and no transaction is
    /// open.
    pub(crate) fn answered(&mut self) {
        self.is_answered = true;
        self.is_open = false;
    }
}

impl<DB: Kind> Deref for Lent<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        self.on.as_ref().expect("it is there until it is dropped")
    }
}

impl<DB: Kind> DerefMut for Lent<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.on.as_mut().expect("it is there until it is dropped")
    }
}

impl<DB: Kind> Drop for State<DB> {
    fn drop(&mut self) {
        let free = self.free.get_mut().unwrap_or_else(PoisonError::into_inner);
        for kept in free.drain(..) {
            // The pool goes too, perhaps outside of a runtime.
            drop(kept.on.leak());
        }
    }
}

impl<DB: Kind> Clone for Shelf<DB> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<DB: Kind> std::fmt::Debug for Shelf<DB> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}

impl<DB: Kind> std::fmt::Debug for Lent<DB> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lent").finish_non_exhaustive()
    }
}

impl<DB: Kind> Drop for Lent<DB> {
    fn drop(&mut self) {
        let Some(mut on) = self.on.take() else { return };
        if self.is_answered && self.taken_at.elapsed() < LONGEST {
            return self.shelf.keep(on, self.taken_at);
        }
        // Any other goes to the pool, which asks it.
        match Handle::try_current() {
            Err(_) => drop(on.leak()),
            Ok(runtime) if self.is_open => drop(runtime.spawn(async move {
                if DB::roll_back(&mut on).await.is_err() {
                    on.close_on_drop();
                }
            })),
            Ok(_) => drop(on),
        }
    }
}

// Only the age of connections is measured, never shown or stored.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}
