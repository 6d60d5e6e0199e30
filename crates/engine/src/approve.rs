//! A person's word on a held plan. An approval binds the plan's hash: if the
//! world has moved, the new plan is shown instead.

use std::collections::HashSet;

use provisioning::ids::{PlanId, RunId};
use serde_json::json;
use store::connections::ConnectionStatus;
use store::decisions::{self, DecisionFilter};
use store::plans::{PlanRow, PlanStatus};
use store::runs::RunStatus;
use store::{connections, jobs, plans, runs};

use crate::acts::About;
use crate::engine::Engine;
use crate::error::{Class, EngineError, Result};
use crate::input;
use crate::model::Actor;
use crate::planning::{PlanOf, Scope};
use crate::run::{Asked, SYNC_JOB, healthy};

/// Decisions that are compared at once.
const PAGE: u32 = 1_000;
/// The state of a decision that stands as somebody approved it.
pub const APPROVED: &str = "approved";

impl Engine {
    /// Approves a held plan by its hash. If the world has moved, what still
    /// holds stays approved, and the rest is asked again.
    pub async fn approve(&self, id: PlanId, hash: &str, actor: &Actor) -> Result<RunId> {
        let plan = self.held_plan(id).await?;
        let run_id = plan.run_id.ok_or_else(|| EngineError::not_found("run"))?;
        let connection_id = plan
            .connection_id
            .ok_or_else(|| EngineError::not_found("connection"))?;
        if plan.hash.as_deref() != Some(hash) {
            return Err(changed(&plan));
        }
        let held = self.hold(connection_id).await?;
        let connection = self.connection(connection_id).await?;
        let hypothesis = self.hypothesis_of(&plan).await?;
        let policy = input::policy(self.db(), &connection, &hypothesis).await?;
        let scope = Scope::of(&plan)?;
        let again = held
            .build_plan(PlanOf {
                connection: &connection,
                policy: &policy,
                run_id: Some(run_id),
                kind: plan.kind,
                scope,
                reapply: self.is_reapply(run_id).await?,
                change: plan.change.clone(),
                tried: None,
            })
            .await?;
        let now = self.now();
        let asked = match again.hash == hash {
            true => 0,
            false => {
                let same = self.approved_before(id, again.id).await?;
                again.tally.people - same
            }
        };
        let mut tx = held.begin().await?;
        let mut approved = id;
        if again.hash == hash {
            plans::delete(&mut tx, again.id).await?;
        } else {
            // What still holds is not asked again.
            let mut hold = plan.hold.clone().unwrap_or_else(|| json!({}));
            hold["differs"] = asked.into();
            let judged = again.judged(PlanStatus::Held, Some(&hold));
            plans::finish_building(&mut tx, again.id, &judged).await?;
            let from = [PlanStatus::Held];
            plans::set_status(&mut tx, id, &from, PlanStatus::Superseded, None, now).await?;
            runs::set_counts(&mut tx, run_id, &again.tally.counts).await?;
            runs::set_plan(&mut tx, run_id, again.id).await?;
            approved = again.id;
        }
        if asked > 0 {
            tx.commit().await?;
            held.release().await?;
            let fresh = plans::get(self.db(), again.id).await?;
            return Err(fresh
                .as_ref()
                .map_or_else(|| EngineError::not_found("plan"), changed));
        }
        runs::set_plan(&mut tx, run_id, approved).await?;
        let from = [PlanStatus::Held];
        let by = Some(actor.name.as_str());
        plans::set_status(&mut tx, approved, &from, PlanStatus::Approved, by, now).await?;
        // It waits for nobody any more.
        runs::set_status(&mut tx, run_id, RunStatus::Applying, None).await?;
        let about = About {
            connection: Some(connection_id),
            plan: Some(approved),
            body: json!({ "hash": again.hash, "run_id": run_id }),
        };
        held.note(&mut tx, actor, "plan_approved", about).await?;
        let key = connection_id.to_string();
        jobs::enqueue(&mut tx, SYNC_JOB, &key, Some(connection_id), now, now).await?;
        tx.commit().await?;
        held.release().await?;
        Ok(run_id)
    }

    /// Marks what of a new plan was decided alike in the one that somebody has
    /// just approved, or was approved before it; how many people that are.
    async fn approved_before(&self, seen: PlanId, fresh: PlanId) -> Result<u64> {
        let visible = DecisionFilter {
            visible_only: true,
            ..DecisionFilter::default()
        };
        let mut known = HashSet::new();
        let mut after = 0;
        loop {
            let rows = decisions::page(self.db(), seen, after, PAGE, &visible).await?;
            known.extend(rows.iter().map(|row| row.decision.fingerprint()));
            match rows.last().filter(|_| rows.len() == PAGE as usize) {
                Some(last) => after = last.seq,
                None => break,
            }
        }
        let (mut same, mut after) = (0, 0);
        loop {
            let rows = decisions::page(self.db(), fresh, after, PAGE, &visible).await?;
            let alike = rows
                .iter()
                .filter(|row| known.contains(&row.decision.fingerprint()));
            let marks: Vec<(i64, &str)> = alike.map(|row| (row.seq, APPROVED)).collect();
            same += marks.len() as u64;
            let mut tx = self.begin().await?;
            decisions::mark(&mut tx, fresh, &marks).await?;
            tx.commit().await?;
            match rows.last().filter(|_| rows.len() == PAGE as usize) {
                Some(last) => after = last.seq,
                None => return Ok(same),
            }
        }
    }

    /// Rejects a held plan: nothing of it happens.
    pub async fn reject(&self, id: PlanId, actor: &Actor) -> Result<()> {
        let plan = self.held_plan(id).await?;
        let now = self.now();
        let mut tx = self.begin().await?;
        let from = [PlanStatus::Held];
        let by = Some(actor.name.as_str());
        plans::set_status(&mut tx, id, &from, PlanStatus::Rejected, by, now).await?;
        if let Some(run) = plan.run_id {
            runs::set_status(&mut tx, run, RunStatus::Rejected, Some(now)).await?;
        }
        self.drop_change(&mut tx, &plan).await?;
        let about = About {
            connection: plan.connection_id,
            plan: Some(id),
            body: json!({ "run_id": plan.run_id }),
        };
        self.note(&mut tx, actor, "plan_rejected", about).await?;
        if let Some(connection) = plan.connection_id {
            let health = healthy(ConnectionStatus::Connected);
            connections::set_status(&mut tx, connection, &health, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn held_plan(&self, id: PlanId) -> Result<PlanRow> {
        let plan = plans::get(self.db(), id).await?;
        let plan = plan.ok_or_else(|| EngineError::not_found("plan"))?;
        if plan.status != PlanStatus::Held {
            return Err(EngineError::new(
                "plan_not_held",
                Class::Conflict,
                "the plan does not wait for approval",
            )
            .detail(json!({ "status": plan.status })));
        }
        Ok(plan)
    }

    async fn is_reapply(&self, run: RunId) -> Result<bool> {
        let run = runs::get(self.db(), run).await?;
        Ok(match run {
            Some(run) => Asked::of(&run)?.reapply,
            None => false,
        })
    }
}

pub(crate) fn changed(plan: &PlanRow) -> EngineError {
    EngineError::new(
        "plan_changed",
        Class::Conflict,
        "the plan is not the one that was approved: the directory or the records moved meanwhile",
    )
    .cure("Look at the new plan and approve it.")
    .detail(json!({ "plan_id": plan.id, "hash": plan.hash, "counts": plan.counts }))
}
