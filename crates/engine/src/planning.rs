//! Builds a plan: streams people past the planner in batches, stores what is
//! decided, and counts. Chooses nothing itself.

use std::sync::Arc;

use jiff::Timestamp;
use provisioning::action::Decision;
use provisioning::case::{Answer, Case, Surroundings};
use provisioning::claims::Claims;
use provisioning::decide::{Outcome, decide};
use provisioning::ids::{ConnectionId, ObjectId, PlanId, RecordId, RunId};
use provisioning::plan::Tally;
use provisioning::policy::Policy;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::connections::Connection;
use store::decisions::DecisionRow;
use store::deferred_indexes::{self, Stage};
use store::links::LinkRow;
use store::mirror::Mirrored;
use store::plans::{PlanKind, PlanRow, PlanStatus};
use store::runs::{RunRow, RunStatus};
use store::{Backend, Tx, decisions, links, mirror, pending, plans, records, runs};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::apply::link_row;
use crate::engine::Engine;
use crate::error::{Class, EngineError, Result, broke_off};
use crate::input;

/// How many people are gathered and planned in one batch.
pub(crate) const BATCH: usize = 1_000;
/// How many batches may wait to be decided about.
const WAITING: usize = 1;

/// Whom a plan is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
        // Names and ids are always JSON.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Whom a stored plan is about. Nobody is guessed: a plan that cannot be
    /// read is planned anew.
    pub(crate) fn of(plan: &PlanRow) -> Result<Self> {
        let stored = plan.scope.clone().unwrap_or_default();
        serde_json::from_value(stored).map_err(|error| {
            let message = format!("the scope of plan {} cannot be read: {error}", plan.id);
            EngineError::new("plan_damaged", Class::Internal, message)
                .cure("Reject the plan and sync again.")
        })
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
    /// An answer to a question of the review queue that is only tried.
    pub(crate) tried: Option<(ObjectId, Answer)>,
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

/// A plan that is built but for its latest decisions, which of a small plan are
/// all: they are written together with what becomes of it.
pub(crate) struct Drafted {
    pub(crate) built: Built,
    rows: Option<Unwritten>,
    rest: Arc<Vec<DecisionRow>>,
}

/// A plan that is still to be written, and a run that comes with it.
struct Unwritten {
    plan: PlanRow,
    run: Option<RunRow>,
}

impl From<Built> for Drafted {
    fn from(built: Built) -> Self {
        Self {
            built,
            rows: None,
            rest: Arc::default(),
        }
    }
}

impl Drafted {
    /// Writes what is left, and how the building ends, for the plan and its run.
    pub(crate) async fn end(
        &self,
        tx: &mut Tx,
        run_id: RunId,
        ending: Ending<'_>,
        now: Timestamp,
    ) -> Result<()> {
        let Built { id, tally, .. } = &self.built;
        let (status, run_status, applied_seq) = match ending {
            Ending::Held(_) => (PlanStatus::Held, RunStatus::Held, 0),
            Ending::Applying => (PlanStatus::Applying, RunStatus::Applying, 0),
            Ending::Applied { last } => (PlanStatus::Applied, RunStatus::Done, last),
        };
        let hold = match ending {
            Ending::Held(hold) => Some(hold),
            Ending::Applying | Ending::Applied { .. } => None,
        };
        let planned = runs::Planned {
            plan_id: *id,
            status: run_status,
            progress: progress(tally.people),
            counts: tally.counts.clone(),
            hold: hold.cloned(),
            finished_at: (run_status == RunStatus::Done).then_some(now),
        };
        match &self.rows {
            None => {
                let judged = self.built.judged(status, hold);
                plans::finish_building(tx, *id, &judged).await?;
                runs::set_planned(tx, run_id, &planned).await?;
            }
            Some(Unwritten { plan, run }) => {
                let plan = PlanRow {
                    status,
                    hash: Some(self.built.hash.clone()),
                    counts: tally.counts.clone(),
                    people: tally.people,
                    roles_lost: tally.roles_lost,
                    applied_seq,
                    hold: hold.cloned(),
                    ..plan.clone()
                };
                plans::create(tx, &plan).await?;
                match run {
                    Some(run) => runs::create(tx, &planned.of(run.clone())).await?,
                    None => runs::set_planned(tx, run_id, &planned).await?,
                }
            }
        }
        self.write_rest(tx).await
    }

    async fn write_rest(&self, tx: &mut Tx) -> Result<()> {
        let Some(first) = self.rest.first() else {
            return Ok(());
        };
        let decisions: Vec<&Decision> = self.rest.iter().map(|row| &row.decision).collect();
        Ok(decisions::append(tx, self.built.id, first.seq, decisions).await?)
    }

    /// All decisions as they will be stored, while nothing is.
    pub(crate) fn unwritten(&self) -> Option<Arc<Vec<DecisionRow>>> {
        self.rows.as_ref().map(|_| Arc::clone(&self.rest))
    }
}

/// What becomes of a plan that was made.
#[derive(Clone, Copy)]
pub(crate) enum Ending<'a> {
    /// It waits for a person, who is told why.
    Held(&'a serde_json::Value),
    /// It is applied from now on.
    Applying,
    /// It is applied up to this decision, the last one, by the same transaction.
    Applied { last: i64 },
}

/// How far planning is, for those who look at the run.
fn progress(planned: u64) -> serde_json::Value {
    json!({ "phase": "planning", "planned": planned })
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
            roles_lost: self.tally.roles_lost,
            hold,
        }
    }
}

/// A plan on its way.
struct Draft {
    id: PlanId,
    run_id: Option<RunId>,
    /// Whether it is nothing while it has only decisions that no person would
    /// see.
    is_of_round: bool,
    tally: Tally,
    looked_at: Vec<ObjectId>,
    rows: Option<Unwritten>,
    /// How many decisions are written, or being written.
    written: i64,
    /// Those that follow.
    latest: Vec<Decision>,
}

/// What was gathered of one batch.
type Gathered = (Vec<Case>, Surroundings);

impl Engine {
    /// Builds a plan. It stays in `building` until it is judged.
    pub(crate) async fn build_plan(&self, of: PlanOf<'_>) -> Result<Built> {
        let mut drafted = self.draft_plan(of).await?;
        let mut tx = self.begin_relaxed().await?;
        write_rows(&mut tx, drafted.rows.take()).await?;
        drafted.write_rest(&mut tx).await?;
        tx.commit().await?;
        Ok(drafted.built)
    }

    /// Builds the plan of a run.
    pub(crate) async fn draft_plan(&self, of: PlanOf<'_>) -> Result<Drafted> {
        let draft = self.draft(&of, None);
        self.fill_plan(&of, draft).await
    }

    /// Builds a plan with a run of its own. When there is nothing to do that
    /// a person would see, neither is written: `decisions` is 0 then.
    pub(crate) async fn draft_plan_of_round(
        &self,
        of: PlanOf<'_>,
        run: &RunRow,
    ) -> Result<Drafted> {
        let draft = self.draft(&of, Some(run));
        self.fill_plan(&of, draft).await
    }

    fn draft(&self, of: &PlanOf<'_>, run: Option<&RunRow>) -> Draft {
        let id = PlanId(self.new_id());
        let row = PlanRow {
            id,
            connection_id: Some(of.connection.id),
            run_id: of.run_id,
            kind: of.kind,
            status: PlanStatus::Building,
            hash: None,
            counts: provisioning::plan::Counts::default(),
            people: 0,
            roles_lost: 0,
            applied_seq: 0,
            hold: None,
            scope: Some(of.scope.to_json()),
            change: of.change.clone(),
            created_at: self.now(),
            decided_at: None,
            decided_by: None,
        };
        Draft {
            id,
            run_id: of.run_id,
            is_of_round: run.is_some(),
            tally: Tally::default(),
            looked_at: Vec::new(),
            rows: Some(Unwritten {
                plan: row,
                run: run.cloned(),
            }),
            written: 0,
            latest: Vec::new(),
        }
    }

    /// Streams everybody past the planner: one batch is gathered and one is
    /// written while another is decided about.
    async fn fill_plan(&self, of: &PlanOf<'_>, mut draft: Draft) -> Result<Drafted> {
        let is_deferred = match of.scope {
            Scope::Everyone => {
                let people = mirror::count(self.db(), of.connection.id).await?;
                deferred_indexes::defer_for(self.db(), Stage::Plan, people).await?
            }
            _ => false,
        };
        let filled = self.decide_all(of, &mut draft).await;
        if is_deferred {
            deferred_indexes::restore(self.db()).await?;
        }
        filled?;
        if draft.is_of_round && draft.tally.people == 0 && draft.written == 0 {
            let notes = std::mem::take(&mut draft.latest);
            self.write_notes(of.connection.id, notes).await?;
        }
        let latest = draft.latest.into_iter().zip(draft.written + 1..);
        let rest = latest.map(|(decision, seq)| DecisionRow {
            seq,
            decision,
            state: None,
        });
        let rest: Vec<DecisionRow> = rest.collect();
        let hash = draft.tally.hash();
        Ok(Drafted {
            built: Built {
                id: draft.id,
                tally: draft.tally,
                hash,
                decisions: rest.last().map_or(draft.written, |row| row.seq),
                looked_at: draft.looked_at,
            },
            rows: draft.rows,
            rest: Arc::new(rest),
        })
    }

    async fn decide_all(&self, of: &PlanOf<'_>, draft: &mut Draft) -> Result<()> {
        let (send, mut gathered) = mpsc::channel(WAITING);
        let mut gathering = JoinSet::new();
        let gather = Gather {
            engine: self.clone(),
            policy: of.policy.clone(),
            tried: of.tried,
            pages: Pages {
                engine: self.clone(),
                connection_id: of.connection.id,
                scope: of.scope.clone(),
            },
            around: Surroundings {
                administrators: records::active_administrators(self.db()).await?,
                reapply: of.reapply,
                ..Surroundings::default()
            },
        };
        gathering.spawn(gather.all(send));
        let mut claims = Claims::default();
        let mut writes: JoinSet<Result<()>> = JoinSet::new();
        while let Some((cases, around)) = gathered.recv().await {
            if of.scope != Scope::Everyone {
                draft
                    .looked_at
                    .extend(cases.iter().map(|case| case.person.object_id));
            }
            let mut decided = Vec::new();
            for case in &cases {
                let mut new_id = || RecordId(self.new_id());
                let outcome = decide(case, of.policy, &around, &mut claims, &mut new_id);
                if let Outcome::Decided(decision) = outcome {
                    draft.tally.add(&decision);
                    decided.push(*decision);
                }
            }
            if draft.latest.len() + decided.len() <= BATCH {
                draft.latest.append(&mut decided);
                continue;
            }
            let before = std::mem::replace(&mut draft.latest, decided);
            self.append(draft, before, &mut writes).await?;
        }
        while let Some(done) = gathering.join_next().await {
            done.unwrap_or_else(|error| Err(broke_off(&error)))?;
        }
        while let Some(done) = writes.join_next().await {
            done.unwrap_or_else(|error| Err(broke_off(&error)))?;
        }
        Ok(())
    }

    /// Adds decisions to the plan while others are made.
    async fn append(
        &self,
        draft: &mut Draft,
        decided: Vec<Decision>,
        writes: &mut JoinSet<Result<()>>,
    ) -> Result<()> {
        if draft.rows.is_some() {
            let mut tx = self.begin_relaxed().await?;
            write_rows(&mut tx, draft.rows.take()).await?;
            tx.commit().await?;
        }
        let at_once = match self.db().backend() {
            Backend::Sqlite => 1,
            Backend::Postgres => 2,
        };
        while writes.len() >= at_once
            && let Some(done) = writes.join_next().await
        {
            done.unwrap_or_else(|error| Err(broke_off(&error)))?;
        }
        let (engine, id, run_id) = (self.clone(), draft.id, draft.run_id);
        let (first, planned) = (draft.written + 1, draft.tally.people);
        draft.written += i64::try_from(decided.len()).unwrap_or(i64::MAX);
        writes.spawn(async move {
            let mut tx = engine.begin_relaxed().await?;
            decisions::append(&mut tx, id, first, &decided).await?;
            if let Some(run) = run_id {
                runs::set_progress(&mut tx, run, &progress(planned)).await?;
            }
            tx.commit().await?;
            Ok(())
        });
        Ok(())
    }

    /// Notes on links that nothing needed doing.
    async fn write_notes(&self, id: ConnectionId, notes: Vec<Decision>) -> Result<()> {
        if notes.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let rows = notes
            .iter()
            .filter_map(|decision| link_row(id, decision, now));
        let rows: Vec<LinkRow> = rows.collect();
        let mut tx = self.begin_relaxed().await?;
        links::write(&mut tx, &rows).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Writes the plan itself, and a run that comes with it.
async fn write_rows(tx: &mut Tx, rows: Option<Unwritten>) -> Result<()> {
    let Some(Unwritten { plan, run }) = rows else {
        return Ok(());
    };
    if let Some(run) = run {
        runs::create(tx, &run).await?;
    }
    plans::create(tx, &plan).await?;
    if let Some(run) = plan.run_id {
        runs::set_plan(tx, run, plan.id).await?;
    }
    Ok(())
}

/// Gathers what the planner needs, batch by batch: one page of people is read
/// while what belongs to the page before is looked up.
struct Gather {
    engine: Engine,
    policy: Policy,
    around: Surroundings,
    tried: Option<(ObjectId, Answer)>,
    pages: Pages,
}

impl Gather {
    async fn all(self, send: mpsc::Sender<Gathered>) -> Result<()> {
        let (send_page, mut pages) = mpsc::channel(1);
        let mut reading = JoinSet::new();
        reading.spawn(self.pages.all(send_page));
        while let Some(page) = pages.recv().await {
            let mut around = self.around.clone();
            let (db, policy) = (self.engine.db(), &self.policy);
            let cases = input::gather(db, policy, page, &mut around, self.tried).await?;
            if send.send((cases, around)).await.is_err() {
                return Ok(());
            }
        }
        while let Some(done) = reading.join_next().await {
            done.unwrap_or_else(|error| Err(broke_off(&error)))?;
        }
        Ok(())
    }
}

/// The people a plan is about, page by page.
struct Pages {
    engine: Engine,
    connection_id: ConnectionId,
    scope: Scope,
}

impl Pages {
    async fn all(self, send: mpsc::Sender<Vec<Mirrored>>) -> Result<()> {
        let mut after = None;
        while let Some(page) = self.next(&mut after).await? {
            if send.send(page).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn next(&self, after: &mut Option<ObjectId>) -> Result<Option<Vec<Mirrored>>> {
        let (db, id) = (self.engine.db(), self.connection_id);
        let limit = u32::try_from(BATCH).unwrap_or(u32::MAX);
        match &self.scope {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_scope_is_read_as_it_was_written_and_never_guessed() {
        let person = ObjectId(uuid::Uuid::from_u128(7));
        for scope in [Scope::Everyone, Scope::Pending, Scope::People(vec![person])] {
            let read: Scope = serde_json::from_value(scope.to_json()).unwrap();
            assert_eq!(read, scope);
        }
        for damaged in [
            json!(null),
            json!("all"),
            json!({ "people": "7" }),
            json!({}),
        ] {
            let read = serde_json::from_value::<Scope>(damaged.clone());
            assert!(read.is_err(), "{damaged}");
        }
    }
}
