//! A run from its start to its rest: collect, plan, hold, apply.

use std::time::Duration;

use provisioning::ids::{ConnectionId, ObjectId, PlanId, RunId};
use provisioning::plan::Counts;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::connections::{Connection, ConnectionStatus, Health};
use store::plans::{PlanKind, PlanRow, PlanStatus};
use store::runs::{RunMode, RunRow, RunStatus};
use store::webhooks::WebhookEvent;
use store::{Tx, connections, decisions, jobs, mirror, pending, plans, runs};

use crate::apply::ApplyOf;
use crate::collect::Collected;
use crate::engine::Engine;
use crate::error::{Class, EngineError, Result};
use crate::events::{tell, tell_run};
use crate::input::{self, Hypothesis};
use crate::model::{Actor, Mode, SyncRequest};
use crate::planning::{Built, PlanOf, Scope};

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
        let waiting = runs::unfinished(&mut *tx, id)
            .await?
            .into_iter()
            .find(|run| {
                run.status == RunStatus::Collecting
                    && run.mode == RunMode::Full
                    && run.progress.get("phase").is_none()
            });
        let now = self.now();
        jobs::enqueue(tx, SYNC_JOB, &id.to_string(), Some(id), now, now).await?;
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
    /// whatever changed. Called by the worker that holds the job.
    pub(crate) async fn tend(&self, connection: Connection) -> Result<()> {
        if connection.tenant_id.is_none() {
            return Ok(());
        }
        let unfinished = runs::unfinished(self.db(), connection.id).await?;
        if unfinished.is_empty() {
            return self.poll(connection).await;
        }
        let id = connection.id;
        let newest = unfinished
            .iter()
            .rfind(|run| run.status == RunStatus::Collecting)
            .map(|run| run.id);
        for run in unfinished {
            let Some(connection) = connections::get(self.db(), id).await? else {
                return Ok(());
            };
            match run.status {
                RunStatus::Collecting | RunStatus::Planned => {
                    self.execute(&connection, &run).await?
                }
                RunStatus::Applying => self.resume(&connection, &run).await?,
                RunStatus::Held => {
                    let Some(plan_id) = run.plan_id else { continue };
                    match plans::get(self.db(), plan_id).await? {
                        Some(plan) if plan.status == PlanStatus::Approved => {
                            self.resume(&connection, &run).await?;
                        }
                        // A newer first sync takes the place of one that waits.
                        _ if is_first_sync(&run) && newest.is_some() => {}
                        // One run at a time: what waits for a person is first.
                        _ => return self.collect_only(&connection).await,
                    }
                }
                RunStatus::Done | RunStatus::Failed | RunStatus::Undone | RunStatus::Rejected => {}
            }
        }
        match connections::get(self.db(), id).await? {
            Some(connection) => self.poll(connection).await,
            // A run has taken leave of it.
            None => Ok(()),
        }
    }

    /// Whether the mirror has anybody; counting them all would cost every round.
    pub(crate) async fn has_people(&self, id: ConnectionId) -> Result<bool> {
        Ok(!mirror::page(self.db(), id, None, 1).await?.is_empty())
    }

    /// A held plan waits; the mirror is kept up to date all the same.
    async fn collect_only(&self, connection: &Connection) -> Result<()> {
        if connection.progress.first_sync_done {
            self.collect(connection, Mode::Delta, &Hypothesis::default(), None)
                .await?;
        }
        Ok(())
    }

    /// A round without being asked: a delta, or a full read when one is due.
    async fn poll(&self, connection: Connection) -> Result<()> {
        let id = connection.id;
        if !connection.progress.first_sync_done && !self.has_people(id).await? {
            return Ok(());
        }
        let last = connection.progress.last_reconcile_at;
        let age = last.map(|at| self.now().duration_since(at).unsigned_abs());
        let mode = match age {
            Some(age) if age < self.options().reconcile_interval => Mode::Delta,
            _ => Mode::Full,
        };
        let nothing = Hypothesis::default();
        let collected = self.collect(&connection, mode, &nothing, None).await;
        let collected = self.judge_collect(&connection, collected).await?;
        if pending::page(self.db(), id, None, 1).await?.is_empty() {
            return Ok(());
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
        let policy = input::policy(self.db(), &connection, &nothing).await?;
        let plan = PlanOf {
            connection: &connection,
            policy: &policy,
            run_id: Some(run_id),
            kind: PlanKind::Sync,
            scope: Scope::Pending,
            reapply: false,
            change: None,
        };
        let built = self.build_plan_of_round(plan, &run).await?;
        if built.decisions == 0 {
            // Nobody was changed after all: no run is worth a line.
            let mut tx = self.begin().await?;
            pending::clear(&mut tx, id, &built.looked_at).await?;
            tx.commit().await?;
            return Ok(());
        }
        let hold = self.hold_reason(&connection, &built, false).await?;
        self.settle(&connection, run_id, built, hold, None).await
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
            let mut tx = self.begin().await?;
            let progress = json!({ "phase": "collecting" });
            runs::set_progress(&mut tx, run.id, &progress).await?;
            tx.commit().await?;
            let nothing = Hypothesis::default();
            let collected = self.collect(connection, mode, &nothing, Some(run.id)).await;
            let collected = self.judge_collect(connection, collected).await?;
            let mut tx = self.begin().await?;
            runs::add_cost(
                &mut tx,
                run.id,
                collected.requests,
                collected.resource_units,
            )
            .await?;
            tx.commit().await?;
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
                        let data = json!({
                            "id": connection.id, "tenant_domain": connection.tenant_domain,
                            "status": status, "code": health.code, "reason": health.reason,
                            "cure": health.cure,
                        });
                        let event = WebhookEvent::ConnectionUnhealthy;
                        tell(&mut tx, now, event, data).await?;
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
        let built = self
            .build_plan(PlanOf {
                connection,
                policy: &policy,
                run_id: Some(run.id),
                kind: PlanKind::Sync,
                scope,
                reapply,
                change: None,
            })
            .await?;
        let hold = self.hold_reason(connection, &built, plan_only).await?;
        self.settle(connection, run.id, built, hold, run.actor.clone())
            .await
    }

    /// Puts a built plan on hold, or applies it.
    pub(crate) async fn settle(
        &self,
        connection: &Connection,
        run_id: RunId,
        built: Built,
        hold: Option<Value>,
        actor: Option<String>,
    ) -> Result<()> {
        let now = self.now();
        let status = match &hold {
            Some(_) => PlanStatus::Held,
            None => PlanStatus::Applying,
        };
        let mut tx = self.begin().await?;
        let judged = built.judged(status, hold.as_ref());
        plans::finish_building(&mut tx, built.id, &judged).await?;
        runs::set_counts(&mut tx, run_id, &built.tally.counts).await?;
        runs::set_hold(&mut tx, run_id, hold.as_ref()).await?;
        if hold.is_some() {
            self.supersede_first_syncs(&mut tx, connection.id, run_id)
                .await?;
            runs::set_status(&mut tx, run_id, RunStatus::Held, None).await?;
            let health = Health {
                status: ConnectionStatus::Held,
                code: hold
                    .as_ref()
                    .and_then(|h| h.get("code")?.as_str().map(str::to_owned)),
                reason: hold
                    .as_ref()
                    .and_then(|h| h.get("message")?.as_str().map(str::to_owned)),
                cure: Some("Look at the plan and approve or reject it.".to_owned()),
            };
            connections::set_status(&mut tx, connection.id, &health, now).await?;
            let status = RunStatus::Held;
            let of = Some(connection.id);
            tell_run(&mut tx, now, of, run_id, status, hold.as_ref()).await?;
            tx.commit().await?;
            return Ok(());
        }
        runs::set_status(&mut tx, run_id, RunStatus::Applying, None).await?;
        tx.commit().await?;
        if built.decisions > 0 {
            self.apply_plan(ApplyOf {
                connection,
                run_id,
                plan_id: built.id,
                actor,
            })
            .await?;
        } else {
            let mut tx = self.begin().await?;
            let from = [PlanStatus::Applying];
            plans::set_status(&mut tx, built.id, &from, PlanStatus::Applied, None, now).await?;
            tx.commit().await?;
        }
        self.finish_run(connection, run_id, &built.looked_at).await
    }

    /// A first sync that waits for approval ends when a newer one stands in its
    /// place: of the two plans only the newer is true.
    async fn supersede_first_syncs(&self, tx: &mut Tx, id: ConnectionId, by: RunId) -> Result<()> {
        let now = self.now();
        for run in runs::unfinished(&mut *tx, id).await? {
            if run.id == by || run.status != RunStatus::Held || !is_first_sync(&run) {
                continue;
            }
            if let Some(plan) = run.plan_id {
                let from = [PlanStatus::Held];
                plans::set_status(tx, plan, &from, PlanStatus::Superseded, None, now).await?;
            }
            let hold = json!({
                "code": "superseded",
                "message": "A newer first sync took its place.",
                "run_id": by,
            });
            runs::set_hold(tx, run.id, Some(&hold)).await?;
            runs::set_status(tx, run.id, RunStatus::Rejected, Some(now)).await?;
        }
        Ok(())
    }

    async fn finish_run(
        &self,
        connection: &Connection,
        run_id: RunId,
        looked_at: &[ObjectId],
    ) -> Result<()> {
        let now = self.now();
        let has_people = self.has_people(connection.id).await?;
        let mut tx = self.begin().await?;
        if let Some(since) = pending::oldest(&mut tx, connection.id, looked_at).await? {
            let delay = crate::notify::milliseconds(since, now);
            connections::record_our_delay(&mut tx, connection.id, delay).await?;
        }
        pending::clear(&mut tx, connection.id, looked_at).await?;
        self.plan_again(&mut tx, connection.id, run_id).await?;
        runs::set_status(&mut tx, run_id, RunStatus::Done, Some(now)).await?;
        let of = Some(connection.id);
        tell_run(&mut tx, now, of, run_id, RunStatus::Done, None).await?;
        connections::record_run(&mut tx, connection.id, run_id).await?;
        connections::record_success(&mut tx, connection.id, now).await?;
        if has_people && !connection.progress.first_sync_done {
            connections::set_first_sync_done(&mut tx, connection.id, true).await?;
        }
        if connection.health.status == ConnectionStatus::Held {
            let health = healthy(ConnectionStatus::Connected);
            connections::set_status(&mut tx, connection.id, &health, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Applies the rest of an approved or interrupted plan.
    async fn resume(&self, connection: &Connection, run: &RunRow) -> Result<()> {
        let Some(plan_id) = run.plan_id else {
            return self.fail_run(run.id, EngineError::not_found("plan")).await;
        };
        let now = self.now();
        let plan = plans::get(self.db(), plan_id).await?;
        let plan = plan.ok_or_else(|| EngineError::not_found("plan"))?;
        if plan.status == PlanStatus::Approved {
            let mut tx = self.begin().await?;
            self.save_change(&mut tx, &plan).await?;
            let from = [PlanStatus::Approved];
            plans::set_status(&mut tx, plan_id, &from, PlanStatus::Applying, None, now).await?;
            runs::set_status(&mut tx, run.id, RunStatus::Applying, None).await?;
            tx.commit().await?;
        }
        if matches!(plan.status, PlanStatus::Approved | PlanStatus::Applying) {
            let actor = plan.decided_by.clone().or_else(|| run.actor.clone());
            let of = ApplyOf {
                connection,
                run_id: run.id,
                plan_id,
                actor,
            };
            if let Err(error) = self.apply_plan(of).await {
                return self.fail_run(run.id, error).await;
            }
        }
        if plan.kind == PlanKind::Removal {
            let actor = plan.decided_by.clone().or_else(|| run.actor.clone());
            return self.finish_removal(connection, run, actor).await;
        }
        let looked_at = self.people_of(&plan).await?;
        let connection = self.connection(connection.id).await?;
        self.finish_run(&connection, run.id, &looked_at).await
    }

    /// The people a stored plan decided about.
    async fn people_of(&self, plan: &PlanRow) -> Result<Vec<ObjectId>> {
        if Scope::from_json(plan.scope.as_ref()) == Scope::Everyone {
            return Ok(Vec::new());
        }
        let mut people = Vec::new();
        let mut after = 0;
        loop {
            let page = self.decisions_after(plan.id, after).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            people.extend(page.iter().map(|row| row.decision.object_id));
        }
        Ok(people)
    }

    async fn decisions_after(&self, id: PlanId, after: i64) -> Result<Vec<decisions::DecisionRow>> {
        let filter = decisions::DecisionFilter::default();
        Ok(decisions::page(self.db(), id, after, 1_000, &filter).await?)
    }
}

/// Whether a run waits because it is a connection's first.
fn is_first_sync(run: &RunRow) -> bool {
    let code = run.hold.as_ref().and_then(|hold| hold.get("code"));
    code.is_some_and(|code| code == "first_sync")
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
