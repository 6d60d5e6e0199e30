//! The hand that applies. It makes no choices: a failed precondition means
//! that the person is planned again.

mod batch;

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use provisioning::action::ActionKind;
use provisioning::ids::{ConnectionId, ObjectId, PlanId, RecordId, RunId};
use provisioning::psa::Record;
use serde_json::json;
use store::bulk::Rows;
use store::connections::Connection;
use store::decisions::{DecisionFilter, DecisionRow};
use store::deferred_indexes::{self, Stage};
use store::plans::PlanStatus;
use store::psa_ids::LookupId;
use store::records::RecordWrite;
use store::{
    Backend, Tx, decisions, journal, links, lookups, pending, plans, records, review_items, runs,
    webhook_deliveries, webhooks,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

pub(crate) use self::batch::link_row;
use self::batch::{Batch, Names, key_of, names};
use crate::engine::Engine;
use crate::error::{Class, EngineError, Result, broke_off};
use crate::planning::{Drafted, Ending};

/// How many decisions are applied at once.
const BATCH: u32 = 1_000;
/// How many more batches a transaction takes along when they are ready.
const MORE: usize = 9;
/// How many batches may wait to be written.
const WAITING: usize = 1;
/// How many transactions are open at once where the database lets them.
const HANDS: usize = 2;
/// How often a batch is made again because somebody else came first.
const TRIES: u32 = 3;

/// Whose plan is applied, for the journal.
pub(crate) struct ApplyOf<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) run_id: RunId,
    pub(crate) plan_id: PlanId,
    pub(crate) actor: Option<String>,
}

/// The same, for tasks of their own.
#[derive(Clone)]
struct Applying {
    connection_id: ConnectionId,
    run_id: RunId,
    plan_id: PlanId,
    actor: Option<String>,
}

impl From<ApplyOf<'_>> for Applying {
    fn from(of: ApplyOf<'_>) -> Self {
        Self {
            connection_id: of.connection.id,
            run_id: of.run_id,
            plan_id: of.plan_id,
            actor: of.actor,
        }
    }
}

/// A batch that is ready to be written.
struct Prepared {
    /// What it was made from: made again when somebody else came first.
    page: Arc<Vec<DecisionRow>>,
    last: i64,
    /// Usernames that new records take.
    usernames: Vec<String>,
    new: Rows,
    changed: Vec<RecordWrite>,
    names: Names,
    links: Rows,
    /// Those that are only added; where there is one already, the batch is made
    /// again.
    first_links: Rows,
    rest: Batch,
}

impl Engine {
    /// Applies what of a plan is stored after a decision. May be called again
    /// after a crash: it goes on where the last committed batch ended. Whoever
    /// calls says that the plan is applied.
    pub(crate) async fn apply_plan(&self, of: ApplyOf<'_>, after: i64) -> Result<()> {
        let left = decisions::count(self.db(), of.plan_id, after).await?;
        let is_deferred = deferred_indexes::defer_for(self.db(), Stage::Apply, left).await?;
        let applied = self.apply_rest(&of.into(), after).await;
        if is_deferred {
            deferred_indexes::restore(self.db()).await?;
        }
        applied
    }

    /// Writes a small plan and applies it, to a transaction that is still to be
    /// committed: all of it happens or nothing. And whether somebody is left out,
    /// who is to be planned again.
    pub(crate) async fn apply_whole(
        &self,
        of: ApplyOf<'_>,
        drafted: &Drafted,
        decisions: Arc<Vec<DecisionRow>>,
    ) -> Result<(Tx, bool)> {
        let last = decisions.last().map_or(0, |row| row.seq);
        let of = Applying::from(of);
        let batch = self.prepare(&of, decisions, last, None).await?;
        self.apply_batch(&of, batch, After::Draft(drafted)).await
    }

    /// Says that a plan is applied.
    pub(crate) async fn end_plan(&self, id: PlanId) -> Result<()> {
        let mut tx = self.begin_relaxed().await?;
        mark_applied(&mut tx, id, self.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// One batch is read and one made ready while another is written.
    async fn apply_rest(&self, of: &Applying, after: i64) -> Result<()> {
        let (send_page, mut pages) = mpsc::channel(1);
        let (send, prepared) = mpsc::channel(WAITING);
        let mut ahead = JoinSet::new();
        ahead.spawn(self.clone().read_ahead(of.plan_id, after, send_page));
        let (engine, ahead_of) = (self.clone(), of.clone());
        ahead.spawn(async move {
            while let Some((page, last)) = pages.recv().await {
                let page = Arc::new(page);
                let batch = engine.prepare(&ahead_of, page, last, None).await?;
                if send.send(batch).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
        match self.db().backend() {
            Backend::Sqlite => self.apply_together(of, prepared).await?,
            Backend::Postgres => self.apply_side_by_side(of, prepared).await?,
        }
        while let Some(done) = ahead.join_next().await {
            done.unwrap_or_else(|error| Err(broke_off(&error)))?;
        }
        Ok(())
    }

    /// One transaction after the other, several batches each. A page of an
    /// index that is changed twice is written once.
    async fn apply_together(
        &self,
        of: &Applying,
        mut prepared: mpsc::Receiver<Prepared>,
    ) -> Result<()> {
        while let Some(batch) = prepared.recv().await {
            let (mut tx, _) = self.apply_batch(of, batch, After::Nothing).await?;
            for _ in 0..MORE {
                match prepared.try_recv() {
                    Ok(batch) if is_alone_in(&mut tx, &batch).await? => {
                        let last = batch.last;
                        let (names, _) = self.write_batch(&mut tx, of, batch).await?;
                        self.advance(&mut tx, of, last, names).await?;
                    }
                    // It may lose its transaction: that is its own, therefore.
                    Ok(batch) => {
                        tx.commit().await?;
                        (tx, _) = self.apply_batch(of, batch, After::Nothing).await?;
                    }
                    Err(_) => break,
                }
            }
            tx.commit().await?;
        }
        Ok(())
    }

    /// Several transactions at once, committed in order.
    async fn apply_side_by_side(
        &self,
        of: &Applying,
        mut prepared: mpsc::Receiver<Prepared>,
    ) -> Result<()> {
        let (first, mut turn) = oneshot::channel();
        let _ = first.send(()); // nobody is before the first
        let mut tasks: JoinSet<Result<()>> = JoinSet::new();
        while let Some(batch) = prepared.recv().await {
            while tasks.len() >= HANDS
                && let Some(done) = tasks.join_next().await
            {
                done.unwrap_or_else(|error| Err(broke_off(&error)))?;
            }
            let (done, next) = oneshot::channel();
            let before = std::mem::replace(&mut turn, next);
            let (engine, of) = (self.clone(), of.clone());
            tasks.spawn(async move {
                let after = After::Batch(Some(before));
                let (tx, _) = engine.apply_batch(&of, batch, after).await?;
                tx.commit().await?;
                let _ = done.send(()); // the last has nobody after it
                Ok(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap_or_else(|error| Err(broke_off(&error)))?;
        }
        Ok(())
    }

    async fn read_ahead(
        self,
        plan_id: PlanId,
        mut after: i64,
        send: mpsc::Sender<(Vec<DecisionRow>, i64)>,
    ) -> Result<()> {
        let filter = DecisionFilter::default();
        loop {
            let page = decisions::page(self.db(), plan_id, after, BATCH, &filter).await?;
            let Some(last) = page.last().map(|row| row.seq) else {
                return Ok(());
            };
            let is_last = page.len() < BATCH as usize;
            after = last;
            if send.send((page, last)).await.is_err() || is_last {
                return Ok(());
            }
        }
    }

    /// Makes everything ready that one batch will write; when it is made again,
    /// with the names that others have `taken`.
    async fn prepare(
        &self,
        of: &Applying,
        page: Arc<Vec<DecisionRow>>,
        last: i64,
        taken: Option<&HashSet<String>>,
    ) -> Result<Prepared> {
        let mut batch = Batch {
            wanted: webhooks::wanted(self.db()).await?,
            ..Batch::default()
        };
        let mut wanted: Vec<RecordId> = Vec::new();
        for row in page.iter() {
            let actions = row.decision.actions.iter();
            let existing = actions.filter(|action| action.kind != ActionKind::Create);
            wanted.extend(existing.filter_map(|action| action.record_id));
        }
        for row in records::get(self.db(), &wanted).await? {
            let version = row.record.version;
            batch.records.insert(row.record.id, (row.record, version));
        }
        let now = self.now();
        for row in page.iter() {
            if batch.take(self, of, row, taken, now).is_err() {
                batch.stale.push((row.seq, row.decision.object_id));
            }
        }
        batch.changed.sort_unstable();
        batch.changed.dedup();
        let mut writes = Vec::with_capacity(batch.changed.len());
        for id in &batch.changed {
            let found = batch.records.remove(id);
            writes.extend(found.map(|(record, expected_version)| RecordWrite {
                record,
                expected_version,
            }));
        }
        let names = names(&writes);
        if self.db().backend() == Backend::Sqlite {
            // Several batches share a transaction, and one must not fail the others.
            batch.links.append(&mut batch.first_links);
        }
        let links = links::rows(&std::mem::take(&mut batch.links))?;
        let first_links = links::rows(&std::mem::take(&mut batch.first_links))?;
        let (mut new, changed): (Vec<_>, Vec<_>) = writes
            .into_iter()
            .partition(|write| write.expected_version == 0);
        if self.db().backend() == Backend::Postgres {
            // Whoever takes the same names at the same time waits for this one:
            // in one order for all, or two would wait for each other.
            new.sort_by_cached_key(|write| key_of(&write.record));
        }
        Ok(Prepared {
            usernames: new
                .iter()
                .filter_map(|write| key_of(&write.record))
                .collect(),
            page,
            last,
            new: records::insert_rows(&new, now)?,
            changed,
            names,
            links,
            first_links,
            rest: batch,
        })
    }

    /// Writes a batch to a transaction that is still to be committed, `after`
    /// what comes before it; and whether somebody was left out. When somebody else
    /// came first, the batch is made again from what is there now, and who is
    /// concerned is planned again.
    async fn apply_batch(
        &self,
        of: &Applying,
        mut batch: Prepared,
        mut after: After<'_>,
    ) -> Result<(Tx, bool)> {
        let mut tries = 0;
        loop {
            let (page, last) = (Arc::clone(&batch.page), batch.last);
            let mut tx = match after {
                After::Draft(_) => self.begin().await?,
                After::Nothing | After::Batch(_) => self.begin_relaxed().await?,
            };
            if let After::Draft(drafted) = after {
                let end = Ending::Applied { last };
                drafted.end(&mut tx, of.run_id, end, self.now()).await?;
            }
            match self.write_batch(&mut tx, of, batch).await {
                Ok((names, any_stale)) => {
                    after.wait().await?;
                    match after {
                        After::Draft(_) => self.ensure_names(&mut tx, names).await?,
                        _ => self.advance(&mut tx, of, last, names).await?,
                    }
                    return Ok((tx, any_stale));
                }
                Err(error) if error.is_race() && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
            tx.rollback().await?;
            after.wait().await?;
            let created = page.iter().flat_map(|row| &row.decision.actions);
            let created = created.filter(|action| action.kind == ActionKind::Create);
            let names = created.filter_map(|action| {
                let record = Record::blank(action.record_id?, action.record_kind);
                key_of(&record.apply(&action.changes).ok()?)
            });
            let names: Vec<String> = names.collect();
            let taken = records::usernames_in_use(self.db(), &names).await?;
            let taken = taken.into_iter().collect();
            batch = self.prepare(of, page, last, Some(&taken)).await?;
        }
    }

    /// Writes what batches share: names, and how far the plan is applied. Only
    /// after the batch before is committed, which would wait for these rows
    /// while this one waits for it.
    async fn advance(&self, tx: &mut Tx, of: &Applying, last: i64, names: Names) -> Result<()> {
        self.ensure_names(tx, names).await?;
        plans::advance(tx, of.plan_id, last).await?;
        let progress = json!({ "phase": "applying", "applied": last });
        runs::set_progress(tx, of.run_id, &progress).await?;
        Ok(())
    }

    /// Writes what is the batch's own; the names that are left to write, and
    /// whether somebody is left out.
    async fn write_batch(
        &self,
        tx: &mut Tx,
        of: &Applying,
        batch: Prepared,
    ) -> Result<(Names, bool)> {
        let now = self.now();
        if !records::write(tx, &batch.changed, now).await?.is_empty() {
            return Err(store::StoreError::Stale { what: "record" }.into());
        }
        records::insert(tx, batch.new).await?;
        links::insert(tx, batch.first_links).await?;
        links::write_rows(tx, batch.links).await?;
        let mut rest = batch.rest;
        for (tenant, people) in &rest.linked {
            review_items::close_for(tx, *tenant, people).await?;
        }
        let asked = review_items::open(tx, &rest.reviews, now).await?;
        rest.tell_of_reviews(&asked, now);
        webhook_deliveries::emit(tx, &rest.told, now).await?;
        journal::append(tx, &rest.journal).await?;
        store::sessions::end_access(tx, &rest.lost, now).await?;
        if !rest.stale.is_empty() {
            let marks: Vec<(i64, &str)> =
                rest.stale.iter().map(|(seq, _)| (*seq, "stale")).collect();
            decisions::mark(tx, of.plan_id, &marks).await?;
            let people: Vec<ObjectId> = rest.stale.iter().map(|(_, id)| *id).collect();
            pending::add(tx, of.connection_id, &people, now).await?;
        }
        Ok((batch.names, !rest.stale.is_empty()))
    }

    /// Whoever a run left out because somebody else came first is next.
    pub(crate) async fn plan_again(
        &self,
        tx: &mut Tx,
        id: ConnectionId,
        plan: PlanId,
    ) -> Result<()> {
        let stale = decisions::people_in_state(&mut *tx, plan, "stale").await?;
        if !stale.is_empty() {
            let now = self.now();
            pending::add(tx, id, &stale, now).await?;
            store::jobs::enqueue(
                tx,
                crate::run::SYNC_JOB,
                &id.to_string(),
                Some(id),
                now,
                now,
            )
            .await?;
        }
        Ok(())
    }

    /// Departments, titles and the like are names, made when missing.
    async fn ensure_names(&self, tx: &mut Tx, wanted: Names) -> Result<()> {
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

/// Says that a plan is applied, if nobody has said so yet.
pub(crate) async fn mark_applied(tx: &mut Tx, id: PlanId, now: Timestamp) -> Result<()> {
    let from = [PlanStatus::Applying, PlanStatus::Applied];
    Ok(plans::set_status(tx, id, &from, PlanStatus::Applied, None, now).await?)
}

/// Whether nobody can have come first: the batch changes no record, and its
/// usernames are free as the transaction sees it.
async fn is_alone_in(tx: &mut Tx, batch: &Prepared) -> Result<bool> {
    let taken = records::usernames_in_use(tx, &batch.usernames);
    Ok(batch.changed.is_empty() && taken.await?.is_empty())
}

/// What a batch comes after.
enum After<'a> {
    Nothing,
    /// The batch before it, which is to be committed first.
    Batch(Option<oneshot::Receiver<()>>),
    /// The plan itself, in the same transaction.
    Draft(&'a Drafted),
}

impl After<'_> {
    /// Waits until the batch before is committed.
    async fn wait(&mut self) -> Result<()> {
        let Self::Batch(before) = self else {
            return Ok(());
        };
        let Some(before) = before.take() else {
            return Ok(());
        };
        before.await.map_err(|_| {
            let message = "the batch before this one was not applied";
            EngineError::new("broke_off", Class::Unavailable, message)
        })
    }
}
