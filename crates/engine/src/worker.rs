//! The loop: claims jobs and does them, one connection at a time each, several
//! connections at once; sleeps until something is due or wakes it.

use std::time::Duration;

use graph::environment::later;
use store::connections;
use store::connections::ConnectionStatus;
use store::jobs::{self, Job};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::error::Result;
use crate::model::ProvisioningMode;
use crate::run::SYNC_JOB;

/// How long a job belongs to a worker before another may take it.
const LEASE: Duration = Duration::from_secs(15);
/// How many connections one process works on at once.
const AT_ONCE: usize = 4;
/// The longest sleep: due times of other processes are seen this late.
const NAP: Duration = Duration::from_millis(250);
/// Waits after failures, doubling.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_secs(300);

impl Engine {
    /// Works until stopped.
    pub async fn work(&self, stop: CancellationToken) {
        if let Err(error) = self.schedule_all().await {
            tracing::error!("could not queue the connections: {error}");
        }
        let mut running: JoinSet<()> = JoinSet::new();
        while !stop.is_cancelled() {
            while running.try_join_next().is_some() {}
            let claimed = if running.len() < AT_ONCE {
                self.claim().await
            } else {
                Ok(None)
            };
            match claimed {
                Ok(Some(job)) => {
                    let engine = self.clone();
                    running.spawn(async move { engine.do_job(job).await });
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::error!("could not claim a job: {error}"),
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.0.wake.notified() => {}
                _ = running.join_next(), if !running.is_empty() => {}
                () = tokio::time::sleep(NAP) => {}
            }
        }
        // What was begun ends at the next transaction boundary.
        running.shutdown().await;
        if let Err(error) = jobs::release(self.db(), &self.options().worker).await {
            tracing::warn!("could not give back jobs: {error}");
        }
    }

    /// Does one job that is due, if there is one.
    pub async fn work_once(&self) -> Result<bool> {
        match self.claim().await? {
            Some(job) => {
                self.do_job(job).await;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    async fn claim(&self) -> Result<Option<Job>> {
        let worker = &self.options().worker;
        Ok(jobs::claim(self.db(), worker, self.now(), LEASE, &[SYNC_JOB]).await?)
    }

    /// Makes sure every connection has its job.
    async fn schedule_all(&self) -> Result<()> {
        let now = self.now();
        for connection in connections::list(self.db()).await? {
            let mut tx = self.db().begin().await?;
            let key = connection.id.to_string();
            jobs::enqueue(&mut tx, SYNC_JOB, &key, Some(connection.id), now, now).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn do_job(&self, job: Job) {
        let heart = {
            let (engine, job) = (self.clone(), job.clone());
            tokio::spawn(async move { engine.beat(job).await })
        };
        let outcome = self.tend_job(&job).await;
        heart.abort();
        let ended = match outcome {
            Ok(()) => self.finish_job(&job).await,
            Err(error) => {
                tracing::warn!(connection = %job.key, code = error.code, "sync failed: {error}");
                self.put_off(&job, &error.to_string()).await
            }
        };
        if let Err(error) = ended {
            tracing::error!(connection = %job.key, "could not end the job: {error}");
        }
    }

    /// Keeps the lease while the job runs.
    async fn beat(&self, job: Job) {
        loop {
            tokio::time::sleep(LEASE / 3).await;
            let until = later(self.now(), LEASE);
            if let Err(error) = jobs::heartbeat(self.db(), &job, until).await {
                tracing::warn!(connection = %job.key, "lost the job: {error}");
                return;
            }
        }
    }

    async fn tend_job(&self, job: &Job) -> Result<()> {
        let Some(id) = job.connection_id else {
            return Ok(());
        };
        let Some(connection) = connections::get(self.db(), id).await? else {
            return Ok(());
        };
        let blocked = matches!(
            connection.health.status,
            ConnectionStatus::Paused
                | ConnectionStatus::AwaitingConsent
                | ConnectionStatus::Connecting
        );
        if blocked || self.provisioning_mode().await? == ProvisioningMode::LocalOnly {
            return Ok(());
        }
        if let Err(error) = self.keep_subscribed(&connection).await {
            tracing::warn!(connection = %id, code = error.code, "no notifications: {error}");
        }
        self.tend(id).await
    }

    async fn finish_job(&self, job: &Job) -> Result<()> {
        let mut tx = self.db().begin().await?;
        jobs::complete(&mut tx, job).await?;
        if let Some(id) = job.connection_id
            && connections::get(&mut tx, id).await?.is_some()
        {
            let now = self.now();
            let next = later(now, self.options().poll_interval);
            jobs::enqueue(&mut tx, SYNC_JOB, &job.key, Some(id), next, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn put_off(&self, job: &Job, error: &str) -> Result<()> {
        let doublings = u32::try_from(job.attempts.clamp(0, 10)).unwrap_or(0);
        let wait = (FIRST_RETRY * 2_u32.pow(doublings)).min(LONGEST_RETRY);
        let mut tx = self.db().begin().await?;
        jobs::fail(&mut tx, job, later(self.now(), wait), error).await?;
        tx.commit().await?;
        Ok(())
    }
}
