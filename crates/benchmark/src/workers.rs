//! The first syncs of many tenants by more and more workers, each a process, over
//! one PostgreSQL. Every request to Graph takes its time, so that what one worker
//! waits for keeps no processor from another.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::measure::{clock, load};
use crate::places::Places;
use crate::subject::{self, Subject};
use crate::tenant::Emulator;

/// How many workers there are, one measurement after the other.
const WORKERS: [usize; 3] = [1, 2, 4];
/// How long all first syncs together may take.
const LIMIT: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) async fn measure(
    places: &Places,
    tenants: u64,
    people: u64,
    latency: u64,
) -> Result<Value> {
    if places.name() != "postgres" {
        bail!("several processes need PostgreSQL: add --postgres");
    }
    let load_before = load();
    let mut by_workers = Vec::new();
    let mut alone: Option<f64> = None;
    for workers in WORKERS {
        let seconds = first_syncs(places, tenants, people, latency, workers).await?;
        let times = *alone.get_or_insert(seconds) / seconds;
        by_workers.push(json!({
            "workers": workers,
            "seconds": seconds,
            "people_per_second": ((tenants * people) as f64 / seconds).round(),
            "times_one_worker": times,
        }));
    }
    Ok(json!({
        "database": places.name(),
        "connections": tenants,
        "people_each": people,
        "latency_ms": latency,
        "by_workers": by_workers,
        "load_before": load_before,
        "load_after": load(),
    }))
}

/// The seconds until so many workers have brought everybody in.
async fn first_syncs(
    places: &Places,
    tenants: u64,
    people: u64,
    latency: u64,
    workers: usize,
) -> Result<f64> {
    let emulator = Emulator::start().await?;
    let worlds = emulator.tenants(tenants, people).await?;
    let base = worlds.first().context("no tenants")?.base.clone();
    let place = places.make("workers").await?;
    let url = place.url.clone();
    let subject = Subject::new(&base, place).await?;
    subject.connect_all(&worlds).await?;
    emulator.answer_after(latency).await?;
    let began = clock();
    let processes: Result<Vec<Child>> = (0..workers).map(|_| start(&url, &base)).collect();
    let processes = processes?;
    let look = Duration::from_millis(20);
    subject.all_synced(tenants, look, LIMIT).await?;
    let seconds = began.elapsed().as_secs_f64();
    for mut process in processes {
        // The end of its input ends it.
        drop(process.stdin.take());
        let ended = process.wait().await?;
        ensure!(ended.success(), "a worker ended with {ended}");
    }
    subject.engine.db().close().await;
    places.drop_all().await?;
    Ok(seconds)
}

fn start(url: &str, base: &str) -> Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["work", "--directory", base])
        .env(DATABASE, url)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    Ok(command.spawn()?)
}

/// What tells a worker its database: an address may hold a password, and what a
/// process is called with is everybody's to see.
const DATABASE: &str = "BENCHMARK_DATABASE";

/// One worker, until its input ends.
pub(crate) async fn work(base: &str) -> Result<Value> {
    let url = std::env::var(DATABASE).context("no database")?;
    let engine = subject::engine_on(base, &url, POLL, DAY).await?;
    let stop = CancellationToken::new();
    let worker = tokio::spawn({
        let (engine, stop) = (engine.clone(), stop.clone());
        async move { engine.work(stop).await }
    });
    let input = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    tokio::task::spawn_blocking(input).await??;
    stop.cancel();
    worker.await?;
    engine.db().close().await;
    Ok(Value::Null)
}
