//! Builds a plan: streams people past the planner in batches, stores what is
//! decided, and counts. Chooses nothing itself.

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
use store::deferred_indexes::{self, Stage};
use store::links::LinkRow;
use store::mirror::Mirrored;
use store::plans::{PlanKind, PlanRow, PlanStatus};
use store::runs::RunRow;
use store::{Backend, decisions, links, mirror, pending, plans, records, runs};
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

/// A plan on its way: rows of the plan, and of its run, are written when there
/// is something to write.
struct Draft<'a> {
    id: PlanId,
    /// Rows that are still to be written.
    unwritten: Option<(PlanRow, Option<&'a RunRow>)>,
    run_id: Option<RunId>,
    tally: Tally,
    seq: i64,
    looked_at: Vec<ObjectId>,
    /// Decisions that no person would see, while there are only such.
    notes: Vec<Decision>,
}

/// What was gathered of one batch.
type Gathered = (Vec<Case>, Surroundings);

impl Engine {
    /// Builds a plan. It stays in `building` until it is judged.
    pub(crate) async fn build_plan(&self, of: PlanOf<'_>) -> Result<Built> {
        let mut draft = self.draft(&of, None);
        self.write_rows(&mut draft).await?;
        self.fill_plan(&of, draft).await
    }

    /// Builds a plan with a run of its own. When there is nothing to do that
    /// a person would see, neither is written: `decisions` is 0 then.
    pub(crate) async fn build_plan_of_round(&self, of: PlanOf<'_>, run: &RunRow) -> Result<Built> {
        let draft = self.draft(&of, Some(run));
        self.fill_plan(&of, draft).await
    }

    fn draft<'a>(&self, of: &PlanOf<'_>, run: Option<&'a RunRow>) -> Draft<'a> {
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
            unwritten: Some((row, run)),
            run_id: of.run_id,
            tally: Tally::default(),
            seq: 0,
            looked_at: Vec::new(),
            notes: Vec::new(),
        }
    }

    async fn write_rows(&self, draft: &mut Draft<'_>) -> Result<()> {
        let Some((plan, run)) = draft.unwritten.take() else {
            return Ok(());
        };
        let mut tx = self.begin_relaxed().await?;
        if let Some(run) = run {
            runs::create(&mut tx, run).await?;
        }
        plans::create(&mut tx, &plan).await?;
        if let Some(run) = draft.run_id {
            runs::set_plan(&mut tx, run, plan.id).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Streams everybody past the planner: one batch is gathered and one is
    /// written while another is decided about.
    async fn fill_plan(&self, of: &PlanOf<'_>, mut draft: Draft<'_>) -> Result<Built> {
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
        if draft.unwritten.is_some() {
            self.write_notes(of.connection.id, std::mem::take(&mut draft.notes))
                .await?;
        }
        let hash = draft.tally.hash();
        Ok(Built {
            id: draft.id,
            tally: draft.tally,
            hash,
            decisions: draft.seq,
            looked_at: draft.looked_at,
        })
    }

    async fn decide_all(&self, of: &PlanOf<'_>, draft: &mut Draft<'_>) -> Result<()> {
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
            if draft.unwritten.is_some() && draft.tally.people == 0 && draft.notes.len() < BATCH {
                draft.notes.append(&mut decided);
                continue;
            }
            self.write_rows(draft).await?;
            draft.notes.append(&mut decided);
            let decided = std::mem::take(&mut draft.notes);
            self.append(draft, decided, &mut writes).await?;
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
        draft: &mut Draft<'_>,
        decided: Vec<Decision>,
        writes: &mut JoinSet<Result<()>>,
    ) -> Result<()> {
        if decided.is_empty() {
            return Ok(());
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
        let (first, planned) = (draft.seq + 1, draft.tally.people);
        draft.seq += i64::try_from(decided.len()).unwrap_or(i64::MAX);
        writes.spawn(async move {
            let mut tx = engine.begin_relaxed().await?;
            decisions::append(&mut tx, id, first, &decided).await?;
            if let Some(run) = run_id {
                let progress = json!({ "phase": "planning", "planned": planned });
                runs::set_progress(&mut tx, run, &progress).await?;
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
