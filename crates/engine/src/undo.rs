//! Takes back what a run did: the inverse of every action it applied, as a plan
//! like any other, applied by the same hand.
//!
//! A field that somebody changed since is a conflict: it is shown and left. A
//! record the run made is made inactive, or archived where the person is of
//! the other kind again. Nothing taken back is done anew until the person
//! changes, the rule changes, or somebody asks for it.

use std::collections::HashMap;

use provisioning::action::{Action, ActionKind, Decision, LinkWrite};
use provisioning::address::fold;
use provisioning::field::{Field, FieldChange, Value};
use provisioning::ids::{ObjectId, PlanId, RecordId, RunId};
use provisioning::plan::Tally;
use provisioning::psa::{Record, Status};
use provisioning::reason::{AccessReason, Cause, Reason};
use provisioning::username;
use serde::Serialize;
use serde_json::json;
use store::decisions::{DecisionFilter, DecisionRow};
use store::links::LinkRow;
use store::plans::{Built, PlanKind, PlanRow, PlanStatus};
use store::runs::{RunMode, RunRow, RunStatus};
use store::{decisions, jobs, links, plans, records, runs};

use crate::engine::Engine;
use crate::error::{Class, EngineError, Result};
use crate::model::Actor;
use crate::planning::Scope;
use crate::run::{SYNC_JOB, new_run};

/// How many people are taken back in one batch.
const BATCH: u32 = 500;
/// How many conflicts are shown one by one.
const SHOWN: usize = 200;

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

/// A field that somebody changed after the run.
#[derive(Debug, Clone, Serialize)]
pub struct Conflict {
    /// The record.
    pub record_id: RecordId,
    /// Whose.
    pub name: String,
    /// The field.
    pub field: &'static str,
    /// What the run wrote.
    pub written: Option<Value>,
    /// What is there now, and stays.
    pub found: Option<Value>,
}

/// An undo on its way.
struct Draft {
    tally: Tally,
    seq: i64,
    conflicts: u64,
    conflicting: Vec<Conflict>,
    /// Whether the run that is taken back took something back itself.
    is_redo: bool,
}

impl Engine {
    /// Takes a finished run back, or shows what that would do.
    pub async fn undo_run(&self, id: RunId, plan_only: bool, actor: &Actor) -> Result<Undone> {
        let run = self.undoable(id).await?;
        let connection_id = run
            .connection_id
            .ok_or_else(|| EngineError::not_found("connection"))?;
        let own = self.hold(connection_id).await?;
        // Nobody may have taken it back while this waited.
        let run = own.undoable(id).await?;
        let undone = own.plan_undo(&run, plan_only, actor).await;
        own.release().await?;
        self.0.wake.notify_one();
        undone
    }

    async fn undoable(&self, id: RunId) -> Result<RunRow> {
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

    async fn plan_undo(&self, run: &RunRow, plan_only: bool, actor: &Actor) -> Result<Undone> {
        let (plan_id, now) = (PlanId(self.new_id()), self.now());
        let new_run_id = (!plan_only).then(|| RunId(self.new_id()));
        let mut tx = self.begin().await?;
        let plan = PlanRow {
            id: plan_id,
            connection_id: run.connection_id,
            run_id: new_run_id,
            kind: PlanKind::Undo,
            status: PlanStatus::Building,
            hash: None,
            counts: provisioning::plan::Counts::default(),
            people: 0,
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
            tally: Tally::default(),
            seq: 0,
            conflicts: 0,
            conflicting: Vec::new(),
            is_redo: run.undo_of.is_some(),
        };
        self.decide_undo(run, plan_id, &mut draft).await?;
        let undo = new_run_id.zip(run.connection_id);
        let undo = undo.map(|(id, connection)| RunRow {
            status: RunStatus::Applying,
            plan_id: Some(plan_id),
            counts: draft.tally.counts.clone(),
            progress: json!({ "phase": "applying", "conflicts": draft.conflicts }),
            undo_of: Some(run.id),
            actor: Some(actor.name.clone()),
            ..new_run(id, connection, RunMode::Delta, "undo", self.now())
        });
        self.judge_undo(run, plan_id, undo, &draft).await?;
        Ok(Undone {
            run_id: new_run_id,
            plan_id,
            conflicts: draft.conflicts,
            conflicting: draft.conflicting,
        })
    }

    /// Goes through everything the run decided.
    async fn decide_undo(&self, run: &RunRow, plan_id: PlanId, draft: &mut Draft) -> Result<()> {
        let of = run.plan_id.ok_or_else(|| EngineError::not_found("plan"))?;
        let filter = DecisionFilter {
            visible_only: true,
            ..DecisionFilter::default()
        };
        let mut after = 0;
        loop {
            let page = decisions::page(self.db(), of, after, BATCH, &filter).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.seq;
            let mut inverse = Vec::new();
            let now = self.as_it_is(&page).await?;
            for row in page
                .iter()
                .filter(|row| row.state.as_deref() != Some("stale"))
            {
                if let Some(decision) = self.inverse(&row.decision, &now, draft).await? {
                    draft.tally.add(&decision);
                    inverse.push(decision);
                }
            }
            let mut tx = self.begin().await?;
            decisions::append(&mut tx, plan_id, draft.seq + 1, &inverse).await?;
            tx.commit().await?;
            draft.seq += i64::try_from(inverse.len()).unwrap_or(i64::MAX);
        }
    }

    async fn as_it_is(&self, page: &[DecisionRow]) -> Result<AsItIs> {
        let mut wanted: Vec<RecordId> = page
            .iter()
            .flat_map(|row| &row.decision.actions)
            .filter_map(|action| action.record_id)
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let found = records::get(self.db(), &wanted).await?.into_iter();
        let mut linked = HashMap::new();
        if let Some(tenant) = page.first().map(|row| row.decision.tenant_id) {
            let people: Vec<ObjectId> = page.iter().map(|row| row.decision.object_id).collect();
            for row in links::get(self.db(), tenant, &people).await? {
                linked.insert(row.link.object_id, row);
            }
        }
        Ok(AsItIs {
            records: found.map(|row| (row.record.id, row.record)).collect(),
            links: linked,
        })
    }

    /// What takes one decision back; nothing when nothing of it is left.
    async fn inverse(
        &self,
        decision: &Decision,
        now: &AsItIs,
        draft: &mut Draft,
    ) -> Result<Option<Decision>> {
        let was_archived = decision.actions.iter();
        let was_archived = was_archived.filter(|action| action.kind == ActionKind::Archive);
        let comes_back = was_archived.filter_map(|action| action.record_id).next();
        let mut actions = Vec::new();
        // The last action is taken back first: a name is free before it is taken.
        for action in decision.actions.iter().rev() {
            let Some(kind) = inverse_kind(action.kind, comes_back.is_some()) else {
                continue;
            };
            let Some(record) = action.record_id.and_then(|id| now.records.get(&id)) else {
                continue;
            };
            let changes = if action.kind == ActionKind::Create {
                self.unmade(record, comes_back.is_some()).await?
            } else {
                let freed = decision
                    .actions
                    .iter()
                    .filter_map(|action| action.record_id);
                let freed: Vec<RecordId> = freed.collect();
                let name = &decision.name;
                self.turned_back(action, record, (name, &freed), draft)
                    .await?
            };
            if changes.is_empty() {
                continue;
            }
            actions.push(Action {
                kind,
                record_kind: record.kind,
                record_id: Some(record.id),
                precondition: record.version,
                changes,
                reason: Reason {
                    cause: Cause::Undone,
                    rule_id: action.reason.rule_id,
                    group_path: Vec::new(),
                    loss: None,
                },
            });
        }
        if actions.is_empty() {
            return Ok(None);
        }
        let link = now.links.get(&decision.object_id);
        Ok(Some(Decision {
            tenant_id: decision.tenant_id,
            object_id: decision.object_id,
            name: decision.name.clone(),
            email: decision.email.clone(),
            username: decision.username.clone(),
            actions,
            link: link.map(|row| link_back(row, comes_back, draft.is_redo)),
            review: None,
        }))
    }

    /// A record that was made is closed; archived, where its names are needed.
    async fn unmade(&self, record: &Record, is_archived: bool) -> Result<Vec<FieldChange>> {
        let mut next = record.clone();
        if is_archived && next.status != Status::Archived {
            let suffix = self.free_suffix(&next).await?;
            next.original_username.clone_from(&next.username);
            next.original_email.clone_from(&next.email);
            let with = |text: &String| format!("{text}{suffix}");
            next.username = next.username.as_ref().map(with);
            next.email = next.email.as_ref().map(with);
            next.status = Status::Archived;
            next.deactivated_by_sync = false;
        } else if next.status == Status::Active {
            next.status = Status::Inactive;
            next.deactivated_by_sync = true;
        }
        next.access = false;
        next.access_reason = Some(AccessReason::Undone.code().to_owned());
        let changes = Field::ALL.into_iter().filter_map(|field| {
            let (old, new) = (record.get(field), next.get(field));
            (old != new).then_some(FieldChange { field, old, new })
        });
        Ok(changes.collect())
    }

    async fn free_suffix(&self, record: &Record) -> Result<String> {
        let name = record.username.clone().unwrap_or_default();
        for suffix in username::archived_suffixes(record.id.0).take(50) {
            let key = fold(&format!("{name}{suffix}"));
            if records::by_username(self.db(), &key).await?.is_none() {
                return Ok(suffix);
            }
        }
        Ok(format!("_Archived{}", record.id))
    }

    /// The changes that bring old values back where nobody wrote others since.
    async fn turned_back(
        &self,
        action: &Action,
        record: &Record,
        (name, freed): (&str, &[RecordId]),
        draft: &mut Draft,
    ) -> Result<Vec<FieldChange>> {
        let mut changes = Vec::new();
        for change in &action.changes {
            let found = record.get(change.field);
            if found == change.old {
                continue;
            }
            let is_taken = change.field == Field::Username
                && self.is_taken(change.old.as_ref(), record.id, freed).await?;
            if found == change.new && !is_taken {
                changes.push(change.clone().inverse());
                continue;
            }
            draft.conflicts += 1;
            if draft.conflicting.len() < SHOWN {
                draft.conflicting.push(Conflict {
                    record_id: record.id,
                    name: name.to_owned(),
                    field: change.field.path(record.kind),
                    written: change.new.clone(),
                    found,
                });
            }
        }
        Ok(changes)
    }

    /// Whether a name belongs to somebody whom this undo does not rename.
    async fn is_taken(
        &self,
        name: Option<&Value>,
        own: RecordId,
        freed: &[RecordId],
    ) -> Result<bool> {
        let Some(serde_json::Value::String(name)) = name.map(|name| json!(name)) else {
            return Ok(false);
        };
        let holder = records::by_username(self.db(), &fold(&name)).await?;
        let holder = holder.map(|row| row.record.id);
        Ok(holder.is_some_and(|id| id != own && !freed.contains(&id)))
    }

    /// Sets the undo going, or leaves its plan to be looked at.
    async fn judge_undo(
        &self,
        run: &RunRow,
        plan_id: PlanId,
        undo: Option<RunRow>,
        draft: &Draft,
    ) -> Result<()> {
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
            hold: None,
        };
        let mut tx = self.begin().await?;
        plans::finish_building(&mut tx, plan_id, &built).await?;
        if let Some(undo) = undo {
            runs::create(&mut tx, &undo).await?;
            runs::set_status(&mut tx, run.id, RunStatus::Undone, run.finished_at).await?;
            if let Some(connection) = run.connection_id {
                let key = connection.to_string();
                jobs::enqueue(&mut tx, SYNC_JOB, &key, Some(connection), now, now).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }
}

/// The records and links a batch of decisions was about, as they are now.
struct AsItIs {
    records: HashMap<RecordId, Record>,
    links: HashMap<ObjectId, LinkRow>,
}

/// What takes an action back; for one that made a record of the other kind,
/// archiving, since the person has their record of the kind before again.
fn inverse_kind(kind: ActionKind, is_type_change: bool) -> Option<ActionKind> {
    Some(match kind {
        ActionKind::Create if is_type_change => ActionKind::Archive,
        ActionKind::Create | ActionKind::Reactivate => ActionKind::Deactivate,
        ActionKind::Adopt | ActionKind::Update => ActionKind::Update,
        ActionKind::Archive => ActionKind::Restore,
        ActionKind::Restore => ActionKind::Archive,
        ActionKind::Deactivate => ActionKind::Reactivate,
        ActionKind::Revoke => ActionKind::Grant,
        ActionKind::Grant => ActionKind::Revoke,
        ActionKind::Link | ActionKind::Review => return None,
    })
}

/// The link to the record the person had; what was applied stays noted, so that
/// it is not done again, and is marked as taken back unless this redoes it.
fn link_back(row: &LinkRow, comes_back: Option<RecordId>, is_redo: bool) -> LinkWrite {
    let link = &row.link;
    let (record_id, archived_id) = match comes_back {
        Some(id) if id != link.record_id => (id, Some(link.record_id)),
        _ => (link.record_id, link.archived_id),
    };
    LinkWrite {
        role: link.role,
        record_id,
        archived_id,
        applied: link.applied.clone(),
        suppressed: (!is_redo).then(|| link.applied.basis.clone()),
    }
}
