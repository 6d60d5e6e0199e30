//! How a record is shown: its fields, where it comes from, what was edited
//! here since the directory was applied.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use provisioning::field::Field;
use provisioning::ids::{ConnectionId, ObjectId, RecordId};
use provisioning::link::LinkRole;
use provisioning::psa::{Kind, Record};
use serde_json::{Value, json};
use store::links::{self, LinkRow};
use store::records::{PhoneType, RecordRow};
use store::{Db, connections, mirror};

use crate::error::Result;

/// Records as the API shows them, in the order given.
pub(crate) async fn people(db: &Db, rows: &[RecordRow]) -> Result<Vec<Value>> {
    let sources = sources(db, rows).await?;
    Ok(rows
        .iter()
        .map(|row| view(row, sources.get(&row.record.id)))
        .collect())
}

/// The directory's side of a record.
pub(crate) struct Origin {
    link: LinkRow,
    last_changed: Option<Timestamp>,
    is_current: bool,
}

/// The links of records whose connection is still there; without it they are
/// local.
pub(crate) async fn sources(db: &Db, rows: &[RecordRow]) -> Result<HashMap<RecordId, Origin>> {
    let ids: Vec<RecordId> = rows.iter().map(|row| row.record.id).collect();
    let found = links::by_records(db, &ids).await?;
    if found.is_empty() {
        return Ok(HashMap::new());
    }
    let linked: BTreeSet<ConnectionId> = found.iter().map(|link| link.connection_id).collect();
    let there = connections::there(db, &linked).await?;
    let mut people: BTreeMap<ConnectionId, Vec<ObjectId>> = BTreeMap::new();
    let is_shown = |link: &&LinkRow| {
        link.link.role == LinkRole::Primary && there.contains(&link.connection_id)
    };
    for link in found.iter().filter(is_shown) {
        people
            .entry(link.connection_id)
            .or_default()
            .push(link.link.object_id);
    }
    let mut changed = HashMap::new();
    for (connection, objects) in people {
        for mirrored in mirror::get(db, connection, &objects).await? {
            changed.insert((connection, mirrored.person.object_id), mirrored.changed_at);
        }
    }
    let mut origins = HashMap::new();
    for link in found.iter().filter(is_shown) {
        let last_changed = changed
            .get(&(link.connection_id, link.link.object_id))
            .copied();
        let both = [
            (Some(link.link.record_id), true),
            (link.link.archived_id, false),
        ];
        for (id, is_current) in both {
            let Some(id) = id.filter(|id| ids.contains(id)) else {
                continue;
            };
            let link = link.clone();
            origins.insert(
                id,
                Origin {
                    link,
                    last_changed,
                    is_current,
                },
            );
        }
    }
    Ok(origins)
}

fn view(row: &RecordRow, origin: Option<&Origin>) -> Value {
    let record = &row.record;
    let source = origin.map(|origin| {
        json!({
            "tenant_id": origin.link.link.tenant_id, "object_id": origin.link.link.object_id,
            "connection_id": origin.link.connection_id,
            "rule_id": origin.link.link.applied.rule_id, "last_changed": origin.last_changed,
            "last_applied": origin.link.last_applied_at,
        })
    });
    let edits = origin.filter(|origin| origin.is_current);
    let edits = edits.map_or_else(Vec::new, |origin| local_edits(record, &origin.link));
    let suppressed = origin.is_some_and(|origin| origin.link.link.suppressed.is_some());
    let mut body = json!({
        "id": record.id, "kind": record.kind, "username": record.username,
        "first_name": record.first_name, "last_name": record.last_name,
        "email": record.email, "phone": record.phone, "mobile_phone": record.mobile_phone,
        "job_title": record.job_title, "department": record.department,
        "location": record.location, "manager_id": record.manager_id,
        "employment_type": record.employment_type, "employee_id": record.employee_id,
        "security_roles": record.security_roles, "employee_roles": record.employee_roles,
        "status": record.status,
        "access": if record.access { "granted" } else { "none" },
        "access_reason": record.access_reason, "source": source,
        "is_root": record.is_root, "pinned": record.pinned,
        "pin_reason": row.details.pin_reason, "local_edits": edits, "suppressed": suppressed,
        "has_password": row.has_password, "last_sign_in_at": row.last_sign_in_at,
        "version": record.version, "created_at": row.created_at, "updated_at": row.updated_at,
    });
    if record.kind == Kind::Contact {
        body["account_id"] = json!(record.account_id);
        body["emails"] = emails(row);
        body["phones"] = phones(row);
        body["has_client_portal_access"] = json!(record.access);
        body["is_poc"] = json!(row.details.is_poc);
        body["receive_invoices"] = json!(row.details.receive_invoices);
    }
    body
}

fn emails(row: &RecordRow) -> Value {
    let first = row.record.email.iter().map(
        |address| json!({ "address": address, "type": row.details.email_type, "is_default": true }),
    );
    let others =
        row.details.other_emails.iter().map(
            |other| json!({ "address": other.address, "type": other.kind, "is_default": false }),
        );
    first.chain(others).collect()
}

/// The default number, the mobile one the directory writes, the others.
fn phones(row: &RecordRow) -> Value {
    let first = row.record.phone.iter().map(
        |number| json!({ "number": number, "type": row.details.phone_type, "is_default": true }),
    );
    let mobile =
        row.record.mobile_phone.iter().map(
            |number| json!({ "number": number, "type": PhoneType::Mobile, "is_default": false }),
        );
    let others =
        row.details.other_phones.iter().map(
            |other| json!({ "number": other.number, "type": other.kind, "is_default": false }),
        );
    first.chain(mobile).chain(others).collect()
}

/// Fields whose value is not the one the directory gave last.
pub(crate) fn local_edits(record: &Record, row: &LinkRow) -> Vec<&'static str> {
    let profile = |field: Field| {
        !matches!(
            field,
            Field::Status | Field::Access | Field::AccessReason | Field::DeactivatedBySync
        )
    };
    let values = row.link.applied.values.iter();
    let edited = values.filter(|(field, given)| {
        profile(*field) && given.is_some() && record.get(*field) != *given
    });
    edited.map(|(field, _)| field.name()).collect()
}
