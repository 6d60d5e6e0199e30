//! `/mapping-rules`: saving makes a plan and applies it; `?plan_only=true`
//! shows the plan instead.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::{Change, RuleChange, RuleDraft, RuleScope};
use provisioning::ids::{AccountId, ConnectionId, GroupId, RuleId, TenantId};
use provisioning::mapping_rule::{MappingRule, Members, RolesMode, ScopeKind};
use provisioning::psa::Kind;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{mapping_rules, security_roles};

use super::plans;
use store::rights::Module::Admin;
use store::rights::Right::{Edit, View};

use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Body, Id, Paging, Query, expected_version, given, list as answer, page_of};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Draft {
    #[serde(default, deserialize_with = "given")]
    name: Option<Option<String>>,
    order: Option<i64>,
    connection_id: Option<ConnectionId>,
    tenant_id: Option<TenantId>,
    scope: Option<ScopeKind>,
    group_id: Option<GroupId>,
    kind: Option<Kind>,
    security_roles: Option<Vec<String>>,
    roles_mode: Option<RolesMode>,
    #[serde(default, deserialize_with = "given")]
    account_id: Option<Option<AccountId>>,
    include_nested: Option<bool>,
    members: Option<Members>,
    exclude: Option<Vec<String>>,
    licensed_only: Option<bool>,
    enabled: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct How {
    #[serde(default)]
    pub(crate) plan_only: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Filter {
    connection_id: Option<ConnectionId>,
    tenant_id: Option<TenantId>,
    group_id: Option<GroupId>,
    kind: Option<Kind>,
    enabled: Option<bool>,
    limit: Option<i64>,
    after: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reorder {
    ids: Vec<RuleId>,
}

impl Draft {
    /// The rule this draft makes of what is there.
    fn over(self, known: Option<&MappingRule>) -> Result<RuleDraft> {
        let missing = |what: &str| Problem::invalid(format!("{what} is missing"));
        let kind = self.kind.or(known.map(|rule| rule.target.kind()));
        let kind = kind.ok_or_else(|| missing("kind"))?;
        let account = known.and_then(|rule| rule.target.account_id());
        let account = account.filter(|_| kind == Kind::Contact);
        let known_group = known.filter(|rule| rule.scope == ScopeKind::Group);
        let group_id = self.group_id.or(known_group.map(|rule| rule.group_id));
        // Who names a group means the group.
        let scope = match (self.scope, self.group_id) {
            (Some(scope), _) => scope,
            (None, Some(_)) => ScopeKind::Group,
            (None, None) => known.map(|rule| rule.scope).unwrap_or_default(),
        };
        let scope = match scope {
            ScopeKind::Group => RuleScope::Group(group_id.ok_or_else(|| missing("group_id"))?),
            ScopeKind::Assigned if self.group_id.is_some() => {
                return Err(Problem::invalid(
                    "group_id does not go with scope `assigned`: that takes who is assigned under Users and groups",
                ));
            }
            ScopeKind::Assigned => RuleScope::Assigned,
        };
        Ok(RuleDraft {
            name: self
                .name
                .unwrap_or_else(|| known.map(|rule| rule.name.clone())),
            order: self
                .order
                .or(known.map(|rule| rule.order))
                .ok_or_else(|| missing("order"))?,
            connection_id: self.connection_id.or(known.map(|rule| rule.connection_id)),
            tenant_id: self.tenant_id,
            scope,
            kind,
            account_id: self.account_id.unwrap_or(account),
            security_roles: self
                .security_roles
                .or(known.map(|rule| rule.security_roles.clone()))
                .unwrap_or_default(),
            roles_mode: self
                .roles_mode
                .or(known.map(|rule| rule.roles_mode))
                .unwrap_or_default(),
            include_nested: self
                .include_nested
                .or(known.map(|rule| rule.include_nested))
                .unwrap_or_default(),
            members: self
                .members
                .or(known.map(|rule| rule.members))
                .unwrap_or_default(),
            exclude: self
                .exclude
                .or(known.map(|rule| rule.exclude.clone()))
                .unwrap_or_default(),
            licensed_only: self
                .licensed_only
                .or(known.map(|rule| rule.licensed_only))
                .unwrap_or_default(),
            enabled: self
                .enabled
                .or(known.map(|rule| rule.enabled))
                .unwrap_or(true),
        })
    }
}

fn view(rule: &MappingRule, pending: Option<&Value>) -> Value {
    json!({
        "id": rule.id, "name": rule.name, "order": rule.order,
        "connection_id": rule.connection_id, "tenant_id": rule.tenant_id,
        "scope": rule.scope, "group_id": rule.group_id, "group_name": rule.group_name,
        "group_readable": rule.group_readable,
        "kind": rule.target.kind(), "account_id": rule.target.account_id(),
        "security_roles": rule.security_roles, "roles_mode": rule.roles_mode,
        "include_nested": rule.include_nested, "members": rule.members,
        "exclude": rule.exclude, "licensed_only": rule.licensed_only,
        "enabled": rule.enabled, "pending": pending, "created_at": rule.created_at,
    })
}

/// `GET /mapping-rules`, lowest Order first
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>> {
    caller.may(Admin, View)?;
    let wanted = |rule: &MappingRule| {
        filter
            .connection_id
            .is_none_or(|id| id == rule.connection_id)
            && filter.tenant_id.is_none_or(|id| id == rule.tenant_id)
            && filter.group_id.is_none_or(|id| id == rule.group_id)
            && filter.kind.is_none_or(|kind| kind == rule.target.kind())
            && filter.enabled.is_none_or(|enabled| enabled == rule.enabled)
    };
    let mut rows = mapping_rules::list(state.engine.db()).await?;
    rows.retain(|row| wanted(&row.rule));
    let paging = Paging {
        limit: filter.limit,
        after: filter.after.clone(),
    };
    let (rows, next) = page_of(rows, &paging, |row| row.rule.id.to_string())?;
    let items = rows.iter().map(|row| view(&row.rule, row.pending.as_ref()));
    Ok(answer(items.collect(), next))
}

pub(crate) async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RuleId>,
) -> Result<Response> {
    caller.may(Admin, View)?;
    let row = mapping_rules::get(state.engine.db(), id).await?;
    let row = row.ok_or_else(|| Problem::not_found("mapping rule"))?;
    let tag = [(header::ETAG, format!("\"{}\"", row.rule.version))];
    Ok((tag, Json(view(&row.rule, row.pending.as_ref()))).into_response())
}

async fn changed(
    state: &AppState,
    status: StatusCode,
    change: RuleChange,
    plan_only: bool,
) -> Result<Response> {
    if plan_only {
        return preview(state, &change.change).await;
    }
    let rule = change.rule.as_ref().map(|rule| view(rule, None));
    let body = json!({
        "rule": rule, "run_id": change.change.run_id, "plan_id": change.change.plan_id,
        "held": change.change.held, "warnings": change.warnings,
    });
    let tag = change
        .rule
        .as_ref()
        .map(|rule| format!("\"{}\"", rule.version));
    let mut response = (status, Json(body)).into_response();
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// The plan instead of the change.
pub(crate) async fn preview(state: &AppState, change: &Change) -> Result<Response> {
    match change.plan_id {
        Some(id) => Ok(Json(plans::view(state, id).await?).into_response()),
        None => Ok(Json(json!({ "id": null, "counts": {}, "actions": [] })).into_response()),
    }
}

/// What became of a change of settings.
pub(crate) fn settled(change: &Change) -> Response {
    let body = json!({
        "run_id": change.run_id, "plan_id": change.plan_id, "held": change.held,
    });
    Json(body).into_response()
}

/// A rule gives its roles to whoever a directory puts into a group: nobody
/// makes one that gives more than they may.
async fn check_roles(state: &AppState, caller: &Caller, draft: &RuleDraft) -> Result<()> {
    for role in &draft.security_roles {
        let rights = security_roles::rights_of(state.engine.db(), std::slice::from_ref(role));
        caller.may_give(role, &rights.await?)?;
    }
    Ok(())
}

pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Query(how): Query<How>,
    Body(draft): Body<Draft>,
) -> Result<Response> {
    let actor = caller.may(Admin, Edit)?;
    let draft = draft.over(None)?;
    check_roles(&state, &caller, &draft).await?;
    let change = state
        .engine
        .create_rule(draft, how.plan_only, &actor)
        .await?;
    changed(&state, StatusCode::CREATED, change, how.plan_only).await
}

pub(crate) async fn update(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RuleId>,
    Query(how): Query<How>,
    headers: HeaderMap,
    Body(draft): Body<Draft>,
) -> Result<Response> {
    let actor = caller.may(Admin, Edit)?;
    let row = mapping_rules::get(state.engine.db(), id).await?;
    let row = row.ok_or_else(|| Problem::not_found("mapping rule"))?;
    let draft = draft.over(Some(&row.rule))?;
    check_roles(&state, &caller, &draft).await?;
    let version = expected_version(&headers)?;
    let change = state
        .engine
        .update_rule(id, draft, version, how.plan_only, &actor)
        .await?;
    changed(&state, StatusCode::OK, change, how.plan_only).await
}

pub(crate) async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RuleId>,
    Query(how): Query<How>,
    headers: HeaderMap,
) -> Result<Response> {
    let actor = caller.may(Admin, Edit)?;
    let version = expected_version(&headers)?;
    let change = state
        .engine
        .delete_rule(id, version, how.plan_only, &actor)
        .await?;
    changed(&state, StatusCode::OK, change, how.plan_only).await
}

pub(crate) async fn reorder(
    State(state): State<AppState>,
    caller: Caller,
    Query(how): Query<How>,
    Body(reorder): Body<Reorder>,
) -> Result<Response> {
    let actor = caller.may(Admin, Edit)?;
    let change = state
        .engine
        .reorder_rules(reorder.ids, how.plan_only, &actor)
        .await?;
    if how.plan_only {
        return preview(&state, &change).await;
    }
    Ok(settled(&change))
}
