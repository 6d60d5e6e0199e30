//! Enterprise applications and who is assigned to them.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::call::{Answer, Call, Reply};
use super::writes::any_kind;
use crate::clock::iso;
use crate::directory::tenant::{Assignment, ServicePrincipal, Tenant};
use crate::error::GraphError;
use crate::odata::page::Cursor;
use crate::odata::select::names;
use crate::permission::{APPLICATIONS_READ, APPLICATIONS_WRITE, ASSIGNMENTS_WRITE};
use crate::schema::{Kind, known};

const PAGE: u32 = 100;
/// How many assignments an expanded application shows ("about 20 items").
const EXPANDED: usize = 20;

fn entity(tenant: &Tenant, principal: &ServicePrincipal) -> Value {
    json!({
        "id": principal.id,
        "deletedDateTime": null,
        "accountEnabled": true,
        "appDisplayName": principal.display_name,
        "appId": principal.app_id,
        "appOwnerOrganizationId": tenant.id,
        "appRoleAssignmentRequired": principal.assignment_required,
        "appRoles": [],
        "displayName": principal.display_name,
        "servicePrincipalNames": [principal.app_id],
        "servicePrincipalType": "Application",
        "signInAudience": "AzureADMultipleOrgs",
        "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],
    })
}

fn selected(call: &Call<'_>, whole: Value) -> Result<Value, GraphError> {
    let Some(text) = call.options.get("$select") else {
        return Ok(whole);
    };
    let mut part = json!({});
    for name in names(text) {
        let value = whole.get(name).ok_or_else(|| {
            GraphError::gateway(format!(
                "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.servicePrincipal'."
            ))
        })?;
        part[name] = value.clone();
    }
    Ok(part)
}

/// Finds by object id, or by `appId=…` from `(appId='…')`.
fn position(tenant: &Tenant, key: &str) -> Result<usize, GraphError> {
    let app_id = key
        .split_once('=')
        .filter(|(name, _)| name.eq_ignore_ascii_case("appId"))
        .map(|(_, id)| id);
    let id: Option<Uuid> = app_id.unwrap_or(key).parse().ok();
    let found = tenant.service_principals.iter().position(|principal| {
        let own = if app_id.is_some() {
            principal.app_id
        } else {
            principal.id
        };
        Some(own) == id
    });
    found.ok_or_else(|| GraphError::not_found(key))
}

/// `appId eq '…'` or `displayName eq '…'`.
fn accepts(filter: &str, principal: &ServicePrincipal) -> Result<bool, GraphError> {
    let refused = || {
        GraphError::unsupported(format!(
            "Unsupported or invalid query filter clause: '{filter}'."
        ))
    };
    let (name, rest) = filter.trim().split_once(" eq ").ok_or_else(refused)?;
    let value = rest
        .trim()
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
        .ok_or_else(refused)?;
    match name.trim() {
        "appId" => Ok(value.parse().ok() == Some(principal.app_id)),
        "displayName" => Ok(value
            .replace("''", "'")
            .eq_ignore_ascii_case(&principal.display_name)),
        _ => Err(refused()),
    }
}

/// `GET /servicePrincipals`.
pub(super) fn list(call: &Call<'_>) -> Answer {
    call.require(APPLICATIONS_READ)?;
    call.options
        .only(&["$filter", "$select", "$top", "$count"])?;
    call.options.top()?;
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    let mut items = Vec::new();
    for principal in &tenant.service_principals {
        let accepted = call
            .options
            .get("$filter")
            .map_or(Ok(true), |filter| accepts(filter, principal))?;
        if accepted {
            items.push(selected(call, entity(tenant, principal))?);
        }
    }
    let body = json!({"@odata.context": call.context("servicePrincipals"), "value": items});
    Ok(Reply::json(StatusCode::OK, &body))
}

/// `GET /servicePrincipals/{id}`.
pub(super) fn get(call: &Call<'_>, key: &str) -> Answer {
    call.require(APPLICATIONS_READ)?;
    call.options.only(&["$select", "$expand"])?;
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    let principal = &tenant.service_principals[position(tenant, key)?];
    let mut body = selected(call, entity(tenant, principal))?;
    match call.options.get("$expand") {
        None => {}
        Some("appRoleAssignedTo") => {
            let all = principal.assignments.iter();
            let all = all.filter_map(|entry| assignment(tenant, principal, entry));
            body["appRoleAssignedTo"] = all.take(EXPANDED).collect();
        }
        Some(other) => {
            return Err(GraphError::unsupported(format!(
                "The relationship '{other}' cannot be expanded here."
            )));
        }
    }
    body["@odata.context"] = call.context("servicePrincipals/$entity").into();
    Ok(Reply::json(StatusCode::OK, &body))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateBody {
    app_id: Uuid,
    display_name: Option<String>,
}

/// `POST /servicePrincipals`.
pub(super) fn create(call: &Call<'_>) -> Answer {
    call.require_write(APPLICATIONS_WRITE)?;
    let body: CreateBody = call.body()?;
    let id = call.core().chance.uuid();
    let made = call.edit(|tenant, _| {
        if tenant.service_principals.iter().any(|known| known.app_id == body.app_id) {
            let message = format!("The service principal cannot be created, updated, or restored because the service principal name {} is already in use.", body.app_id);
            return Err(GraphError::new(StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue", message));
        }
        let principal = ServicePrincipal {
            id,
            app_id: body.app_id,
            display_name: body.display_name.clone().unwrap_or_else(|| body.app_id.to_string()),
            assignment_required: false,
            assignments: Vec::new(),
        };
        let made = entity(tenant, &principal);
        tenant.service_principals.push(principal);
        Ok(made)
    })?;
    Ok(Reply::json(StatusCode::CREATED, &made))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateBody {
    app_role_assignment_required: bool,
}

/// `PATCH /servicePrincipals/{id}`.
pub(super) fn update(call: &Call<'_>, key: &str) -> Answer {
    call.require_write(APPLICATIONS_WRITE)?;
    let body: UpdateBody = call.body()?;
    call.edit(|tenant, _| {
        let at = position(tenant, key)?;
        tenant.service_principals[at].assignment_required = body.app_role_assignment_required;
        Ok(())
    })?;
    Ok(Reply::no_content())
}

fn assignment(
    tenant: &Tenant,
    principal: &ServicePrincipal,
    assignment: &Assignment,
) -> Option<Value> {
    let view = tenant.view(assignment.principal)?;
    let (kind, name) = match assignment.principal.kind() {
        Kind::User => ("User", known::user::DISPLAY_NAME),
        Kind::Group => ("Group", known::group::DISPLAY_NAME),
    };
    Some(json!({
        "id": assignment.id,
        "deletedDateTime": null,
        "appRoleId": assignment.app_role_id,
        "createdDateTime": iso(assignment.created),
        "principalDisplayName": view.text(name),
        "principalId": view.id(),
        "principalType": kind,
        "resourceDisplayName": principal.display_name,
        "resourceId": principal.id,
    }))
}

/// `GET /servicePrincipals/{id}/appRoleAssignedTo`.
pub(super) fn assignments(call: &Call<'_>, key: &str) -> Answer {
    call.require(APPLICATIONS_READ)?;
    call.options.only(&["$top", "$skiptoken", "$count"])?;
    let top = call.options.top()?.unwrap_or(PAGE);
    let lifetime = call.core().switches().page_token_lifetime_seconds;
    let skipped = match call.binding().cursor(lifetime, call.now)? {
        Some(Cursor::Number(number)) => number,
        _ => 0,
    };
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    let principal = &tenant.service_principals[position(tenant, key)?];
    let (from, size) = (skipped as usize, top as usize);
    let all = principal
        .assignments
        .iter()
        .filter_map(|entry| assignment(tenant, principal, entry));
    let items: Vec<Value> = all.skip(from).take(size + 1).collect();
    let mut body = json!({"@odata.context": call.context("appRoleAssignments")});
    if items.len() > size {
        let query = call.binding().next(Cursor::Number(skipped + top), call.now);
        body["@odata.nextLink"] = call.link(&query).into();
    }
    body["value"] = items.into_iter().take(size).collect();
    Ok(Reply::json(StatusCode::OK, &body))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AssignBody {
    principal_id: String,
    resource_id: Uuid,
    app_role_id: Uuid,
}

/// `POST /servicePrincipals/{id}/appRoleAssignedTo`.
pub(super) fn assign(call: &Call<'_>, key: &str) -> Answer {
    call.require_write(ASSIGNMENTS_WRITE)?;
    let body: AssignBody = call.body()?;
    let id = call.core().chance.uuid().simple().to_string();
    let made = call.edit(|tenant, now| {
        let at = position(tenant, key)?;
        let principal = any_kind(tenant, &body.principal_id)?;
        let resource = &tenant.service_principals[at];
        if resource.id != body.resource_id {
            return Err(GraphError::bad_request("Invalid value specified for property 'resourceId' of resource 'AppRoleAssignment'."));
        }
        let same = |known: &Assignment| known.principal == principal && known.app_role_id == body.app_role_id;
        if resource.assignments.iter().any(same) {
            return Err(GraphError::bad_request("Permission being assigned already exists on the object"));
        }
        let entry = Assignment { id, created: now, principal, app_role_id: body.app_role_id };
        let made = assignment(tenant, resource, &entry);
        tenant.service_principals[at].assignments.push(entry);
        made.ok_or_else(|| GraphError::not_found(&body.principal_id))
    })?;
    Ok(Reply::json(StatusCode::CREATED, &made))
}

/// `DELETE /servicePrincipals/{id}/appRoleAssignedTo/{id}`.
pub(super) fn unassign(call: &Call<'_>, key: &str, id: &str) -> Answer {
    call.require_write(ASSIGNMENTS_WRITE)?;
    call.edit(|tenant, _| {
        let at = position(tenant, key)?;
        let assignments = &mut tenant.service_principals[at].assignments;
        let before = assignments.len();
        assignments.retain(|assignment| assignment.id != id);
        (assignments.len() < before)
            .then_some(())
            .ok_or_else(|| GraphError::not_found(id))
    })?;
    Ok(Reply::no_content())
}
