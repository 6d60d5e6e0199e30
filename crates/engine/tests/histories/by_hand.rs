//! Edits made by hand: records with their journal entries in one transaction,
//! as the API writes them.

use engine::Engine;
use provisioning::field::{Field, FieldChange, Value};
use provisioning::ids::{AccountId, RecordId};
use provisioning::psa::{Kind, Record, Status};
use serde_json::json;
use store::journal::{self, NewEntry, Origin};
use store::records::{self, RecordWrite};

/// Writes a record by hand.
pub(crate) async fn write(engine: &Engine, before: Option<&Record>, after: &Record, action: &str) {
    let now = engine.now();
    let changes: Vec<FieldChange> = Field::ALL
        .into_iter()
        .filter_map(|field| {
            let old = before.and_then(|record| record.get(field));
            let new = after.get(field);
            (old != new).then_some(FieldChange { field, old, new })
        })
        .collect();
    let shown: Vec<serde_json::Value> = changes
        .iter()
        .map(|change| {
            json!({ "field": change.field.path(after.kind), "old": change.old, "new": change.new })
        })
        .collect();
    let mut tx = engine.db().begin().await.unwrap();
    let write = RecordWrite {
        record: after.clone(),
        expected_version: before.map_or(0, |record| record.version),
    };
    let failed = records::write(&mut tx, &[write], now).await.unwrap();
    assert!(failed.is_empty(), "nobody else writes meanwhile");
    let entry = NewEntry {
        actor: Some("tester".to_owned()),
        record_id: Some(after.id),
        body: Some(json!({ "kind": after.kind, "changes": shown })),
        ..NewEntry::new(now, Origin::User, action)
    };
    journal::append(&mut tx, &[entry]).await.unwrap();
    tx.commit().await.unwrap();
}

/// A record made by hand, with this address.
pub(crate) fn local(
    engine: &Engine,
    kind: Kind,
    email: &str,
    account: Option<AccountId>,
    username: &str,
) -> Record {
    let mut record = Record::blank(RecordId(engine.new_id()), kind);
    record.first_name = Some("Local".to_owned());
    record.last_name = Some("Person".to_owned());
    record.email = Some(email.to_owned());
    record.username = Some(username.to_owned());
    record.account_id = account;
    record.phone = Some("+1 555 0000".to_owned());
    record.access = true;
    record.status = Status::Active;
    if kind == Kind::Employee {
        record.department = Some("Kitchen".to_owned());
        record.security_roles = vec!["User".to_owned()];
    } else {
        record.security_roles = vec!["External User".to_owned()];
    }
    record
}

/// The field a path of the API names.
pub(crate) fn field_of(path: &str, kind: Kind) -> Option<Field> {
    Field::ALL
        .into_iter()
        .find(|field| field.path(kind) == path)
}

/// A value as the API shows it.
pub(crate) fn value_of(field: Field, value: &serde_json::Value) -> Option<Value> {
    let change = json!([field, null, value]);
    let change: Result<FieldChange, _> = serde_json::from_value(change);
    change.ok().and_then(|change| change.new)
}
