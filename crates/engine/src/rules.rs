//! Mapping rules: checking a draft, and what its saving means.

use provisioning::ids::{ConnectionId, GroupId, RuleId};
use provisioning::mapping_rule::{self, MappingRule, ScopeKind, Target};
use provisioning::psa::Kind;
use store::connections::Connection;
use store::mapping_rules;
use store::security_roles;

use crate::changes::Edit;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::model::{Actor, Change, RuleChange, RuleDraft, RulePlace, RuleScope, Warning};

/// What a rule reads.
struct Header {
    id: GroupId,
    name: Option<String>,
    created_at: Option<jiff::Timestamp>,
    is_readable: bool,
}

impl Header {
    /// Of which nothing is known but the id.
    fn of(id: GroupId) -> Self {
        Self {
            id,
            name: None,
            created_at: None,
            is_readable: true,
        }
    }

    /// What a saved rule knows of what it reads, if the draft reads the same: the
    /// directory need not be asked, and a rule whose group was deleted there can
    /// still be changed.
    fn kept(known: &MappingRule, draft: &RuleDraft, connection: &Connection) -> Option<Self> {
        let is_same = match draft.scope {
            RuleScope::Group(id) => known.scope == ScopeKind::Group && known.group_id == id,
            RuleScope::Assigned => known.scope == ScopeKind::Assigned,
        };
        let is_known = known.group_name.is_some() && known.connection_id == connection.id;
        (is_same && is_known).then(|| Self {
            id: known.group_id,
            name: known.group_name.clone(),
            created_at: known.group_created_at,
            is_readable: known.group_readable,
        })
    }
}

/// What to call the assignments of an application where a group would stand.
pub(crate) fn assigned_name(application: Option<&str>) -> String {
    match application {
        Some(name) => format!("Users and groups of {name}"),
        None => "Users and groups".to_owned(),
    }
}

impl Engine {
    /// Makes a rule.
    pub async fn create_rule(
        &self,
        draft: RuleDraft,
        plan_only: bool,
        actor: &Actor,
    ) -> Result<RuleChange> {
        let id = RuleId(self.new_id());
        self.put_rule(id, draft, None, plan_only, actor).await
    }

    /// Changes a rule.
    pub async fn update_rule(
        &self,
        id: RuleId,
        draft: RuleDraft,
        expected_version: Option<i64>,
        plan_only: bool,
        actor: &Actor,
    ) -> Result<RuleChange> {
        let known = mapping_rules::get(self.db(), id).await?;
        let known = known.ok_or_else(|| EngineError::not_found("mapping rule"))?;
        if expected_version.is_some_and(|version| version != known.rule.version) {
            return Err(store::StoreError::Stale {
                what: "mapping rule",
            }
            .into());
        }
        self.put_rule(id, draft, Some(known.rule), plan_only, actor)
            .await
    }

    async fn put_rule(
        &self,
        id: RuleId,
        draft: RuleDraft,
        known: Option<MappingRule>,
        plan_only: bool,
        actor: &Actor,
    ) -> Result<RuleChange> {
        let connection = self.connection_of(&draft).await?;
        let rule = self.rule_of(id, draft, known, &connection).await?;
        let warnings = self.warnings(&rule).await?;
        let edit = Edit::PutRule {
            rule: Box::new(rule.clone()),
        };
        let change = self
            .make(edit, vec![connection.id], plan_only, actor)
            .await?;
        let saved = mapping_rules::get(self.db(), id).await?;
        Ok(RuleChange {
            rule: Some(saved.map_or(rule, |row| row.rule)),
            warnings,
            change,
        })
    }

    async fn connection_of(&self, draft: &RuleDraft) -> Result<Connection> {
        match (draft.connection_id, draft.tenant_id) {
            (Some(id), _) => self.connection(id).await,
            (None, Some(tenant)) => {
                let found = store::connections::by_tenant(self.db(), tenant).await?;
                found.ok_or_else(|| {
                    EngineError::invalid(format!(
                        "tenant_id: no connection has the tenant {tenant}"
                    ))
                    .cure("Add a connection to the tenant first.")
                })
            }
            (None, None) => Err(EngineError::invalid(
                "connection_id or tenant_id is missing",
            )),
        }
    }

    async fn rule_of(
        &self,
        id: RuleId,
        draft: RuleDraft,
        known: Option<MappingRule>,
        connection: &Connection,
    ) -> Result<MappingRule> {
        let target = match (draft.kind, draft.account_id) {
            (Kind::Employee, None) => Target::Employee,
            (Kind::Employee, Some(_)) => {
                return Err(EngineError::invalid(
                    "account_id: employees belong to no account",
                ));
            }
            (Kind::Contact, Some(account_id)) => {
                if store::accounts::get(self.db(), &[account_id])
                    .await?
                    .is_empty()
                {
                    return Err(EngineError::invalid(format!(
                        "account_id: there is no account {account_id}"
                    )));
                }
                Target::Contact { account_id }
            }
            (Kind::Contact, None) => {
                return Err(EngineError::invalid(
                    "account_id is missing: a contact needs an account",
                )
                .cure("Choose the account whose contacts the group's people become."));
            }
        };
        let kept = known
            .as_ref()
            .and_then(|rule| Header::kept(rule, &draft, connection));
        let header = match kept {
            Some(header) => header,
            None => self.header_of(connection, draft.scope).await?,
        };
        let now = self.now();
        let tenant_id = connection.tenant_id.ok_or_else(|| {
            EngineError::invalid("the connection has no tenant yet: press Azure Connect first")
        })?;
        let name = draft.name.filter(|name| !name.trim().is_empty());
        let name = name
            .or_else(|| header.name.clone())
            .unwrap_or_else(|| header.id.to_string());
        let rule = MappingRule {
            id,
            name,
            order: draft.order,
            connection_id: connection.id,
            tenant_id,
            scope: match draft.scope {
                RuleScope::Group(_) => ScopeKind::Group,
                RuleScope::Assigned => ScopeKind::Assigned,
            },
            group_id: header.id,
            group_name: header.name,
            group_created_at: header.created_at,
            group_readable: header.is_readable,
            target,
            security_roles: draft.security_roles,
            roles_mode: draft.roles_mode,
            include_nested: draft.include_nested,
            members: draft.members,
            exclude: draft.exclude,
            licensed_only: draft.licensed_only,
            enabled: draft.enabled,
            created_at: known.as_ref().map_or(now, |rule| rule.created_at),
            version: known.as_ref().map_or(0, |rule| rule.version),
        };
        let types = security_roles::types(self.db()).await?;
        let role_type = |name: &str| types.get(name).copied();
        mapping_rule::check(&rule, role_type)
            .map_err(|error| EngineError::invalid(error.to_string()))?;
        Ok(rule)
    }

    /// The name and age of what the rule reads, live once the tenant is
    /// connected: an id that is no group there is refused before anything
    /// depends on it.
    async fn header_of(&self, connection: &Connection, scope: RuleScope) -> Result<Header> {
        let group_id = match scope {
            RuleScope::Group(id) => id,
            RuleScope::Assigned => return self.application_header(connection).await,
        };
        if connection.consent.is_none() {
            return Ok(Header::of(group_id));
        }
        let client = self.client(connection).await?;
        match client.group(group_id.0).await {
            Ok(group) => Ok(Header {
                name: group.display_name.into_value(),
                created_at: group.created.into_value(),
                ..Header::of(group_id)
            }),
            Err(error) if *error.kind() == graph::error::Kind::NotFound => {
                Err(EngineError::invalid(format!(
                    "group_id: {group_id} is not a group of this tenant"
                ))
                .cure("Copy the group's Object ID from Entra: Groups, All groups, the group, Object ID."))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn application_header(&self, connection: &Connection) -> Result<Header> {
        if connection.consent.is_none() {
            return Err(EngineError::invalid(
                "scope: who is assigned under Users and groups is known once the tenant has consented",
            )
            .cure("Press Azure Connect first, then save the rule."));
        }
        let client = self.client(connection).await?;
        let found = client.service_principal().await?;
        Ok(Header {
            name: Some(assigned_name(found.name.as_deref())),
            ..Header::of(GroupId(found.id))
        })
    }

    async fn warnings(&self, rule: &MappingRule) -> Result<Vec<Warning>> {
        if !rule.enabled {
            return Ok(Vec::new());
        }
        let others = mapping_rules::of_connection(self.db(), rule.connection_id).await?;
        let twin = others
            .into_iter()
            .map(|row| row.rule)
            .find(|other| other.id != rule.id && other.enabled && other.order == rule.order);
        Ok(twin
            .map(|twin| Warning {
                code: "equal_order",
                message: format!(
                    "`{}` has the same Order {}; the oldest group wins",
                    twin.name, twin.order
                ),
            })
            .into_iter()
            .collect())
    }

    /// Deletes a rule.
    pub async fn delete_rule(
        &self,
        id: RuleId,
        expected_version: Option<i64>,
        plan_only: bool,
        actor: &Actor,
    ) -> Result<RuleChange> {
        let known = mapping_rules::get(self.db(), id).await?;
        let known = known.ok_or_else(|| EngineError::not_found("mapping rule"))?;
        if expected_version.is_some_and(|version| version != known.rule.version) {
            return Err(store::StoreError::Stale {
                what: "mapping rule",
            }
            .into());
        }
        let concerned = vec![known.rule.connection_id];
        let edit = Edit::DeleteRule { rule_id: id };
        let change = self.make(edit, concerned, plan_only, actor).await?;
        Ok(RuleChange {
            rule: change.held.then_some(known.rule),
            warnings: Vec::new(),
            change,
        })
    }

    /// Gives rules new Orders: 1, 2, 3 in the order named.
    pub async fn reorder_rules(
        &self,
        ids: Vec<RuleId>,
        plan_only: bool,
        actor: &Actor,
    ) -> Result<Change> {
        let rows = mapping_rules::list(self.db()).await?;
        let mut concerned: Vec<ConnectionId> = Vec::new();
        for id in &ids {
            let row = rows.iter().find(|row| row.rule.id == *id);
            let row =
                row.ok_or_else(|| EngineError::invalid(format!("ids: there is no rule {id}")))?;
            concerned.push(row.rule.connection_id);
        }
        concerned.sort_unstable();
        concerned.dedup();
        let orders = ids.into_iter().zip(1_i64..).collect();
        self.make(Edit::Reorder { orders }, concerned, plan_only, actor)
            .await
    }

    /// Moves a rule among those of its tenant. One place up or down, the two
    /// change Orders; where these are equal, the tenant's rules get new ones, as
    /// they do when it goes further.
    pub async fn move_rule(
        &self,
        id: RuleId,
        to: RulePlace,
        plan_only: bool,
        actor: &Actor,
    ) -> Result<Change> {
        let known = mapping_rules::get(self.db(), id).await?;
        let known = known.ok_or_else(|| EngineError::not_found("mapping rule"))?;
        let connection = known.rule.connection_id;
        let rows = mapping_rules::of_connection(self.db(), connection).await?;
        let mut rules: Vec<MappingRule> = rows.into_iter().map(|row| row.rule).collect();
        rules.sort_by(provisioning::precedence::compare);
        let Some(orders) = moved(rules, id, to)? else {
            return Ok(Change::default());
        };
        self.make(Edit::Reorder { orders }, vec![connection], plan_only, actor)
            .await
    }
}

/// The new Orders; `None` when the rule stands there already.
fn moved(rules: Vec<MappingRule>, id: RuleId, to: RulePlace) -> Result<Option<Vec<(RuleId, i64)>>> {
    let Some(at) = rules.iter().position(|rule| rule.id == id) else {
        return Ok(None);
    };
    let next = match to {
        RulePlace::Up => return Ok(at.checked_sub(1).map(|with| swapped(rules, at, with))),
        RulePlace::Down if at + 1 == rules.len() => return Ok(None),
        RulePlace::Down => return Ok(Some(swapped(rules, at, at + 1))),
        RulePlace::Before(next) => Some(next),
        RulePlace::End => None,
    };
    if next == Some(id) {
        return Ok(None);
    }
    let before: Vec<RuleId> = rules.iter().map(|rule| rule.id).collect();
    let mut after = before.clone();
    after.remove(at);
    let at = match next {
        None => Some(after.len()),
        Some(next) => after.iter().position(|other| *other == next),
    };
    let at = at.ok_or_else(|| {
        EngineError::invalid("before: that is no rule of the same tenant")
            .cure("Look at the rules again: one may have been deleted meanwhile.")
    })?;
    after.insert(at, id);
    Ok((after != before).then(|| after.into_iter().zip(1_i64..).collect()))
}

/// The Orders with which two neighbours change places.
fn swapped(mut rules: Vec<MappingRule>, at: usize, with: usize) -> Vec<(RuleId, i64)> {
    if rules[at].order == rules[with].order {
        rules.swap(at, with);
        let orders = rules.iter().zip(1_i64..);
        return orders.map(|(rule, n)| (rule.id, n * 10)).collect();
    }
    let (one, other) = (&rules[at], &rules[with]);
    vec![(one.id, other.order), (other.id, one.order)]
}
