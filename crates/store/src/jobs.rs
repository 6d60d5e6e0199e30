//! Jobs with leases and fencing tokens. A job carries a key, never the change;
//! there is one row for each (kind, key).
//!
//! The fence grows with every claim, so a worker that lost its lease without
//! noticing cannot commit: see [`fence`].

use std::time::Duration;

use jiff::Timestamp;
use provisioning::ids::ConnectionId;

use crate::args;
use crate::db::{Backend, Db, Source, Tx};
use crate::error::{Result, StoreError};
use crate::sql::Row;

/// A job in a worker's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its row.
    pub id: i64,
    /// What is to be done.
    pub kind: String,
    /// To what.
    pub key: String,
    /// The connection concerned.
    pub connection_id: Option<ConnectionId>,
    /// This claim's token.
    pub fence: i64,
    /// Claims since it was last done, this one included.
    pub attempts: i64,
    /// Why the attempt before failed.
    pub last_error: Option<String>,
    /// Until when it belongs to the worker.
    pub lease_until: Timestamp,
}

fn read(row: &Row) -> Result<Job> {
    Ok(Job {
        id: row.get("id")?,
        kind: row.get("kind")?,
        key: row.get("key")?,
        connection_id: row.maybe("connection_id")?,
        fence: row.get("fence")?,
        attempts: row.get("attempts")?,
        last_error: row.maybe("last_error")?,
        lease_until: row.get("lease_until")?,
    })
}

/// Asks for a job at `run_at`. One that waits already runs at the earlier of
/// the two times; one that is running runs once more when it is done.
pub async fn enqueue(
    tx: &mut Tx,
    kind: &str,
    key: &str,
    connection_id: Option<ConnectionId>,
    run_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let text = "INSERT INTO jobs (kind, key, connection_id, run_at, fence, attempts, created_at)
        VALUES ($1, $2, $3, $4, 0, 0, $5)
        ON CONFLICT (kind, key) DO UPDATE SET
            run_at = CASE WHEN jobs.worker IS NULL AND excluded.run_at < jobs.run_at
                THEN excluded.run_at ELSE jobs.run_at END,
            again_at = CASE WHEN jobs.worker IS NULL THEN NULL
                WHEN jobs.again_at < excluded.run_at THEN jobs.again_at
                ELSE excluded.run_at END";
    let args = args![kind, key, connection_id, run_at, now];
    tx.execute(text, args).await?;
    Ok(())
}

/// Takes the job that is due longest, of one of these kinds: one that waits, or
/// one whose lease ran out. Writes nothing when there is none.
pub async fn claim(
    db: &Db,
    worker: &str,
    now: Timestamp,
    lease: Duration,
    kinds: &[&str],
) -> Result<Option<Job>> {
    // By time, not by kind: the empty text keeps the index on kinds out of it.
    let due = "kind || '' IN ($1) AND run_at <= $2 AND (lease_until IS NULL OR lease_until <= $2)";
    let text = format!("SELECT id FROM jobs WHERE {due} ORDER BY run_at, id LIMIT 1");
    if db.source().row(text, args![kinds, now]).await?.is_none() {
        return Ok(None);
    }
    let lock = match db.backend() {
        Backend::Sqlite => "",
        Backend::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    let text = format!(
        "UPDATE jobs SET worker = $3, lease_until = $4, fence = fence + 1,
            attempts = attempts + 1
        WHERE id = (SELECT id FROM jobs WHERE {due} ORDER BY run_at, id LIMIT 1{lock})
        RETURNING *"
    );
    let mut tx = db.begin().await?;
    let until = until(now, lease)?;
    let row = tx.row(text, args![kinds, now, worker, until]).await?;
    let job = row.as_ref().map(read).transpose()?;
    tx.commit().await?;
    Ok(job)
}

fn until(now: Timestamp, lease: Duration) -> Result<Timestamp> {
    now.checked_add(lease)
        .map_err(|error| StoreError::unreadable("a lease", error))
}

/// Keeps a job until `until`. [`StoreError::Fenced`]: stop, it is somebody
/// else's now.
pub async fn heartbeat(db: &Db, job: &Job, until: Timestamp) -> Result<()> {
    let mut tx = db.begin().await?;
    let text = "UPDATE jobs SET lease_until = $3 WHERE id = $1 AND fence = $2
        AND worker IS NOT NULL";
    let changed = tx.execute(text, args![job.id, job.fence, until]).await?;
    fenced(changed)?;
    tx.commit().await
}

/// Makes the rest of the transaction conditional on still having the job: call
/// it first in every transaction that writes for one.
pub async fn fence(tx: &mut Tx, job: &Job) -> Result<()> {
    let text = match tx.backend() {
        Backend::Sqlite => {
            "SELECT id FROM jobs WHERE id = $1 AND fence = $2 AND worker IS NOT NULL"
        }
        Backend::Postgres => {
            "SELECT id FROM jobs WHERE id = $1 AND fence = $2 AND worker IS NOT NULL FOR UPDATE"
        }
    };
    let row = tx.row(text, args![job.id, job.fence]).await?;
    fenced(u64::from(row.is_some()))
}

/// Ends a job, or lets it run again if it was asked for meanwhile.
pub async fn complete(tx: &mut Tx, job: &Job) -> Result<()> {
    let text = "DELETE FROM jobs WHERE id = $1 AND fence = $2 AND worker IS NOT NULL
        AND again_at IS NULL";
    if tx.execute(text, args![job.id, job.fence]).await? > 0 {
        return Ok(());
    }
    let text = "UPDATE jobs SET worker = NULL, lease_until = NULL, run_at = again_at,
            again_at = NULL, attempts = 0, last_error = NULL
        WHERE id = $1 AND fence = $2 AND worker IS NOT NULL";
    fenced(tx.execute(text, args![job.id, job.fence]).await?)
}

/// Gives a job back to be tried again at `retry_at`; requests made meanwhile
/// are served by that attempt.
pub async fn fail(tx: &mut Tx, job: &Job, retry_at: Timestamp, error: &str) -> Result<()> {
    let text = "UPDATE jobs SET worker = NULL, lease_until = NULL, run_at = $3, again_at = NULL,
            last_error = $4
        WHERE id = $1 AND fence = $2 AND worker IS NOT NULL";
    let args = args![job.id, job.fence, retry_at, error];
    fenced(tx.execute(text, args).await?)
}

fn fenced(changed: u64) -> Result<()> {
    match changed {
        0 => Err(StoreError::Fenced),
        _ => Ok(()),
    }
}

/// Gives back what a worker holds, at its orderly end; how many jobs.
pub async fn release(db: &Db, worker: &str) -> Result<u64> {
    let mut tx = db.begin().await?;
    let text = "UPDATE jobs SET worker = NULL, lease_until = NULL WHERE worker = $1";
    let released = tx.execute(text, args![worker]).await?;
    tx.commit().await?;
    Ok(released)
}

/// When the next job of one of these kinds can be claimed, if there is one.
pub async fn next_due(on: impl Into<Source<'_>>, kinds: &[&str]) -> Result<Option<Timestamp>> {
    let text = "SELECT MIN(CASE WHEN lease_until IS NOT NULL AND lease_until > run_at
            THEN lease_until ELSE run_at END) AS due
        FROM jobs WHERE kind IN ($1)";
    let row = on.into().row(text, args![kinds]).await?;
    row.map_or(Ok(None), |row| row.maybe("due"))
}

/// How many jobs of each kind wait and run: (kind, waiting, running).
pub async fn counts(on: impl Into<Source<'_>>) -> Result<Vec<(String, u64, u64)>> {
    let text = "SELECT kind,
            CAST(SUM(CASE WHEN worker IS NULL THEN 1 ELSE 0 END) AS bigint) AS waiting,
            CAST(SUM(CASE WHEN worker IS NULL THEN 0 ELSE 1 END) AS bigint) AS running
        FROM jobs GROUP BY kind ORDER BY kind";
    let rows = on.into().rows(text, args![]).await?;
    rows.iter()
        .map(|row| Ok((row.get("kind")?, row.get("waiting")?, row.get("running")?)))
        .collect()
}
