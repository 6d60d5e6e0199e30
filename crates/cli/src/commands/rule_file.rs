//! Mapping rules as TOML: written down, and read back here or in another
//! installation. Accounts go by name, groups by id and name.

use std::path::Path;

use anyhow::{Context as _, Result};
use engine::{RuleDraft, RuleScope};
use provisioning::ids::{GroupId, TenantId};
use provisioning::mapping_rule::{MappingRule, Members, RolesMode, ScopeKind};
use provisioning::psa::Kind;
use serde::{Deserialize, Serialize};
use store::connections::Connection;
use store::{accounts, mapping_rules};

use super::connection::find_group;
use super::rule::{How, find_account, save};
use crate::failure::{wrong_use, wrong_use_curable};
use crate::installation::Installation;
use crate::output::{self, Output};

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default)]
    rules: Vec<Entry>,
}

/// A rule in a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    order: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant_id: Option<TenantId>,
    #[serde(default)]
    scope: ScopeKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group_id: Option<GroupId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group_name: Option<String>,
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    security_roles: Vec<String>,
    #[serde(default)]
    roles_mode: RolesMode,
    #[serde(default)]
    include_nested: bool,
    #[serde(default)]
    members: Members,
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    licensed_only: bool,
    #[serde(default = "yes")]
    enabled: bool,
}

fn yes() -> bool {
    true
}

/// Writes every rule.
pub(super) async fn export(installation: &Installation, file: Option<&Path>) -> Result<()> {
    let mut rules = Vec::new();
    for row in mapping_rules::list(installation.db()).await? {
        rules.push(entry(installation, row.rule).await?);
    }
    let count = rules.len();
    let text = toml::to_string_pretty(&RuleFile { rules })?;
    match file {
        None => output::print(&text),
        Some(file) => {
            std::fs::write(file, text).with_context(|| file.display().to_string())?;
            output::note(&format!("{count} rules written to {}", file.display()));
            Ok(())
        }
    }
}

async fn entry(installation: &Installation, rule: MappingRule) -> Result<Entry> {
    let account = match rule.target.account_id() {
        None => None,
        Some(id) => accounts::get(installation.db(), &[id])
            .await?
            .into_iter()
            .next(),
    };
    Ok(Entry {
        name: rule.name,
        order: rule.order,
        tenant_id: Some(rule.tenant_id),
        scope: rule.scope,
        group_id: Some(rule.group_id).filter(|_| rule.scope == ScopeKind::Group),
        group_name: rule.group_name.filter(|_| rule.scope == ScopeKind::Group),
        kind: rule.target.kind(),
        account: account.map(|account| account.name),
        security_roles: rule.security_roles,
        roles_mode: rule.roles_mode,
        include_nested: rule.include_nested,
        members: rule.members,
        exclude: rule.exclude,
        licensed_only: rule.licensed_only,
        enabled: rule.enabled,
    })
}

fn read(text: &str) -> Result<RuleFile, toml::de::Error> {
    toml::from_str(text)
}

/// Adds or changes the rules of a file, in their order, once all of them have
/// been understood.
pub(super) async fn import(
    installation: &Installation,
    file: &Path,
    tenant: Option<&str>,
    how: How,
    output: Output,
) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let read = read(&text).map_err(|error| wrong_use(format!("{}: {error}", file.display())))?;
    let mut drafts = Vec::with_capacity(read.rules.len());
    for entry in read.rules {
        let name = entry.name.clone();
        let connection = connection_of(installation, &entry, tenant).await?;
        let draft = draft(installation, entry, &connection, tenant.is_some()).await?;
        drafts.push((name, connection, draft));
    }
    let known = mapping_rules::list(installation.db()).await?;
    for (name, connection, draft) in drafts {
        let existing = known
            .iter()
            .map(|row| &row.rule)
            .find(|rule| rule.connection_id == connection.id && rule.name == name);
        save(installation, existing, draft, how, output).await?;
    }
    Ok(())
}

async fn connection_of(
    installation: &Installation,
    entry: &Entry,
    tenant: Option<&str>,
) -> Result<Connection> {
    match (tenant, entry.tenant_id) {
        (Some(text), _) => installation.connection(text).await,
        (None, Some(id)) => installation.connection(&id.to_string()).await,
        (None, None) => Err(wrong_use_curable(
            format!("rule `{}` names no tenant_id", entry.name),
            "Write tenant_id into the file, or give --tenant.",
        )),
    }
}

/// A rule of another tenant brings its group's name, not its id.
async fn draft(
    installation: &Installation,
    entry: Entry,
    connection: &Connection,
    is_moved: bool,
) -> Result<RuleDraft> {
    let by_name = is_moved && entry.tenant_id != connection.tenant_id;
    let scope = match (entry.scope, entry.group_id, &entry.group_name) {
        (ScopeKind::Assigned, _, _) => RuleScope::Assigned,
        (ScopeKind::Group, Some(id), _) if !by_name => RuleScope::Group(id),
        (ScopeKind::Group, _, Some(name)) => {
            RuleScope::Group(find_group(installation, connection, name).await?.id)
        }
        _ => {
            let message = format!(
                "rule `{}` names no group that can be found here",
                entry.name
            );
            return Err(wrong_use_curable(
                message,
                "Write group_id or group_name into the file.",
            ));
        }
    };
    let account_id = match &entry.account {
        Some(name) => Some(find_account(installation, name).await?.id),
        None => None,
    };
    Ok(RuleDraft {
        name: Some(entry.name),
        order: entry.order,
        connection_id: Some(connection.id),
        tenant_id: None,
        scope,
        kind: entry.kind,
        account_id,
        security_roles: entry.security_roles,
        roles_mode: entry.roles_mode,
        include_nested: entry.include_nested,
        members: entry.members,
        exclude: entry.exclude,
        licensed_only: entry.licensed_only,
        enabled: entry.enabled,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: &str = r#"
        [[rules]]
        name = "Service desk"
        order = 10
        tenant_id = "5c0e7e4b-9a3f-4a55-9c43-0d6a6f0f1a11"
        group_id = "0b5a3c41-7a52-4f8e-8f3d-2a9a0c6d7e22"
        group_name = "Service Desk"
        kind = "employee"
        security_roles = ["Service Desk Manager"]

        [[rules]]
        name = "Clients"
        order = 20
        scope = "assigned"
        kind = "contact"
        account = "Northwind"
        security_roles = ["External User"]
        exclude = ["svc-*"]
        enabled = false
    "#;

    #[test]
    fn what_is_written_is_read_again() {
        let rules = read(RULES).unwrap();
        let text = toml::to_string_pretty(&rules).unwrap();
        let again = toml::to_string_pretty(&read(&text).unwrap()).unwrap();
        assert_eq!(again, text);
        let [desk, clients] = rules.rules.try_into().unwrap();
        assert!(desk.enabled && desk.scope == ScopeKind::Group && desk.exclude.is_empty());
        assert!(!clients.enabled && clients.scope == ScopeKind::Assigned);
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_read_or_refused_with_its_place(
            at in 0..RULES.len(),
            cut in 0_usize..80,
            put in ".{0,12}",
        ) {
            let ends = |mut at: usize| {
                while !RULES.is_char_boundary(at) {
                    at -= 1;
                }
                at
            };
            let (from, to) = (ends(at), ends((at + cut).min(RULES.len())));
            let damaged = format!("{}{put}{}", &RULES[..from], &RULES[to..]);
            if let Err(error) = read(&damaged) {
                prop_assert!(error.to_string().contains("line "), "{error}");
            }
        }

        #[test]
        fn any_text_is_survived(text in ".{0,400}") {
            let _ = read(&text);
        }
    }
}
