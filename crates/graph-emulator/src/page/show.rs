//! What the page shows: tenants; people and groups of one, with search; one person; one group.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::{PageError, render};
use crate::app::App;
use crate::control::Refused;
use crate::directory::membership::Member;
use crate::directory::objects::View;
use crate::directory::tenant::Tenant;
use crate::directory::world::World;
use crate::schema::{Kind, PropertyId, known};

/// Rows of a table.
const ROWS_MAX: usize = 100;
/// People looked at for a search, so that a page of a huge tenant stays quick.
const SEARCHED_MAX: usize = 200_000;

struct TenantRow {
    id: Uuid,
    name: String,
    domain: String,
    people: usize,
    groups: usize,
}

#[derive(Template)]
#[template(path = "page/tenants.html")]
struct TenantsPage {
    now: String,
    tenants: Vec<TenantRow>,
}

fn row(tenant: &Tenant) -> TenantRow {
    TenantRow {
        id: tenant.id,
        name: tenant.display_name.clone(),
        domain: tenant.default_domain().to_owned(),
        people: tenant.users.len(),
        groups: tenant.groups.len(),
    }
}

/// `GET /emulator`.
pub(super) async fn tenants(State(app): State<Arc<App>>) -> Result<Response, PageError> {
    let tenants = app.core.world().tenants().map(row).collect();
    let now = app.core.now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    render(&TenantsPage { now, tenants })
}

struct ObjectRow {
    id: Uuid,
    name: String,
    upn: String,
    title: String,
    enabled: bool,
    guest: bool,
}

fn object_row(kind: Kind, view: &View<'_>) -> ObjectRow {
    let (name, upn, title) = match kind {
        Kind::User => (
            known::user::DISPLAY_NAME,
            known::user::UPN,
            known::user::JOB_TITLE,
        ),
        Kind::Group => (
            known::group::DISPLAY_NAME,
            known::group::MAIL_NICKNAME,
            known::group::DESCRIPTION,
        ),
    };
    ObjectRow {
        id: view.id(),
        name: view.text(name).unwrap_or_default(),
        upn: view.text(upn).unwrap_or_default(),
        title: view.text(title).unwrap_or_default(),
        enabled: kind == Kind::Group || view.is_true(known::user::ENABLED),
        guest: kind == Kind::User && crate::principals::is_guest(view),
    }
}

#[derive(Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "page/tenant.html")]
struct TenantPage {
    tenant: TenantRow,
    query: String,
    people: Vec<ObjectRow>,
    groups: Vec<ObjectRow>,
    deleted: Vec<ObjectRow>,
}

fn find<'w>(world: &'w World, name: &str) -> Result<&'w Tenant, PageError> {
    let missing = || Refused::missing(format!("There is no tenant {name}."));
    world.by_name(name).ok_or_else(|| missing().into())
}

fn matching(tenant: &Tenant, kind: Kind, query: &str) -> Vec<ObjectRow> {
    let objects = tenant.objects(kind);
    let query = query.to_lowercase();
    let views = objects
        .after(None)
        .take(SEARCHED_MAX)
        .filter_map(|(_, slot)| objects.view(slot));
    let rows = views.map(|view| object_row(kind, &view));
    let wanted = |row: &ObjectRow| {
        row.name.to_lowercase().contains(&query) || row.upn.to_lowercase().contains(&query)
    };
    rows.filter(wanted).take(ROWS_MAX).collect()
}

/// `GET /emulator/tenants/{tenant}?q=`.
pub(super) async fn tenant(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Query(search): Query<Search>,
) -> Result<Response, PageError> {
    let world = app.core.world();
    let tenant = find(&world, &name)?;
    let bin = tenant
        .users
        .deleted_after(None)
        .filter_map(|(_, slot)| tenant.users.deleted_view(slot));
    render(&TenantPage {
        people: matching(tenant, Kind::User, &search.q),
        groups: matching(tenant, Kind::Group, &search.q),
        deleted: bin
            .take(ROWS_MAX)
            .map(|record| object_row(Kind::User, &View::Stored(record)))
            .collect(),
        tenant: row(tenant),
        query: search.q,
    })
}

/// A field of the form.
struct Field {
    name: &'static str,
    value: String,
}

/// The text properties the form edits.
pub(super) const FIELDS: [&str; 14] = [
    "displayName",
    "givenName",
    "surname",
    "userPrincipalName",
    "mail",
    "jobTitle",
    "department",
    "companyName",
    "officeLocation",
    "mobilePhone",
    "city",
    "country",
    "employeeId",
    "userType",
];

#[derive(Template)]
#[template(path = "page/person.html")]
struct PersonPage {
    tenant: TenantRow,
    person: ObjectRow,
    fields: Vec<Field>,
    phone: String,
    groups: Vec<ObjectRow>,
}

fn property(name: &str) -> PropertyId {
    Kind::User.find(name).unwrap_or(known::user::ID)
}

/// `GET /emulator/tenants/{tenant}/people/{id}`.
pub(super) async fn person(
    State(app): State<Arc<App>>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let world = app.core.world();
    let tenant = find(&world, &name)?;
    let missing = || PageError::from(Refused::missing(format!("There is no person {id}.")));
    let slot = tenant.user_slot(&id).ok_or_else(missing)?;
    let view = tenant.users.view(slot).ok_or_else(missing)?;
    let fields = FIELDS.into_iter().map(|name| Field {
        name,
        value: view.text(property(name)).unwrap_or_default(),
    });
    let phones = view.get(known::user::BUSINESS_PHONES);
    let phone = phones.and_then(|phones| phones[0].as_str().map(str::to_owned));
    let groups = tenant.members.groups_of(Member::new(Kind::User, slot));
    let views = groups.filter_map(|slot| tenant.groups.view(slot));
    render(&PersonPage {
        person: object_row(Kind::User, &view),
        fields: fields.collect(),
        phone: phone.unwrap_or_default(),
        groups: views.map(|view| object_row(Kind::Group, &view)).collect(),
        tenant: row(tenant),
    })
}

#[derive(Template)]
#[template(path = "page/group.html")]
struct GroupPage {
    tenant: TenantRow,
    group: ObjectRow,
    members: Vec<ObjectRow>,
    count: usize,
}

/// `GET /emulator/tenants/{tenant}/groups/{id}`.
pub(super) async fn group(
    State(app): State<Arc<App>>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let world = app.core.world();
    let tenant = find(&world, &name)?;
    let missing = || PageError::from(Refused::missing(format!("There is no group {id}.")));
    let slot = id
        .parse()
        .ok()
        .and_then(|id| tenant.groups.slot(id))
        .ok_or_else(missing)?;
    let view = tenant.groups.view(slot).ok_or_else(missing)?;
    let members = || {
        tenant
            .members
            .after(slot, None)
            .filter_map(|member| Some((member, tenant.view(member)?)))
    };
    let rows = members().take(ROWS_MAX);
    render(&GroupPage {
        group: object_row(Kind::Group, &view),
        members: rows
            .map(|(member, view)| object_row(member.kind(), &view))
            .collect(),
        count: members().count(),
        tenant: row(tenant),
    })
}
