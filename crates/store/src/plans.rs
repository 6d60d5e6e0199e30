//! Plans: what was decided as a whole, and what became of it. The decisions
//! themselves are in [`crate::decisions`].

use jiff::Timestamp;
use provisioning::ids::{ConnectionId, PlanId, RunId};
use provisioning::plan::Counts;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::db::{Source, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Arg, Row, Where};
use crate::{args, json};

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanKind {
    /// Changes of the directory.
    Sync,
    /// A change of mapping rules.
    Rule,
    /// A change of defaults or field policies.
    Defaults,
    /// The removal of a connection.
    Removal,
    /// Taking a run back.
    Undo,
    /// Only to look at.
    Preview,
}

/// Where a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    /// Decisions are being added.
    Building,
    /// Complete, and not meant to be applied.
    Preview,
    /// Waits for a person.
    Held,
    /// May be applied.
    Approved,
    /// Is being applied.
    Applying,
    /// Done.
    Applied,
    /// A person said no.
    Rejected,
    /// A newer plan took its place.
    Superseded,
}

/// A plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanRow {
    /// Its id.
    pub id: PlanId,
    /// The connection; none when it concerns all.
    pub connection_id: Option<ConnectionId>,
    /// The run it belongs to.
    pub run_id: Option<RunId>,
    /// What it is for.
    pub kind: PlanKind,
    /// Where it stands.
    pub status: PlanStatus,
    /// What an approval binds; none while it is being built.
    pub hash: Option<String>,
    /// Actions by kind.
    pub counts: Counts,
    /// People with at least one action.
    pub people: u64,
    /// People who keep their access and lose a security role.
    pub roles_lost: u64,
    /// Decisions up to this one are applied.
    pub applied_seq: i64,
    /// Why it waits.
    pub hold: Option<Value>,
    /// What it covers, when not everything.
    pub scope: Option<Value>,
    /// The change that applying it saves.
    pub change: Option<Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was approved or rejected.
    pub decided_at: Option<Timestamp>,
    /// By whom.
    pub decided_by: Option<String>,
}

fn read(row: &Row) -> Result<PlanRow> {
    Ok(PlanRow {
        id: row.get("id")?,
        connection_id: row.maybe("connection_id")?,
        run_id: row.maybe("run_id")?,
        kind: row.named("kind")?,
        status: row.named("status")?,
        hash: row.maybe("hash")?,
        counts: row.json("counts")?,
        people: row.get("people")?,
        roles_lost: row.get("roles_lost")?,
        applied_seq: row.get("applied_seq")?,
        hold: row.maybe_json("hold")?,
        scope: row.maybe_json("scope")?,
        change: row.maybe_json("change")?,
        created_at: row.get("created_at")?,
        decided_at: row.maybe("decided_at")?,
        decided_by: row.maybe("decided_by")?,
    })
}

/// Adds a plan.
pub async fn create(tx: &mut Tx, plan: &PlanRow) -> Result<()> {
    let text = "INSERT INTO plans (id, connection_id, run_id, kind, status, hash, counts, people,
            roles_lost, applied_seq, hold, scope, change, created_at, decided_at, decided_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    let args = args![
        plan.id,
        plan.connection_id,
        plan.run_id,
        json::name(&plan.kind)?,
        json::name(&plan.status)?,
        plan.hash.clone(),
        json::text(&plan.counts)?,
        plan.people,
        plan.roles_lost,
        plan.applied_seq,
        json::maybe_text(plan.hold.as_ref())?,
        json::maybe_text(plan.scope.as_ref())?,
        json::maybe_text(plan.change.as_ref())?,
        plan.created_at,
        plan.decided_at,
        plan.decided_by.clone(),
    ];
    tx.execute(text, args).await?;
    Ok(())
}

/// One plan.
pub async fn get(on: impl Into<Source<'_>>, id: PlanId) -> Result<Option<PlanRow>> {
    let text = "SELECT * FROM plans WHERE id = $1";
    let row = on.into().row(text, args![id]).await?;
    row.as_ref().map(read).transpose()
}

/// Which plans to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlanFilter {
    /// Of this connection.
    pub connection_id: Option<ConnectionId>,
    /// In this state.
    pub status: Option<PlanStatus>,
    /// Of this kind.
    pub kind: Option<PlanKind>,
}

/// Plans, newest first, after `after`.
pub async fn list(
    on: impl Into<Source<'_>>,
    filter: &PlanFilter,
    after: Option<PlanId>,
    limit: u32,
) -> Result<Vec<PlanRow>> {
    let mut conditions = Where::new();
    conditions.and_some("connection_id = $?", filter.connection_id);
    let status = filter.status.as_ref().map(json::name).transpose()?;
    conditions.and_some("status = $?", status);
    let kind = filter.kind.as_ref().map(json::name).transpose()?;
    conditions.and_some("kind = $?", kind);
    conditions.and_some(
        "(created_at, id) < (SELECT p.created_at, p.id FROM plans AS p WHERE p.id = $?)",
        after,
    );
    let limit = conditions.arg(limit);
    let text = format!(
        "SELECT * FROM plans{} ORDER BY created_at DESC, id DESC LIMIT {limit}",
        conditions.text()
    );
    let rows = on.into().rows(text, conditions.into_args()).await?;
    rows.iter().map(read).collect()
}

async fn guarded(tx: &mut Tx, text: &'static str, args: Vec<Arg>) -> Result<()> {
    match tx.execute(text, args).await? {
        0 => Err(StoreError::Stale { what: "plan" }),
        _ => Ok(()),
    }
}

/// What is known when every decision of a plan has been added.
#[derive(Debug, Clone)]
pub struct Built<'a> {
    /// Where it stands now.
    pub status: PlanStatus,
    /// Its hash.
    pub hash: &'a str,
    /// Actions by kind.
    pub counts: &'a Counts,
    /// People with at least one action.
    pub people: u64,
    /// People who keep their access and lose a security role.
    pub roles_lost: u64,
    /// Why it waits.
    pub hold: Option<&'a Value>,
}

/// Ends building. [`StoreError::Stale`] when the plan is not being built.
pub async fn finish_building(tx: &mut Tx, id: PlanId, built: &Built<'_>) -> Result<()> {
    let text = "UPDATE plans SET status = $2, hash = $3, counts = $4, people = $5, hold = $6,
            roles_lost = $7
        WHERE id = $1 AND status = 'building'";
    let args = args![
        id,
        json::name(&built.status)?,
        built.hash,
        json::text(built.counts)?,
        built.people,
        json::maybe_text(built.hold)?,
        built.roles_lost,
    ];
    guarded(tx, text, args).await
}

/// Moves a plan on, if it stands where the caller believes it does;
/// [`StoreError::Stale`] otherwise. With `by`, that person decided it now.
pub async fn set_status(
    tx: &mut Tx,
    id: PlanId,
    from: &[PlanStatus],
    to: PlanStatus,
    by: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let text = "UPDATE plans SET status = $3,
            decided_by = COALESCE($4, decided_by),
            decided_at = CASE WHEN $4 IS NULL THEN decided_at ELSE $5 END
        WHERE id = $1 AND status IN ($2)";
    let from: Result<Vec<String>> = from.iter().map(json::name).collect();
    guarded(tx, text, args![id, from?, json::name(&to)?, by, now]).await
}

/// Notes that decisions up to `applied_seq` are applied.
pub async fn advance(tx: &mut Tx, id: PlanId, applied_seq: i64) -> Result<()> {
    let text = "UPDATE plans SET applied_seq = $2 WHERE id = $1 AND applied_seq <= $2";
    guarded(tx, text, args![id, applied_seq]).await
}

/// Gives a plan to a run.
pub async fn set_run(tx: &mut Tx, id: PlanId, run_id: RunId) -> Result<()> {
    let text = "UPDATE plans SET run_id = $2 WHERE id = $1";
    guarded(tx, text, args![id, run_id]).await
}

/// Deletes a plan with its decisions. Journal entries that lean on them lose
/// their details: only for plans of which nothing was applied.
pub async fn delete(tx: &mut Tx, id: PlanId) -> Result<()> {
    crate::decisions::delete(tx, id).await?;
    let text = "DELETE FROM plans WHERE id = $1 AND applied_seq = 0";
    guarded(tx, text, args![id]).await
}
