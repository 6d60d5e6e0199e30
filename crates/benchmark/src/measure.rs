//! What is measured: time, this process's CPU and memory, and what a database
//! has written.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use store::Db;

#[allow(clippy::disallowed_methods)] // measuring is this program's business
pub(crate) fn clock() -> Instant {
    Instant::now()
}

/// A moment to measure from.
pub(crate) struct Since {
    at: Instant,
    cpu: Duration,
}

impl Since {
    pub(crate) fn now() -> Result<Self> {
        Ok(Self {
            at: clock(),
            cpu: cpu()?,
        })
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.at.elapsed().as_secs_f64()
    }

    /// CPU of this process, all threads.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        Ok((cpu()? - self.cpu).as_secs_f64())
    }
}

/// CPU this process has used.
fn cpu() -> Result<Duration> {
    // In nanoseconds, but for this process's threads that are still there.
    let mut total = Duration::ZERO;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let nanoseconds = text.split_whitespace().next().context("schedstat")?;
        total += Duration::from_nanos(nanoseconds.parse()?);
    }
    Ok(total)
}

/// The most memory this process has held, from the kernel.
pub(crate) fn peak_memory() -> Option<u64> {
    status("VmHWM:")
}

/// The memory this process holds.
pub(crate) fn memory() -> Option<u64> {
    status("VmRSS:")
}

fn status(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// How busy the machine was in the last minute.
pub(crate) fn load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// The middle and the end of a list of milliseconds.
pub(crate) fn spread(mut times: Vec<f64>) -> Value {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        times.get(index.min(times.len().saturating_sub(1))).copied()
    };
    json!({"count": times.len(), "p50": at(0.5), "p99": at(0.99), "max": at(1.0)})
}

/// A database of this run.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) url: String,
    file: Option<PathBuf>,
}

impl Place {
    pub(crate) fn file(path: PathBuf) -> Self {
        Self {
            url: format!("sqlite:{}", path.display()),
            file: Some(path),
        }
    }

    pub(crate) fn server(url: String) -> Self {
        Self { url, file: None }
    }

    /// How many bytes the database takes on disk, its log included.
    pub(crate) async fn size(&self, db: &Db) -> Result<u64> {
        let Some(file) = &self.file else {
            let text = "SELECT pg_database_size(current_database()) AS size";
            let row = db.source().row(text, Vec::new()).await?;
            return Ok(row.context("no size")?.get("size")?);
        };
        let mut log = file.clone().into_os_string();
        log.push("-wal");
        let log = std::fs::metadata(log).map_or(0, |log| log.len());
        Ok(std::fs::metadata(file)?.len() + log)
    }

    /// How far the log of the database is. It moves with every page that is
    /// written: transactions and pages of SQLite's log, bytes of PostgreSQL's.
    pub(crate) async fn log(&self, db: &Db) -> Result<Log> {
        let Some(file) = &self.file else {
            let text = "SELECT CAST(pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS bigint) AS at";
            let row = db.source().row(text, Vec::new()).await?;
            let bytes = row.context("no position")?.get("at")?;
            return Ok(Log {
                commits: None,
                size: bytes,
            });
        };
        // The header of the log's index: a count of changes, and the last page.
        let mut index = file.clone().into_os_string();
        index.push("-shm");
        let index = std::fs::read(index)?;
        let word = |at: usize| {
            let bytes = index.get(at..at + 4)?.try_into().ok()?;
            Some(u64::from(u32::from_ne_bytes(bytes)))
        };
        Ok(Log {
            commits: Some(word(8).context("no log")?),
            size: word(16).context("no log")?,
        })
    }
}

/// A position in a database's log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log {
    commits: Option<u64>,
    size: u64,
}

impl Log {
    /// What was written since an earlier position.
    pub(crate) fn since(self, earlier: Self) -> Value {
        let commits = self.commits.zip(earlier.commits);
        match commits {
            Some((now, then)) => json!({
                "commits": now - then, "pages": self.size.saturating_sub(earlier.size),
            }),
            None => json!({ "log_bytes": self.size - earlier.size }),
        }
    }
}
