//! The names that records use as plain text: departments, locations, job
//! titles, employment types and employee roles. One shape, five tables.

use jiff::Timestamp;
use provisioning::ids::RecordId;

use crate::bulk::{Rows, Type};
use crate::db::{Source, Tx};
use crate::error::{Result, StoreError};
use crate::keys::{fold, key, prefix_end};
use crate::page::{NameKey, Page, Query, containing, guarded, refused};
use crate::psa_ids::LookupId;
use crate::sql::{Arg, Row};
use crate::{args, cells, json};

/// Which names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// Departments.
    Department,
    /// Locations.
    Location,
    /// Job titles.
    JobTitle,
    /// Employment types.
    EmploymentType,
    /// Employee roles, which are for billing.
    EmployeeRole,
}

impl Lookup {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Department,
        Self::Location,
        Self::JobTitle,
        Self::EmploymentType,
        Self::EmployeeRole,
    ];

    /// The table.
    pub fn table(self) -> &'static str {
        match self {
            Self::Department => "departments",
            Self::Location => "locations",
            Self::JobTitle => "job_titles",
            Self::EmploymentType => "employment_types",
            Self::EmployeeRole => "employee_roles",
        }
    }

    /// What a person calls one entry.
    pub fn label(self) -> &'static str {
        match self {
            Self::Department => "department",
            Self::Location => "location",
            Self::JobTitle => "job title",
            Self::EmploymentType => "employment type",
            Self::EmployeeRole => "employee role",
        }
    }

    /// The condition on records that use a name, and its argument.
    fn uses(self, name: &str) -> Result<(&'static str, Arg)> {
        Ok(match self {
            Self::Department => ("department = ?", name.into()),
            Self::Location => ("location = ?", name.into()),
            Self::JobTitle => ("job_title = ?", name.into()),
            Self::EmploymentType => ("employment_type = ?", name.into()),
            Self::EmployeeRole => (
                "employee_roles LIKE ? ESCAPE '!'",
                containing(&json::text(&name)?).into(),
            ),
        })
    }
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Ours.
    pub id: LookupId,
    /// The name, unique regardless of letter case.
    pub name: String,
    /// Whether it may be chosen.
    pub is_active: bool,
    /// Counts changes.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

fn read(row: &Row) -> Result<Entry> {
    Ok(Entry {
        id: row.get("id")?,
        name: row.get("name")?,
        is_active: row.get("is_active")?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

/// Entries by name; `search` is the beginning of the name.
pub async fn list(
    on: impl Into<Source<'_>>,
    lookup: Lookup,
    search: Option<&str>,
    is_active: Option<bool>,
    after: Option<&NameKey>,
    limit: i64,
) -> Result<Page<Entry, NameKey>> {
    let mut query = Query::new("SELECT * FROM ");
    query.push(lookup.table(), []).push(" WHERE TRUE", []);
    if let Some(prefix) = key(search) {
        let range = args![&prefix, prefix_end(&prefix)];
        query.push(" AND name_key >= ? AND name_key < ?", range);
    }
    query
        .maybe(" AND is_active = ?", is_active)
        .maybe(" AND name_key > ?", after.map(|after| &after.name))
        .push(" ORDER BY name_key", []);
    let place = |entry: &Entry| NameKey {
        name: fold(&entry.name),
        id: entry.id.0,
    };
    query.page(on, limit, read, place).await
}

/// One entry.
pub async fn get(on: impl Into<Source<'_>>, lookup: Lookup, id: LookupId) -> Result<Option<Entry>> {
    let text = format!("SELECT * FROM {} WHERE id = $1", lookup.table());
    let row = on.into().row(text, args![id]).await?;
    row.as_ref().map(read).transpose()
}

/// Adds an entry at version 1. A taken name is a conflict, `departments_name_key`
/// and so on.
pub async fn insert(tx: &mut Tx, lookup: Lookup, entry: &Entry) -> Result<()> {
    let text = format!(
        "INSERT INTO {} (id, name, name_key, is_active, version, created_at, updated_at)
        VALUES ($1, $2, $3, $4, 1, $5, $6) ON CONFLICT (name_key) DO NOTHING",
        lookup.table()
    );
    let args = args![
        entry.id,
        &entry.name,
        fold(&entry.name),
        entry.is_active,
        entry.created_at,
        entry.updated_at,
    ];
    match tx.execute(text, args).await? {
        0 => Err(taken(lookup, &entry.name)),
        _ => Ok(()),
    }
}

/// Changes name and activity, if the entry is still at the expected version; the
/// new version. A name that records use stays: a conflict `record_in_use`.
pub async fn update(
    tx: &mut Tx,
    lookup: Lookup,
    entry: &Entry,
    expected_version: i64,
    now: Timestamp,
) -> Result<i64> {
    let Some(before) = get(&mut *tx, lookup, entry.id).await? else {
        return Err(StoreError::NotFound {
            what: lookup.label(),
        });
    };
    if before.name != entry.name {
        unused(tx, lookup, &before.name).await?;
        let text = format!(
            "SELECT id FROM {} WHERE name_key = $1 AND id <> $2",
            lookup.table()
        );
        let other = tx.row(text, args![fold(&entry.name), entry.id]).await?;
        if other.is_some() {
            return Err(taken(lookup, &entry.name));
        }
    }
    let text = format!(
        "UPDATE {} SET name = $3, name_key = $4, is_active = $5, version = version + 1,
            updated_at = $6
        WHERE id = $1 AND version = $2",
        lookup.table()
    );
    let args = args![
        entry.id,
        expected_version,
        &entry.name,
        fold(&entry.name),
        entry.is_active,
        now,
    ];
    let changed = tx.execute(text, args).await?;
    guard(tx, changed, lookup, entry.id).await?;
    Ok(expected_version + 1)
}

/// Removes an entry that no record uses; else a conflict `record_in_use`.
pub async fn delete(
    tx: &mut Tx,
    lookup: Lookup,
    id: LookupId,
    expected_version: i64,
) -> Result<()> {
    let Some(entry) = get(&mut *tx, lookup, id).await? else {
        return Err(StoreError::NotFound {
            what: lookup.label(),
        });
    };
    unused(tx, lookup, &entry.name).await?;
    let text = format!(
        "DELETE FROM {} WHERE id = $1 AND version = $2",
        lookup.table()
    );
    let changed = tx.execute(text, args![id, expected_version]).await?;
    guard(tx, changed, lookup, id).await
}

const ENSURE: &[(&str, Type)] = &[
    ("id", Type::Uuid),
    ("name", Type::Text),
    ("name_key", Type::Text),
];

/// Makes the names that are missing, with the id given for each; how many there
/// were. Names that differ only in letter case are one.
pub async fn ensure(
    tx: &mut Tx,
    lookup: Lookup,
    names: &[(LookupId, String)],
    now: Timestamp,
) -> Result<u64> {
    let mut rows = Rows::new(ENSURE, names.len());
    for (id, name) in names {
        if let Some(key) = key(Some(name)) {
            rows.push(cells![*id, name.trim(), key]);
        }
    }
    // Bulk statements are fixed texts: one for each table. SQLite needs the
    // WHERE to tell ON CONFLICT from a join's ON.
    macro_rules! insert {
        ($table:literal) => {
            concat!(
                "INSERT INTO ",
                $table,
                " (id, name, name_key, is_active, version, created_at, updated_at)
                SELECT r.id, r.name, r.name_key, TRUE, 1, $1, $1 FROM {rows} WHERE TRUE
                ON CONFLICT (name_key) DO NOTHING"
            )
        };
    }
    let text = match lookup {
        Lookup::Department => insert!("departments"),
        Lookup::Location => insert!("locations"),
        Lookup::JobTitle => insert!("job_titles"),
        Lookup::EmploymentType => insert!("employment_types"),
        Lookup::EmployeeRole => insert!("employee_roles"),
    };
    tx.bulk_execute(text, rows, args![now]).await
}

/// Records that use a name, at most `limit`.
pub async fn used_by(
    on: impl Into<Source<'_>>,
    lookup: Lookup,
    name: &str,
    limit: i64,
) -> Result<Vec<RecordId>> {
    let (condition, arg) = lookup.uses(name)?;
    let mut query = Query::new("SELECT id FROM records WHERE ");
    query.push(condition, [arg]).push(" LIMIT ?", args![limit]);
    let rows = query.rows(&mut on.into()).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

fn taken(lookup: Lookup, name: &str) -> StoreError {
    let code = format!("{}_name_key", lookup.table());
    refused(&code, format!("there is a {} `{name}`", lookup.label()))
}

async fn unused(tx: &mut Tx, lookup: Lookup, name: &str) -> Result<()> {
    if used_by(tx, lookup, name, 1).await?.is_empty() {
        return Ok(());
    }
    let what = lookup.label();
    Err(refused(
        "record_in_use",
        format!("records use the {what} `{name}`"),
    ))
}

async fn guard(tx: &mut Tx, changed: u64, lookup: Lookup, id: LookupId) -> Result<()> {
    let exists = format!("SELECT 1 AS one FROM {} WHERE id = $1", lookup.table());
    guarded(tx, changed, lookup.label(), exists, id).await
}
