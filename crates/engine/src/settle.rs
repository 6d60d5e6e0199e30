//! How a run ends: held for a person, applied, or taken up again after an
//! approval or a crash.

use provisioning::ids::{ConnectionId, ObjectId, PlanId, RunId};
use serde_json::{Value, json};
use store::connections::{self, Connection, ConnectionStatus, Health};
use store::plans::{self, PlanKind, PlanRow, PlanStatus};
use store::runs::{self, RunRow, RunStatus};
use store::{Tx, decisions, pending};

use crate::apply::{ApplyOf, Left, mark_applied};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::events::tell_run;
use crate::planning::{Drafted, Scope};
use crate::run::healthy;

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
        let mut drafted = drafted.into();
        let status = match &hold {
            Some(_) => (PlanStatus::Held, RunStatus::Held),
            None => (PlanStatus::Applying, RunStatus::Applying),
        };
        // Whoever is told that a plan waits is told what stays.
        let mut tx = match &hold {
            Some(_) => self.begin().await?,
            None => self.begin_relaxed().await?,
        };
        let end = drafted.end(&mut tx, run_id, status, hold.as_ref());
        end.await?;
        if hold.is_some() {
            self.supersede_first_syncs(&mut tx, connection.id, run_id)
                .await?;
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
        tx.commit().await?;
        let plan_id = drafted.built.id;
        let looked_at = std::mem::take(&mut drafted.built.looked_at);
        if drafted.built.decisions > 0 {
            let of = ApplyOf {
                connection,
                run_id,
                plan_id,
                actor,
            };
            let left = match drafted.into_decisions() {
                Some(all) => Left::Known(all),
                None => Left::Stored { after: 0 },
            };
            self.apply_plan(of, left).await?;
        }
        self.finish_run(connection, run_id, plan_id, &looked_at)
            .await
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
        let is_first_sync =
            !connection.progress.first_sync_done && self.has_people(connection.id).await?;
        let mut tx = self.begin().await?;
        mark_applied(&mut tx, plan_id, now).await?;
        if let Some(since) = pending::oldest(&mut tx, connection.id, looked_at).await? {
            let delay = crate::notify::milliseconds(since, now);
            connections::record_our_delay(&mut tx, connection.id, delay).await?;
        }
        pending::clear(&mut tx, connection.id, looked_at).await?;
        self.plan_again(&mut tx, connection.id, plan_id).await?;
        runs::set_status(&mut tx, run_id, RunStatus::Done, Some(now)).await?;
        let of = Some(connection.id);
        tell_run(&mut tx, now, of, run_id, RunStatus::Done, None).await?;
        connections::record_success(&mut tx, connection.id, run_id, is_first_sync, now).await?;
        if connection.health.status == ConnectionStatus::Held {
            let health = healthy(ConnectionStatus::Connected);
            connections::set_status(&mut tx, connection.id, &health, now).await?;
        }
        tx.commit().await?;
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
            let left = Left::Stored {
                after: plan.applied_seq,
            };
            if let Err(error) = self.apply_plan(of, left).await {
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

/// Whether a run waits because it is a connection's first.
pub(crate) fn is_first_sync(run: &RunRow) -> bool {
    let code = run.hold.as_ref().and_then(|hold| hold.get("code"));
    code.is_some_and(|code| code == "first_sync")
}
