//! A run from its start to its rest: collect, plan, hold, apply.

use std::time::Duration;

use provisioning::ids::{ConnectionId, ObjectId, RunId};
use provisioning::plan::Counts;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::connections::{Connection, ConnectionStatus, Health};
use store::journal::Origin;
use store::plans::{PlanKind, PlanStatus};
use store::rounds::{Feeds, Turn};
use store::runs::{RunFilter, RunMode, RunRow, RunStatus};
use store::webhooks::WebhookEvent;
use store::{Tx, connections, jobs, mirror, pending, plans, runs};

use crate::collect::Collected;
use crate::engine::Engine;
use crate::error::{Class, EngineError, Result};
use crate::events::{of_connection, tell, tell_run};
use crate::input::{self, Hypothesis};
use crate::model::{Actor, Mode, ProvisioningMode, SyncRequest};
use crate::planning::{PlanOf, Scope};
use crate::settle::is_first_sync;

/// The job that does a connection's work.
pub(crate) const SYNC_JOB: &str = "sync";

/// What a person asked of a run. Kept with it, so that a run that was cut off
/// goes on as what it was.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// Local edits go.
    pub(crate) reapply: bool,
    /// The plan waits whatever it says.
    pub(crate) plan_only: bool,
    /// Only about these.
    pub(crate) people: Option<Vec<ObjectId>>,
}

impl Asked {
    pub(crate) fn of(run: &RunRow) -> Result<Self> {
        Ok(serde_json::from_value(run.asked.clone())
            .map_err(|error| store::StoreError::corrupt(format!("run {}: {error}", run.id)))?)
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "reapply": self.reapply, "plan_only": self.plan_only, "people": self.people })
    }
}

/// A run that nobody has started yet.
pub(crate) fn new_run(
    id: RunId,
    connection: ConnectionId,
    mode: RunMode,
    cause: &str,
    now: jiff::Timestamp,
) -> RunRow {
    RunRow {
        id,
        connection_id: Some(connection),
        plan_id: None,
        mode,
        cause: cause.to_owned(),
        status: RunStatus::Collecting,
        started_at: now,
        finished_at: None,
        asked: json!({}),
        progress: json!({}),
        counts: Counts::default(),
        requests: 0,
        resource_units: 0,
        error: None,
        hold: None,
        undo_of: None,
        actor: None,
    }
}

impl Engine {
    /// Queues a sync; a worker does it.
    pub async fn sync(
        &self,
        id: ConnectionId,
        request: SyncRequest,
        actor: &Actor,
    ) -> Result<RunId> {
        let connection = self.connection(id).await?;
        if connection.health.status == ConnectionStatus::Paused {
            return Err(
                EngineError::new("paused", Class::Conflict, "the connection is paused")
                    .cure("Resume the connection, then sync."),
            );
        }
        if self.provisioning_mode().await? == ProvisioningMode::LocalOnly {
            let message = "Auth & Provision is set to Local only: no directory is followed";
            return Err(EngineError::new("local_only", Class::Conflict, message)
                .cure("Choose Azure AD Sync under Auth & Provision, then sync."));
        }
        if connection.consent.is_none() {
            return Err(EngineError::new(
                "not_connected",
                Class::Conflict,
                "the connection has no consent yet",
            )
            .cure("Press Azure Connect and sign in as an administrator of the tenant."));
        }
        let run_id = RunId(self.new_id());
        let now = self.now();
        let mode = match request.mode {
            Mode::Delta => RunMode::Delta,
            Mode::Full => RunMode::Full,
        };
        let mut run = new_run(run_id, id, mode, "sync", now);
        let asked = Asked {
            reapply: request.reapply,
            plan_only: request.plan_only,
            people: None,
        };
        run.asked = asked.to_json();
        run.actor = Some(actor.name.clone());
        let mut tx = self.begin().await?;
        runs::create(&mut tx, &run).await?;
        jobs::enqueue(&mut tx, SYNC_JOB, &id.to_string(), Some(id), now, now).await?;
        tx.commit().await?;
        self.0.wake.notify_one();
        Ok(run_id)
    }

    /// The run that reads the mapped groups for the first time, queued; the one
    /// that waits already covers what was saved meanwhile.
    pub(crate) async fn queue_first_sync(
        &self,
        tx: &mut Tx,
        id: ConnectionId,
        actor: &Actor,
    ) -> Result<RunId> {
        let now = self.now();
        jobs::enqueue(tx, SYNC_JOB, &id.to_string(), Some(id), now, now).await?;
        // It does not begin before this is saved, or it would not see what is.
        let waiting = runs::unfinished_held(tx, id)
            .await?
            .into_iter()
            .find(|run| {
                run.status == RunStatus::Collecting
                    && run.mode == RunMode::Full
                    && run.progress.get("phase").is_none()
            });
        if let Some(run) = waiting {
            return Ok(run.id);
        }
        let mut run = new_run(RunId(self.new_id()), id, RunMode::Full, "rule", now);
        run.actor = Some(actor.name.clone());
        runs::create(tx, &run).await?;
        Ok(run.id)
    }

    /// Waits until a run rests: done, failed, held, rejected or undone. Does
    /// the work itself when no worker takes it.
    pub async fn run_to_end(&self, id: RunId) -> Result<RunRow> {
        loop {
            let run = runs::get(self.db(), id)
                .await?
                .ok_or_else(|| EngineError::not_found("run"))?;
            let rests = run.finished_at.is_some() || run.status == RunStatus::Held;
            if rests {
                return Ok(run);
            }
            if !self.work_once().await? {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// The connection, or not found.
    pub(crate) async fn connection(&self, id: ConnectionId) -> Result<Connection> {
        let found = connections::get(self.db(), id).await?;
        found.ok_or_else(|| EngineError::not_found("connection"))
    }

    /// Everything one connection has to do now: asked-for runs first, then
    /// whatever changed; whether there was nothing to do. Called by the worker
    /// that holds the job.
    ///
    /// What it may have to do is large as a future, and lies on the heap: a
    /// round nests deeply.
    pub(crate) async fn tend<T>(&self, turn: Turn<T>) -> Result<bool> {
        let Turn {
            connection, feeds, ..
        } = turn;
        if connection.tenant_id.is_none() {
            return Ok(false);
        }
        if !turn.has_runs {
            return Box::pin(self.poll(connection, Some(feeds))).await;
        }
        let id = connection.id;
        let unfinished = runs::unfinished(self.db(), id).await?;
        let newest = unfinished
            .iter()
            .rfind(|run| run.status == RunStatus::Collecting)
            .map(|run| run.id);
        let mut known = Some(connection);
        for run in unfinished {
            // A run before this one changed it, or took leave of it.
            let connection = match known.take() {
                Some(connection) => connection,
                None => match connections::get(self.db(), id).await? {
                    Some(connection) => connection,
                    None => return Ok(false),
                },
            };
            match run.status {
                RunStatus::Collecting | RunStatus::Planned => {
                    Box::pin(self.execute(&connection, &run)).await?
                }
                RunStatus::Applying => Box::pin(self.resume(&connection, &run)).await?,
                RunStatus::Held => {
                    let Some(plan_id) = run.plan_id else { continue };
                    match plans::get(self.db(), plan_id).await? {
                        Some(plan) if plan.status == PlanStatus::Approved => {
                            Box::pin(self.resume(&connection, &run)).await?;
                        }
                        // A newer first sync takes the place of one that waits.
                        _ if is_first_sync(&run) && newest.is_some() => {}
                        // One run at a time: what waits for a person is first.
                        _ => {
                            self.collect_only(&connection).await?;
                            return Ok(false);
                        }
                    }
                }
                RunStatus::Done | RunStatus::Failed | RunStatus::Undone | RunStatus::Rejected => {}
            }
        }
        match connections::get(self.db(), id).await? {
            Some(connection) if connection.progress.first_sync_done => {
                Box::pin(self.poll(connection, None)).await?;
            }
            // A run has taken leave of it, or its first sync failed.
            _ => {}
        }
        Ok(false)
    }

    /// Whether the mirror has anybody; counting them all would cost every round.
    pub(crate) async fn has_people(&self, id: ConnectionId) -> Result<bool> {
        Ok(!mirror::page(self.db(), id, None, 1).await?.is_empty())
    }

    /// Whether a first sync that failed is to be tried again: after as long as
    /// it has been failing, an hour at most.
    async fn is_first_sync_due_again(&self, id: ConnectionId) -> Result<bool> {
        const LONGEST: Duration = Duration::from_secs(3600);
        let filter = RunFilter {
            connection_id: Some(id),
            ..RunFilter::default()
        };
        let last = runs::list(self.db(), &filter, None, 20).await?;
        let failed = last
            .iter()
            .take_while(|run| run.status == RunStatus::Failed);
        let failed: Vec<&RunRow> = failed.collect();
        let (Some(newest), Some(oldest)) = (failed.first(), failed.last()) else {
            return Ok(false);
        };
        let ended = newest.finished_at.unwrap_or(newest.started_at);
        let failing = ended.duration_since(oldest.started_at).unsigned_abs();
        let wait = failing.max(self.options().poll_interval).min(LONGEST);
        Ok(self.now().duration_since(ended).unsigned_abs() >= wait)
    }

    /// A held plan waits; the mirror is kept up to date all the same.
    async fn collect_only(&self, connection: &Connection) -> Result<()> {
        if connection.progress.first_sync_done {
            self.collect(connection, Mode::Delta, None).await?;
        }
        Ok(())
    }

    /// A round without being asked: a delta, or a full read when one is due.
    /// Whether it found nothing. `feeds` as they are now, if they are known.
    async fn poll(&self, connection: Connection, feeds: Option<Feeds>) -> Result<bool> {
        let id = connection.id;
        if !connection.progress.first_sync_done {
            if self.is_first_sync_due_again(id).await? {
                let mut tx = self.begin().await?;
                self.queue_first_sync(&mut tx, id, &by_itself()).await?;
                tx.commit().await?;
                return Ok(false);
            }
            if !self.has_people(id).await? {
                return Ok(false);
            }
        }
        let last = connection.progress.last_reconcile_at;
        let age = last.map(|at| self.now().duration_since(at).unsigned_abs());
        let mode = match age {
            Some(age) if age < self.options().reconcile_interval => Mode::Delta,
            _ => Mode::Full,
        };
        let collected = self.collect_from(&connection, mode, None, feeds).await;
        let collected = self.judge_collect(&connection, collected).await?;
        if !collected.any_pending {
            return Ok(true);
        }
        let run_id = RunId(self.new_id());
        let mode = match mode {
            Mode::Delta => RunMode::Delta,
            Mode::Full => RunMode::Full,
        };
        let run = RunRow {
            requests: collected.requests,
            resource_units: collected.resource_units,
            ..new_run(run_id, id, mode, "change", self.now())
        };
        let connection = self.connection(id).await?;
        let policy = input::policy(self.db(), &connection, &Hypothesis::default()).await?;
        let plan = PlanOf {
            connection: &connection,
            policy: &policy,
            run_id: Some(run_id),
            kind: PlanKind::Sync,
            scope: Scope::Pending,
            reapply: false,
            change: None,
            tried: None,
        };
        let drafted = self.draft_plan_of_round(plan, &run).await?;
        if drafted.built.decisions == 0 {
            // Nobody was changed after all: no run is worth a line.
            let mut tx = self.begin().await?;
            pending::clear(&mut tx, id, &drafted.built.looked_at).await?;
            tx.commit().await?;
            return Ok(false);
        }
        let hold = self.hold_reason(&connection, &drafted.built, false).await?;
        self.settle(&connection, run_id, drafted, hold, None)
            .await?;
        Ok(false)
    }

    async fn execute(&self, connection: &Connection, run: &RunRow) -> Result<()> {
        let Asked {
            reapply,
            plan_only,
            people,
        } = Asked::of(run)?;
        let first = !connection.progress.first_sync_done;
        let mode = if first || run.mode == RunMode::Full {
            Mode::Full
        } else {
            Mode::Delta
        };
        let outcome = async {
            let mut tx = self.begin_relaxed().await?;
            let progress = json!({ "phase": "collecting" });
            runs::set_progress(&mut tx, run.id, &progress).await?;
            tx.commit().await?;
            let collected = self.collect(connection, mode, Some(run.id)).await;
            self.judge_collect(connection, collected).await?;
            let scope = match people {
                Some(ids) => Scope::People(ids),
                None if first || reapply || mode == Mode::Full => Scope::Everyone,
                None => Scope::Pending,
            };
            let connection = self.connection(connection.id).await?;
            self.plan_and_apply(&connection, run, scope, reapply, plan_only)
                .await
        };
        match outcome.await {
            Ok(()) => Ok(()),
            Err(error) => self.fail_run(run.id, error).await,
        }
    }

    /// Writes down how a collect went; a failure is the connection's state too.
    pub(crate) async fn judge_collect(
        &self,
        connection: &Connection,
        collected: Result<Collected>,
    ) -> Result<Collected> {
        let now = self.now();
        match collected {
            Ok(collected) => {
                if connection.health.status != ConnectionStatus::Connected
                    && connection.health.status != ConnectionStatus::Held
                {
                    let mut tx = self.begin().await?;
                    let health = healthy(ConnectionStatus::Connected);
                    connections::set_status(&mut tx, connection.id, &health, now).await?;
                    if connection.health.status == ConnectionStatus::NeedsReconnect {
                        let event = WebhookEvent::ConnectionRecovered;
                        tell(&mut tx, now, event, of_connection(connection, &health)).await?;
                    }
                    tx.commit().await?;
                }
                Ok(collected)
            }
            Err(error) => {
                if !error.is_passing() && error.class == Class::Upstream {
                    self.forget_client(connection.id);
                    let status = ConnectionStatus::NeedsReconnect;
                    let health = Health {
                        status,
                        code: Some(error.code.to_owned()),
                        reason: Some(error.message.clone()),
                        cure: error.cure.clone(),
                    };
                    let mut tx = self.begin().await?;
                    connections::set_status(&mut tx, connection.id, &health, now).await?;
                    if connection.health.status != status {
                        let event = WebhookEvent::ConnectionUnhealthy;
                        tell(&mut tx, now, event, of_connection(connection, &health)).await?;
                    }
                    tx.commit().await?;
                }
                Err(error)
            }
        }
    }

    pub(crate) async fn fail_run(&self, id: RunId, error: EngineError) -> Result<()> {
        tracing::warn!(run = %id, code = error.code, "run failed: {error}");
        let now = self.now();
        let mut tx = self.begin().await?;
        runs::set_error(&mut tx, id, Some(&error.to_json())).await?;
        runs::set_status(&mut tx, id, RunStatus::Failed, Some(now)).await?;
        let connection = runs::get(&mut tx, id)
            .await?
            .and_then(|run| run.connection_id);
        let why = error.to_json();
        let status = RunStatus::Failed;
        tell_run(&mut tx, now, connection, id, status, Some(&why)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Plans a scope for a run, and applies it unless it must wait.
    async fn plan_and_apply(
        &self,
        connection: &Connection,
        run: &RunRow,
        scope: Scope,
        reapply: bool,
        plan_only: bool,
    ) -> Result<()> {
        let policy = input::policy(self.db(), connection, &Hypothesis::default()).await?;
        let drafted = self
            .draft_plan(PlanOf {
                connection,
                policy: &policy,
                run_id: Some(run.id),
                kind: PlanKind::Sync,
                scope,
                reapply,
                change: None,
                tried: None,
            })
            .await?;
        let hold = self
            .hold_reason(connection, &drafted.built, plan_only)
            .await?;
        self.settle(connection, run.id, drafted, hold, run.actor.clone())
            .await
    }
}

/// Who asks when nobody does.
fn by_itself() -> Actor {
    Actor {
        origin: Origin::Api,
        name: "worker".to_owned(),
    }
}

/// A state without anything wrong.
pub(crate) fn healthy(status: ConnectionStatus) -> Health {
    Health {
        status,
        code: None,
        reason: None,
        cure: None,
    }
}
