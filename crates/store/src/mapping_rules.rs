//! Mapping rules, and the changed form of one that waits for its plan.

use jiff::Timestamp;
use provisioning::ids::{AccountId, ConnectionId, GroupId, RuleId};
use provisioning::mapping_rule::{MappingRule, Target};
use serde_json::Value;

use crate::db::{Source, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Arg, Row};
use crate::{args, json};

/// A rule with what the store keeps beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleRow {
    /// The rule in force.
    pub rule: MappingRule,
    /// The change that waits for a plan to be approved.
    pub pending: Option<Value>,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

fn read(row: &Row) -> Result<RuleRow> {
    let account_id: Option<AccountId> = row.maybe("account_id")?;
    let target = match (row.get::<String>("kind")?.as_str(), account_id) {
        ("employee", _) => Target::Employee,
        ("contact", Some(account_id)) => Target::Contact { account_id },
        (kind, _) => {
            let what = format!("a mapping rule of kind {kind} without an account");
            return Err(StoreError::corrupt(what));
        }
    };
    let rule = MappingRule {
        id: row.get("id")?,
        name: row.get("name")?,
        order: row.get("rule_order")?,
        connection_id: row.get("connection_id")?,
        tenant_id: row.get("tenant_id")?,
        scope: row.named("scope")?,
        group_id: row.get("group_id")?,
        group_name: row.maybe("group_name")?,
        group_created_at: row.maybe("group_created_at")?,
        group_readable: row.get("group_readable")?,
        target,
        security_roles: row.json("security_roles")?,
        roles_mode: row.named("roles_mode")?,
        include_nested: row.get("include_nested")?,
        members: row.named("members")?,
        exclude: row.json("exclude")?,
        licensed_only: row.get("licensed_only")?,
        enabled: row.get("enabled")?,
        created_at: row.get("created_at")?,
        version: row.get("version")?,
    };
    Ok(RuleRow {
        rule,
        pending: row.maybe_json("pending_rule")?,
        updated_at: row.get("updated_at")?,
    })
}

fn rule_args(rule: &MappingRule, now: Timestamp) -> Result<Vec<Arg>> {
    Ok(args![
        rule.id,
        now,
        &rule.name,
        rule.order,
        rule.connection_id,
        rule.tenant_id,
        rule.group_id,
        rule.group_name.clone(),
        rule.group_created_at,
        rule.group_readable,
        rule.target.kind().name(),
        rule.target.account_id(),
        json::text(&rule.security_roles)?,
        json::name(&rule.roles_mode)?,
        rule.include_nested,
        json::name(&rule.members)?,
        json::text(&rule.exclude)?,
        rule.licensed_only,
        rule.enabled,
        json::name(&rule.scope)?,
    ])
}

/// Adds a rule, at version 1.
pub async fn insert(tx: &mut Tx, rule: &MappingRule, now: Timestamp) -> Result<()> {
    let text = "INSERT INTO mapping_rules (id, updated_at, name, rule_order, connection_id,
            tenant_id, group_id, group_name, group_created_at, group_readable, kind, account_id,
            security_roles, roles_mode, include_nested, members, exclude, licensed_only, enabled,
            scope, created_at, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, 1)";
    let mut args = rule_args(rule, now)?;
    args.push(rule.created_at.into());
    tx.execute(text, args).await?;
    Ok(())
}

/// Changes a rule that is still at `rule.version`; the new version. A pending
/// change of it is over.
pub async fn update(tx: &mut Tx, rule: &MappingRule, now: Timestamp) -> Result<i64> {
    let text = "UPDATE mapping_rules SET version = version + 1, updated_at = $2, name = $3,
            rule_order = $4, connection_id = $5, tenant_id = $6, group_id = $7, group_name = $8,
            group_created_at = $9, group_readable = $10, kind = $11, account_id = $12,
            security_roles = $13, roles_mode = $14, include_nested = $15, members = $16,
            exclude = $17, licensed_only = $18, enabled = $19, scope = $20, pending_rule = NULL
        WHERE id = $1 AND version = $21";
    let mut args = rule_args(rule, now)?;
    args.push(rule.version.into());
    match tx.execute(text, args).await? {
        0 => Err(StoreError::Stale {
            what: "mapping rule",
        }),
        _ => Ok(rule.version + 1),
    }
}

/// Deletes a rule that is still at the expected version.
pub async fn delete(tx: &mut Tx, id: RuleId, expected_version: i64) -> Result<()> {
    let text = "DELETE FROM mapping_rules WHERE id = $1 AND version = $2";
    if tx.execute(text, args![id, expected_version]).await? > 0 {
        return Ok(());
    }
    let what = "mapping rule";
    Err(match get(&mut *tx, id).await? {
        Some(_) => StoreError::Stale { what },
        None => StoreError::NotFound { what },
    })
}

/// One rule.
pub async fn get(on: impl Into<Source<'_>>, id: RuleId) -> Result<Option<RuleRow>> {
    let text = "SELECT * FROM mapping_rules WHERE id = $1";
    let row = on.into().row(text, args![id]).await?;
    row.as_ref().map(read).transpose()
}

/// All rules, by Order, then oldest first.
pub async fn list(on: impl Into<Source<'_>>) -> Result<Vec<RuleRow>> {
    let text = "SELECT * FROM mapping_rules ORDER BY rule_order, created_at, id";
    let rows = on.into().rows(text, args![]).await?;
    rows.iter().map(read).collect()
}

/// The rules of a connection, by Order, then oldest first.
pub async fn of_connection(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
) -> Result<Vec<RuleRow>> {
    let text = "SELECT * FROM mapping_rules WHERE connection_id = $1
        ORDER BY rule_order, created_at, id";
    let rows = on.into().rows(text, args![connection_id]).await?;
    rows.iter().map(read).collect()
}

/// Gives rules another Order; those whose Order differs get a new version.
pub async fn reorder(tx: &mut Tx, orders: &[(RuleId, i64)], now: Timestamp) -> Result<()> {
    let text = "UPDATE mapping_rules SET rule_order = $2, version = version + 1, updated_at = $3
        WHERE id = $1 AND rule_order <> $2";
    for (id, order) in orders {
        tx.execute(text, args![*id, *order, now]).await?;
    }
    Ok(())
}

/// Sets or drops the change that waits for a plan.
pub async fn set_pending(
    tx: &mut Tx,
    id: RuleId,
    pending: Option<&Value>,
    now: Timestamp,
) -> Result<()> {
    let text = "UPDATE mapping_rules SET pending_rule = $2, updated_at = $3 WHERE id = $1";
    let args = args![id, json::maybe_text(pending)?, now];
    match tx.execute(text, args).await? {
        0 => Err(StoreError::NotFound {
            what: "mapping rule",
        }),
        _ => Ok(()),
    }
}

/// Notes what was read of a group on the rules that name it: no change of a
/// rule. A name or time that is not known this time keeps its value; a rule that
/// says so already is not written.
pub async fn set_group(
    tx: &mut Tx,
    connection_id: ConnectionId,
    group_id: GroupId,
    name: Option<&str>,
    created_at: Option<Timestamp>,
    readable: bool,
) -> Result<()> {
    let text = "UPDATE mapping_rules SET group_name = COALESCE($3, group_name),
            group_created_at = COALESCE($4, group_created_at), group_readable = $5
        WHERE connection_id = $1 AND group_id = $2 AND (group_readable <> $5
            OR group_name IS DISTINCT FROM COALESCE($3, group_name)
            OR group_created_at IS DISTINCT FROM COALESCE($4, group_created_at))";
    let args = args![connection_id, group_id, name, created_at, readable];
    tx.execute(text, args).await?;
    Ok(())
}
