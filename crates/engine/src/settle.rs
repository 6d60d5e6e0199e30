//! How a run ends: held for a person, applied, or taken up again after an
//! approval or a crash.

use provisioning::ids::{ConnectionId, ObjectId, PlanId, RunId};
use serde_json::{Value, json};
use store::connections::{self, Connection, ConnectionStatus, Health};
use store::plans::{self, PlanKind, PlanRow, PlanStatus};
use store::runs::{self, RunRow, RunStatus};
use store::{Tx, decisions, pending};

use crate::apply::{ApplyOf, mark_applied};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::events::tell_run;
use crate::planning::{Built, Drafted, Ending, Scope};
use crate::run::healthy;

/// A run that is done.
struct Done<'a> {
    connection: &'a Connection,
    run_id: RunId,
    plan_id: PlanId,
    /// Whoever waited and was looked at.
    looked_at: &'a [ObjectId],
    is_first_sync: bool,
    /// Whether somebody may have been left out since somebody else came first.
    any_stale: bool,
}

impl Engine {
    /// Puts a built plan on hold, or applies it.
    pub(crate) async fn settle(
        &self,
        connection: &Connection,
        run_id: RunId,
        drafted: impl Into<Drafted>,
        hold: Option<Value>,
        actor: Option<String>,
    ) -> Result<()> {
        let now = self.now();
        let drafted = drafted.into();
        if let Some(hold) = &hold {
            // Whoever is told that a plan waits is told what stays.
            let mut tx = self.begin().await?;
            let ending = Ending::Held(hold);
            drafted.end(&mut tx, run_id, ending, now).await?;
            self.supersede_first_syncs(&mut tx, connection.id, run_id)
                .await?;
            let health = Health {
                status: ConnectionStatus::Held,
                code: text_of(hold, "code"),
                reason: text_of(hold, "message"),
                cure: Some("Look at the plan and approve or reject it.".to_owned()),
            };
            connections::set_status(&mut tx, connection.id, &health, now).await?;
            let status = RunStatus::Held;
            let of = Some(connection.id);
            tell_run(&mut tx, now, of, run_id, status, Some(hold)).await?;
            tx.commit().await?;
            return Ok(());
        }
        let Built { id, looked_at, .. } = &drafted.built;
        let of = ApplyOf {
            connection,
            run_id,
            plan_id: *id,
            actor,
        };
        let Some(decisions) = drafted.unwritten() else {
            let mut tx = self.begin_relaxed().await?;
            let ending = Ending::Applying;
            drafted.end(&mut tx, run_id, ending, now).await?;
            tx.commit().await?;
            self.apply_plan(of, 0).await?;
            return self.finish_run(connection, run_id, *id, looked_at).await;
        };
        let is_first_sync = self.ends_first_sync(connection).await?;
        let (mut tx, any_stale) = self.apply_whole(of, &drafted, decisions).await?;
        let done = Done {
            connection,
            run_id,
            plan_id: *id,
            looked_at,
            is_first_sync,
            any_stale,
        };
        self.note_done(&mut tx, done).await?;
        tx.commit().await?;
        Ok(())
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
        plan_id: PlanId,
        looked_at: &[ObjectId],
    ) -> Result<()> {
        let now = self.now();
        let is_first_sync = self.ends_first_sync(connection).await?;
        let mut tx = self.begin().await?;
        mark_applied(&mut tx, plan_id, now).await?;
        runs::set_status(&mut tx, run_id, RunStatus::Done, Some(now)).await?;
        let done = Done {
            connection,
            run_id,
            plan_id,
            looked_at,
            is_first_sync,
            any_stale: true,
        };
        self.note_done(&mut tx, done).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether a run that ends well is the connection's first.
    async fn ends_first_sync(&self, connection: &Connection) -> Result<bool> {
        Ok(!connection.progress.first_sync_done && self.has_people(connection.id).await?)
    }

    /// Writes what follows from a run that is done.
    async fn note_done(&self, tx: &mut Tx, done: Done<'_>) -> Result<()> {
        let (now, connection, run_id) = (self.now(), done.connection, done.run_id);
        let id = connection.id;
        if let Some(since) = pending::oldest(&mut *tx, id, done.looked_at).await? {
            let delay = crate::notify::milliseconds(since, now);
            connections::record_our_delay(tx, id, delay).await?;
        }
        pending::clear(tx, id, done.looked_at).await?;
        if done.any_stale {
            self.plan_again(tx, id, done.plan_id).await?;
        }
        tell_run(tx, now, Some(id), run_id, RunStatus::Done, None).await?;
        connections::record_success(tx, id, run_id, done.is_first_sync, now).await?;
        if connection.health.status == ConnectionStatus::Held {
            let health = healthy(ConnectionStatus::Connected);
            connections::set_status(tx, id, &health, now).await?;
        }
        Ok(())
    }

    /// Applies the rest of an approved or interrupted plan.
    pub(crate) async fn resume(&self, connection: &Connection, run: &RunRow) -> Result<()> {
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
            if let Err(error) = self.apply_plan(of, plan.applied_seq).await {
                return self.fail_run(run.id, error).await;
            }
        }
        if plan.kind == PlanKind::Removal {
            self.end_plan(plan_id).await?;
            let actor = plan.decided_by.clone().or_else(|| run.actor.clone());
            return Box::pin(self.finish_removal(connection, run, actor)).await;
        }
        let looked_at = self.people_of(&plan).await?;
        let connection = self.connection(connection.id).await?;
        self.finish_run(&connection, run.id, plan_id, &looked_at)
            .await
    }

    /// The people a stored plan decided about.
    async fn people_of(&self, plan: &PlanRow) -> Result<Vec<ObjectId>> {
        if Scope::of(plan)? == Scope::Everyone {
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

fn text_of(hold: &Value, key: &str) -> Option<String> {
    Some(hold.get(key)?.as_str()?.to_owned())
}

/// Whether a run waits because it is a connection's first.
pub(crate) fn is_first_sync(run: &RunRow) -> bool {
    let code = run.hold.as_ref().and_then(|hold| hold.get("code"));
    code.is_some_and(|code| code == "first_sync")
}
