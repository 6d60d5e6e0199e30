//! `/security-roles`: named sets of rights. The built-in ones stay as they are;
//! a role's name is its id.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::Actor;
use jiff::Timestamp;
use provisioning::mapping_rule::RoleType;
use serde::Deserialize;
use serde_json::{Value, json};
use store::journal::{self, NewEntry};
use store::rights::Right::View;
use store::rights::{Module, Rights, Scope};
use store::security_roles::{self, SecurityRole};
use store::{Source, Tx, mapping_rules, records};

use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Body, Id, Paging, Query, expected_version, given, list as answer, page_of};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) role_type: RoleType,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) rights: Rights,
    pub(crate) is_active: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Change {
    #[serde(deserialize_with = "given")]
    pub(crate) description: Option<Option<String>>,
    pub(crate) rights: Option<Rights>,
    pub(crate) is_active: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Filter {
    name: Option<String>,
    #[serde(rename = "type")]
    role_type: Option<RoleType>,
    is_system: Option<bool>,
    is_active: Option<bool>,
    limit: Option<i64>,
    after: Option<String>,
}

fn view(role: &SecurityRole) -> Value {
    json!({
        "id": role.name, "name": role.name, "type": role.role_type,
        "is_external": role.role_type == RoleType::External,
        "is_system": role.is_system, "is_active": role.is_active,
        "description": role.description, "rights": role.rights, "created_at": role.created_at,
    })
}

fn tagged(status: StatusCode, version: i64, role: &SecurityRole) -> Response {
    let tag = [(header::ETAG, format!("\"{version}\""))];
    (status, tag, Json(view(role))).into_response()
}

pub(crate) async fn found(on: impl Into<Source<'_>>, name: &str) -> Result<SecurityRole> {
    let role = security_roles::get(on, name).await?;
    role.ok_or_else(|| Problem::not_found("security role"))
}

/// `GET /security-roles`: internal ones first, built-in ones first.
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>> {
    // Whoever chooses roles for people sees which there are.
    let sees = [Module::Admin, Module::Hr, Module::Crm];
    let mut seen = sees.iter().map(|module| caller.may(*module, View));
    if !seen.any(|allowed| allowed.is_ok()) {
        caller.may(Module::Admin, View)?;
    }
    let wanted = |role: &SecurityRole| {
        filter.name.as_ref().is_none_or(|name| *name == role.name)
            && filter.role_type.is_none_or(|kind| kind == role.role_type)
            && filter.is_system.is_none_or(|is| is == role.is_system)
            && filter.is_active.is_none_or(|is| is == role.is_active)
    };
    let all = security_roles::list(state.engine.db()).await?;
    let roles = all.into_iter().filter(wanted).collect();
    let paging = Paging {
        limit: filter.limit,
        after: filter.after.clone(),
    };
    let (roles, next) = page_of(roles, &paging, |role: &SecurityRole| role.name.clone())?;
    Ok(answer(roles.iter().map(view).collect(), next))
}

/// `GET /security-roles/{id}`
pub(super) async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Id(name): Id<String>,
) -> Result<Response> {
    caller.may(Module::Admin, View)?;
    let role = found(state.engine.db(), &name).await?;
    Ok(tagged(StatusCode::OK, role.version, &role))
}

/// `POST /security-roles`
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Body(new): Body<New>,
) -> Result<Response> {
    let actor = caller.administrates()?;
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Problem::invalid("name: 1 to 100 characters"));
    }
    check(new.role_type, &new.rights)?;
    let now = state.engine.now();
    let role = SecurityRole {
        name: name.to_owned(),
        role_type: new.role_type,
        is_system: false,
        is_active: new.is_active.unwrap_or(true),
        description: new.description,
        rights: new.rights,
        version: 1,
        created_at: now,
    };
    let mut tx = state.engine.db().begin().await?;
    security_roles::insert(&mut tx, &role).await?;
    note(&mut tx, &actor, "role_created", &role, now).await?;
    tx.commit().await?;
    Ok(tagged(StatusCode::CREATED, 1, &role))
}

/// `PATCH /security-roles/{id}`
pub(crate) async fn update(
    State(state): State<AppState>,
    caller: Caller,
    Id(name): Id<String>,
    headers: HeaderMap,
    Body(change): Body<Change>,
) -> Result<Response> {
    let actor = caller.administrates()?;
    let mut tx = state.engine.db().begin().await?;
    let mut role = found(&mut tx, &name).await?;
    refuse_system(&role)?;
    if let Some(description) = change.description {
        role.description = description.unwrap_or_default();
    }
    role.rights = change.rights.unwrap_or(role.rights);
    role.is_active = change.is_active.unwrap_or(role.is_active);
    check(role.role_type, &role.rights)?;
    let expected = expected_version(&headers)?.unwrap_or(role.version);
    let version = security_roles::update(&mut tx, &role, expected).await?;
    note(&mut tx, &actor, "role_updated", &role, state.engine.now()).await?;
    tx.commit().await?;
    Ok(tagged(StatusCode::OK, version, &role))
}

/// `DELETE /security-roles/{id}`: 409 with the list of who and what names it.
pub(crate) async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    Id(name): Id<String>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    let actor = caller.administrates()?;
    let mut tx = state.engine.db().begin().await?;
    let role = found(&mut tx, &name).await?;
    refuse_system(&role)?;
    let users = users(&mut tx, &name).await?;
    if !users.is_empty() {
        let detail = "people or mapping rules have the role";
        return Err(Problem::conflict("record_in_use", detail).with("records", users));
    }
    let expected = expected_version(&headers)?.unwrap_or(role.version);
    security_roles::delete(&mut tx, &name, expected).await?;
    note(&mut tx, &actor, "role_deleted", &role, state.engine.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn refuse_system(role: &SecurityRole) -> Result<()> {
    if role.is_system {
        let detail = format!("`{}` is built in and stays as it is", role.name);
        return Err(Problem::conflict("system_role", detail)
            .cure("Make a role of your own with the rights you want."));
    }
    Ok(())
}

/// Contacts reach what is theirs or their account's, in the modules a client
/// portal has; never everything.
fn check(role_type: RoleType, rights: &Rights) -> Result<()> {
    if role_type == RoleType::Internal {
        return Ok(());
    }
    let portal = [
        Module::ServiceDesk,
        Module::Finance,
        Module::ClientPortal,
        Module::My,
    ];
    for (module, right, scope) in rights.iter() {
        if !portal.contains(&module) || scope == Scope::All {
            let detail = format!(
                "rights: an external role cannot {} {} of {}",
                right.name(),
                scope.name(),
                module.label()
            );
            return Err(Problem::invalid(detail).cure(
                "External roles reach `own` or `account` in service_desk, finance, client_portal and my.",
            ));
        }
    }
    Ok(())
}

/// Who and what names a role, in words.
pub(crate) async fn users_of(state: &AppState, name: &str) -> Result<Vec<String>> {
    let mut tx = state.engine.db().begin().await?;
    let users = users(&mut tx, name).await?;
    let words = users.iter().map(|one| {
        let text = |member: &str| one[member].as_str().unwrap_or_default();
        format!("{} ({})", text("label"), text("kind").replace('_', " "))
    });
    Ok(words.collect())
}

/// Who and what names a role.
async fn users(tx: &mut Tx, name: &str) -> Result<Vec<Value>> {
    let holders = security_roles::holders(&mut *tx, name, 100).await?;
    let rows = records::get(&mut *tx, &holders).await?;
    let people = rows.iter().map(|row| {
        let record = &row.record;
        let names = [&record.first_name, &record.last_name];
        let label: Vec<_> = names.into_iter().flatten().cloned().collect();
        json!({ "kind": record.kind, "id": record.id, "label": label.join(" ") })
    });
    let rules = mapping_rules::list(&mut *tx).await?;
    let rules = rules.iter().map(|row| &row.rule);
    let rules = rules
        .filter(|rule| rule.security_roles.iter().any(|role| role == name))
        .map(|rule| json!({ "kind": "mapping_rule", "id": rule.id, "label": rule.name }));
    Ok(people.chain(rules).collect())
}

async fn note(
    tx: &mut Tx,
    actor: &Actor,
    action: &str,
    role: &SecurityRole,
    now: Timestamp,
) -> Result<()> {
    let entry = NewEntry {
        actor: Some(actor.name.clone()),
        body: Some(view(role)),
        ..NewEntry::new(now, actor.origin, action)
    };
    journal::append(tx, &[entry]).await?;
    Ok(())
}
