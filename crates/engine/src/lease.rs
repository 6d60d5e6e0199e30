//! Connections in this process's hands: nobody else, here or in another
//! process, works on one meanwhile, and a process that lost its lease without
//! noticing cannot write.

use std::collections::{BTreeSet, HashMap};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use graph::environment::later;
use jiff::Timestamp;
use provisioning::ids::ConnectionId;
use store::Backend;
use store::jobs::{self, Job};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, locked};
use crate::error::{Class, EngineError, Result};
use crate::run::SYNC_JOB;

/// How long what a worker holds stays its own after its last sign of life.
const LEASE: Duration = Duration::from_secs(11);
/// Between two signs of life.
pub(crate) const BEAT: Duration = Duration::from_secs(3);
/// Between two looks whether somebody's lease ran out.
pub(crate) const VIGIL: Duration = Duration::from_secs(1);
/// Between two looks whether a connection became free.
const LOOK: Duration = Duration::from_millis(25);
/// How long a person's request waits for a connection that is being worked on.
const PATIENCE: Duration = Duration::from_secs(30);

/// The connections the worker holds and does nothing for until they are due.
/// Thousands, of which one is due every moment.
#[derive(Default)]
pub(crate) struct Idle {
    jobs: HashMap<ConnectionId, (Arc<Job>, Timestamp)>,
    by_due: BTreeSet<(Timestamp, ConnectionId)>,
}

impl Idle {
    pub(crate) fn insert(&mut self, id: ConnectionId, job: Arc<Job>, due: Timestamp) {
        self.remove(id);
        self.jobs.insert(id, (job, due));
        self.by_due.insert((due, id));
    }

    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<(Arc<Job>, Timestamp)> {
        let (job, due) = self.jobs.remove(&id)?;
        self.by_due.remove(&(due, id));
        Some((job, due))
    }

    /// Removes whichever is due last.
    pub(crate) fn pop_last(&mut self) -> Option<(Arc<Job>, Timestamp)> {
        let (_, id) = *self.by_due.last()?;
        self.remove(id)
    }

    /// Removes those that have been due longest, so many at most: when any is due
    /// now, all that will be until `soon`.
    pub(crate) fn pop_due(
        &mut self,
        now: Timestamp,
        soon: Timestamp,
        most: usize,
    ) -> Vec<Arc<Job>> {
        if self.next_due().is_none_or(|due| due > now) {
            return Vec::new();
        }
        let due = self.by_due.iter().take_while(|(due, _)| *due <= soon);
        let due: Vec<ConnectionId> = due.take(most).map(|(_, id)| *id).collect();
        let jobs = due.into_iter().filter_map(|id| self.remove(id));
        jobs.map(|(job, _)| job).collect()
    }

    /// How many are due, up to so many.
    pub(crate) fn count_due(&self, now: Timestamp, most: usize) -> usize {
        let due = self.by_due.iter().take(most);
        due.take_while(|(due, _)| *due <= now).count()
    }

    /// Removes the one with this job.
    pub(crate) fn remove_job(&mut self, job_id: i64) -> Option<(Arc<Job>, Timestamp)> {
        let mut jobs = self.jobs.iter();
        let (id, _) = jobs.find(|(_, (job, _))| job.id == job_id)?;
        self.remove(*id)
    }

    pub(crate) fn retain(&mut self, keeps: impl Fn(&Job) -> bool) {
        self.jobs.retain(|_, (job, _)| keeps(job));
        let jobs = &self.jobs;
        self.by_due.retain(|(_, id)| jobs.contains_key(id));
    }

    /// When the next one is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.by_due.first().map(|(due, _)| *due)
    }

    pub(crate) fn jobs(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.jobs.values().map(|(job, _)| job)
    }

    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }
}

/// Shows that this process is alive for as long as it is kept.
pub(crate) struct Heart {
    beating: JoinHandle<()>,
    /// The lease ran out, since this process stood still or its database was out
    /// of reach.
    pub(crate) lost: CancellationToken,
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

/// The engine with one connection to itself, for a change a person makes.
/// Given back when dropped.
pub(crate) struct Held {
    engine: Engine,
    job: Option<Arc<Job>>,
    heart: Option<Heart>,
}

impl Deref for Held {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (Some(job), Ok(runtime)) = (self.job.take(), Handle::try_current()) else {
            return;
        };
        let (engine, heart) = (self.engine.unheld(), self.heart.take());
        runtime.spawn(async move {
            if let Err(error) = engine.give_back_lent(&job).await {
                tracing::warn!(connection = %job.key, "could not give a job back: {error}");
            }
            drop(heart);
        });
    }
}

impl Held {
    /// Gives the connection back; what was asked for meanwhile is done next.
    pub(crate) async fn release(mut self) -> Result<()> {
        match self.job.take() {
            Some(job) => self.engine.unheld().give_back_lent(&job).await,
            None => Ok(()),
        }
    }

    /// The connection is gone, and its job with it.
    pub(crate) fn forget(mut self) {
        if let Some(job) = self.job.take() {
            locked(&self.engine.0.lent).remove(&job.id);
        }
    }
}

impl Engine {
    /// Takes a connection for a change, as soon as nobody works on it.
    pub(crate) async fn hold(&self, id: ConnectionId) -> Result<Held> {
        let heart = self.show_life().await?;
        let key = id.to_string();
        let mut waited = Duration::ZERO;
        let job = loop {
            let idle = locked(&self.0.idle).remove(id);
            if let Some((job, _)) = idle {
                break job;
            }
            let now = self.now();
            let job = (SYNC_JOB, key.as_str(), Some(id));
            let wanted = later(now, Duration::from_secs(1));
            let taken = jobs::claim_key(self.db(), &self.0.worker, job, now, wanted).await?;
            if let Some(job) = taken {
                break Arc::new(job);
            }
            if waited > PATIENCE {
                return Err(busy());
            }
            if waited.subsec_nanos() == 0 {
                // Whoever has it may be dead, and no worker there to notice.
                jobs::bury(self.db(), now).await?;
            }
            tokio::time::sleep(LOOK).await;
            waited += LOOK;
        };
        locked(&self.0.lent).insert(job.id);
        Ok(Held {
            engine: self.holding(Arc::clone(&job)),
            job: Some(job),
            heart: Some(heart),
        })
    }

    /// Gives a job back that was done, to be done again.
    pub(crate) async fn give_back(&self, job: &Job, again_at: Timestamp) -> Result<()> {
        let mut tx = self.db().begin().await?;
        jobs::give_back(&mut tx, job, again_at).await?;
        tx.commit().await?;
        self.0.wake.notify_one();
        Ok(())
    }

    /// Gives back what a page's change was done by; due at once.
    async fn give_back_lent(&self, job: &Job) -> Result<()> {
        // Whether or not that works: a stray is found.
        locked(&self.0.lent).remove(&job.id);
        self.give_back(job, self.now()).await
    }

    /// Shows that this process is alive, now and until the value is dropped.
    pub(crate) async fn show_life(&self) -> Result<Heart> {
        self.beat().await?;
        let (engine, lost) = (self.unheld(), CancellationToken::new());
        let tell = lost.clone();
        let mut last = self.now();
        let beating = tokio::spawn(async move {
            loop {
                tokio::time::sleep(BEAT).await;
                if engine.db().backend() == Backend::Postgres
                    && engine.now().duration_since(last).unsigned_abs() >= LEASE
                {
                    // Said before anything is written: others may have taken over.
                    return tell.cancel();
                }
                let now = engine.now();
                match engine.beat().await {
                    Ok(()) => last = now,
                    Err(error) => tracing::warn!("could not renew the lease: {error}"),
                }
            }
        });
        Ok(Heart { beating, lost })
    }

    /// A sign of life. On a server that does not answer it is given up before
    /// the next one is due.
    async fn beat(&self) -> Result<()> {
        let until = later(self.now(), LEASE);
        let beat = Box::pin(jobs::beat(self.db(), &self.0.worker, until));
        match self.db().backend() {
            // The one writer may be busy for longer; whoever waits for it is alive.
            Backend::Sqlite => Ok(beat.await?),
            Backend::Postgres => match tokio::time::timeout(BEAT, beat).await {
                Ok(beat) => Ok(beat?),
                Err(_) => Err(silent()),
            },
        }
    }
}

fn silent() -> EngineError {
    let message = format!(
        "the database has not answered for {} seconds",
        BEAT.as_secs()
    );
    EngineError::new("database_unavailable", Class::Unavailable, message)
        .cure("Start the database, or check the network between.")
}

fn busy() -> EngineError {
    EngineError::new(
        "connection_busy",
        Class::Conflict,
        "a run of this connection is under way",
    )
    .cure("Try again when the run has ended.")
}
