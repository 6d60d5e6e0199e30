//! Thousands of small tenants: the first sync of all of them by one worker, then
//! nothing to do.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::measure::{Since, load, memory, peak_memory};
use crate::places::Places;
use crate::subject::Subject;
use crate::tenant::Emulator;

/// How long all first syncs together may take.
const LIMIT: Duration = Duration::from_secs(3600);

pub(crate) async fn measure(
    places: &Places,
    tenants: u64,
    people: u64,
    poll: Duration,
    idle: Duration,
) -> Result<Value> {
    let load_before = load();
    let emulator = Emulator::start().await?;
    let worlds = emulator.tenants(tenants, people).await?;
    let first = worlds.first().context("no tenants")?;
    let subject = Subject::new(&first.base, places.make("many").await?).await?;
    subject.connect_all(&worlds).await?;
    let db = subject.engine.db();
    let engine = subject.beside(poll, Duration::from_secs(24 * 3600))?;
    let stop = CancellationToken::new();
    let since = Since::now()?;
    let worker = tokio::spawn({
        let stop = stop.clone();
        async move { engine.work(stop).await }
    });
    let look = Duration::from_millis(100);
    subject.all_synced(tenants, look, LIMIT).await?;
    let (seconds, cpu) = (since.seconds(), since.cpu_seconds()?);
    // One poll of everybody, then quiet.
    tokio::time::sleep(poll).await;
    let log = subject.place.log(db).await?;
    let since = Since::now()?;
    tokio::time::sleep(idle).await;
    let idle_cpu = since.cpu_seconds()?;
    let written = subject.place.log(db).await?.since(log);
    stop.cancel();
    worker.await?;
    let resident = memory();
    db.close().await;
    places.drop_all().await?;
    let all = tenants * people;
    Ok(json!({
        "database": places.name(),
        "connections": tenants,
        "people_each": people,
        "first_syncs": {
            "seconds": seconds, "cpu_seconds": cpu,
            "people_per_second": (all as f64 / seconds).round(),
        },
        "idle": {
            "seconds": idle.as_secs_f64(),
            "poll_seconds": poll.as_secs_f64(),
            "cpu_percent_of_one_core": idle_cpu / idle.as_secs_f64() * 100.0,
            "written": written,
        },
        "memory_bytes": { "idle": resident, "peak": peak_memory() },
        "load_before": load_before,
        "load_after": load(),
    }))
}
