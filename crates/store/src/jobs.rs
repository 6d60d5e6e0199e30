//! Jobs that workers hold, fencing tokens, and the workers' leases. A job
//! carries a key, never the change; there is one row for each (kind, key).
//!
//! The lease is the worker's and covers every job it holds, so that holding
//! thousands costs one small write every few seconds. A worker may keep a job
//! when it is done with it and do it again without writing: whoever asks for
//! the job leaves a note ([`enqueue`], [`claim_key`]) that the holder looks for
//! ([`asked_for`]).
//!
//! The fence grows whenever a job changes hands, so a worker that lost its
//! lease without noticing cannot commit: see [`fence`].

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
    /// Failures in a row before this claim.
    pub attempts: i64,
    /// Why the attempt before failed.
    pub last_error: Option<String>,
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
    })
}

/// Asks for a job at `run_at`. One that waits already runs at the earlier of
/// the two times; one that somebody holds is noted for the holder.
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

/// Says that a worker is alive and keeps what it holds until `until`.
pub async fn beat(db: &Db, worker: &str, until: Timestamp) -> Result<()> {
    let mut tx = db.begin_relaxed().await?;
    let text = "INSERT INTO workers (name, lease_until) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET lease_until = excluded.lease_until";
    tx.execute(text, args![worker, until]).await?;
    tx.commit().await
}

/// How many workers are alive.
pub async fn workers(on: impl Into<Source<'_>>, now: Timestamp) -> Result<u64> {
    let text = "SELECT COUNT(*) AS workers FROM workers WHERE lease_until > $1";
    let row = on.into().row(text, args![now]).await?;
    row.map_or(Ok(0), |row| row.get("workers"))
}

/// Frees what workers hold whose lease ran out; how many jobs. Their tokens are
/// void from then on. Writes nothing when all are alive.
pub async fn bury(db: &Db, now: Timestamp) -> Result<u64> {
    let text = "SELECT name FROM workers WHERE lease_until <= $1";
    if db.source().row(text, args![now]).await?.is_none() {
        return Ok(0);
    }
    let dead = "SELECT name FROM workers WHERE lease_until <= $1";
    // A transaction that still holds a job's fence is not waited for: next time.
    let lock = match db.backend() {
        Backend::Sqlite => "",
        Backend::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    let mut tx = db.begin().await?;
    let text = format!(
        "UPDATE jobs SET worker = NULL, fence = fence + 1,
            run_at = COALESCE(again_at, run_at), again_at = NULL
        WHERE id IN (SELECT id FROM jobs WHERE worker IN ({dead}){lock})"
    );
    let freed = tx.execute(text, args![now]).await?;
    let text = "DELETE FROM workers WHERE lease_until <= $1
        AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.worker = workers.name)";
    tx.execute(text, args![now]).await?;
    tx.commit().await?;
    if db.backend() == Backend::Postgres {
        end_transactions_of_the_dead(db, now).await?;
    }
    Ok(freed)
}

/// Ends the transactions that lean on a fence whose worker is dead: one that
/// froze, or that no packet reaches, keeps its locks as long as its connection
/// stands. They bear their worker's name, see [`fence`].
async fn end_transactions_of_the_dead(db: &Db, now: Timestamp) -> Result<()> {
    let text = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name IN (
            SELECT {LEANING} FROM jobs JOIN workers ON workers.name = jobs.worker
            WHERE workers.lease_until <= $1)"
    );
    db.source().rows(text, args![now]).await?;
    Ok(())
}

/// The name of a connection while its transaction leans on a job's fence. Names
/// of workers can be longer than PostgreSQL keeps.
const LEANING: &str = "'rollcall ' || md5(worker)";

/// Frees a job that this worker holds according to the database and does not
/// know of: it could not be given back, or the answer to its claim was lost.
pub async fn free_stray(db: &Db, worker: &str, (id, fence): (i64, i64)) -> Result<u64> {
    let text = "UPDATE jobs SET worker = NULL, fence = fence + 1,
            run_at = COALESCE(again_at, run_at), again_at = NULL
        WHERE id = $1 AND fence = $2 AND worker = $3";
    let mut tx = db.begin().await?;
    let freed = tx.execute(text, args![id, fence, worker]).await?;
    tx.commit().await?;
    Ok(freed)
}

/// Takes the free jobs that are due longest, so many at most, of these kinds;
/// those that somebody wants out of turn are left to them. In no order. Writes
/// nothing when there is none.
pub async fn claim(
    db: &Db,
    worker: &str,
    now: Timestamp,
    kinds: &[&str],
    most: u32,
) -> Result<Vec<Job>> {
    // By time, not by kind: the empty text keeps the index on kinds out of it.
    let due = "worker IS NULL AND run_at <= $2 AND kind || '' IN ($1)
        AND (wanted_until IS NULL OR wanted_until <= $2)";
    let text = format!("SELECT id FROM jobs WHERE {due} ORDER BY run_at, id LIMIT 1");
    if db.source().row(text, args![kinds, now]).await?.is_none() {
        return Ok(Vec::new());
    }
    let first = format!("SELECT id FROM jobs WHERE {due} ORDER BY run_at, id LIMIT $4");
    let first = match db.backend() {
        Backend::Sqlite => format!("id IN ({first})"),
        // As an array, or it might be looked up, and locked, more than once.
        Backend::Postgres => format!("id = ANY (ARRAY({first} FOR UPDATE SKIP LOCKED))"),
    };
    let text = format!("UPDATE jobs SET worker = $3, fence = fence + 1 WHERE {first} RETURNING *");
    let mut tx = db.begin().await?;
    let args = args![kinds, now, worker, most];
    let rows = tx.rows(text, args).await?;
    let jobs: Result<Vec<Job>> = rows.iter().map(read).collect();
    let jobs = jobs?;
    tx.commit().await?;
    Ok(jobs)
}

/// Takes a job out of turn, due or not; makes it when it is missing. `None`
/// when somebody holds it: they are told that it is wanted until `wanted`.
pub async fn claim_key(
    db: &Db,
    worker: &str,
    (kind, key, connection_id): (&str, &str, Option<ConnectionId>),
    now: Timestamp,
    wanted: Timestamp,
) -> Result<Option<Job>> {
    let mut tx = db.begin().await?;
    let text = "INSERT INTO jobs (kind, key, connection_id, run_at, fence, attempts, created_at)
        VALUES ($1, $2, $3, $4, 0, 0, $4)
        ON CONFLICT (kind, key) DO NOTHING";
    tx.execute(text, args![kind, key, connection_id, now])
        .await?;
    let text = "UPDATE jobs SET worker = $3, fence = fence + 1, wanted_until = NULL
        WHERE kind = $1 AND key = $2 AND worker IS NULL RETURNING *";
    let row = tx.row(text, args![kind, key, worker]).await?;
    let job = row.as_ref().map(read).transpose()?;
    if job.is_none() {
        let text = "UPDATE jobs SET wanted_until = $3 WHERE kind = $1 AND key = $2";
        tx.execute(text, args![kind, key, wanted]).await?;
    }
    tx.commit().await?;
    Ok(job)
}

/// What was asked of a job while somebody held it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The job.
    pub id: i64,
    /// It is to be done again now.
    pub again: bool,
    /// Somebody else wants it.
    pub wanted: bool,
}

/// Which of the jobs a worker holds were asked for.
pub async fn asked_for(
    on: impl Into<Source<'_>>,
    worker: &str,
    now: Timestamp,
) -> Result<Vec<Asked>> {
    // Its condition is that of the index jobs_asked.
    let text = "SELECT id, again_at IS NOT NULL AND again_at <= $2 AS again,
            wanted_until IS NOT NULL AND wanted_until > $2 AS wanted
        FROM jobs WHERE (again_at IS NOT NULL OR wanted_until IS NOT NULL) AND worker = $1
            AND (again_at <= $2 OR wanted_until > $2)";
    let rows = on.into().rows(text, args![worker, now]).await?;
    rows.iter()
        .map(|row| {
            Ok(Asked {
                id: row.get("id")?,
                again: row.get("again")?,
                wanted: row.get("wanted")?,
            })
        })
        .collect()
}

/// The jobs a worker holds: id and fence.
pub async fn held(on: impl Into<Source<'_>>, worker: &str) -> Result<Vec<(i64, i64)>> {
    let text = "SELECT id, fence FROM jobs WHERE worker = $1";
    let rows = on.into().rows(text, args![worker]).await?;
    rows.iter()
        .map(|row| Ok((row.get("id")?, row.get("fence")?)))
        .collect()
}

/// Begins a job that is held and was asked for again: what is asked for from
/// now on is a new request.
pub async fn begin_again(db: &Db, job: &Job) -> Result<()> {
    let mut tx = db.begin().await?;
    let text = "UPDATE jobs SET again_at = NULL WHERE id = $1 AND fence = $2
        AND worker IS NOT NULL";
    fenced(tx.execute(text, args![job.id, job.fence]).await?)?;
    tx.commit().await
}

/// Makes the rest of the transaction conditional on still having the job: call
/// it first in every transaction that writes for one.
pub async fn fence(tx: &mut Tx, job: &Job) -> Result<()> {
    // The lock lets other transactions of the holder through, and not a change
    // of the fence, which is part of a unique index for that reason.
    let held = "FROM jobs WHERE id = $1 AND fence = $2 AND worker IS NOT NULL";
    let text = match tx.backend() {
        Backend::Sqlite => format!("SELECT id {held}"),
        // The name is the transaction's, and ends with it.
        Backend::Postgres => format!(
            "SELECT id, set_config('application_name', {LEANING}, true) {held} FOR KEY SHARE"
        ),
    };
    let row = tx.row(text, args![job.id, job.fence]).await?;
    fenced(u64::from(row.is_some()))
}

/// Ends a job for good, or lets it run again if it was asked for meanwhile.
pub async fn complete(tx: &mut Tx, job: &Job) -> Result<()> {
    let text = "DELETE FROM jobs WHERE id = $1 AND fence = $2 AND worker IS NOT NULL
        AND again_at IS NULL";
    if tx.execute(text, args![job.id, job.fence]).await? > 0 {
        return Ok(());
    }
    let text = "UPDATE jobs SET worker = NULL, run_at = again_at, again_at = NULL, attempts = 0,
            last_error = NULL
        WHERE id = $1 AND fence = $2 AND worker IS NOT NULL";
    fenced(tx.execute(text, args![job.id, job.fence]).await?)
}

/// Gives a job back that was done, to be done again at `run_at`, or earlier if
/// it was asked for meanwhile.
pub async fn give_back(tx: &mut Tx, job: &Job, run_at: Timestamp) -> Result<()> {
    let text = "UPDATE jobs SET worker = NULL, attempts = 0, last_error = NULL, again_at = NULL,
            run_at = CASE WHEN again_at < $3 THEN again_at ELSE $3 END
        WHERE id = $1 AND fence = $2 AND worker IS NOT NULL";
    fenced(tx.execute(text, args![job.id, job.fence, run_at]).await?)
}

/// Gives a job back to be tried again at `retry_at`; requests made meanwhile
/// are served by that attempt.
pub async fn fail(tx: &mut Tx, job: &Job, retry_at: Timestamp, error: &str) -> Result<()> {
    let text = "UPDATE jobs SET worker = NULL, run_at = $3, again_at = NULL, last_error = $4,
            attempts = attempts + 1
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
pub async fn retire(db: &Db, worker: &str) -> Result<u64> {
    let mut tx = db.begin().await?;
    let text = "UPDATE jobs SET worker = NULL, fence = fence + 1,
            run_at = COALESCE(again_at, run_at), again_at = NULL
        WHERE worker = $1";
    let released = tx.execute(text, args![worker]).await?;
    tx.execute("DELETE FROM workers WHERE name = $1", args![worker])
        .await?;
    tx.commit().await?;
    Ok(released)
}

/// When the next free job of one of these kinds is due, if there is one.
pub async fn next_due(on: impl Into<Source<'_>>, kinds: &[&str]) -> Result<Option<Timestamp>> {
    let text = "SELECT MIN(run_at) AS due FROM jobs WHERE worker IS NULL AND kind IN ($1)";
    let row = on.into().row(text, args![kinds]).await?;
    row.map_or(Ok(None), |row| row.maybe("due"))
}

/// How many jobs of each kind are free and held: (kind, free, held).
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
