//! One person: resync and re-apply; and answers to the review queue.

use provisioning::case::Answer;
use provisioning::ids::{PlanId, RecordId, ReviewId, RunId};
use store::links::LinkRow;
use store::plans::{PlanKind, PlanStatus};
use store::runs::RunMode;
use store::{jobs, links, pending, plans, records, review_items, runs};

use crate::acts::About;
use crate::engine::Engine;
use crate::error::{Class, EngineError, Result};
use crate::input::{self, Hypothesis};
use crate::model::Actor;
use crate::planning::{PlanOf, Scope};
use crate::run::{Asked, SYNC_JOB, new_run};

impl Engine {
    pub(crate) async fn link_of(&self, record: RecordId) -> Result<LinkRow> {
        let found = links::by_records(self.db(), &[record]).await?;
        let link = found.into_iter().find(|row| row.link.record_id == record);
        link.ok_or_else(|| {
            EngineError::new(
                "not_synced",
                Class::Conflict,
                "the record is local: no directory person is linked to it",
            )
        })
    }

    /// Looks at one person again now; `reapply` overwrites local edits.
    pub async fn resync(&self, record: RecordId, reapply: bool, actor: &Actor) -> Result<RunId> {
        let row = self.link_of(record).await?;
        let (id, person) = (row.connection_id, row.link.object_id);
        self.connection(id).await?;
        let run_id = RunId(self.new_id());
        let now = self.now();
        let cause = if reapply { "reapply" } else { "resync" };
        let mut run = new_run(run_id, id, RunMode::Delta, cause, now);
        run.asked = Asked {
            reapply,
            people: Some(vec![person]),
            ..Asked::default()
        }
        .to_json();
        run.actor = Some(actor.name.clone());
        let mut tx = self.begin().await?;
        runs::create(&mut tx, &run).await?;
        pending::add(&mut tx, id, &[person], now).await?;
        jobs::enqueue(&mut tx, SYNC_JOB, &id.to_string(), Some(id), now, now).await?;
        tx.commit().await?;
        self.0.wake.notify_one();
        Ok(run_id)
    }

    /// The plan of what an answer to a question of the review queue would do;
    /// nothing is answered by it.
    pub async fn preview_answer(&self, id: ReviewId, answer: Answer) -> Result<PlanId> {
        let row = review_items::get(self.db(), id).await?;
        let row = row.ok_or_else(|| EngineError::not_found("review item"))?;
        self.refuse_unknown(answer).await?;
        let connection = self.connection(row.review.connection_id).await?;
        let policy = input::policy(self.db(), &connection, &Hypothesis::default()).await?;
        let person = row.review.object_id;
        let built = self
            .build_plan(PlanOf {
                connection: &connection,
                policy: &policy,
                run_id: None,
                kind: PlanKind::Preview,
                scope: Scope::People(vec![person]),
                reapply: false,
                change: None,
                tried: Some((person, answer)),
            })
            .await?;
        let mut tx = self.begin().await?;
        let judged = built.judged(PlanStatus::Preview, None);
        plans::finish_building(&mut tx, built.id, &judged).await?;
        tx.commit().await?;
        Ok(built.id)
    }

    async fn refuse_unknown(&self, answer: Answer) -> Result<()> {
        match answer {
            Answer::Link(id) if records::get(self.db(), &[id]).await?.is_empty() => Err(
                EngineError::invalid(format!("record_id: there is no record {id}")),
            ),
            _ => Ok(()),
        }
    }

    /// Answers a question of the review queue; the answer is remembered.
    pub async fn resolve_review(
        &self,
        id: ReviewId,
        answer: Answer,
        actor: &Actor,
    ) -> Result<Option<RunId>> {
        self.refuse_unknown(answer).await?;
        let now = self.now();
        let mut tx = self.begin().await?;
        let row = review_items::resolve(&mut tx, id, answer, &actor.name, now).await?;
        let connection = row.review.connection_id;
        let (answered, record) = match answer {
            Answer::Link(record) => ("link", Some(record)),
            Answer::Create => ("create", None),
            Answer::Ignore => ("ignore", None),
        };
        let about = About {
            connection: Some(connection),
            body: serde_json::json!({
                "review_item": id, "answer": answered, "record_id": record,
                "object_id": row.review.object_id,
            }),
            ..About::default()
        };
        self.note(&mut tx, actor, "review_resolved", about).await?;
        if answer == Answer::Ignore {
            tx.commit().await?;
            return Ok(None);
        }
        let run_id = RunId(self.new_id());
        let mut run = new_run(run_id, connection, RunMode::Delta, "review", now);
        run.asked = Asked {
            people: Some(vec![row.review.object_id]),
            ..Asked::default()
        }
        .to_json();
        run.actor = Some(actor.name.clone());
        runs::create(&mut tx, &run).await?;
        pending::add(&mut tx, connection, &[row.review.object_id], now).await?;
        let key = connection.to_string();
        jobs::enqueue(&mut tx, SYNC_JOB, &key, Some(connection), now, now).await?;
        tx.commit().await?;
        self.0.wake.notify_one();
        Ok(Some(run_id))
    }
}
