//! Bugs planted into what the engine reads and writes, to prove that each
//! oracle can fail. All of it is here: the product knows nothing of them.

use provisioning::field::{Field, Value};
use provisioning::psa::{Kind, Record, Status};
use serde_json::json;
use std::sync::atomic::Ordering;
use store::journal::{self, NewEntry, Origin};
use store::records::{self, RecordWrite};
use store::{links, mirror, pending};
use uuid::Uuid;

use crate::history::{History, Oracle};
use crate::model::{Outcome, Verdict};
use crate::world::Shape;

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    /// A record is written and nobody knows.
    SilentWrite,
    /// A link goes to another person's record.
    LinkSwapped,
    /// A change feed tells of a removal that never was.
    RemovalNeverWas,
    /// An empty list is believed at once.
    EmptyListBelieved,
    /// The connection's authority is widened behind everybody's back.
    AuthorityIgnored,
    /// A person is due again and again.
    NeverIdle,
    /// The journal tells of what never happened.
    JournalInvents,
    /// The journal forgets a write.
    JournalForgets,
    /// Somebody edits what is written in the journal.
    JournalAltered,
    /// Every request is sent many times.
    RequestStorm,
    /// A local edit goes although nobody changed.
    EditOverwritten,
    /// The link says the directory gave what somebody typed.
    ExplanationLies,
    /// An undo forgets a field.
    UndoForgets,
}

impl Plant {
    pub(crate) const ALL: [Self; 13] = [
        Self::SilentWrite,
        Self::LinkSwapped,
        Self::RemovalNeverWas,
        Self::EmptyListBelieved,
        Self::AuthorityIgnored,
        Self::NeverIdle,
        Self::JournalInvents,
        Self::JournalForgets,
        Self::JournalAltered,
        Self::RequestStorm,
        Self::EditOverwritten,
        Self::ExplanationLies,
        Self::UndoForgets,
    ];

    /// Who must find it.
    pub(crate) fn found_by(self) -> Oracle {
        match self {
            Self::SilentWrite | Self::LinkSwapped => Oracle::State,
            Self::RemovalNeverWas | Self::EmptyListBelieved => Oracle::Loss,
            Self::AuthorityIgnored => Oracle::Authority,
            Self::NeverIdle => Oracle::Idle,
            Self::JournalInvents | Self::JournalForgets | Self::JournalAltered => Oracle::Journal,
            Self::RequestStorm => Oracle::Requests,
            Self::EditOverwritten => Oracle::LocalEdit,
            Self::ExplanationLies => Oracle::Explanation,
            Self::UndoForgets => Oracle::Undo,
        }
    }

    /// The world it shows in.
    pub(crate) fn shape(self, shape: &mut Shape) {
        shape.may_employ = self != Self::AuthorityIgnored;
        shape.tight_limits = false;
    }

    pub(crate) async fn before_step(self, history: &mut History) {
        match self {
            Self::RemovalNeverWas => {
                if let Some((person, _)) = quiet(history).await {
                    *history.world.wire.forged_removal.lock().unwrap() = Some(person);
                }
            }
            Self::RequestStorm => history.world.wire.echo.store(40, Ordering::Relaxed),
            Self::AuthorityIgnored => {
                let change = engine::ConnectionChange {
                    provision_employees: Some(true),
                    ..engine::ConnectionChange::default()
                };
                let (engine, id) = (&history.world.engine, history.world.connection);
                let actor = crate::world::actor();
                engine
                    .update_connection(id, change, None, &actor)
                    .await
                    .unwrap();
            }
            _ => {}
        }
    }

    pub(crate) async fn after_step(self, history: &mut History) {
        match self {
            Self::EditOverwritten => {
                let Some((_, id, field, _)) = history.edits.last().cloned() else {
                    return;
                };
                let record = history.state().await.records[&id].clone();
                let mut next = record.clone();
                if field != Field::Status {
                    next.set(field, Some(Value::from("Somebody else's")))
                        .unwrap();
                    silently(history, &record, &next).await;
                }
            }
            Self::EmptyListBelieved => {
                // What believing it would do: the person is stripped.
                let Some((person, record)) = quiet(history).await else {
                    return;
                };
                let mut next = record.clone();
                next.access = false;
                next.security_roles.clear();
                silently(history, &record, &next).await;
                let mut entry =
                    NewEntry::new(history.world.engine.now(), Origin::Directory, "revoke");
                entry.record_id = Some(record.id);
                entry.object_id = Some(provisioning::ids::ObjectId(person));
                entry.body = Some(json!({ "kind": record.kind, "changes": [] }));
                append(history, entry).await;
            }
            _ => {}
        }
    }

    pub(crate) async fn after_undo(self, history: &mut History) {
        let state = history.state().await;
        let record = state.records.values().next();
        if let (Self::UndoForgets, Some(record)) = (self, record) {
            let mut next = record.clone();
            next.phone = Some("+1 555 2718".to_owned());
            silently(history, record, &next).await;
        }
    }

    pub(crate) async fn before_judgement(self, history: &mut History) {
        let Some((person, record)) = quiet(history).await else {
            return;
        };
        match self {
            Self::SilentWrite => {
                let mut next = record.clone();
                next.last_name = Some("Planted".to_owned());
                silently(history, &record, &next).await;
            }
            Self::LinkSwapped => {
                let state = history.state().await;
                let other = state.records.values().find(|r| {
                    r.id != record.id
                        && r.kind == Kind::Employee
                        && r.status == Status::Active
                        && !state.links.values().any(|row| row.link.record_id == r.id)
                });
                if let Some(other) = other {
                    let mut row = state.links[&person].clone();
                    row.link.record_id = other.id;
                    let mut tx = history.world.db.begin().await.unwrap();
                    links::write(&mut tx, &[row]).await.unwrap();
                    tx.commit().await.unwrap();
                }
            }
            Self::NeverIdle => {
                let mut next = record.clone();
                next.phone = Some("+1 555 3141".to_owned());
                silently(history, &record, &next).await;
                let id = history.world.connection;
                let now = history.world.engine.now();
                let person = provisioning::ids::ObjectId(person);
                let mut tx = history.world.db.begin().await.unwrap();
                mirror::touch(&mut tx, id, &[person], now).await.unwrap();
                pending::add(&mut tx, id, &[person], now).await.unwrap();
                tx.commit().await.unwrap();
            }
            Self::JournalInvents => {
                let mut entry = NewEntry::new(history.world.engine.now(), Origin::User, "update");
                entry.record_id = Some(record.id);
                let change =
                    json!({ "field": "last_name", "old": record.last_name, "new": "Invented" });
                entry.body = Some(json!({ "kind": record.kind, "changes": [change] }));
                append(history, entry).await;
                let mut wrong = Vec::new();
                let engine = history.world.engine.clone();
                history.replay.read_on(&engine, &mut wrong).await;
            }
            Self::JournalForgets => {
                let mut next = record.clone();
                next.department = Some("Forgotten".to_owned());
                silently(history, &record, &next).await;
            }
            Self::JournalAltered => {
                let mut tx = history.world.db.begin().await.unwrap();
                let text = "UPDATE journal SET actor = 'somebody else'
                    WHERE seq = (SELECT MIN(seq) FROM journal)";
                tx.execute(text, Vec::new()).await.unwrap();
                tx.commit().await.unwrap();
            }
            Self::ExplanationLies => {
                let mut next = record.clone();
                next.last_name = Some("Typed".to_owned());
                silently(history, &record, &next).await;
                let mut row = history.state().await.links[&person].clone();
                for (field, value) in &mut row.link.applied.values {
                    if *field == Field::LastName {
                        *value = Some(Value::from("Typed"));
                    }
                }
                let mut tx = history.world.db.begin().await.unwrap();
                links::write(&mut tx, &[row]).await.unwrap();
                tx.commit().await.unwrap();
            }
            _ => {}
        }
    }
}

/// Somebody nothing happens to, with their record.
async fn quiet(history: &History) -> Option<(Uuid, Record)> {
    let state = history.state().await;
    state.links.iter().find_map(|(person, row)| {
        let record = state.records.get(&row.link.record_id)?;
        let wins = matches!(
            history.judge.outcomes.get(person)?.last()?,
            Outcome::Here {
                enabled: true,
                verdict: Verdict::Wins(_)
            }
        );
        let fits = wins && record.access && record.kind == Kind::Employee;
        (fits && history.judge.is_quiet(*person)).then(|| (*person, record.clone()))
    })
}

async fn silently(history: &History, before: &Record, after: &Record) {
    let write = RecordWrite {
        record: after.clone(),
        expected_version: before.version,
    };
    let mut tx = history.world.db.begin().await.unwrap();
    let now = history.world.engine.now();
    records::write(&mut tx, &[write], now).await.unwrap();
    tx.commit().await.unwrap();
}

async fn append(history: &History, entry: NewEntry) {
    let mut tx = history.world.db.begin().await.unwrap();
    journal::append(&mut tx, &[entry]).await.unwrap();
    tx.commit().await.unwrap();
}
