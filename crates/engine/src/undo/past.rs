//! What was done to people, as the journal remembers it.

use std::collections::{HashMap, HashSet};

use provisioning::action::Decision;
use provisioning::ids::{PlanId, RecordId, RuleId, RunId};
use store::journal::{self, Entry, Origin};
use store::links::LinkRow;

use super::Past;
use crate::engine::Engine;
use crate::error::{Class, EngineError, Result};

/// How many entries about a person are read at once.
const PAGE: u32 = 100;

impl Engine {
    /// What one run did to a person, and which run that was.
    pub(super) async fn past_of_person(
        &self,
        record_id: RecordId,
        run_id: Option<RunId>,
    ) -> Result<(RunId, Past)> {
        let link = self.link_of(record_id).await?.link;
        let mut found: Option<(i64, RunId, Decision)> = None;
        // What was archived may be what they were when it happened.
        for record in [Some(link.record_id), link.archived_id]
            .into_iter()
            .flatten()
        {
            if let Some(entry) = self.last_applied(record, run_id).await?
                && found.as_ref().is_none_or(|(seq, ..)| entry.seq > *seq)
                && let (Some(run), Some(decision)) = (entry.entry.run_id, entry.decision)
            {
                if entry.entry.origin == Origin::Undo && run_id.is_none() {
                    return Err(already_taken_back());
                }
                found = Some((entry.seq, run, decision));
            }
        }
        let (_, run, decision) = found.ok_or_else(nothing_done)?;
        let past = Past {
            tenant_id: link.tenant_id,
            object_id: link.object_id,
            decisions: vec![decision],
        };
        Ok((run, past))
    }

    /// The last time a run did something to a record; this run, when one is named.
    async fn last_applied(
        &self,
        record_id: RecordId,
        run_id: Option<RunId>,
    ) -> Result<Option<Entry>> {
        let mut before = None;
        loop {
            let page = journal::by_record(self.db(), record_id, before, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(None);
            };
            before = Some(last.seq);
            let mut applied = page.into_iter().filter(|entry| entry.decision.is_some());
            let wanted = |entry: &Entry| run_id.is_none() || entry.entry.run_id == run_id;
            if let Some(entry) = applied.find(wanted) {
                return Ok(Some(entry));
            }
        }
    }

    /// What was done to these people since the rule took them.
    pub(super) async fn past_under_rule(
        &self,
        rule: RuleId,
        people: &[LinkRow],
    ) -> Result<Vec<Past>> {
        let records = people.iter().flat_map(|row| {
            let link = &row.link;
            [Some(link.record_id), link.archived_id]
        });
        let records: Vec<RecordId> = records.flatten().collect();
        let mut decided: HashMap<_, Vec<Decision>> = HashMap::new();
        let mut seen: HashSet<(Option<PlanId>, Option<i64>)> = HashSet::new();
        for entry in journal::applied_to(self.db(), &records).await? {
            let place = (entry.entry.plan_id, entry.entry.decision_seq);
            if let Some(decision) = entry.decision
                && seen.insert(place)
            {
                let person = (decision.tenant_id, decision.object_id);
                decided.entry(person).or_default().push(decision);
            }
        }
        let by_rule = |decision: &Decision| {
            let mut actions = decision.actions.iter();
            actions.any(|action| action.reason.rule_id == Some(rule))
        };
        let past = people.iter().filter_map(|row| {
            let (tenant_id, object_id) = (row.link.tenant_id, row.link.object_id);
            let all = decided.remove(&(tenant_id, object_id))?;
            Some(Past {
                tenant_id,
                object_id,
                decisions: all.into_iter().take_while(by_rule).collect(),
            })
        });
        Ok(past.collect())
    }
}

fn already_taken_back() -> EngineError {
    let message = "the last that was done to this person was an undo";
    EngineError::new("already_undone", Class::Conflict, message)
        .cure("Name the run that is to be taken back; the person's timeline shows them.")
}

fn nothing_done() -> EngineError {
    let message = "no run has done anything to this person that could be taken back";
    EngineError::new("not_undoable", Class::Conflict, message)
        .cure("The person's timeline shows which run did what.")
}
