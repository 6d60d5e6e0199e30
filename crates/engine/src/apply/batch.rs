//! What a batch of decisions writes, made ready before anything is written: each
//! decision is taken in whole, or left to be planned again.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use provisioning::action::{ActionKind, Decision};
use provisioning::address::fold;
use provisioning::ids::{ConnectionId, ObjectId, RecordId, ReviewId, TenantId};
use provisioning::link::Link;
use provisioning::psa::{Kind, Record};
use provisioning::reason::Cause;
use serde_json::json;
use store::decisions::DecisionRow;
use store::journal::{NewEntry, Origin};
use store::links::LinkRow;
use store::lookups::Lookup;
use store::records::RecordWrite;
use store::review_items::NewReview;
use store::webhook_deliveries::Message;
use store::webhooks::WebhookEvent;

use super::Applying;
use crate::engine::Engine;
use crate::events;

/// What one batch will write.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: HashMap<RecordId, (Record, i64)>,
    pub(super) changed: Vec<RecordId>,
    pub(super) links: Vec<LinkRow>,
    /// Those of people who most likely have none yet.
    pub(super) first_links: Vec<LinkRow>,
    pub(super) linked: HashMap<TenantId, Vec<ObjectId>>,
    pub(super) reviews: Vec<NewReview>,
    pub(super) journal: Vec<NewEntry>,
    pub(super) stale: Vec<(i64, ObjectId)>,
    pub(super) lost: Vec<RecordId>,
    /// What webhooks listen to, and what they are told.
    pub(super) wanted: BTreeSet<WebhookEvent>,
    pub(super) told: Vec<Message>,
}

/// Names that lists offer.
pub(super) type Names = [(Lookup, BTreeSet<String>); 5];

pub(super) fn key_of(record: &Record) -> Option<String> {
    record.username.as_deref().map(fold)
}

/// The names that employees bear and that lists offer.
pub(super) fn names(writes: &[RecordWrite]) -> Names {
    let employees = || {
        let records = writes.iter().map(|write| &write.record);
        records.filter(|record| record.kind == Kind::Employee)
    };
    let one = |name: fn(&Record) -> &Option<String>| -> BTreeSet<String> {
        let names = employees().filter_map(|record| name(record).as_ref());
        names
            .collect::<BTreeSet<_>>()
            .into_iter()
            .cloned()
            .collect()
    };
    let roles = employees().flat_map(|record| &record.employee_roles);
    [
        (Lookup::Department, one(|record| &record.department)),
        (Lookup::Location, one(|record| &record.location)),
        (Lookup::JobTitle, one(|record| &record.job_title)),
        (
            Lookup::EmploymentType,
            one(|record| &record.employment_type),
        ),
        (
            Lookup::EmployeeRole,
            roles
                .collect::<BTreeSet<_>>()
                .into_iter()
                .cloned()
                .collect(),
        ),
    ]
}

/// The world is not as the plan saw it.
pub(super) struct Moved;

impl Batch {
    /// Takes one decision in whole, or nothing of it. Of a batch that is made
    /// again it is known which names others have `taken`.
    pub(super) fn take(
        &mut self,
        engine: &Engine,
        of: &Applying,
        row: &DecisionRow,
        taken: Option<&HashSet<String>>,
        now: Timestamp,
    ) -> Result<(), Moved> {
        let decision = &row.decision;
        let mut next: HashMap<RecordId, (Record, i64)> = HashMap::new();
        for action in &decision.actions {
            let Some(id) = action.record_id else { continue };
            if action.kind == ActionKind::Link {
                continue;
            }
            let current = match (next.remove(&id), action.kind) {
                (Some(current), _) => current,
                (None, ActionKind::Create) => (Record::blank(id, action.record_kind), 0),
                (None, _) => self.records.get(&id).cloned().ok_or(Moved)?,
            };
            let (record, version) = current;
            if version != action.precondition {
                return Err(Moved);
            }
            let changed = record.apply(&action.changes).map_err(|_| Moved)?;
            let is_taken = |key| taken.is_some_and(|taken| taken.contains(&key));
            if version == 0 && key_of(&changed).is_some_and(is_taken) {
                return Err(Moved);
            }
            next.insert(id, (changed, version));
        }
        self.changed.extend(next.keys().copied());
        self.records.extend(next);
        self.note(engine, of, row, now);
        self.link(of, decision, taken.is_none(), now);
        Ok(())
    }

    fn link(&mut self, of: &Applying, decision: &Decision, is_first_try: bool, now: Timestamp) {
        let Some(row) = link_row(of.connection_id, decision, now) else {
            return;
        };
        self.linked
            .entry(decision.tenant_id)
            .or_default()
            .push(decision.object_id);
        let is_created = matches!(&decision.actions[..], [one] if one.kind == ActionKind::Create);
        if is_first_try && is_created && row.link.archived_id.is_none() {
            self.first_links.push(row);
        } else {
            self.links.push(row);
        }
    }

    fn note(&mut self, engine: &Engine, of: &Applying, row: &DecisionRow, now: Timestamp) {
        let decision = &row.decision;
        for action in &decision.actions {
            let origin = match action.reason.cause {
                Cause::Undone => Origin::Undo,
                _ => Origin::Directory,
            };
            let mut entry = NewEntry::new(now, origin, action.kind.name());
            entry.actor.clone_from(&of.actor);
            entry.connection_id = Some(of.connection_id);
            entry.tenant_id = Some(decision.tenant_id);
            entry.object_id = Some(decision.object_id);
            entry.record_id = action.record_id;
            entry.run_id = Some(of.run_id);
            entry.plan_id = Some(of.plan_id);
            entry.decision_seq = Some(row.seq);
            self.journal.push(entry);
            let told = events::of_action(&self.wanted, now, of.run_id, decision, action);
            self.told.extend(told);
            if action.kind.is_loss() {
                self.lost.extend(action.record_id);
            }
        }
        if let Some(review) = &decision.review {
            self.reviews.push(NewReview {
                id: provisioning::ids::ReviewId(engine.new_id()),
                connection_id: of.connection_id,
                tenant_id: decision.tenant_id,
                object_id: decision.object_id,
                kind: review.kind,
                reason: review.reason,
                fingerprint: review.fingerprint.clone(),
                candidates: review.candidates.clone(),
                person: json!({
                    "name": decision.name, "email": decision.email,
                    "tenant_id": decision.tenant_id, "object_id": decision.object_id,
                }),
            });
        }
    }
}

impl Batch {
    /// Tells of the questions that are new.
    pub(super) fn tell_of_reviews(&mut self, asked: &[ReviewId], now: Timestamp) {
        let event = WebhookEvent::ReviewOpened;
        if !self.wanted.contains(&event) {
            return;
        }
        for review in self.reviews.iter().filter(|one| asked.contains(&one.id)) {
            let data = json!({
                "id": review.id, "connection_id": review.connection_id, "kind": review.kind,
                "reason": review.reason.code(), "directory_person": review.person,
            });
            self.told.push(events::message(now, event, &data));
        }
    }
}

/// The link as a decision wants it.
pub(crate) fn link_row(id: ConnectionId, decision: &Decision, now: Timestamp) -> Option<LinkRow> {
    let write = decision.link.as_ref()?;
    Some(LinkRow {
        link: Link {
            tenant_id: decision.tenant_id,
            object_id: decision.object_id,
            role: write.role,
            record_id: write.record_id,
            archived_id: write.archived_id,
            applied: write.applied.clone(),
            suppressed: write.suppressed.clone(),
        },
        connection_id: id,
        created_at: now,
        updated_at: now,
        last_applied_at: Some(now),
    })
}
