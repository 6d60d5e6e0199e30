//! Employees and contacts: reading them, and the few facts a plan asks for.
//!
//! Lists and searches for people who look at records are elsewhere; writing is
//! in [`crate::records_write`], re-exported here.

use jiff::Timestamp;
use provisioning::ids::RecordId;
use provisioning::psa::{Kind, Record, Status};
use serde::{Deserialize, Serialize};

use crate::db::Source;
use crate::error::Result;
use crate::keys::prefix_end;
pub use crate::records_write::{
    RecordWrite, delete, insert, insert_rows, set_password, signed_in, write, write_details,
};
use crate::sql::Row;
use crate::{args, json};

/// What an email address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum EmailType {
    /// At work.
    #[default]
    Business,
    /// At home.
    Personal,
}

/// What a phone number is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum PhoneType {
    /// At work.
    #[default]
    Business,
    /// On the way.
    Mobile,
    /// At home.
    Home,
    /// For paper.
    Fax,
}

/// An email address beside the default one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherEmail {
    /// The address.
    pub address: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: EmailType,
}

/// A phone number beside the default one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherPhone {
    /// The number.
    pub number: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: PhoneType,
}

/// What a record has that no plan ever changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// Of the default address.
    pub email_type: EmailType,
    /// Of the default number.
    pub phone_type: PhoneType,
    /// Further addresses.
    pub other_emails: Vec<OtherEmail>,
    /// Further numbers.
    pub other_phones: Vec<OtherPhone>,
    /// Primary contact of the account.
    pub is_poc: bool,
    /// Gets the account's invoices.
    pub receive_invoices: bool,
    /// Why the record is pinned.
    pub pin_reason: Option<String>,
}

/// A record with everything stored about it but the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    /// What plans see.
    pub record: Record,
    /// What they do not.
    pub details: Details,
    /// Whether there is a local password.
    pub has_password: bool,
    /// When the person signed in last.
    pub last_sign_in_at: Option<Timestamp>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it was written last.
    pub updated_at: Timestamp,
}

/// The columns [`read`] wants, for queries of other files.
pub const COLUMNS: &str = "records.id, records.kind, records.version, records.is_root, \
    records.pinned, records.pin_reason, records.first_name, records.last_name, records.username, \
    records.email, records.email_type, records.other_emails, records.phone, records.phone_type, \
    records.other_phones, records.mobile_phone, records.job_title, records.department, \
    records.location, records.manager_id, records.employment_type, records.employee_id, \
    records.employee_roles, records.security_roles, records.account_id, records.status, \
    records.access, records.access_reason, records.deactivated_by_sync, \
    records.original_username, records.original_email, records.is_poc, \
    records.receive_invoices, records.password_hash IS NOT NULL AS has_password, \
    records.last_sign_in_at, records.created_at, records.updated_at";

/// Reads a row with [`COLUMNS`].
pub fn read(row: &Row) -> Result<RecordRow> {
    let record = Record {
        id: row.get("id")?,
        kind: row.named("kind")?,
        version: row.get("version")?,
        is_root: row.get("is_root")?,
        pinned: row.get("pinned")?,
        first_name: row.maybe("first_name")?,
        last_name: row.maybe("last_name")?,
        username: row.maybe("username")?,
        email: row.maybe("email")?,
        phone: row.maybe("phone")?,
        mobile_phone: row.maybe("mobile_phone")?,
        job_title: row.maybe("job_title")?,
        department: row.maybe("department")?,
        location: row.maybe("location")?,
        manager_id: row.maybe("manager_id")?,
        employment_type: row.maybe("employment_type")?,
        employee_id: row.maybe("employee_id")?,
        employee_roles: row.json("employee_roles")?,
        security_roles: row.json("security_roles")?,
        account_id: row.maybe("account_id")?,
        status: row.named("status")?,
        access: row.get("access")?,
        access_reason: row.maybe("access_reason")?,
        deactivated_by_sync: row.get("deactivated_by_sync")?,
        original_username: row.maybe("original_username")?,
        original_email: row.maybe("original_email")?,
    };
    let details = Details {
        email_type: row.named("email_type")?,
        phone_type: row.named("phone_type")?,
        other_emails: row.json("other_emails")?,
        other_phones: row.json("other_phones")?,
        is_poc: row.get("is_poc")?,
        receive_invoices: row.get("receive_invoices")?,
        pin_reason: row.maybe("pin_reason")?,
    };
    Ok(RecordRow {
        record,
        details,
        has_password: row.get("has_password")?,
        last_sign_in_at: row.maybe("last_sign_in_at")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

async fn select(
    on: impl Into<Source<'_>>,
    condition: &str,
    args: Vec<crate::sql::Arg>,
) -> Result<Vec<RecordRow>> {
    let text = format!("SELECT {COLUMNS} FROM records WHERE {condition}");
    let rows = on.into().rows(text, args).await?;
    rows.iter().map(read).collect()
}

/// The records with these ids, in any order; missing ones are left out.
pub async fn get(on: impl Into<Source<'_>>, ids: &[RecordId]) -> Result<Vec<RecordRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    select(on, "id IN ($1)", args![ids]).await
}

/// Active and inactive records whose email has one of these keys, see
/// [`crate::keys::email`]; never archived ones.
pub async fn by_email_keys(on: impl Into<Source<'_>>, keys: &[String]) -> Result<Vec<RecordRow>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    select(
        on,
        "email_key IN ($1) AND status <> 'archived'",
        args![keys],
    )
    .await
}

/// The record with this folded username.
pub async fn by_username(on: impl Into<Source<'_>>, key: &str) -> Result<Option<RecordRow>> {
    Ok(select(on, "username_key = $1", args![key]).await?.pop())
}

/// The root user, once set-up made one.
pub async fn root(on: impl Into<Source<'_>>) -> Result<Option<RecordRow>> {
    Ok(select(on, "is_root", args![]).await?.pop())
}

/// Those of these folded usernames that some record has.
pub async fn usernames_in_use(on: impl Into<Source<'_>>, keys: &[String]) -> Result<Vec<String>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let text = "SELECT username_key FROM records WHERE username_key IN ($1)";
    let rows = on.into().rows(text, args![keys]).await?;
    rows.iter().map(|row| row.get("username_key")).collect()
}

/// The folded usernames that begin with `prefix`, in byte order.
pub async fn usernames_with_prefix(on: impl Into<Source<'_>>, prefix: &str) -> Result<Vec<String>> {
    let text = "SELECT username_key FROM records
        WHERE username_key >= $1 AND username_key < $2 ORDER BY username_key";
    let rows = on
        .into()
        .rows(text, args![prefix, prefix_end(prefix)])
        .await?;
    rows.iter().map(|row| row.get("username_key")).collect()
}

/// How many active employees with access administrate everything, root included.
pub async fn active_administrators(on: impl Into<Source<'_>>) -> Result<u64> {
    // Columns and condition of the index records_administrators, word by word.
    let text = "SELECT COUNT(*) AS administrators FROM records
        WHERE kind = 'employee' AND status = 'active'
            AND security_roles LIKE '%\"Administrator\"%' AND access";
    let row = on.into().row(text, args![]).await?;
    row.map_or(Ok(0), |row| row.get("administrators"))
}

/// The password's hash (PHC string), for verifying a sign-in.
pub async fn password_hash(on: impl Into<Source<'_>>, id: RecordId) -> Result<Option<String>> {
    let text = "SELECT password_hash FROM records WHERE id = $1";
    let row = on.into().row(text, args![id]).await?;
    row.map_or(Ok(None), |row| row.maybe("password_hash"))
}

pub(crate) fn names(list: &[String]) -> Result<String> {
    json::text(&list)
}

/// Who has an email address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// The record.
    pub id: RecordId,
    /// Employee or contact.
    pub kind: Kind,
    /// Whether it is in use.
    pub status: Status,
    /// The default address as it was written.
    pub email: String,
    /// The form of it that records are found by.
    pub email_key: String,
}

/// The default addresses of all records that are not archived, in the order of
/// their keys, after the one that was read last.
pub async fn addressees(
    on: impl Into<Source<'_>>,
    after: Option<&Addressee>,
    limit: i64,
) -> Result<Vec<Addressee>> {
    let text = "SELECT id, kind, status, email, email_key FROM records
        WHERE email_key IS NOT NULL AND email_key >= $1 AND (email_key > $1 OR id > $2)
            AND status <> 'archived'
        ORDER BY email_key, id LIMIT $3";
    let key = after.map_or("", |last| last.email_key.as_str());
    let id = after.map_or(RecordId(uuid::Uuid::nil()), |last| last.id);
    let rows = on.into().rows(text, args![key, id, limit]).await?;
    let read = |row: &Row| {
        Ok(Addressee {
            id: row.get("id")?,
            kind: row.named("kind")?,
            status: row.named("status")?,
            email: row.maybe("email")?.unwrap_or_default(),
            email_key: row.get("email_key")?,
        })
    };
    rows.iter().map(read).collect()
}
