//! A full read of a tenant in which nothing changed, a swap of two rules that
//! moves everybody, and the undo of that.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use engine::Undo;
use provisioning::ids::ConnectionId;
use serde_json::{Value, json};
use store::runs;

use crate::measure::{Since, load};
use crate::places::Places;
use crate::subject::{Subject, actor};
use crate::tenant::Emulator;

pub(crate) async fn measure(places: &Places, people: u64) -> Result<Value> {
    let load_before = load();
    let emulator = Emulator::start().await?;
    // Two groups that both hold everybody.
    let world = emulator.generated(people, 2, people).await?;
    let subject = Subject::new(&world.base, places.make("swap").await?).await?;
    let connection = subject.connect(world.tenant).await?;
    let [one, other] = world.groups[..] else {
        bail!("two groups were asked for");
    };
    let one = subject.rule(connection, one, 1, "User").await?;
    let run = subject.first_sync(connection).await?;
    let first = subject.finish(run).await?;
    ensure!(first.counts.total() == people, "not everybody came in");

    // While the other group is of no rule: everybody is read once.
    let reconciled = reconcile(&subject, connection).await?;

    let other = subject
        .rule(connection, other, 2, "Project Manager")
        .await?;
    for run in runs::unfinished(subject.engine.db(), connection).await? {
        let run = subject.finish(run.id).await?;
        ensure!(run.counts.total() == 0, "the first rule is first");
    }
    let rules = vec![other, one];
    let since = Since::now()?;
    let change = subject.engine.reorder_rules(rules, false, &actor()).await?;
    let (plan_seconds, plan_cpu) = (since.seconds(), since.cpu_seconds()?);
    let run = change.run_id.context("the swap has no run")?;
    let since = Since::now()?;
    let run = subject.finish(run).await?;
    let (apply_seconds, apply_cpu) = (since.seconds(), since.cpu_seconds()?);
    ensure!(run.counts.total() == people, "not everybody moved");
    let since = Since::now()?;
    let undone = subject
        .engine
        .undo(Undo::Run(run.id), false, &actor())
        .await?;
    ensure!(undone.conflicts == 0, "nobody changed anything since");
    let undo = subject
        .finish(undone.run_id.context("the undo has no run")?)
        .await?;
    let (undo_seconds, undo_cpu) = (since.seconds(), since.cpu_seconds()?);
    ensure!(undo.counts.total() == people, "not everybody came back");
    subject.engine.db().close().await;
    places.drop_all().await?;
    Ok(json!({
        "database": places.name(),
        "people": people,
        "full_reconcile": reconciled,
        "rule_swap": {
            "plan_seconds": plan_seconds, "plan_cpu_seconds": plan_cpu,
            "apply_seconds": apply_seconds, "apply_cpu_seconds": apply_cpu,
        },
        "undo": { "seconds": undo_seconds, "cpu_seconds": undo_cpu },
        "load_before": load_before,
        "load_after": load(),
    }))
}

/// The daily full read, which finds everything as it was.
async fn reconcile(subject: &Subject, connection: ConnectionId) -> Result<Value> {
    // A process of its own for which the read is always due. Two rounds before
    // settle what is noted once.
    let engine = subject.beside(Duration::ZERO, Duration::ZERO)?;
    let db = subject.engine.db();
    for _ in 0..2 {
        subject.wake(connection).await?;
        ensure!(engine.work_once().await?, "no job was due");
    }
    subject.wake(connection).await?;
    let log = subject.place.log(db).await?;
    let since = Since::now()?;
    ensure!(engine.work_once().await?, "no job was due");
    Ok(json!({
        "seconds": since.seconds(),
        "cpu_seconds": since.cpu_seconds()?,
        "written": subject.place.log(db).await?.since(log),
    }))
}
