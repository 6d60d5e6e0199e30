//! Takes back what was applied: the inverse of it as a plan like any other,
//! applied by the same hand. What a run did, what one person got, or what one
//! rule made of everybody it decides.
//!
//! A field that somebody changed since is a conflict: it is shown and left. A
//! record that was made is made inactive, or archived where the person is of
//! the other kind again. Nothing taken back is done anew until the person
//! changes, the rule changes, or somebody asks for it.

use provisioning::action::Decision;
use provisioning::field::Value;
use provisioning::ids::{ConnectionId, ObjectId, PlanId, RecordId, RuleId, RunId, TenantId};
use provisioning::plan::Tally;
use serde::Serialize;
use serde_json::json;
use store::decisions::{DecisionFilter, DecisionRow};
use store::links::LinkRow;
use store::plans::{Built, PlanKind, PlanRow, PlanStatus};
use store::runs::{RunMode, RunRow, RunStatus};
use store::{decisions, jobs, links, mapping_rules, plans, runs};

use crate::engine::Engine;
use crate::error::{Class, EngineError, Result};
use crate::model::Actor;
use crate::planning::Scope;
use crate::run::{SYNC_JOB, new_run};

mod inverse;
mod past;

/// How many people are taken back in one batch.
const BATCH: u32 = 500;
/// How many conflicts are shown one by one.
const SHOWN: usize = 200;

/// What is to be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// Everything a run did.
    Run(RunId),
    /// What one run did to one person: the last that did something to them,
    /// unless another is named.
    Person {
        /// Their record.
        record_id: RecordId,
        /// The run.
        run_id: Option<RunId>,
    },
    /// What a rule made of everybody it decides now, since it took them.
    Rule(RuleId),
}

/// What an undo does, or would do.
#[derive(Debug, Serialize)]
pub struct Undone {
    /// The run that takes it back; none for a preview.
    pub run_id: Option<RunId>,
    /// Its plan.
    pub plan_id: PlanId,
    /// How many fields were changed since and stay.
    pub conflicts: u64,
    /// The first of them.
    pub conflicting: Vec<Conflict>,
}

/// A field that somebody changed since it was written.
#[derive(Debug, Clone, Serialize)]
pub struct Conflict {
    /// The record.
    pub record_id: RecordId,
    /// Whose.
    pub name: String,
    /// The field.
    pub field: &'static str,
    /// What was written.
    pub written: Option<Value>,
    /// What is there now, and stays.
    pub found: Option<Value>,
}

/// What was done to a person and is to be taken back, newest first.
struct Past {
    tenant_id: TenantId,
    object_id: ObjectId,
    decisions: Vec<Decision>,
}

/// An undo on its way.
struct Draft {
    plan_id: PlanId,
    tally: Tally,
    seq: i64,
    conflicts: u64,
    conflicting: Vec<Conflict>,
}

impl Draft {
    fn conflict(&mut self, conflict: Conflict) {
        self.conflicts += 1;
        if self.conflicting.len() < SHOWN {
            self.conflicting.push(conflict);
        }
    }
}

impl Engine {
    /// Takes something back, or shows what that would do.
    pub async fn undo(&self, what: Undo, plan_only: bool, actor: &Actor) -> Result<Undone> {
        let connection_id = self.undoable(what).await?;
        let own = self.hold(connection_id).await?;
        // Nobody may have taken it back while this waited.
        let undone = match own.undoable(what).await {
            Ok(_) => own.plan_undo(what, connection_id, plan_only, actor).await,
            Err(error) => Err(error),
        };
        own.release().await?;
        self.0.wake.notify_one();
        undone
    }

    /// Through which connection this came, when it can be taken back.
    async fn undoable(&self, what: Undo) -> Result<ConnectionId> {
        match what {
            Undo::Run(id) => {
                let run = self.undoable_run(id).await?;
                let of = run.connection_id;
                of.ok_or_else(|| EngineError::not_found("connection"))
            }
            Undo::Person { record_id, run_id } => {
                if let Some(id) = run_id {
                    self.undoable_run(id).await?;
                }
                Ok(self.link_of(record_id).await?.connection_id)
            }
            Undo::Rule(id) => {
                let rule = mapping_rules::get(self.db(), id).await?;
                let rule = rule.ok_or_else(|| EngineError::not_found("mapping rule"))?;
                Ok(rule.rule.connection_id)
            }
        }
    }

    async fn undoable_run(&self, id: RunId) -> Result<RunRow> {
        let run = runs::get(self.db(), id).await?;
        let run = run.ok_or_else(|| EngineError::not_found("sync run"))?;
        let refuse = |code, message: String| EngineError::new(code, Class::Conflict, message);
        match run.status {
            RunStatus::Done if run.plan_id.is_some() => Ok(run),
            RunStatus::Undone => Err(refuse(
                "already_undone",
                "the run was taken back already".to_owned(),
            )
            .cure("Undo the run that took it back, to have its changes again.")),
            _ => Err(refuse(
                "not_undoable",
                "the run has applied nothing that could be taken back".to_owned(),
            )
            .cure("Wait until it is done; a run that waits can be rejected.")),
        }
    }

    async fn plan_undo(
        &self,
        what: Undo,
        connection_id: ConnectionId,
        plan_only: bool,
        actor: &Actor,
    ) -> Result<Undone> {
        let (plan_id, now) = (PlanId(self.new_id()), self.now());
        let run_id = (!plan_only).then(|| RunId(self.new_id()));
        let mut tx = self.begin().await?;
        let plan = PlanRow {
            id: plan_id,
            connection_id: Some(connection_id),
            run_id,
            kind: PlanKind::Undo,
            status: PlanStatus::Building,
            hash: None,
            counts: provisioning::plan::Counts::default(),
            people: 0,
            roles_lost: 0,
            applied_seq: 0,
            hold: None,
            scope: Some(Scope::Everyone.to_json()),
            change: None,
            created_at: now,
            decided_at: None,
            decided_by: None,
        };
        plans::create(&mut tx, &plan).await?;
        tx.commit().await?;
        let mut draft = Draft {
            plan_id,
            tally: Tally::default(),
            seq: 0,
            conflicts: 0,
            conflicting: Vec::new(),
        };
        let undo_of = match what {
            Undo::Run(id) => self.decide_undo_of_run(id, &mut draft).await?,
            Undo::Person { record_id, run_id } => {
                let (run, past) = self.past_of_person(record_id, run_id).await?;
                self.decide_undo(vec![past], &mut draft).await?;
                Some(run)
            }
            Undo::Rule(id) => {
                self.decide_undo_of_rule(id, connection_id, &mut draft)
                    .await?;
                None
            }
        };
        let undo = run_id.map(|id| RunRow {
            status: RunStatus::Applying,
            plan_id: Some(plan_id),
            counts: draft.tally.counts.clone(),
            progress: json!({ "phase": "applying", "conflicts": draft.conflicts }),
            undo_of,
            actor: Some(actor.name.clone()),
            ..new_run(id, connection_id, RunMode::Delta, "undo", self.now())
        });
        self.judge_undo(what, undo, &draft).await?;
        Ok(Undone {
            run_id,
            plan_id,
            conflicts: draft.conflicts,
            conflicting: draft.conflicting,
        })
    }

    /// Goes through everything the run decided.
    async fn decide_undo_of_run(&self, id: RunId, draft: &mut Draft) -> Result<Option<RunId>> {
        let run = self.undoable_run(id).await?;
        let of = run.plan_id.ok_or_else(|| EngineError::not_found("plan"))?;
        let filter = DecisionFilter {
            visible_only: true,
            ..DecisionFilter::default()
        };
        let mut after = 0;
        loop {
            let page = decisions::page(self.db(), of, after, BATCH, &filter).await?;
            let Some(last) = page.last() else {
                return Ok(Some(id));
            };
            after = last.seq;
            let done = |row: &DecisionRow| row.state.as_deref() != Some("stale");
            let past = page.into_iter().filter(done).map(|row| Past {
                tenant_id: row.decision.tenant_id,
                object_id: row.decision.object_id,
                decisions: vec![row.decision],
            });
            self.decide_undo(past.collect(), draft).await?;
        }
    }

    /// Goes through everybody the rule decides now.
    async fn decide_undo_of_rule(
        &self,
        rule: RuleId,
        connection_id: ConnectionId,
        draft: &mut Draft,
    ) -> Result<()> {
        let mut after = None;
        loop {
            let page = links::decided_by(self.db(), connection_id, rule, after, BATCH).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.link.object_id);
            // Whoever is as before already, and is left so, has nothing to lose.
            let page: Vec<LinkRow> = page
                .into_iter()
                .filter(|row| row.link.suppressed.is_none())
                .collect();
            let past = self.past_under_rule(rule, &page).await?;
            self.decide_undo(past, draft).await?;
        }
    }

    /// Decides what takes back what was done to these people.
    async fn decide_undo(&self, past: Vec<Past>, draft: &mut Draft) -> Result<()> {
        let now = self.as_it_is(&past).await?;
        let mut inverse = Vec::new();
        for past in &past {
            if let Some(decision) = self.inverse(past, &now, draft).await? {
                draft.tally.add(&decision);
                inverse.push(decision);
            }
        }
        let mut tx = self.begin().await?;
        decisions::append(&mut tx, draft.plan_id, draft.seq + 1, &inverse).await?;
        tx.commit().await?;
        draft.seq += i64::try_from(inverse.len()).unwrap_or(i64::MAX);
        Ok(())
    }

    /// Sets the undo going, or leaves its plan to be looked at.
    async fn judge_undo(&self, what: Undo, undo: Option<RunRow>, draft: &Draft) -> Result<()> {
        let now = self.now();
        let hash = draft.tally.hash();
        let built = Built {
            status: match &undo {
                Some(_) => PlanStatus::Applying,
                None => PlanStatus::Preview,
            },
            hash: &hash,
            counts: &draft.tally.counts,
            people: draft.tally.people,
            roles_lost: draft.tally.roles_lost,
            hold: None,
        };
        let mut tx = self.begin().await?;
        plans::finish_building(&mut tx, draft.plan_id, &built).await?;
        if let Some(undo) = undo {
            runs::create(&mut tx, &undo).await?;
            if let Undo::Run(id) = what {
                let run = runs::get(&mut tx, id).await?;
                let ended = run.and_then(|run| run.finished_at);
                runs::set_status(&mut tx, id, RunStatus::Undone, ended).await?;
            }
            if let Some(connection) = undo.connection_id {
                let key = connection.to_string();
                jobs::enqueue(&mut tx, SYNC_JOB, &key, Some(connection), now, now).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }
}
