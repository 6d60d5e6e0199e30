//! Builds a plan: streams people past the planner in batches, stores what is
//! decided, and counts. Chooses nothing itself.

use provisioning::case::Surroundings;
use provisioning::claims::Claims;
use provisioning::decide::{Outcome, decide};
use provisioning::ids::{ObjectId, PlanId, RecordId, RunId};
use provisioning::plan::Tally;
use provisioning::policy::Policy;
use serde_json::json;
use store::connections::Connection;
use store::mirror::Mirrored;
use store::plans::{PlanKind, PlanRow, PlanStatus};
use store::{decisions, mirror, pending, plans, records, runs};

use crate::engine::Engine;
use crate::error::Result;
use crate::input;

/// How many people are planned in one batch.
pub(crate) const BATCH: usize = 1_000;

/// Whom a plan is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everybody in the mirror.
    Everyone,
    /// People something was seen of.
    Pending,
    /// These.
    People(Vec<ObjectId>),
}

impl Scope {
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Everyone => json!("everyone"),
            Self::Pending => json!("pending"),
            Self::People(ids) => json!({ "people": ids }),
        }
    }

    pub(crate) fn from_json(value: Option<&serde_json::Value>) -> Self {
        match value {
            Some(serde_json::Value::String(text)) if text == "pending" => Self::Pending,
            Some(value) => match value.get("people").cloned() {
                Some(ids) => Self::People(serde_json::from_value(ids).unwrap_or_default()),
                None => Self::Everyone,
            },
            None => Self::Everyone,
        }
    }
}

/// What to plan.
pub(crate) struct PlanOf<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) policy: &'a Policy,
    pub(crate) run_id: Option<RunId>,
    pub(crate) kind: PlanKind,
    pub(crate) scope: Scope,
    pub(crate) reapply: bool,
    pub(crate) change: Option<serde_json::Value>,
}

/// A plan that has been built and not judged.
pub(crate) struct Built {
    pub(crate) id: PlanId,
    pub(crate) tally: Tally,
    pub(crate) hash: String,
    /// Decisions in all, also those that only note something on a link.
    pub(crate) decisions: i64,
    /// People that were looked at: their pending marks are dealt with.
    pub(crate) looked_at: Vec<ObjectId>,
}

impl Built {
    /// How the plan's building ends.
    pub(crate) fn judged<'a>(
        &'a self,
        status: PlanStatus,
        hold: Option<&'a serde_json::Value>,
    ) -> plans::Built<'a> {
        plans::Built {
            status,
            hash: &self.hash,
            counts: &self.tally.counts,
            people: self.tally.people,
            hold,
        }
    }
}

impl Engine {
    /// Builds a plan. It stays in `building` until it is judged.
    pub(crate) async fn build_plan(&self, of: PlanOf<'_>) -> Result<Built> {
        let id = PlanId(self.new_id());
        let mut tx = self.db().begin().await?;
        let row = PlanRow {
            id,
            connection_id: Some(of.connection.id),
            run_id: of.run_id,
            kind: of.kind,
            status: PlanStatus::Building,
            hash: None,
            counts: provisioning::plan::Counts::default(),
            people: 0,
            applied_seq: 0,
            hold: None,
            scope: Some(of.scope.to_json()),
            change: of.change.clone(),
            created_at: self.now(),
            decided_at: None,
            decided_by: None,
        };
        plans::create(&mut tx, &row).await?;
        if let Some(run) = of.run_id {
            runs::set_plan(&mut tx, run, id).await?;
        }
        tx.commit().await?;
        let mut around = Surroundings {
            administrators: records::active_administrators(self.db()).await?,
            reapply: of.reapply,
            ..Surroundings::default()
        };
        let mut claims = Claims::default();
        let mut tally = Tally::default();
        let mut looked_at = Vec::new();
        let mut seq = 0_i64;
        let mut after = None;
        loop {
            let batch = self.next_batch(&of, &mut after).await?;
            let Some(batch) = batch else { break };
            if of.scope != Scope::Everyone {
                looked_at.extend(batch.iter().map(|m| m.person.object_id));
            }
            let cases = input::gather(self.db(), of.policy, batch, &mut around).await?;
            let mut decided = Vec::new();
            for case in &cases {
                let mut new_id = || RecordId(self.new_id());
                let outcome = decide(case, of.policy, &around, &mut claims, &mut new_id);
                if let Outcome::Decided(decision) = outcome {
                    tally.add(&decision);
                    decided.push(*decision);
                }
            }
            if !decided.is_empty() {
                let mut tx = self.db().begin().await?;
                decisions::append(&mut tx, id, seq + 1, &decided).await?;
                if let Some(run) = of.run_id {
                    let progress = json!({ "phase": "planning", "planned": tally.people });
                    runs::set_progress(&mut tx, run, &progress).await?;
                }
                tx.commit().await?;
                seq += i64::try_from(decided.len()).unwrap_or(i64::MAX);
            }
        }
        let hash = tally.hash();
        Ok(Built {
            id,
            tally,
            hash,
            decisions: seq,
            looked_at,
        })
    }

    async fn next_batch(
        &self,
        of: &PlanOf<'_>,
        after: &mut Option<ObjectId>,
    ) -> Result<Option<Vec<Mirrored>>> {
        let (db, id) = (self.db(), of.connection.id);
        let limit = u32::try_from(BATCH).unwrap_or(u32::MAX);
        match &of.scope {
            Scope::Everyone => {
                let page = mirror::page(db, id, *after, limit).await?;
                *after = page.last().map(|m| m.person.object_id);
                Ok((!page.is_empty()).then_some(page))
            }
            Scope::Pending => {
                let ids = pending::page(db, id, *after, limit).await?;
                let Some(last) = ids.last() else {
                    return Ok(None);
                };
                *after = Some(*last);
                Ok(Some(mirror::get(db, id, &ids).await?))
            }
            Scope::People(all) => {
                let start = after.map_or(0, |last| {
                    all.iter()
                        .position(|id| *id == last)
                        .map_or(all.len(), |at| at + 1)
                });
                let ids = &all[start..all.len().min(start + BATCH)];
                let Some(last) = ids.last() else {
                    return Ok(None);
                };
                *after = Some(*last);
                Ok(Some(mirror::get(db, id, ids).await?))
            }
        }
    }
}
