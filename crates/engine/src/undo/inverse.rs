//! The inverse of what was done to a person: what brings the records back to
//! what they were, as far as nobody changed them since.

use std::collections::HashMap;

use provisioning::action::{Action, ActionKind, Decision, LinkWrite};
use provisioning::address::fold;
use provisioning::field::{Field, FieldChange, Value};
use provisioning::ids::{ObjectId, RecordId, RuleId, TenantId};
use provisioning::psa::{Record, Status};
use provisioning::reason::{AccessReason, Cause, Reason};
use provisioning::username;
use serde_json::json;
use store::links::LinkRow;
use store::{links, records};

use super::{Conflict, Draft, Past};
use crate::engine::Engine;
use crate::error::Result;

/// The records and links a batch is about, as they are now.
pub(super) struct AsItIs {
    records: HashMap<RecordId, Record>,
    links: HashMap<(TenantId, ObjectId), LinkRow>,
}

/// A person's records on their way back.
struct Way {
    records: HashMap<RecordId, Record>,
    /// The rule each record's oldest action came from.
    rules: HashMap<RecordId, Option<RuleId>>,
    kept: Vec<Kept>,
}

/// A value that somebody wrote since: older values of the field are left alone too.
struct Kept {
    record: Record,
    field: Field,
    /// What was written last.
    written: Option<Value>,
    /// What was there before everything that is taken back.
    before: Option<Value>,
}

impl Engine {
    pub(super) async fn as_it_is(&self, past: &[Past]) -> Result<AsItIs> {
        let decisions = past.iter().flat_map(|past| &past.decisions);
        let actions = decisions.flat_map(|decision| &decision.actions);
        let mut wanted: Vec<RecordId> = actions.filter_map(|action| action.record_id).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let found = records::get(self.db(), &wanted).await?.into_iter();
        let mut linked = HashMap::new();
        // A batch is of one connection, and that of one tenant.
        if let Some(tenant) = past.first().map(|past| past.tenant_id) {
            let people: Vec<ObjectId> = past.iter().map(|past| past.object_id).collect();
            for row in links::get(self.db(), tenant, &people).await? {
                linked.insert((tenant, row.link.object_id), row);
            }
        }
        Ok(AsItIs {
            records: found.map(|row| (row.record.id, row.record)).collect(),
            links: linked,
        })
    }

    /// What takes back what was done to one person; nothing when nothing of it is left.
    pub(super) async fn inverse(
        &self,
        past: &Past,
        now: &AsItIs,
        draft: &mut Draft,
    ) -> Result<Option<Decision>> {
        let Some(newest) = past.decisions.first() else {
            return Ok(None);
        };
        let actions = past.decisions.iter().flat_map(|one| &one.actions);
        let concerned = actions.filter_map(|action| action.record_id);
        let mut way = Way {
            records: concerned
                .filter_map(|id| now.records.get(&id).map(|record| (id, record.clone())))
                .collect(),
            rules: HashMap::new(),
            kept: Vec::new(),
        };
        for decision in &past.decisions {
            self.one_back(decision, &mut way).await?;
        }
        for kept in &way.kept {
            let found = kept.record.get(kept.field);
            if found != kept.before {
                draft.conflict(Conflict {
                    record_id: kept.record.id,
                    name: newest.name.clone(),
                    field: kept.field.path(kept.record.kind),
                    written: kept.written.clone(),
                    found,
                });
            }
        }
        let mut actions: Vec<Action> = way
            .records
            .values()
            .filter_map(|record| way.action(now.records.get(&record.id)?, record))
            .collect();
        if actions.is_empty() {
            return Ok(None);
        }
        // A name is free before somebody takes it.
        let rank = |kind: ActionKind| ActionKind::ALL.iter().position(|known| *known == kind);
        actions.sort_by_key(|action| (rank(action.kind), action.record_id));
        let link = now.links.get(&(past.tenant_id, past.object_id));
        Ok(Some(Decision {
            tenant_id: past.tenant_id,
            object_id: past.object_id,
            name: newest.name.clone(),
            email: newest.email.clone(),
            username: newest.username.clone(),
            actions,
            link: link.map(|row| link_back(row, past, now)),
            review: None,
        }))
    }

    /// Takes one decision back, the last action first.
    async fn one_back(&self, decision: &Decision, way: &mut Way) -> Result<()> {
        let comes_back = archived_in(decision).is_some();
        for action in decision.actions.iter().rev() {
            if matches!(action.kind, ActionKind::Link | ActionKind::Review) {
                continue;
            }
            let Some(record) = action.record_id.and_then(|id| way.records.get(&id)) else {
                continue;
            };
            let (id, record) = (record.id, record.clone());
            let before = if action.kind == ActionKind::Create {
                self.unmade(&record, comes_back).await?
            } else {
                self.turned_back(action, record, way).await?
            };
            way.rules.insert(id, action.reason.rule_id);
            way.records.insert(id, before);
        }
        Ok(())
    }

    /// A record that was made is closed; archived, where its names are needed.
    async fn unmade(&self, record: &Record, is_archived: bool) -> Result<Record> {
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
        Ok(next)
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

    /// Old values come back where nobody wrote others since.
    async fn turned_back(
        &self,
        action: &Action,
        mut record: Record,
        way: &mut Way,
    ) -> Result<Record> {
        for change in &action.changes {
            let same = |kept: &&mut Kept| kept.record.id == record.id && kept.field == change.field;
            if let Some(kept) = way.kept.iter_mut().find(same) {
                kept.before.clone_from(&change.old);
                continue;
            }
            let is_taken = change.field == Field::Username
                && self
                    .is_taken(change.old.as_ref(), record.id, &way.records)
                    .await?;
            if record.get(change.field) == change.new
                && !is_taken
                && let Ok(before) = record.apply(&[change.clone().inverse()])
            {
                record = before;
                continue;
            }
            way.kept.push(Kept {
                record: record.clone(),
                field: change.field,
                written: change.new.clone(),
                before: change.old.clone(),
            });
        }
        Ok(record)
    }

    /// Whether a name belongs to somebody whom this undo does not rename.
    async fn is_taken(
        &self,
        name: Option<&Value>,
        own: RecordId,
        freed: &HashMap<RecordId, Record>,
    ) -> Result<bool> {
        let Some(serde_json::Value::String(name)) = name.map(|name| json!(name)) else {
            return Ok(false);
        };
        let holder = records::by_username(self.db(), &fold(&name)).await?;
        let holder = holder.map(|row| row.record.id);
        Ok(holder.is_some_and(|id| id != own && !freed.contains_key(&id)))
    }
}

impl Way {
    /// What makes of a record what it was.
    fn action(&self, found: &Record, before: &Record) -> Option<Action> {
        let changes: Vec<FieldChange> = Field::ALL
            .into_iter()
            .filter_map(|field| {
                let (old, new) = (found.get(field), before.get(field));
                (old != new).then_some(FieldChange { field, old, new })
            })
            .collect();
        if changes.is_empty() {
            return None;
        }
        Some(Action {
            kind: kind_of(found, before),
            record_kind: found.kind,
            record_id: Some(found.id),
            precondition: found.version,
            changes,
            reason: Reason {
                cause: Cause::Undone,
                rule_id: self.rules.get(&found.id).copied().flatten(),
                group_path: Vec::new(),
                loss: None,
            },
        })
    }
}

/// What a person would call the way from one state of a record to another.
fn kind_of(found: &Record, before: &Record) -> ActionKind {
    match (found.status, before.status) {
        (Status::Archived, Status::Archived) => ActionKind::Update,
        (_, Status::Archived) => ActionKind::Archive,
        (Status::Archived, _) => ActionKind::Restore,
        (Status::Active, Status::Inactive) => ActionKind::Deactivate,
        (Status::Inactive, Status::Active) => ActionKind::Reactivate,
        _ => match (found.access, before.access) {
            (true, false) => ActionKind::Revoke,
            (false, true) => ActionKind::Grant,
            _ => ActionKind::Update,
        },
    }
}

/// The record of the other kind that a decision archived.
fn archived_in(decision: &Decision) -> Option<RecordId> {
    let mut actions = decision.actions.iter();
    let archived = actions.find(|action| action.kind == ActionKind::Archive);
    archived.and_then(|action| action.record_id)
}

/// The link to the record the person had; what was applied stays noted, so that
/// it is not done again, and is marked as taken back unless what is taken back
/// was an undo itself.
fn link_back(row: &LinkRow, past: &Past, now: &AsItIs) -> LinkWrite {
    let link = &row.link;
    let (mut record_id, mut archived_id) = (link.record_id, link.archived_id);
    for id in past.decisions.iter().filter_map(archived_in) {
        if id != record_id && now.records.contains_key(&id) {
            (record_id, archived_id) = (id, Some(record_id));
        }
    }
    let oldest = past.decisions.last().and_then(|one| one.link.as_ref());
    let was_undo = oldest.is_some_and(|link| link.suppressed.is_some());
    LinkWrite {
        role: link.role,
        record_id,
        archived_id,
        applied: link.applied.clone(),
        suppressed: (!was_undo).then(|| link.applied.basis.clone()),
    }
}
