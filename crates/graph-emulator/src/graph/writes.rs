//! Making, changing and deleting users and groups.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::body::{changes, check_complete};
use super::call::{Answer, Call, Reply};
use super::entity::Style;
use super::objects::{entity_reply, find};
use super::relations::ReferenceBody;
use crate::directory::edit::EditError;
use crate::directory::membership::Member;
use crate::directory::objects::{Slot, View};
use crate::directory::record::Changes;
use crate::directory::tenant::Tenant;
use crate::error::GraphError;
use crate::permission;
use crate::schema::{Kind, known};

impl From<EditError> for GraphError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::UpnTaken => {
                let mut refused = Self::bad_request(error.to_string());
                refused.inner = serde_json::json!({"code": "ObjectConflict"});
                refused
            }
            EditError::Missing => Self::not_found(""),
        }
    }
}

/// `POST /users`, `POST /groups`.
pub(super) fn create(call: &Call<'_>, kind: Kind) -> Answer {
    call.require_write(permission::write(kind))?;
    let body = call.object()?;
    let id = call.core().chance.uuid();
    call.edit(|tenant, now| {
        let mut changes = changes(kind, tenant, &body)?;
        check_complete(kind, &changes)?;
        if kind == Kind::Group {
            check_group_kind(&changes)?;
        } else {
            changes
                .0
                .retain(|(property, _)| *property != known::user::PASSWORD_PROFILE);
        }
        let bound = bound(tenant, &body)?;
        let slot = tenant.create(kind, id, changes, now)?;
        for (member, owner) in bound {
            bind(tenant, slot, member, owner, now);
        }
        Ok(())
    })?;
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    let slot = find(tenant, kind, &id.to_string())?;
    let view = tenant
        .objects(kind)
        .view(slot)
        .ok_or_else(|| GraphError::not_found(""))?;
    let mut reply = entity_reply(call, tenant, kind, &view, &Style::plain(kind.defaults()));
    reply.status = StatusCode::CREATED;
    Ok(reply)
}

fn bind(tenant: &mut Tenant, group: Slot, member: Member, owner: bool, now: Timestamp) {
    if owner {
        tenant.owners.add(group, member);
    } else {
        tenant.add_member(group, member, now);
    }
}

/// Graph makes Microsoft 365 and security groups only.
fn check_group_kind(changes: &Changes) -> Result<(), GraphError> {
    use known::group::{GROUP_TYPES, MAIL_ENABLED, SECURITY_ENABLED};
    let unified = changes.get(GROUP_TYPES).and_then(Value::as_array);
    let unified = unified.is_some_and(|types| types.iter().any(|name| name == "Unified"));
    let mail = changes.get(MAIL_ENABLED) == Some(&Value::Bool(true));
    let security = changes.get(SECURITY_ENABLED) == Some(&Value::Bool(true));
    if unified && !mail {
        return Err(GraphError::bad_request(
            "The service does not currently support writes of mail-disabled unified groups.",
        ));
    }
    if !unified && mail {
        return Err(GraphError::bad_request(
            "The service does not currently support writes of mail-enabled groups. Please ensure that the mail-enablement property is unset and try again.",
        ));
    }
    if !unified && !security {
        return Err(GraphError::bad_request(
            "The service does not currently support writes of distribution groups.",
        ));
    }
    Ok(())
}

/// `members@odata.bind` and `owners@odata.bind` of a new group.
fn bound(tenant: &Tenant, body: &Map<String, Value>) -> Result<Vec<(Member, bool)>, GraphError> {
    let mut all = Vec::new();
    for (name, owner) in [("members@odata.bind", false), ("owners@odata.bind", true)] {
        let links = body.get(name).and_then(Value::as_array);
        for link in links.into_iter().flatten() {
            let reference: ReferenceBody =
                serde_json::from_value(serde_json::json!({ "@odata.id": link })).map_err(|_| {
                    GraphError::bad_request(format!("Invalid value specified for '{name}'."))
                })?;
            let id = reference.id()?;
            let member = tenant
                .find(id)
                .ok_or_else(|| GraphError::not_found(&id.to_string()))?;
            all.push((member, owner));
        }
    }
    Ok(all)
}

/// `PATCH /users/{id}`, `PATCH /groups/{id}`.
pub(super) fn update(call: &Call<'_>, kind: Kind, id: &str) -> Answer {
    call.require_write(permission::write(kind))?;
    let body = call.object()?;
    call.edit(|tenant, now| {
        let slot = find(tenant, kind, id)?;
        let mut changes = changes(kind, tenant, &body)?;
        if kind == Kind::User {
            changes
                .0
                .retain(|(property, _)| *property != known::user::PASSWORD_PROFILE);
        } else if changes.get(known::group::VISIBILITY).is_some() {
            check_visibility(tenant, slot, &changes)?;
        }
        tenant.update(kind, slot, changes, now)?;
        Ok(())
    })?;
    Ok(Reply::no_content())
}

/// `HiddenMembership` is chosen when a group is made and stays.
fn check_visibility(tenant: &Tenant, slot: Slot, changes: &Changes) -> Result<(), GraphError> {
    let old = tenant
        .groups
        .view(slot)
        .and_then(|view| view.text(known::group::VISIBILITY));
    let hidden = |text: Option<&str>| text == Some("HiddenMembership");
    if hidden(old.as_deref()) == hidden(changes.text(known::group::VISIBILITY)) {
        return Ok(());
    }
    Err(GraphError::bad_request(
        "Visibility HiddenMembership can be set only when a group is created and cannot be changed.",
    ))
}

/// `DELETE /users/{id}`, `DELETE /groups/{id}`.
pub(super) fn delete(call: &Call<'_>, kind: Kind, id: &str) -> Answer {
    call.require_write(permission::write(kind))?;
    let switches = call.core().switches();
    call.edit(|tenant, now| {
        let slot = find(tenant, kind, id)?;
        let view = tenant.objects(kind).view(slot);
        let kept = kind == Kind::User
            || view.is_some_and(|view| is_restorable(&view, switches.security_groups_restorable));
        if kept {
            tenant.delete(kind, slot, now);
        } else {
            tenant.purge(Member::new(kind, slot), switches.silent_member_purge, now);
        }
        Ok(())
    })?;
    Ok(Reply::no_content())
}

/// Microsoft 365 groups can be restored, security groups as the switch says, mail-enabled ones of the old kinds not.
fn is_restorable(group: &View<'_>, security: bool) -> bool {
    let types = group.get(known::group::GROUP_TYPES);
    let unified = types.as_deref().and_then(Value::as_array);
    let unified = unified.is_some_and(|types| types.iter().any(|name| name == "Unified"));
    let mail = group.is_true(known::group::MAIL_ENABLED);
    unified || security && !mail && group.is_true(known::group::SECURITY_ENABLED)
}

/// The object an address names, of either kind.
pub(super) fn any_kind(tenant: &Tenant, id: &str) -> Result<Member, GraphError> {
    let id_parsed: Option<Uuid> = id.parse().ok();
    id_parsed
        .and_then(|id| tenant.find(id))
        .ok_or_else(|| GraphError::not_found(id))
}
