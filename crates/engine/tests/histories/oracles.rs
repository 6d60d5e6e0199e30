//! What must hold whatever happens. The judge of the final state is `model`.

use std::collections::BTreeMap;

use engine::Engine;
use provisioning::action::ActionKind;
use provisioning::field::{Field, FieldChange};
use provisioning::ids::{ConnectionId, RecordId};
use provisioning::psa::{Kind, Record, Status};
use store::journal::{self, Entry, Origin};
use store::links;
use store::records;
use store::review_items::{self, ReviewFilter, ReviewStatus};

use crate::by_hand::{field_of, value_of};
use crate::model::{Judge, Outcome, State, Verdict, given_value};

/// Reads everything about people.
pub(crate) async fn state(engine: &Engine, connection: ConnectionId, known: &[RecordId]) -> State {
    let db = engine.db();
    let rows = links::page(db, connection, None, 10_000).await.unwrap();
    let open = ReviewFilter {
        status: Some(ReviewStatus::Open),
        ..ReviewFilter::default()
    };
    let reviews = review_items::list(db, &open, None, 10_000).await.unwrap();
    let records = records::get(db, known).await.unwrap();
    State {
        records: records
            .into_iter()
            .map(|row| (row.record.id, row.record))
            .collect(),
        links: rows
            .into_iter()
            .map(|row| (row.link.object_id.0, row))
            .collect(),
        reviews: reviews.iter().map(|row| row.review.object_id.0).collect(),
    }
}

/// The journal, read on, and the records as it tells them.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    seq: i64,
    pub(crate) records: BTreeMap<RecordId, Record>,
}

impl Replay {
    /// Reads what was written since; gives what does not fit and the losses
    /// for the oracle of losses.
    pub(crate) async fn read_on(&mut self, engine: &Engine, wrong: &mut Vec<String>) -> Vec<Entry> {
        let mut all = Vec::new();
        loop {
            let page = journal::scan(engine.db(), self.seq, 1_000).await.unwrap();
            let Some(last) = page.last() else { return all };
            self.seq = last.seq;
            for entry in &page {
                if let Err(error) = self.apply(entry) {
                    wrong.push(format!("journal {}: {error}", entry.seq));
                }
            }
            all.extend(page);
        }
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), String> {
        let Some(id) = entry.entry.record_id else {
            return Ok(());
        };
        let (kind, changes) = changes(entry, id)?;
        let record = self
            .records
            .entry(id)
            .or_insert_with(|| Record::blank(id, kind));
        let mut next = record.apply(&changes).map_err(|error| error.to_string())?;
        next.version = 1;
        *record = next;
        Ok(())
    }

    /// The journal tells the state.
    pub(crate) fn compare(&self, state: &State, wrong: &mut Vec<String>) {
        for (id, record) in &state.records {
            let Some(told) = self.records.get(id) else {
                wrong.push(format!("journal: nothing tells of {id}"));
                continue;
            };
            for field in Field::ALL {
                let (is, told) = (record.get(field), told.get(field));
                if is != told {
                    let name = field.name();
                    wrong.push(format!(
                        "journal: {name} of {id} is {is:?}, told is {told:?}"
                    ));
                }
            }
        }
    }
}

fn changes(entry: &Entry, id: RecordId) -> Result<(Kind, Vec<FieldChange>), String> {
    if let Some(decision) = &entry.decision {
        let action = decision.actions.iter().find(|action| {
            action.record_id == Some(id) && action.kind.name() == entry.entry.action
        });
        let action = action.ok_or("the decision has no such action")?;
        return Ok((action.record_kind, action.changes.clone()));
    }
    let body = entry
        .entry
        .body
        .as_ref()
        .ok_or("neither body nor decision")?;
    let kind: Kind = serde_json::from_value(body["kind"].clone()).map_err(|e| e.to_string())?;
    let list = body["changes"].as_array().cloned().unwrap_or_default();
    let changes = list.iter().map(|change| {
        let path = change["field"].as_str().unwrap_or_default();
        let field = field_of(path, kind).ok_or(format!("no field {path}"))?;
        let (old, new) = (
            value_of(field, &change["old"]),
            value_of(field, &change["new"]),
        );
        Ok(FieldChange { field, old, new })
    });
    Ok((kind, changes.collect::<Result<_, String>>()?))
}

/// Nobody loses anything the world did not take.
pub(crate) fn losses(
    judge: &Judge,
    entries: &[Entry],
    records: &BTreeMap<RecordId, Record>,
    wrong: &mut Vec<String>,
) {
    for entry in entries {
        let at = &entry.entry;
        let kind = ActionKind::from_name(&at.action).filter(|kind| kind.is_loss());
        let (Some(kind), Some(id), Some(person)) = (kind, at.record_id, at.object_id) else {
            continue;
        };
        let Some(record) = records.get(&id).filter(|_| at.origin == Origin::Directory) else {
            continue;
        };
        if !judge.may_lose(person.0, record, kind) {
            let said = judge.outcomes.get(&person.0);
            wrong.push(format!(
                "{} of {id} ({person}), and nothing said so: {said:?}",
                kind.name()
            ));
        }
    }
}

/// Nothing is written to what the connection has no authority over.
pub(crate) fn authority(
    judge: &Judge,
    entries: &[Entry],
    records: &BTreeMap<RecordId, Record>,
    wrong: &mut Vec<String>,
) {
    for entry in entries {
        let at = &entry.entry;
        let record = at.record_id.and_then(|id| records.get(&id));
        let Some(record) = record.filter(|_| at.origin == Origin::Directory) else {
            continue;
        };
        if record.kind == Kind::Employee && !judge.may_employ && at.action != "link" {
            wrong.push(format!(
                "{} of employee {} without authority",
                at.action, record.id
            ));
        }
    }
}

/// Every explanation re-evaluates to its value.
pub(crate) async fn explanations(
    engine: &Engine,
    judge: &Judge,
    state: &State,
    wrong: &mut Vec<String>,
) {
    for (person, row) in &state.links {
        let id = row.link.record_id;
        let Some(record) = state.records.get(&id) else {
            continue;
        };
        let why = match engine.why(id).await {
            Ok(why) => why,
            Err(error) => {
                wrong.push(format!("why {id}: {error}"));
                continue;
            }
        };
        if let Some(Outcome::Here {
            verdict: Verdict::Wins(winner),
            ..
        }) = judge.outcomes.get(person).and_then(|past| past.last())
            && why.winner.as_ref().map(|standing| standing.rule_id) != Some(winner.rule)
        {
            wrong.push(format!("why {id}: {:?} wins, not {winner:?}", why.winner));
        }
        for field in Field::ALL {
            let Some(told) = why.fields.get(field.path(record.kind)) else {
                continue;
            };
            if told.value != record.get(field) {
                wrong.push(format!(
                    "why {id}: {} is {:?}, told {:?}",
                    field.name(),
                    record.get(field),
                    told.value
                ));
            }
            let said = judge.truth.people.get(person);
            let said = said.and_then(|human| given_value(human, field));
            let owed = judge.is_owed(*person) || record.status != Status::Active;
            if told.from == "directory" && !owed && said.is_some() && said != record.get(field) {
                let name = field.name();
                wrong.push(format!(
                    "why {id}: {name} is not the directory's, which has {said:?}"
                ));
            }
        }
        let granted = why.access["granted"].as_bool();
        if granted != Some(record.access) {
            wrong.push(format!(
                "why {id}: access {granted:?}, is {}",
                record.access
            ));
        }
    }
}
