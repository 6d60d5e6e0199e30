//! A sync run as it is shown, and waiting for one with live progress.

use std::time::Duration;

use anyhow::Result;
use indicatif::ProgressBar;
use provisioning::ids::RunId;
use serde_json::{Value, json};
use store::runs::{self, RunRow, RunStatus};
use store::{Db, json as store_json};

use crate::installation::Installation;
use crate::{plan_view, progress};

/// How often progress is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// A run in the shape of the REST API.
pub(crate) fn view(run: &RunRow) -> Result<Value> {
    Ok(json!({
        "id": run.id, "connection_id": run.connection_id, "plan_id": run.plan_id,
        "mode": store_json::name(&run.mode)?, "trigger": run.cause, "status": status(run)?,
        "started_at": run.started_at, "finished_at": run.finished_at,
        "counts": plan_view::counts(&run.counts), "requests": run.requests,
        "resource_units": run.resource_units, "error": run.error, "hold": run.hold,
        "undo_of": run.undo_of, "actor": run.actor,
    }))
}

/// The status by name.
pub(crate) fn status(run: &RunRow) -> Result<String> {
    Ok(store_json::name(&run.status)?)
}

/// What a run ended or stopped with, as a sentence.
pub(crate) fn outcome(run: &RunRow) -> Result<String> {
    let message = |value: &Option<Value>| {
        let text = value
            .as_ref()
            .and_then(|value| value.get("message")?.as_str());
        text.map(|text| format!(": {text}")).unwrap_or_default()
    };
    let because = match run.status {
        RunStatus::Failed => message(&run.error),
        RunStatus::Held => message(&run.hold),
        _ => String::new(),
    };
    let counts = plan_view::counts_text(&run.counts);
    Ok(format!("{} ({counts}){because}", status(run)?))
}

/// Waits until a run rests, showing how far it is.
pub(crate) async fn follow(installation: &Installation, name: &str, id: RunId) -> Result<RunRow> {
    let bar = progress::bar(None);
    let rests = installation.engine.run_to_end(id);
    tokio::pin!(rests);
    let run = loop {
        tokio::select! {
            run = &mut rests => break run?,
            () = tokio::time::sleep(LOOK) => tell(installation.db(), &bar, name, id).await?,
        }
    };
    bar.finish_and_clear();
    Ok(run)
}

async fn tell(db: &Db, bar: &ProgressBar, name: &str, id: RunId) -> Result<()> {
    if let Some(run) = runs::get(db, id).await? {
        let people = ["people", "read", "applied"];
        let numbers = people.iter().filter_map(|key| {
            let count = run.progress.get(key)?.as_u64()?;
            Some(format!("{count} {key}"))
        });
        let numbers: Vec<_> = numbers.collect();
        bar.set_message(format!("{name}: {} {}", status(&run)?, numbers.join(", ")));
    }
    Ok(())
}
