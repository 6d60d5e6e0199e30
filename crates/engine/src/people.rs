//! One person: resync, re-apply, why; and answers to the review queue.

use std::collections::BTreeMap;

use provisioning::case::{Answer, Surroundings};
use provisioning::claims::Claims;
use provisioning::decide::{Outcome, decide};
use provisioning::field::Field;
use provisioning::ids::{RecordId, ReviewId, RunId};
use serde_json::json;
use store::links::LinkRow;
use store::runs::RunMode;
use store::{jobs, links, mirror, pending, records, review_items, runs};

use crate::engine::Engine;
use crate::error::{Class, EngineError, Result};
use crate::input::{self, Hypothesis};
use crate::model::{Actor, FieldOrigin, Why};
use crate::run::{Asked, SYNC_JOB, new_run};

impl Engine {
    async fn link_of(&self, record: RecordId) -> Result<LinkRow> {
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

    /// Answers a question of the review queue; the answer is remembered.
    pub async fn resolve_review(
        &self,
        id: ReviewId,
        answer: Answer,
        actor: &Actor,
    ) -> Result<Option<RunId>> {
        if let Answer::Link(record) = answer
            && records::get(self.db(), &[record]).await?.is_empty()
        {
            return Err(EngineError::invalid(format!(
                "record_id: there is no record {record}"
            )));
        }
        let now = self.now();
        let mut tx = self.begin().await?;
        let row = review_items::resolve(&mut tx, id, answer, &actor.name, now).await?;
        let connection = row.review.connection_id;
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

    /// Why a record is as it is, and what planning it now would do.
    pub async fn why(&self, record: RecordId) -> Result<Why> {
        let row = self.link_of(record).await?;
        let connection = self.connection(row.connection_id).await?;
        let policy = input::policy(self.db(), &connection, &Hypothesis::default()).await?;
        let person = row.link.object_id;
        let batch = mirror::get(self.db(), connection.id, &[person]).await?;
        let mut around = Surroundings {
            administrators: records::active_administrators(self.db()).await?,
            ..Surroundings::default()
        };
        let cases = input::gather(self.db(), &policy, batch, &mut around).await?;
        let case = cases.into_iter().next().ok_or_else(|| {
            EngineError::new(
                "not_mirrored",
                Class::Conflict,
                "the person is not in the mirror",
            )
        })?;
        let mut standings = provisioning::why::standings(&case, &policy).into_iter();
        let winner = standings.next();
        let losers: Vec<_> = standings.collect();
        let mut claims = Claims::default();
        let mut new_id = || RecordId(self.new_id());
        let now = match decide(&case, &policy, &around, &mut claims, &mut new_id) {
            Outcome::Skipped(skip) => json!({ "skipped": skip }),
            Outcome::Decided(decision) => json!({ "actions": decision.actions }),
        };
        let names = store::directory_groups::list(self.db(), connection.id).await?;
        let group_path = winner.as_ref().map_or_else(Vec::new, |winner| {
            let name = |group| {
                names
                    .iter()
                    .find(|g| g.group_id == group)
                    .and_then(|g| g.name.clone())
            };
            let path = winner.group_path.iter();
            path.map(|group| name(*group).unwrap_or_else(|| group.to_string()))
                .collect()
        });
        let what_if = winner.iter().map(|winner| match losers.first() {
            Some(next) => format!(
                "Out of `{}`, the rule `{}` would decide.",
                winner.name, next.name
            ),
            None => format!("Out of `{}`, the person would have no access.", winner.name),
        });
        Ok(Why {
            what_if: what_if.collect(),
            group_path,
            fields: fields(&case, &row),
            access: json!({
                "granted": case.record.as_ref().is_some_and(|record| record.access),
                "reason": case.record.as_ref().and_then(|record| record.access_reason.clone()),
            }),
            winner,
            losers,
            now,
        })
    }
}

fn fields(case: &provisioning::case::Case, row: &LinkRow) -> BTreeMap<&'static str, FieldOrigin> {
    let Some(record) = &case.record else {
        return BTreeMap::new();
    };
    let mut fields = BTreeMap::new();
    for field in Field::ALL {
        let value = record.get(field);
        let given = row.link.applied.value(field);
        let from = match given {
            Some(given) if *given == value => "directory",
            Some(Some(_)) => "local",
            _ if value.is_some() => "default",
            _ => continue,
        };
        let at = (from == "directory")
            .then_some(row.last_applied_at)
            .flatten();
        fields.insert(field.path(record.kind), FieldOrigin { value, from, at });
    }
    fields
}
