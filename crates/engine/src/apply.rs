//! The hand that applies. It makes no choices: a failed precondition means
//! that the person is planned again.

use std::collections::{BTreeSet, HashMap};

use provisioning::action::{ActionKind, Decision};
use provisioning::ids::{ConnectionId, ObjectId, PlanId, RecordId, ReviewId, RunId, TenantId};
use provisioning::link::Link;
use provisioning::psa::{Kind, Record};
use serde_json::json;
use store::connections::Connection;
use store::decisions::{DecisionFilter, DecisionRow};
use store::deferred_indexes::{self, Stage};
use store::journal::{NewEntry, Origin};
use store::links::LinkRow;
use store::lookups::Lookup;
use store::plans::PlanStatus;
use store::psa_ids::LookupId;
use store::records::RecordWrite;
use store::review_items::NewReview;
use store::webhook_deliveries::Message;
use store::webhooks::WebhookEvent;
use store::{
    Tx, decisions, journal, links, lookups, pending, plans, records, review_items, runs,
    webhook_deliveries, webhooks,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::error::{EngineError, Result, broke_off};
use crate::events;

/// How many decisions are applied in one transaction.
const BATCH: u32 = 2_500;

/// Whose plan is applied, for the journal.
pub(crate) struct ApplyOf<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) run_id: RunId,
    pub(crate) plan_id: PlanId,
    pub(crate) actor: Option<String>,
}

/// What one batch will write.
#[derive(Default)]
struct Batch {
    records: HashMap<RecordId, (Record, i64)>,
    changed: Vec<RecordId>,
    links: Vec<LinkRow>,
    linked: HashMap<TenantId, Vec<ObjectId>>,
    reviews: Vec<NewReview>,
    journal: Vec<NewEntry>,
    stale: Vec<(i64, ObjectId)>,
    lost: Vec<RecordId>,
    /// What webhooks listen to, and what they are told.
    wanted: BTreeSet<WebhookEvent>,
    told: Vec<Message>,
}

impl Engine {
    /// Applies what is left of a plan. May be called again after a crash: it
    /// goes on where the last committed batch ended.
    pub(crate) async fn apply_plan(&self, of: ApplyOf<'_>) -> Result<()> {
        let Some(plan) = plans::get(self.db(), of.plan_id).await? else {
            return Err(EngineError::not_found("plan"));
        };
        let left = decisions::count(self.db(), of.plan_id, plan.applied_seq).await?;
        let is_deferred = deferred_indexes::defer_for(self.db(), Stage::Apply, left).await?;
        let applied = self.apply_rest(&of, plan.applied_seq).await;
        if is_deferred {
            deferred_indexes::restore(self.db()).await?;
        }
        applied?;
        let mut tx = self.begin().await?;
        let from = [PlanStatus::Applying];
        let now = self.now();
        plans::set_status(&mut tx, of.plan_id, &from, PlanStatus::Applied, None, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// One batch is read while another is written.
    async fn apply_rest(&self, of: &ApplyOf<'_>, mut after: i64) -> Result<()> {
        let (send, mut pages) = mpsc::channel(1);
        let mut reading = JoinSet::new();
        let (engine, plan_id) = (self.clone(), of.plan_id);
        reading.spawn(async move {
            let filter = DecisionFilter::default();
            loop {
                let page = decisions::page(engine.db(), plan_id, after, BATCH, &filter).await?;
                let Some(last) = page.last().map(|row| row.seq) else {
                    return Ok(());
                };
                after = last;
                if send.send((page, last)).await.is_err() {
                    return Ok(());
                }
            }
        });
        while let Some((page, last)) = pages.recv().await {
            self.apply_batch(of, page, last).await?;
        }
        while let Some(done) = reading.join_next().await {
            done.unwrap_or_else(|error| Err(broke_off(&error)))?;
        }
        Ok(())
    }

    async fn apply_batch(&self, of: &ApplyOf<'_>, page: Vec<DecisionRow>, last: i64) -> Result<()> {
        let mut tx = self.begin_relaxed().await?;
        let mut batch = Batch {
            wanted: webhooks::wanted(&mut tx).await?,
            ..Batch::default()
        };
        let mut wanted: Vec<RecordId> = Vec::new();
        for row in &page {
            let actions = row.decision.actions.iter();
            let existing = actions.filter(|action| action.kind != ActionKind::Create);
            wanted.extend(existing.filter_map(|action| action.record_id));
        }
        if !wanted.is_empty() {
            for row in records::get(&mut tx, &wanted).await? {
                let version = row.record.version;
                batch.records.insert(row.record.id, (row.record, version));
            }
        }
        let now = self.now();
        for row in page {
            if batch.take(self, of, &row, now).is_err() {
                batch.stale.push((row.seq, row.decision.object_id));
            }
        }
        self.write_batch(&mut tx, of, batch, last).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn write_batch(
        &self,
        tx: &mut Tx,
        of: &ApplyOf<'_>,
        mut batch: Batch,
        last: i64,
    ) -> Result<()> {
        let now = self.now();
        batch.changed.sort_unstable();
        batch.changed.dedup();
        let writes: Vec<RecordWrite> = batch
            .changed
            .iter()
            .filter_map(|id| batch.records.remove(id))
            .map(|(record, expected_version)| RecordWrite {
                record,
                expected_version,
            })
            .collect();
        let failed = records::write(tx, &writes, now).await?;
        if !failed.is_empty() {
            // Versions were read in this transaction; on PostgreSQL another
            // writer may still have come between.
            return Err(store::StoreError::Stale { what: "record" }.into());
        }
        self.ensure_names(tx, &writes).await?;
        links::write(tx, &batch.links).await?;
        for (tenant, people) in &batch.linked {
            review_items::close_for(tx, *tenant, people).await?;
        }
        let asked = review_items::open(tx, &batch.reviews, now).await?;
        batch.tell_of_reviews(&asked, now);
        webhook_deliveries::emit(tx, &batch.told, now).await?;
        journal::append(tx, &batch.journal).await?;
        store::sessions::end_access(tx, &batch.lost, now).await?;
        if !batch.stale.is_empty() {
            let marks: Vec<(i64, &str)> =
                batch.stale.iter().map(|(seq, _)| (*seq, "stale")).collect();
            decisions::mark(tx, of.plan_id, &marks).await?;
            let people: Vec<ObjectId> = batch.stale.iter().map(|(_, id)| *id).collect();
            pending::add(tx, of.connection.id, &people, now).await?;
        }
        plans::advance(tx, of.plan_id, last).await?;
        let progress = json!({ "phase": "applying", "applied": last });
        runs::set_progress(tx, of.run_id, &progress).await?;
        Ok(())
    }
}

impl Engine {
    /// Departments, titles and the like are names, made when missing.
    async fn ensure_names(&self, tx: &mut Tx, writes: &[RecordWrite]) -> Result<()> {
        let employees = || {
            let records = writes.iter().map(|write| &write.record);
            records.filter(|record| record.kind == Kind::Employee)
        };
        let one = |name: fn(&Record) -> &Option<String>| -> BTreeSet<String> {
            employees()
                .filter_map(|record| name(record).clone())
                .collect()
        };
        let wanted = [
            (Lookup::Department, one(|record| &record.department)),
            (Lookup::Location, one(|record| &record.location)),
            (Lookup::JobTitle, one(|record| &record.job_title)),
            (
                Lookup::EmploymentType,
                one(|record| &record.employment_type),
            ),
            (
                Lookup::EmployeeRole,
                employees()
                    .flat_map(|record| record.employee_roles.clone())
                    .collect(),
            ),
        ];
        for (lookup, names) in wanted {
            if names.is_empty() {
                continue;
            }
            let rows = names
                .into_iter()
                .map(|name| (LookupId(self.new_id()), name));
            let rows: Vec<(LookupId, String)> = rows.collect();
            lookups::ensure(tx, lookup, &rows, self.now()).await?;
        }
        Ok(())
    }
}

/// The world is not as the plan saw it.
struct Moved;

impl Batch {
    /// Takes one decision in whole, or nothing of it.
    fn take(
        &mut self,
        engine: &Engine,
        of: &ApplyOf<'_>,
        row: &DecisionRow,
        now: jiff::Timestamp,
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
            next.insert(id, (changed, version));
        }
        self.changed.extend(next.keys().copied());
        self.records.extend(next);
        self.note(engine, of, row, now);
        self.link(of, decision, now);
        Ok(())
    }

    fn link(&mut self, of: &ApplyOf<'_>, decision: &Decision, now: jiff::Timestamp) {
        let Some(row) = link_row(of.connection.id, decision, now) else {
            return;
        };
        self.linked
            .entry(decision.tenant_id)
            .or_default()
            .push(decision.object_id);
        self.links.push(row);
    }

    fn note(&mut self, engine: &Engine, of: &ApplyOf<'_>, row: &DecisionRow, now: jiff::Timestamp) {
        let decision = &row.decision;
        for action in &decision.actions {
            let mut entry = NewEntry::new(now, Origin::Directory, action.kind.name());
            entry.actor.clone_from(&of.actor);
            entry.connection_id = Some(of.connection.id);
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
                connection_id: of.connection.id,
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
    fn tell_of_reviews(&mut self, asked: &[ReviewId], now: jiff::Timestamp) {
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
pub(crate) fn link_row(
    id: ConnectionId,
    decision: &Decision,
    now: jiff::Timestamp,
) -> Option<LinkRow> {
    let write = decision.link.as_ref()?;
    Some(LinkRow {
        link: Link {
            tenant_id: decision.tenant_id,
            object_id: decision.object_id,
            role: write.role,
            record_id: write.record_id,
            archived_id: write.archived_id,
            applied: write.applied.clone(),
            suppressed: None,
        },
        connection_id: id,
        created_at: now,
        updated_at: now,
        last_applied_at: Some(now),
    })
}
