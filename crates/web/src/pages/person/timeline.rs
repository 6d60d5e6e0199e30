//! What happened to a person, newest first, in the words of the forms.

use provisioning::action::ActionKind;
use provisioning::field::FieldChange;
use provisioning::ids::RecordId;
use provisioning::psa::Kind;
use provisioning::reason::Cause;
use serde_json::Value;
use store::Db;
use store::journal::Entry;

use super::super::frame::{at, sentence, word};
use super::super::plan::in_a_word;
use super::super::words::{Names, Told, capital, field_at, told, values};
use crate::error::Result;

/// An entry of the journal.
pub(super) struct Happened {
    pub(super) at: String,
    pub(super) who: String,
    pub(super) what: String,
    pub(super) reason: String,
    pub(super) told: Told,
    /// Every field was blank before.
    pub(super) is_new: bool,
    pub(super) run: Option<String>,
    pub(super) can_be_undone: bool,
}

/// What happened, newest first; a run's last entry offers to take it back.
pub(super) async fn story(
    db: &Db,
    entries: Vec<Entry>,
    kind: Kind,
    id: RecordId,
    takes_back: bool,
) -> Result<Vec<Happened>> {
    let changes: Vec<Vec<FieldChange>> = entries
        .iter()
        .map(|entry| changes_of(entry, kind, id))
        .collect();
    let names = Names::of(db, changes.iter().flat_map(|one| values(one))).await?;
    let mut decided = None;
    let one = |(entry, changes): (Entry, Vec<FieldChange>)| {
        let place = (entry.entry.plan_id, entry.entry.decision_seq);
        let is_decided = entry.decision.is_some();
        let is_new = decided != Some(place);
        decided = Some(place);
        Happened {
            at: at(entry.entry.at),
            what: what(&entry.entry.action),
            reason: reason(&entry, id),
            is_new: changes.iter().all(|change| change.old.is_none()),
            told: match decided_by(&entry, id) {
                Some(cause) => told(kind, &changes, &names).beside(cause),
                None => told(kind, &changes, &names),
            },
            run: entry.entry.run_id.map(|run| run.to_string()),
            can_be_undone: takes_back && is_decided && is_new,
            who: entry
                .entry
                .actor
                .unwrap_or_else(|| word(&entry.entry.origin)),
        }
    };
    Ok(entries.into_iter().zip(changes).map(one).collect())
}

fn what(action: &str) -> String {
    match ActionKind::from_name(action) {
        Some(kind) => capital(in_a_word(kind)),
        None => capital(&action.replace('_', " ")),
    }
}

/// What an entry changed of this record: by a decision, or by hand.
fn changes_of(entry: &Entry, kind: Kind, id: RecordId) -> Vec<FieldChange> {
    if let Some(decision) = &entry.decision {
        let acts = decision.actions.iter();
        let mine = acts.filter(|act| act.record_id == Some(id));
        let this = mine.filter(|act| act.kind.name() == entry.entry.action);
        return this.flat_map(|act| act.changes.clone()).collect();
    }
    let body = entry.entry.body.as_ref();
    let given = body.and_then(|body| body.get("changes")?.as_array());
    let given = given.into_iter().flatten();
    given.filter_map(|change| by_hand(change, kind)).collect()
}

/// A change as the journal keeps those made by hand: with the path of the API.
fn by_hand(change: &Value, kind: Kind) -> Option<FieldChange> {
    let value = |name: &str| serde_json::from_value(change.get(name)?.clone()).ok()?;
    Some(FieldChange {
        field: field_at(change.get("field")?.as_str()?, kind)?,
        old: value("old"),
        new: value("new"),
    })
}

/// Why a decision did what the entry says.
fn decided_by(entry: &Entry, id: RecordId) -> Option<&Cause> {
    let acts = &entry.decision.as_ref()?.actions;
    let mut mine = acts.iter().filter(|act| act.record_id == Some(id));
    let this = mine.find(|act| act.kind.name() == entry.entry.action);
    this.map(|act| &act.reason.cause)
}

fn reason(entry: &Entry, id: RecordId) -> String {
    let body = entry.entry.body.as_ref();
    let given = body.and_then(|body| body.get("reason")?.as_str());
    let decided = decided_by(entry, id).map(Cause::describe);
    let text = decided.or_else(|| given.map(str::to_owned));
    text.map(|text| sentence(&text)).unwrap_or_default()
}
