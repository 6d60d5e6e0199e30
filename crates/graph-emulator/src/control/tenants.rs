//! Tenants: made, filled, and changed in ways Graph cannot.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::state::object_json;
use super::{Refused, read};
use crate::app::App;
use crate::core::Core;
use crate::directory::edit::EditError;
use crate::directory::generate::{Amount, GROUPS_MAX, PEOPLE_MAX};
use crate::directory::membership::Member;
use crate::directory::record::Changes;
use crate::directory::tenant::Tenant;
use crate::error::GraphError;
use crate::graph::changes;
use crate::schema::{Kind, known};

/// A tenant to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantSpec {
    /// The `*.onmicrosoft.com` domain.
    pub domain: String,
    pub tenant_id: Option<Uuid>,
    pub display_name: Option<String>,
    /// The first is the default domain; the initial domain when empty.
    #[serde(default)]
    pub verified_domains: Vec<String>,
}

fn is_domain(text: &str) -> bool {
    let labels = text.split('.');
    text.contains('.')
        && labels.into_iter().all(|label| {
            !label.is_empty()
                && label
                    .chars()
                    .all(|letter| letter.is_alphanumeric() || letter == '-')
        })
}

/// Makes a tenant.
///
/// # Errors
/// 400 for a name that is no domain, 409 for one that is taken.
pub(crate) fn add(core: &Core, spec: TenantSpec) -> Result<Uuid, Refused> {
    let domains = std::iter::once(("domain", &spec.domain));
    let verified = spec
        .verified_domains
        .iter()
        .map(|domain| ("verified_domains", domain));
    for (field, domain) in domains.chain(verified) {
        if !is_domain(domain) {
            return Err(Refused::bad(format!(
                "{field}: {domain:?} is no domain name"
            )));
        }
        if core.world().by_name(domain).is_some() {
            return Err(Refused(
                StatusCode::CONFLICT,
                format!("{field}: {domain} belongs to another tenant"),
            ));
        }
    }
    let id = spec.tenant_id.unwrap_or_else(|| core.chance.uuid());
    if core.world().tenant(id).is_some() {
        return Err(Refused(
            StatusCode::CONFLICT,
            format!("tenant_id: {id} exists"),
        ));
    }
    let first_label = spec.domain.split('.').next().unwrap_or_default().to_owned();
    let name = spec.display_name.unwrap_or(first_label);
    core.add_tenant(Tenant::new(
        id,
        name,
        spec.domain,
        spec.verified_domains,
        core.now(),
    ));
    Ok(id)
}

fn view(tenant: &Tenant) -> Value {
    json!({
        "id": tenant.id,
        "tenant_id": tenant.id,
        "domain": tenant.initial_domain,
        "default_domain": tenant.default_domain(),
        "display_name": tenant.display_name,
        "verified_domains": tenant.domains,
        "people": tenant.users.len(),
        "groups": tenant.groups.len(),
    })
}

fn unknown(name: &str) -> Refused {
    Refused::missing(format!("tenant: no tenant {name}"))
}

/// The id of the tenant an address names by id or domain.
pub(super) fn find(core: &Core, name: &str) -> Result<Uuid, Refused> {
    core.world()
        .by_name(name)
        .map(|tenant| tenant.id)
        .ok_or_else(|| unknown(name))
}

/// `POST /tenants`.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let id = add(&app.core, read(&body)?)?;
    let world = app.core.world();
    let tenant = world.tenant(id).ok_or_else(|| unknown(&id.to_string()))?;
    Ok((StatusCode::CREATED, Json(view(tenant))))
}

/// `GET /tenants`.
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let world = app.core.world();
    let items: Vec<Value> = world.tenants().map(view).collect();
    Json(json!({ "items": items }))
}

/// `GET /tenants/{tenant}`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Refused> {
    let world = app.core.world();
    let tenant = world.by_name(&name).ok_or_else(|| unknown(&name))?;
    Ok(Json(view(tenant)))
}

/// Checks an amount and makes it.
///
/// # Errors
/// 400 for more than can be made at once.
pub(crate) fn fill(core: &Core, tenant_id: Uuid, amount: Amount) -> Result<Vec<Uuid>, Refused> {
    if amount.people > PEOPLE_MAX {
        return Err(Refused::bad(format!(
            "people: at most {PEOPLE_MAX} at once"
        )));
    }
    if amount.groups > GROUPS_MAX {
        return Err(Refused::bad(format!(
            "groups: at most {GROUPS_MAX} at once"
        )));
    }
    let made = core.edit(tenant_id, |tenant, now| tenant.generate(amount, now));
    made.ok_or_else(|| unknown(&tenant_id.to_string()))
}

/// `POST /tenants/{tenant}/generate`.
pub(super) async fn generate(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let tenant_id = find(&app.core, &name)?;
    let amount: Amount = read(&body)?;
    let ids = fill(&app.core, tenant_id, amount)?;
    let answer = json!({"people": amount.people, "groups": ids.len(), "group_ids": ids});
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `PATCH /tenants/{tenant}/objects/{id}`: any property, as Entra Connect or time would change it.
pub(super) async fn patch_object(
    State(app): State<Arc<App>>,
    Path((name, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<Value>, Refused> {
    let tenant_id = find(&app.core, &name)?;
    let body: Map<String, Value> = read(&body)?;
    let edited = app.core.edit(tenant_id, |tenant, now| {
        let member = resolve(tenant, &id)?;
        let changes = object_changes(tenant, member.kind(), body)?;
        change(tenant, member, changes, now)?;
        Ok::<_, Refused>(object_json(tenant, member))
    });
    edited.unwrap_or_else(|| Err(unknown(&name))).map(Json)
}

fn resolve(tenant: &Tenant, id: &str) -> Result<Member, Refused> {
    let by_id = id
        .parse()
        .ok()
        .and_then(|id| tenant.find(id).or_else(|| tenant.find_deleted(id)));
    let by_name = || {
        tenant
            .users
            .by_upn(id)
            .map(|slot| Member::new(Kind::User, slot))
    };
    by_id
        .or_else(by_name)
        .ok_or_else(|| Refused::missing(format!("id: no object {id}")))
}

fn object_changes(
    tenant: &Tenant,
    kind: Kind,
    mut body: Map<String, Value>,
) -> Result<Changes, Refused> {
    let manager = body.remove("manager");
    let mut changes = changes(kind, tenant, &body)?;
    if let (Some(manager), Kind::User) = (manager, kind) {
        changes.set(known::user::MANAGER, manager);
    }
    Ok(changes)
}

fn change(
    tenant: &mut Tenant,
    member: Member,
    changes: Changes,
    now: jiff::Timestamp,
) -> Result<(), Refused> {
    let (kind, slot) = (member.kind(), member.slot());
    let recycled = tenant.objects(kind).deleted_view(slot).is_some();
    if recycled {
        tenant
            .objects_mut(kind)
            .change_deleted(slot, |record| record.apply(changes));
        return Ok(());
    }
    let changed = tenant.update(kind, slot, changes, now);
    changed
        .map(|_| ())
        .map_err(|error: EditError| GraphError::from(error).into())
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PurgeBody {
    ids: Option<Vec<String>>,
}

/// `POST /tenants/{tenant}/purge`: everything in the recycle bin, or the objects named.
pub(super) async fn purge(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refused> {
    let tenant_id = find(&app.core, &name)?;
    let body: PurgeBody = read(&body)?;
    let silent = app.core.switches().silent_member_purge;
    let purged = app.core.edit(tenant_id, |tenant, now| {
        let due: Vec<Member> = match &body.ids {
            Some(ids) => ids
                .iter()
                .map(|id| resolve(tenant, id))
                .collect::<Result<_, _>>()?,
            None => recycled(tenant),
        };
        for member in &due {
            tenant.purge(*member, silent, now);
        }
        Ok::<_, Refused>(due.len())
    });
    let purged = purged.unwrap_or_else(|| Err(unknown(&name)))?;
    Ok(Json(json!({ "purged": purged })))
}

fn recycled(tenant: &Tenant) -> Vec<Member> {
    let of = |kind| {
        let slots = tenant.objects(kind).deleted_after(None);
        slots.map(move |(_, slot)| Member::new(kind, slot))
    };
    Kind::ALL.into_iter().flat_map(of).collect()
}
