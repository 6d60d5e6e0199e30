//! What the forms of the page do.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::show::FIELDS;
use super::{PageError, to};
use crate::app::App;
use crate::control::Refused;
use crate::directory::membership::Member;
use crate::directory::tenant::Tenant;
use crate::error::GraphError;
use crate::graph::changes;
use crate::principals::fill_account;
use crate::schema::{Kind, known};

type Fields = Form<BTreeMap<String, String>>;
type Address = Path<(String, String)>;

/// Changes the tenant an address names.
fn edit<T>(
    app: &App,
    name: &str,
    change: impl FnOnce(&mut Tenant, Timestamp) -> Result<T, PageError>,
) -> Result<T, PageError> {
    let tenant_id = app.core.world().by_name(name).map(|tenant| tenant.id);
    let edited = tenant_id.and_then(|tenant_id| app.core.edit(tenant_id, change));
    edited.unwrap_or_else(|| Err(Refused::missing(format!("There is no tenant {name}.")).into()))
}

fn find(tenant: &Tenant, id: &str) -> Result<Member, PageError> {
    let found = id
        .parse()
        .ok()
        .and_then(|id: Uuid| tenant.find(id).or_else(|| tenant.find_deleted(id)));
    found.ok_or_else(|| Refused::missing(format!("There is no object {id}.")).into())
}

/// The text fields of a form; an empty one clears the property.
fn body(form: &BTreeMap<String, String>) -> Map<String, Value> {
    let mut body = Map::new();
    for name in FIELDS {
        if let Some(value) = form.get(name) {
            let value = value.trim();
            let value = if value.is_empty() {
                Value::Null
            } else {
                value.into()
            };
            body.insert(name.to_owned(), value);
        }
    }
    if let Some(phone) = form.get("businessPhone") {
        let phone = phone.trim();
        let phones = if phone.is_empty() {
            json!([])
        } else {
            json!([phone])
        };
        body.insert("businessPhones".to_owned(), phones);
    }
    body
}

/// `POST …/people`.
pub(super) async fn create_person(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Form(form): Fields,
) -> Result<Response, PageError> {
    let id = app.core.chance.uuid();
    edit(&app, &name, |tenant, now| {
        let mut body = body(&form);
        body.retain(|_, value| !value.is_null());
        let mut changes = changes(Kind::User, tenant, &body)?;
        let upn = changes.text(known::user::UPN).map(str::to_owned);
        let upn = upn.ok_or_else(|| Refused::bad("A user principal name is needed."))?;
        fill_account(&mut changes, &upn);
        tenant
            .create(Kind::User, id, changes, now)
            .map_err(GraphError::from)?;
        Ok(())
    })?;
    Ok(to(&format!("/emulator/tenants/{name}/people/{id}")))
}

/// `POST …/people/{id}`.
pub(super) async fn edit_person(
    State(app): State<Arc<App>>,
    Path((name, id)): Address,
    Form(form): Fields,
) -> Result<Response, PageError> {
    edit(&app, &name, |tenant, now| {
        let member = find(tenant, &id)?;
        let mut changes = changes(Kind::User, tenant, &body(&form))?;
        // A box that is not ticked is not sent.
        changes.set(known::user::ENABLED, form.contains_key("accountEnabled"));
        tenant
            .update(Kind::User, member.slot(), changes, now)
            .map_err(GraphError::from)?;
        Ok(())
    })?;
    Ok(to(&format!("/emulator/tenants/{name}/people/{id}")))
}

/// `POST …/delete`.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Path((name, id)): Address,
) -> Result<Response, PageError> {
    edit(&app, &name, |tenant, now| {
        let member = find(tenant, &id)?;
        tenant.delete(member.kind(), member.slot(), now);
        Ok(())
    })?;
    Ok(to(&format!("/emulator/tenants/{name}")))
}

/// `POST …/restore`.
pub(super) async fn restore(
    State(app): State<Arc<App>>,
    Path((name, id)): Address,
) -> Result<Response, PageError> {
    edit(&app, &name, |tenant, now| {
        let member = find(tenant, &id)?;
        tenant
            .restore(member.kind(), member.slot(), now)
            .map_err(GraphError::from)?;
        Ok(())
    })?;
    Ok(to(&format!("/emulator/tenants/{name}/people/{id}")))
}

/// `POST …/purge`.
pub(super) async fn purge(
    State(app): State<Arc<App>>,
    Path((name, id)): Address,
) -> Result<Response, PageError> {
    let silent = app.core.switches().silent_member_purge;
    edit(&app, &name, |tenant, now| {
        let member = find(tenant, &id)?;
        tenant.purge(member, silent, now);
        Ok(())
    })?;
    Ok(to(&format!("/emulator/tenants/{name}")))
}

/// `POST …/groups`.
pub(super) async fn create_group(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Form(form): Fields,
) -> Result<Response, PageError> {
    let id = app.core.chance.uuid();
    edit(&app, &name, |tenant, now| {
        let title = form
            .get("displayName")
            .map(|title| title.trim())
            .filter(|title| !title.is_empty());
        let title = title.ok_or_else(|| Refused::bad("A name is needed."))?;
        let nickname = title.to_lowercase().replace(' ', "-");
        let given = json!({"displayName": title, "mailNickname": nickname});
        let given = given.as_object().cloned().unwrap_or_default();
        let changes = changes(Kind::Group, tenant, &given)?;
        tenant
            .create(Kind::Group, id, changes, now)
            .map_err(GraphError::from)?;
        Ok(())
    })?;
    Ok(to(&format!("/emulator/tenants/{name}/groups/{id}")))
}

/// `POST …/groups/{id}/members`: a person by user principal name, or anything by id.
pub(super) async fn add_member(
    State(app): State<Arc<App>>,
    Path((name, id)): Address,
    Form(form): Fields,
) -> Result<Response, PageError> {
    let wanted = form
        .get("member")
        .map(|text| text.trim())
        .unwrap_or_default();
    edit(&app, &name, |tenant, now| {
        let group = find(tenant, &id)?;
        let person = tenant
            .user_slot(wanted)
            .map(|slot| Member::new(Kind::User, slot));
        let member = person.map_or_else(|| find(tenant, wanted), Ok)?;
        if member == group {
            return Err(Refused::bad("A group cannot be a member of itself.").into());
        }
        tenant.add_member(group.slot(), member, now);
        Ok(())
    })?;
    Ok(to(&format!("/emulator/tenants/{name}/groups/{id}")))
}

/// `POST …/groups/{id}/members/{member}/remove`.
pub(super) async fn remove_member(
    State(app): State<Arc<App>>,
    Path((name, id, member)): Path<(String, String, String)>,
) -> Result<Response, PageError> {
    edit(&app, &name, |tenant, now| {
        let group = find(tenant, &id)?;
        let member = find(tenant, &member)?;
        tenant.remove_member(group.slot(), member, now);
        Ok(())
    })?;
    Ok(to(&format!("/emulator/tenants/{name}/groups/{id}")))
}
