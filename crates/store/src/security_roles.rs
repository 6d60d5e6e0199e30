//! Security roles: named sets of rights, for employees (internal) or contacts
//! (external). Records and mapping rules name them, so a role is never renamed.
//! Not to be confused with employee roles, which are for billing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use provisioning::ids::RecordId;
use provisioning::mapping_rule::RoleType;
use provisioning::psa::ADMINISTRATOR;

use crate::db::{Source, Tx};
use crate::error::{Result, StoreError};
use crate::page::{containing, guarded, refused};
use crate::rights::Rights;
use crate::sql::Row;
use crate::{args, json};

/// A security role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityRole {
    /// Its name and identity.
    pub name: String,
    /// For employees or for contacts.
    pub role_type: RoleType,
    /// Built in: cannot be removed.
    pub is_system: bool,
    /// An inactive role gives nothing and cannot be chosen.
    pub is_active: bool,
    /// For people who choose it.
    pub description: String,
    /// What it allows.
    pub rights: Rights,
    /// Counts changes.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

fn read(row: &Row) -> Result<SecurityRole> {
    Ok(SecurityRole {
        name: row.get("name")?,
        role_type: row.named("role_type")?,
        is_system: row.get("is_system")?,
        is_active: row.get("is_active")?,
        description: row.get("description")?,
        rights: row.json("rights")?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
    })
}

/// All roles: internal ones first, built-in ones first, then by name.
pub async fn list(on: impl Into<Source<'_>>) -> Result<Vec<SecurityRole>> {
    let text = "SELECT * FROM security_roles ORDER BY role_type DESC, is_system DESC, name";
    let rows = on.into().rows(text, args![]).await?;
    rows.iter().map(read).collect()
}

/// One role.
pub async fn get(on: impl Into<Source<'_>>, name: &str) -> Result<Option<SecurityRole>> {
    let text = "SELECT * FROM security_roles WHERE name = $1";
    let row = on.into().row(text, args![name]).await?;
    row.as_ref().map(read).transpose()
}

/// The types of the active roles, for checking mapping rules.
pub async fn types(on: impl Into<Source<'_>>) -> Result<BTreeMap<String, RoleType>> {
    let text = "SELECT name, role_type FROM security_roles WHERE is_active";
    let rows = on.into().rows(text, args![]).await?;
    let types = rows
        .iter()
        .map(|row| Ok((row.get("name")?, row.named("role_type")?)));
    types.collect()
}

/// What these roles allow together; inactive and unknown ones allow nothing.
pub async fn rights_of(on: impl Into<Source<'_>>, names: &[String]) -> Result<Rights> {
    let text = "SELECT rights FROM security_roles WHERE is_active AND name IN ($1)";
    let rows = on.into().rows(text, args![names]).await?;
    let roles = rows
        .iter()
        .map(|row| row.json("rights"))
        .collect::<Result<Vec<Rights>>>()?;
    Ok(Rights::union(&roles))
}

/// Adds a role at version 1, never a built-in one. A taken name is a conflict
/// `security_roles_name`.
pub async fn insert(tx: &mut Tx, role: &SecurityRole) -> Result<()> {
    let text = "INSERT INTO security_roles
            (name, role_type, is_system, is_active, description, rights, version, created_at)
        VALUES ($1, $2, FALSE, $3, $4, $5, 1, $6) ON CONFLICT (name) DO NOTHING";
    let args = args![
        &role.name,
        json::name(&role.role_type)?,
        role.is_active,
        &role.description,
        json::text(&role.rights)?,
        role.created_at,
    ];
    match tx.execute(text, args).await? {
        0 => Err(refused(
            "security_roles_name",
            "there is a role of this name",
        )),
        _ => Ok(()),
    }
}

/// Changes description, activity and rights, if the role is still at the
/// expected version; the new version. Administrator stays as it is: a conflict
/// `administrator_role`.
pub async fn update(tx: &mut Tx, role: &SecurityRole, expected_version: i64) -> Result<i64> {
    if role.name == ADMINISTRATOR {
        return Err(refused(
            "administrator_role",
            "Administrator always has every right",
        ));
    }
    let text = "UPDATE security_roles SET description = $3, is_active = $4, rights = $5,
            version = version + 1
        WHERE name = $1 AND version = $2";
    let args = args![
        &role.name,
        expected_version,
        &role.description,
        role.is_active,
        json::text(&role.rights)?,
    ];
    let changed = tx.execute(text, args).await?;
    guard(tx, changed, &role.name).await?;
    Ok(expected_version + 1)
}

/// Removes a role that is not built in (conflict `system_role`) and that no
/// record or mapping rule names (`role_in_use`).
pub async fn delete(tx: &mut Tx, name: &str, expected_version: i64) -> Result<()> {
    let Some(role) = get(&mut *tx, name).await? else {
        return Err(StoreError::NotFound {
            what: "security role",
        });
    };
    if role.is_system {
        return Err(refused("system_role", "the role is built in"));
    }
    let rules =
        "SELECT 1 AS one FROM mapping_rules WHERE security_roles LIKE $1 ESCAPE '!' LIMIT 1";
    let named = tx.row(rules, args![in_list(name)?]).await?.is_some();
    if named || !holders(&mut *tx, name, 1).await?.is_empty() {
        return Err(refused(
            "role_in_use",
            "records or mapping rules name the role",
        ));
    }
    let text = "DELETE FROM security_roles WHERE name = $1 AND version = $2";
    let changed = tx.execute(text, args![name, expected_version]).await?;
    guard(tx, changed, name).await
}

/// Records with the role, at most `limit`. Reads every record when there are
/// none: for messages, not for lists.
pub async fn holders(on: impl Into<Source<'_>>, name: &str, limit: i64) -> Result<Vec<RecordId>> {
    let text = "SELECT id FROM records WHERE security_roles LIKE $1 ESCAPE '!' LIMIT $2";
    let rows = on.into().rows(text, args![in_list(name)?, limit]).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// The pattern of a name inside a list of names in JSON.
fn in_list(name: &str) -> Result<String> {
    Ok(containing(&json::text(&name)?))
}

async fn guard(tx: &mut Tx, changed: u64, name: &str) -> Result<()> {
    let exists = "SELECT 1 AS one FROM security_roles WHERE name = $1";
    guarded(tx, changed, "security role", exists, name).await
}
