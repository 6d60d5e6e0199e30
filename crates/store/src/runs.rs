//! Sync runs: from the first page read to the last decision applied.

use jiff::Timestamp;
use provisioning::ids::{ConnectionId, PlanId, RunId};
use provisioning::plan::Counts;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::db::{Backend, Source, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Arg, Row, Where};
use crate::{args, json};

/// How much a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunMode {
    /// What changed.
    Delta,
    /// Everything.
    Full,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Reading the directory.
    Collecting,
    /// The plan is complete; passing.
    Planned,
    /// Waits for a person.
    Held,
    /// Applying the plan.
    Applying,
    /// Ended well.
    Done,
    /// Ended badly.
    Failed,
    /// Taken back.
    Undone,
    /// A person said no.
    Rejected,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// The connection; none when it concerns all.
    pub connection_id: Option<ConnectionId>,
    /// Its plan.
    pub plan_id: Option<PlanId>,
    /// How much it reads.
    pub mode: RunMode,
    /// What started it, in a word: `poll`, `notification`, `manual`.
    pub cause: String,
    /// Where it stands.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What was asked for; the engine's own words.
    pub asked: Value,
    /// How far it is.
    pub progress: Value,
    /// Applied actions by kind.
    pub counts: Counts,
    /// Requests to Graph.
    pub requests: u64,
    /// What they cost.
    pub resource_units: u64,
    /// Why it failed.
    pub error: Option<Value>,
    /// Why it waits.
    pub hold: Option<Value>,
    /// The run it takes back.
    pub undo_of: Option<RunId>,
    /// Who asked for it.
    pub actor: Option<String>,
}

fn read(row: &Row) -> Result<RunRow> {
    Ok(RunRow {
        id: row.get("id")?,
        connection_id: row.maybe("connection_id")?,
        plan_id: row.maybe("plan_id")?,
        mode: row.named("mode")?,
        cause: row.get("cause")?,
        status: row.named("status")?,
        started_at: row.get("started_at")?,
        finished_at: row.maybe("finished_at")?,
        asked: row.json("asked")?,
        progress: row.json("progress")?,
        counts: row.json("counts")?,
        requests: row.get("requests")?,
        resource_units: row.get("resource_units")?,
        error: row.maybe_json("error")?,
        hold: row.maybe_json("hold")?,
        undo_of: row.maybe("undo_of")?,
        actor: row.maybe("actor")?,
    })
}

/// Adds a run.
pub async fn create(tx: &mut Tx, run: &RunRow) -> Result<()> {
    let text = "INSERT INTO runs (id, connection_id, plan_id, mode, cause, status, started_at,
            finished_at, asked, progress, counts, requests, resource_units, error, hold, undo_of,
            actor)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    let args = args![
        run.id,
        run.connection_id,
        run.plan_id,
        json::name(&run.mode)?,
        &run.cause,
        json::name(&run.status)?,
        run.started_at,
        run.finished_at,
        json::text(&run.asked)?,
        json::text(&run.progress)?,
        json::text(&run.counts)?,
        run.requests,
        run.resource_units,
        json::maybe_text(run.error.as_ref())?,
        json::maybe_text(run.hold.as_ref())?,
        run.undo_of,
        run.actor.clone(),
    ];
    tx.execute(text, args).await?;
    Ok(())
}

/// One run.
pub async fn get(on: impl Into<Source<'_>>, id: RunId) -> Result<Option<RunRow>> {
    let text = "SELECT * FROM runs WHERE id = $1";
    let row = on.into().row(text, args![id]).await?;
    row.as_ref().map(read).transpose()
}

/// Which runs to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunFilter {
    /// Of this connection.
    pub connection_id: Option<ConnectionId>,
    /// In this state.
    pub status: Option<RunStatus>,
}

/// Runs, newest first, after `after`.
pub async fn list(
    on: impl Into<Source<'_>>,
    filter: &RunFilter,
    after: Option<RunId>,
    limit: u32,
) -> Result<Vec<RunRow>> {
    let mut conditions = Where::new();
    conditions.and_some("connection_id = $?", filter.connection_id);
    let status = filter.status.as_ref().map(json::name).transpose()?;
    conditions.and_some("status = $?", status);
    conditions.and_some(
        "(started_at, id) < (SELECT r.started_at, r.id FROM runs AS r WHERE r.id = $?)",
        after,
    );
    let limit = conditions.arg(limit);
    let text = format!(
        "SELECT * FROM runs{} ORDER BY started_at DESC, id DESC LIMIT {limit}",
        conditions.text()
    );
    let rows = on.into().rows(text, conditions.into_args()).await?;
    rows.iter().map(read).collect()
}

const UNFINISHED: &str = "SELECT * FROM runs WHERE connection_id = $1 AND finished_at IS NULL
    ORDER BY started_at, id";

/// The runs of a connection that have not ended, oldest first.
pub async fn unfinished(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
) -> Result<Vec<RunRow>> {
    let rows = on.into().rows(UNFINISHED, args![connection_id]).await?;
    rows.iter().map(read).collect()
}

/// [`unfinished`], as they stay until the transaction ends: whoever changes one
/// meanwhile waits for it.
pub async fn unfinished_held(tx: &mut Tx, connection_id: ConnectionId) -> Result<Vec<RunRow>> {
    let lock = match tx.backend() {
        // Nobody else writes.
        Backend::Sqlite => "",
        Backend::Postgres => " FOR UPDATE",
    };
    let text = format!("{UNFINISHED}{lock}");
    let rows = tx.rows(text, args![connection_id]).await?;
    rows.iter().map(read).collect()
}

/// The newest run that takes this one back.
pub async fn undone_by(on: impl Into<Source<'_>>, id: RunId) -> Result<Option<RunRow>> {
    let text = "SELECT * FROM runs WHERE undo_of = $1 ORDER BY started_at DESC, id DESC LIMIT 1";
    let row = on.into().row(text, args![id]).await?;
    row.as_ref().map(read).transpose()
}

async fn change(tx: &mut Tx, text: &'static str, args: Vec<Arg>) -> Result<()> {
    match tx.execute(text, args).await? {
        0 => Err(StoreError::NotFound { what: "run" }),
        _ => Ok(()),
    }
}

/// Moves a run on; with `finished_at`, it has ended then.
pub async fn set_status(
    tx: &mut Tx,
    id: RunId,
    status: RunStatus,
    finished_at: Option<Timestamp>,
) -> Result<()> {
    let text = "UPDATE runs SET status = $2, finished_at = COALESCE($3, finished_at)
        WHERE id = $1";
    change(tx, text, args![id, json::name(&status)?, finished_at]).await
}

/// Gives the run its plan.
pub async fn set_plan(tx: &mut Tx, id: RunId, plan_id: PlanId) -> Result<()> {
    let text = "UPDATE runs SET plan_id = $2 WHERE id = $1";
    change(tx, text, args![id, plan_id]).await
}

/// Notes how far it is.
pub async fn set_progress(tx: &mut Tx, id: RunId, progress: &Value) -> Result<()> {
    let text = "UPDATE runs SET progress = $2 WHERE id = $1";
    change(tx, text, args![id, json::text(progress)?]).await
}

/// Notes what was applied.
pub async fn set_counts(tx: &mut Tx, id: RunId, counts: &Counts) -> Result<()> {
    let text = "UPDATE runs SET counts = $2 WHERE id = $1";
    change(tx, text, args![id, json::text(counts)?]).await
}

/// What a run that goes on has once its plan is made.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan.
    pub plan_id: PlanId,
    /// Where the run stands.
    pub status: RunStatus,
    /// How far it is.
    pub progress: Value,
    /// What is to be applied.
    pub counts: Counts,
    /// Why it waits.
    pub hold: Option<Value>,
    /// When it ended, if it has.
    pub finished_at: Option<Timestamp>,
}

impl Planned {
    /// A run with it.
    pub fn of(self, run: RunRow) -> RunRow {
        RunRow {
            plan_id: Some(self.plan_id),
            status: self.status,
            progress: self.progress,
            counts: self.counts,
            hold: self.hold,
            finished_at: self.finished_at,
            ..run
        }
    }
}

/// Gives a run its plan, with what follows from it.
pub async fn set_planned(tx: &mut Tx, id: RunId, planned: &Planned) -> Result<()> {
    let text = "UPDATE runs SET plan_id = $2, status = $3, progress = $4, counts = $5, hold = $6,
            finished_at = $7
        WHERE id = $1";
    let args = args![
        id,
        planned.plan_id,
        json::name(&planned.status)?,
        json::text(&planned.progress)?,
        json::text(&planned.counts)?,
        json::maybe_text(planned.hold.as_ref())?,
        planned.finished_at,
    ];
    change(tx, text, args).await
}

/// Adds to what it cost.
pub async fn add_cost(tx: &mut Tx, id: RunId, requests: u64, resource_units: u64) -> Result<()> {
    let text = "UPDATE runs SET requests = requests + $2, resource_units = resource_units + $3
        WHERE id = $1";
    change(tx, text, args![id, requests, resource_units]).await
}

/// Notes why it failed, or that it no longer does.
pub async fn set_error(tx: &mut Tx, id: RunId, error: Option<&Value>) -> Result<()> {
    let text = "UPDATE runs SET error = $2 WHERE id = $1";
    change(tx, text, args![id, json::maybe_text(error)?]).await
}

/// Notes why it waits, or that it no longer does.
pub async fn set_hold(tx: &mut Tx, id: RunId, hold: Option<&Value>) -> Result<()> {
    let text = "UPDATE runs SET hold = $2 WHERE id = $1";
    change(tx, text, args![id, json::maybe_text(hold)?]).await
}
