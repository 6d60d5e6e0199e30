//! Writing employees and contacts: in bulk, each guarded by its version.

use jiff::Timestamp;
use provisioning::ids::RecordId;
use provisioning::psa::Record;

use crate::bulk::{Rows, Type};
use crate::db::Tx;
use crate::error::{Result, StoreError};
use crate::records::{Details, names};
use crate::{args, cells, json, keys};

/// A record as it is to be from now on.
#[derive(Debug, Clone)]
pub struct RecordWrite {
    /// The values; its version is ignored.
    pub record: Record,
    /// The version it was planned against; 0 makes the record.
    pub expected_version: i64,
}

const COLUMNS: &[(&str, Type)] = &[
    ("id", Type::Uuid),
    ("version", Type::Int),
    ("kind", Type::Text),
    ("is_root", Type::Bool),
    ("pinned", Type::Bool),
    ("first_name", Type::Text),
    ("first_name_key", Type::Text),
    ("last_name", Type::Text),
    ("last_name_key", Type::Text),
    ("username", Type::Text),
    ("username_key", Type::Text),
    ("email", Type::Text),
    ("email_key", Type::Text),
    ("phone", Type::Text),
    ("mobile_phone", Type::Text),
    ("job_title", Type::Text),
    ("department", Type::Text),
    ("location", Type::Text),
    ("manager_id", Type::Uuid),
    ("employment_type", Type::Text),
    ("employee_id", Type::Text),
    ("employee_roles", Type::Text),
    ("security_roles", Type::Text),
    ("account_id", Type::Uuid),
    ("status", Type::Text),
    ("access", Type::Bool),
    ("access_reason", Type::Text),
    ("deactivated_by_sync", Type::Bool),
    ("original_username", Type::Text),
    ("original_email", Type::Text),
    ("created_at", Type::Time),
    ("updated_at", Type::Time),
];

const UPDATE: &str = "UPDATE records SET version = records.version + 1,
        is_root = r.is_root, pinned = r.pinned,
        first_name = r.first_name, first_name_key = r.first_name_key,
        last_name = r.last_name, last_name_key = r.last_name_key,
        username = r.username, username_key = r.username_key,
        email = r.email, email_key = r.email_key, phone = r.phone,
        mobile_phone = r.mobile_phone, job_title = r.job_title, department = r.department,
        location = r.location, manager_id = r.manager_id, employment_type = r.employment_type,
        employee_id = r.employee_id, employee_roles = r.employee_roles,
        security_roles = r.security_roles, account_id = r.account_id, status = r.status,
        access = r.access, access_reason = r.access_reason,
        deactivated_by_sync = r.deactivated_by_sync,
        original_username = r.original_username, original_email = r.original_email,
        updated_at = r.updated_at
    FROM {rows}
    WHERE records.id = r.id AND records.version = r.version AND records.kind = r.kind
    RETURNING records.id";

/// Usernames that change hands within one batch must be free before any of
/// them is taken: uniqueness is checked row by row. Compared so that SQLite
/// cannot take the index of usernames and go through all of it.
const FREE: &str = "UPDATE records SET username_key = NULL
    FROM {rows}
    WHERE records.id = r.id AND records.version = r.version AND records.kind = r.kind
        AND COALESCE(records.username_key, r.username_key) <> r.username_key";

/// Rows of [`COLUMNS`], with the version a record has before an update, or gets
/// by an insert.
fn rows<'a>(
    writes: impl Iterator<Item = &'a RecordWrite>,
    count: usize,
    now: Timestamp,
) -> Result<Rows> {
    let mut rows = Rows::new(COLUMNS, count);
    for RecordWrite {
        record,
        expected_version,
    } in writes
    {
        rows.push(cells![
            record.id,
            (*expected_version).max(1),
            record.kind.name(),
            record.is_root,
            record.pinned,
            record.first_name.clone(),
            keys::key(record.first_name.as_deref()).unwrap_or_default(),
            record.last_name.clone(),
            keys::key(record.last_name.as_deref()).unwrap_or_default(),
            record.username.clone(),
            keys::key(record.username.as_deref()),
            record.email.clone(),
            keys::email(record.email.as_deref()),
            record.phone.clone(),
            record.mobile_phone.clone(),
            record.job_title.clone(),
            record.department.clone(),
            record.location.clone(),
            record.manager_id,
            record.employment_type.clone(),
            record.employee_id.clone(),
            names(&record.employee_roles)?,
            names(&record.security_roles)?,
            record.account_id,
            record.status.name(),
            record.access,
            record.access_reason.clone(),
            record.deactivated_by_sync,
            record.original_username.clone(),
            record.original_email.clone(),
            now,
            now,
        ]);
    }
    Ok(rows)
}

/// New records as they are inserted: made ahead, so that the database need not
/// wait. Every one must have the expected version 0.
pub fn insert_rows(writes: &[RecordWrite], now: Timestamp) -> Result<Rows> {
    rows(writes.iter(), writes.len(), now)
}

/// Inserts what [`insert_rows`] made. A username that another record has is a
/// conflict (`records_username_key`), and the transaction is lost.
pub async fn insert(tx: &mut Tx, rows: Rows) -> Result<()> {
    tx.bulk_insert("records", rows).await
}

/// Writes records, updates before inserts. Gives the ids whose guard failed:
/// of those nothing is written. Details keep their values; a new record has
/// the defaults. A username that another record has is a conflict
/// (`records_username_key`), and the transaction is lost.
pub async fn write(tx: &mut Tx, writes: &[RecordWrite], now: Timestamp) -> Result<Vec<RecordId>> {
    let inserts = writes.iter().filter(|write| write.expected_version == 0);
    let updates = writes.iter().filter(|write| write.expected_version != 0);
    let (new, old) = (inserts.clone().count(), updates.clone().count());
    let mut failed = Vec::new();
    if old > 0 {
        if writes.len() > 1 {
            let mut free = Rows::new(FREE_COLUMNS, old);
            for write in updates.clone() {
                free.push(cells![
                    write.record.id,
                    write.expected_version,
                    write.record.kind.name(),
                    keys::key(write.record.username.as_deref()).unwrap_or_default(),
                ]);
            }
            tx.bulk_execute(FREE, free, args![]).await?;
        }
        let written = tx
            .bulk_rows(UPDATE, rows(updates.clone(), old, now)?, args![])
            .await?;
        if written.len() < old {
            let mut done = std::collections::HashSet::new();
            for row in &written {
                done.insert(row.get::<RecordId>("id")?);
            }
            let ids = updates.map(|write| write.record.id);
            failed.extend(ids.filter(|id| !done.contains(id)));
        }
    }
    if new > 0 {
        tx.bulk_insert("records", rows(inserts, new, now)?).await?;
    }
    Ok(failed)
}

const FREE_COLUMNS: &[(&str, Type)] = &[
    ("id", Type::Uuid),
    ("version", Type::Int),
    ("kind", Type::Text),
    ("username_key", Type::Text),
];

/// Writes what no plan changes; counts as a change of the record.
pub async fn write_details(
    tx: &mut Tx,
    id: RecordId,
    details: &Details,
    expected_version: i64,
    now: Timestamp,
) -> Result<()> {
    let text = "UPDATE records SET version = version + 1, email_type = $3, phone_type = $4,
            other_emails = $5, other_phones = $6, is_poc = $7, receive_invoices = $8,
            pin_reason = $9, updated_at = $10
        WHERE id = $1 AND version = $2";
    let args = args![
        id,
        expected_version,
        json::name(&details.email_type)?,
        json::name(&details.phone_type)?,
        json::text(&details.other_emails)?,
        json::text(&details.other_phones)?,
        details.is_poc,
        details.receive_invoices,
        details.pin_reason.clone(),
        now,
    ];
    match tx.execute(text, args).await? {
        0 => Err(StoreError::Stale { what: "record" }),
        _ => Ok(()),
    }
}

/// Sets or clears the local password: a PHC string. The version stays, since
/// a password is no field of the record.
pub async fn set_password(
    tx: &mut Tx,
    id: RecordId,
    hash: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let text = "UPDATE records SET password_hash = $2, updated_at = $3 WHERE id = $1";
    found(tx.execute(text, args![id, hash, now]).await?)
}

/// Notes a sign-in: nothing else of the record changes.
pub async fn signed_in(tx: &mut Tx, id: RecordId, now: Timestamp) -> Result<()> {
    let text = "UPDATE records SET last_sign_in_at = $2 WHERE id = $1";
    found(tx.execute(text, args![id, now]).await?)
}

/// Deletes a record. Who refers to it must have been looked at before, in the
/// same transaction.
pub async fn delete(tx: &mut Tx, id: RecordId) -> Result<()> {
    found(
        tx.execute("DELETE FROM records WHERE id = $1", args![id])
            .await?,
    )
}

fn found(changed: u64) -> Result<()> {
    match changed {
        0 => Err(StoreError::NotFound { what: "record" }),
        _ => Ok(()),
    }
}
