//! Recomputes what everybody should be and tells who is not: read-only, for
//! doctors. A value that somebody here changed is theirs to keep and no
//! difference; one that nobody changed and that the directory does not give is.

use std::collections::{BTreeSet, HashSet};

use provisioning::action::{Action, Decision};
use provisioning::case::{Case, Surroundings};
use provisioning::claims::Claims;
use provisioning::decide::{Outcome, decide};
use provisioning::ids::{ConnectionId, ObjectId, RecordId};
use provisioning::policy::Policy;
use serde::Serialize;
use store::journal::{Entry, Origin};
use store::{journal, mirror, pending, records};

use crate::engine::Engine;
use crate::error::Result;
use crate::input::{self, Hypothesis};

/// How many people are looked at together.
const BATCH: u32 = 2_500;
/// How much of a record's history is searched for a change made here.
const HISTORY: u32 = 1_000;

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Recomputed {
    /// People looked at.
    pub people: u64,
    /// People whose change was seen and is not planned yet.
    pub waiting: u64,
    /// Who is not as they should be.
    pub differences: Vec<Difference>,
}

/// Somebody who is not as they should be.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// The person.
    pub object_id: ObjectId,
    /// What to call them.
    pub name: String,
    /// The record, if there is one.
    pub record_id: Option<RecordId>,
    /// What would put it right.
    pub action: &'static str,
    /// The fields: what is there and what should be.
    pub fields: Vec<String>,
}

impl Engine {
    /// Compares everybody of a connection with what the mirror, the rules and
    /// the settings make of them. Stops after `most` differences.
    pub async fn recompute(&self, id: ConnectionId, most: usize) -> Result<Recomputed> {
        let connection = self.connection(id).await?;
        let policy = input::policy(self.db(), &connection, &Hypothesis::default()).await?;
        let waiting = self.all_pending(id).await?;
        let mut found = Recomputed {
            waiting: waiting.len() as u64,
            ..Recomputed::default()
        };
        let mut again = Planned::new(&policy, false);
        let mut anew = Planned::new(&policy, true);
        let administrators = records::active_administrators(self.db()).await?;
        let mut after = None;
        while found.differences.len() < most {
            let batch = mirror::page(self.db(), id, after, BATCH).await?;
            let Some(last) = batch.last() else { break };
            after = Some(last.person.object_id);
            let mut around = Surroundings {
                administrators,
                ..Surroundings::default()
            };
            let cases = input::gather(self.db(), &policy, batch, &mut around, None).await?;
            for case in &cases {
                found.people += 1;
                if waiting.contains(&case.person.object_id) {
                    continue;
                }
                if let Some(decision) = again.decide(self, case, &around) {
                    let actions = decision.actions.iter();
                    let difference = actions.map(|action| difference(&decision, action, None));
                    found.differences.extend(difference);
                    continue;
                }
                // What an undo took back is not there on purpose.
                let is_suppressed = case.link.as_ref().is_some_and(|l| l.suppressed.is_some());
                if is_suppressed {
                    continue;
                }
                let Some(decision) = anew.decide(self, case, &around) else {
                    continue;
                };
                for action in &decision.actions {
                    let here = self.changed_here(action.record_id).await?;
                    let difference = difference(&decision, action, Some(&here));
                    if !difference.fields.is_empty() {
                        found.differences.push(difference);
                    }
                }
            }
        }
        found.differences.truncate(most);
        Ok(found)
    }

    async fn all_pending(&self, id: ConnectionId) -> Result<HashSet<ObjectId>> {
        let mut all = HashSet::new();
        let mut after = None;
        loop {
            let page = pending::page(self.db(), id, after, BATCH).await?;
            let Some(last) = page.last() else {
                return Ok(all);
            };
            after = Some(*last);
            all.extend(page);
        }
    }

    /// The fields of a record that somebody here changed.
    async fn changed_here(&self, record: Option<RecordId>) -> Result<BTreeSet<String>> {
        let Some(record) = record else {
            return Ok(BTreeSet::new());
        };
        let history = journal::by_record(self.db(), record, None, HISTORY).await?;
        let here = |entry: &&Entry| entry.entry.origin != Origin::Directory;
        let fields = history.iter().filter(here).flat_map(fields_of);
        Ok(fields.collect())
    }
}

/// The fields an entry of the journal changed, by their paths.
fn fields_of(entry: &Entry) -> Vec<String> {
    let decided = entry.decision.iter().flat_map(|decision| &decision.actions);
    let decided = decided.flat_map(|action| {
        let changes = action.changes.iter();
        changes.map(|change| change.field.path(action.record_kind).to_owned())
    });
    let body = entry
        .entry
        .body
        .as_ref()
        .and_then(|body| body.get("changes"));
    let written = body
        .and_then(|changes| changes.as_array())
        .into_iter()
        .flatten();
    let written = written.filter_map(|change| Some(change.get("field")?.as_str()?.to_owned()));
    decided.chain(written).collect()
}

/// One plan that is made and forgotten.
struct Planned<'a> {
    policy: &'a Policy,
    reapply: bool,
    claims: Claims,
}

impl<'a> Planned<'a> {
    fn new(policy: &'a Policy, reapply: bool) -> Self {
        Self {
            policy,
            reapply,
            claims: Claims::default(),
        }
    }

    /// What would be done about somebody, if a person would see it.
    fn decide(&mut self, engine: &Engine, case: &Case, around: &Surroundings) -> Option<Decision> {
        let around = Surroundings {
            reapply: self.reapply,
            ..around.clone()
        };
        let mut new_id = || RecordId(engine.new_id());
        let outcome = decide(case, self.policy, &around, &mut self.claims, &mut new_id);
        match outcome {
            Outcome::Decided(decision) if decision.is_visible() => Some(*decision),
            _ => None,
        }
    }
}

/// An action as a difference, without the fields that were changed `here`.
fn difference(decision: &Decision, action: &Action, here: Option<&BTreeSet<String>>) -> Difference {
    let fields = action.changes.iter().filter_map(|change| {
        let path = change.field.path(action.record_kind);
        if here.is_some_and(|here| here.contains(path)) {
            return None;
        }
        let text = |value: &Option<provisioning::field::Value>| {
            serde_json::to_value(value).map_or_else(|e| e.to_string(), |value| value.to_string())
        };
        Some(format!(
            "{path} is {}, should be {}",
            text(&change.old),
            text(&change.new)
        ))
    });
    Difference {
        object_id: decision.object_id,
        name: decision.name.clone(),
        record_id: action.record_id,
        action: action.kind.name(),
        fields: fields.collect(),
    }
}
