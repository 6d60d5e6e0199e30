//! The first sync of a large tenant against its floors, then single changes and
//! quiet rounds with everybody present, and what people look at.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use provisioning::ids::{ConnectionId, ObjectId, TenantId};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::subscriptions::{self, Subscription};
use store::{links, records, runs};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::measure::{Since, clock, load, memory, peak_memory, spread};
use crate::places::Places;
use crate::subject::Subject;
use crate::tenant::{Emulator, World};
use crate::{floor_fetch, floor_insert, reads};

const CLIENT_STATE: &str = "the benchmark";
const SUBSCRIPTION: Uuid = Uuid::from_u128(0x5b);

/// What to measure.
pub(crate) struct Plan {
    pub(crate) people: u64,
    pub(crate) groups: u64,
    /// Single changes.
    pub(crate) changes: u32,
    /// Seconds of reads.
    pub(crate) reads: u32,
    /// Seconds of quiet.
    pub(crate) quiet: f64,
    /// Milliseconds of each request to Graph during the first sync.
    pub(crate) latency: u64,
}

pub(crate) async fn measure(places: &Places, plan: &Plan) -> Result<Value> {
    let load_before = load();
    let emulator = Emulator::start().await?;
    let world = emulator.tenant(plan.people, plan.groups).await?;
    let subject = Subject::new(&world.base, places.make("sync").await?).await?;
    let connection = subject.connect(world.tenant).await?;
    for (order, group) in (1..).zip(&world.groups) {
        subject.rule(connection, *group, order, "User").await?;
    }
    let memory_before = memory();
    emulator.answer_after(plan.latency).await?;
    let first = first_sync(&subject, connection, &world).await?;
    emulator.answer_after(0).await?;
    let seconds = first["seconds"].as_f64().context("seconds")?;
    let peak = peak_memory();
    let size = subject.place.size(subject.engine.db()).await?;
    let changes = changes(&subject, connection, &world, plan.changes).await?;
    let quiet = quiet(&subject, &emulator, plan.quiet).await?;
    let reads = reads::measure(&subject, connection, plan.reads).await?;
    subject.engine.db().close().await;
    let (fetch_seconds, fetch) = floor_fetch::fetch(&world).await?;
    let place = places.make("floor").await?;
    let (insert_seconds, insert) = floor_insert::insert(plan.people, &place.url).await?;
    places.drop_all().await?;
    Ok(json!({
        "database": places.name(),
        "people": plan.people,
        "groups": plan.groups,
        "latency_ms": plan.latency,
        "first_sync": first,
        "floor_fetch": fetch,
        "floor_insert": insert,
        "ratio_to_floors": seconds / (fetch_seconds + insert_seconds),
        "database_bytes": size,
        "memory_bytes": { "before": memory_before, "peak": peak },
        "single_change_ms": changes,
        "quiet_round": quiet,
        "reads": reads,
        "load_before": load_before,
        "load_after": load(),
    }))
}

async fn first_sync(subject: &Subject, connection: ConnectionId, world: &World) -> Result<Value> {
    let since = Since::now()?;
    let id = subject.first_sync(connection).await?;
    let db = subject.engine.db().clone();
    let watching = tokio::spawn(async move {
        const LOOK: f64 = 0.05;
        let mut phases: BTreeMap<String, f64> = BTreeMap::new();
        while let Ok(Some(run)) = runs::get(&db, id).await {
            let phase = run.progress.get("phase").and_then(Value::as_str);
            *phases
                .entry(phase.unwrap_or("starting").to_owned())
                .or_default() += LOOK;
            if run.finished_at.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_secs_f64(LOOK)).await;
        }
        phases
    });
    let run = subject.finish(id).await?;
    let (seconds, cpu) = (since.seconds(), since.cpu_seconds()?);
    let phases = watching.await?;
    let people = run.counts.total();
    ensure!(people == world.people, "{people} of {}", world.people);
    // Members with properties cost 2 a page; two delta links cost 1 each.
    let pages = world.groups.len() as u64
        * world
            .people
            .div_ceil(world.groups.len() as u64)
            .div_ceil(999);
    Ok(json!({
        "seconds": seconds,
        "cpu_seconds": cpu,
        "people_per_second": (people as f64 / seconds).round(),
        "seconds_by_phase": phases,
        "requests": run.requests,
        "requests_least": pages + 2,
        "resource_units": run.resource_units,
        "resource_units_least": 2 * pages + 2,
    }))
}

/// Times single changes from the notification to the commit: the worker runs,
/// the notification is handed to the engine as the web server would.
async fn changes(
    subject: &Subject,
    connection: ConnectionId,
    world: &World,
    count: u32,
) -> Result<Value> {
    let db = subject.engine.db();
    let now = subject.engine.now();
    let far = now + Duration::from_secs(3600);
    let subscription = Subscription {
        id: SUBSCRIPTION,
        connection_id: connection,
        resource: "users".to_owned(),
        client_state_hash: Sha256::digest(CLIENT_STATE).to_vec(),
        notification_url: "http://localhost:9443/graph/notifications".to_owned(),
        expires_at: far,
        renew_at: far,
        created_at: now,
    };
    let mut tx = db.begin().await?;
    subscriptions::put(&mut tx, &subscription).await?;
    tx.commit().await?;
    let stop = CancellationToken::new();
    let worker = tokio::spawn({
        let (engine, stop) = (subject.engine.clone(), stop.clone());
        async move { engine.work(stop).await }
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let token = world.token().await?;
    let mut times = Vec::new();
    for (index, person) in world.some_people(&token, count).await?.iter().enumerate() {
        let title = format!("Title {index}");
        world.change(&token, *person, &title).await?;
        let began = clock();
        let woken = subject.engine.notification(&body(world, *person)).await?;
        ensure!(woken.accepted == 1, "the notification was refused");
        loop {
            let known = links::get(db, TenantId(world.tenant), &[ObjectId(*person)]).await?;
            let record = known.first().context("not linked")?.link.record_id;
            let known = records::get(db, &[record]).await?;
            let known = known.first().and_then(|row| row.record.job_title.clone());
            if known.as_ref() == Some(&title) {
                break;
            }
            ensure!(began.elapsed().as_secs() < 60, "the change never came");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    worker.await?;
    Ok(spread(times))
}

fn body(world: &World, person: Uuid) -> Vec<u8> {
    json!({ "value": [{
        "subscriptionId": SUBSCRIPTION, "clientState": CLIENT_STATE,
        "tenantId": world.tenant, "changeType": "updated",
        "resource": format!("Users/{person}"),
        "resourceData": {
            "@odata.type": "#Microsoft.Graph.User",
            "@odata.id": format!("Users/{person}"), "id": person,
        },
    }]})
    .to_string()
    .into_bytes()
}

/// Rounds in which nothing happens, as fast as they come.
async fn quiet(subject: &Subject, emulator: &Emulator, seconds: f64) -> Result<Value> {
    let day = Duration::from_secs(24 * 3600);
    let engine = subject.beside(Duration::from_millis(20), day)?;
    let stop = CancellationToken::new();
    let worker = tokio::spawn({
        let stop = stop.clone();
        async move { engine.work(stop).await }
    });
    // Until the first rounds took in what the changes left, and between two
    // signs of life.
    tokio::time::sleep(Duration::from_millis(3_300)).await;
    let db = subject.engine.db();
    emulator.forget_requests().await?;
    let log = subject.place.log(db).await?;
    let since = Since::now()?;
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    let cpu = since.cpu_seconds()?;
    let written = subject.place.log(db).await?.since(log);
    let requests = emulator.requests().await?;
    stop.cancel();
    worker.await?;
    let rounds = requests as f64 / 2.0;
    Ok(json!({
        "rounds": rounds,
        "requests_per_round": 2,
        "cpu_ms_per_round": cpu * 1000.0 / rounds.max(1.0),
        "written": written,
    }))
}
