//! `/connections`: tenants with credentials. The key is never shown.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::{ConnectionChange, Mode, NewConnection, PeopleOnRemoval, SyncRequest};
use jiff::Timestamp;
use provisioning::ids::{ConnectionId, TenantId};
use provisioning::limits::Limits;
use provisioning::policy::{EmailSource, OnDisabled};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use store::connections::{self, Auth, Connection, ConnectionStatus};
use store::rights::Module::Admin;
use store::rights::Right::{Edit, View};
use store::subscriptions;
use uuid::Uuid;

use super::mapping_rules;
use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{
    Body, Id, MaybeBody, Nothing, Paging, Query, expected_version, given, list as answer, page_of,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    tenant: String,
    application_id: Uuid,
    application_key: Option<String>,
    certificate: Option<String>,
    #[serde(default = "delegated")]
    auth: Auth,
    provision_employees: Option<bool>,
    provision_contacts: Option<bool>,
    #[serde(default)]
    email_source: EmailSource,
    #[serde(default)]
    on_disabled: OnDisabled,
    #[serde(default)]
    auto_approve: bool,
    secret_expires_at: Option<Timestamp>,
    limits: Option<Limits>,
}

fn delegated() -> Auth {
    Auth::Delegated
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    application_id: Option<Uuid>,
    application_key: Option<String>,
    certificate: Option<String>,
    auth: Option<Auth>,
    provision_employees: Option<bool>,
    provision_contacts: Option<bool>,
    email_source: Option<EmailSource>,
    on_disabled: Option<OnDisabled>,
    auto_approve: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    secret_expires_at: Option<Option<Timestamp>>,
    #[serde(default, deserialize_with = "given")]
    limits: Option<Option<Limits>>,
    paused: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sync {
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    reapply: bool,
    #[serde(default)]
    plan_only: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Removal {
    #[serde(default)]
    people: Option<String>,
    #[serde(default)]
    plan_only: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Filter {
    status: Option<ConnectionStatus>,
    tenant_id: Option<TenantId>,
    tenant_domain: Option<String>,
    limit: Option<i64>,
    after: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Search {
    search: Option<String>,
}

async fn view(state: &AppState, connection: &Connection) -> Result<Value> {
    let expiry = subscriptions::list(state.engine.db(), connection.id).await?;
    let expiry = expiry
        .iter()
        .map(|subscription| subscription.expires_at)
        .min();
    let configuration = &connection.configuration;
    Ok(json!({
        "id": connection.id,
        "tenant": configuration.tenant_input,
        "tenant_id": connection.tenant_id,
        "tenant_domain": connection.tenant_domain,
        "tenant_name": connection.tenant_name,
        "verified_domains": connection.verified_domains,
        "application_id": configuration.application_id,
        "auth": configuration.auth,
        "provision_employees": configuration.provision_employees,
        "provision_contacts": configuration.provision_contacts,
        "email_source": configuration.email_source,
        "on_disabled": configuration.on_disabled,
        "auto_approve": configuration.auto_approve,
        "limits": configuration.limits,
        "status": connection.health.status,
        "status_code": connection.health.code,
        "status_reason": connection.health.reason,
        "status_cure": connection.health.cure,
        "as_of": state.engine.as_of(connection),
        "changed_at_microsoft": connection.progress.changed_at_microsoft,
        "delay": {
            "microsoft_ms": connection.progress.delay_microsoft_ms,
            "ours_ms": connection.progress.delay_ours_ms,
        },
        "last_run": connection.progress.last_run_id,
        "last_success_at": connection.progress.last_success_at,
        "first_sync_done": connection.progress.first_sync_done,
        "secret_expires_at": configuration.secret_expires_at,
        "subscription_expires_at": expiry,
        "consented_by": connection.consent.as_ref().and_then(|consent| consent.by.clone()),
        "created_at": connection.created_at,
        "updated_at": connection.updated_at,
    }))
}

async fn found(state: &AppState, id: ConnectionId) -> Result<Connection> {
    let found = connections::get(state.engine.db(), id).await?;
    found.ok_or_else(|| Problem::not_found("connection"))
}

fn tagged(version: i64, body: Value) -> Response {
    ([(header::ETAG, format!("\"{version}\""))], Json(body)).into_response()
}

/// `GET /connections`, oldest first
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>> {
    caller.may(Admin, View)?;
    let paging = Paging {
        limit: filter.limit,
        after: filter.after,
    };
    let domain = filter.tenant_domain.as_deref();
    let is_there = |connection: &Connection| {
        let found = connection.tenant_domain.as_deref();
        domain.is_none_or(|wanted| found.is_some_and(|found| found.eq_ignore_ascii_case(wanted)))
    };
    let mut all = connections::list(state.engine.db()).await?;
    all.retain(|connection| {
        filter
            .status
            .is_none_or(|status| status == connection.health.status)
            && (filter.tenant_id.is_none() || filter.tenant_id == connection.tenant_id)
            && is_there(connection)
    });
    let (shown, next) = page_of(all, &paging, |connection| connection.id.to_string())?;
    let mut items = Vec::new();
    for connection in &shown {
        items.push(view(&state, connection).await?);
    }
    Ok(answer(items, next))
}

pub(crate) async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
) -> Result<Response> {
    caller.may(Admin, View)?;
    let connection = found(&state, id).await?;
    Ok(tagged(connection.version, view(&state, &connection).await?))
}

pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Body(new): Body<New>,
) -> Result<Response> {
    let actor = caller.may(Admin, Edit)?;
    let new = NewConnection {
        tenant: new.tenant,
        application_id: new.application_id,
        application_key: new.application_key.map(SecretString::from),
        certificate: new.certificate.map(SecretString::from),
        auth: new.auth,
        provision_employees: new.provision_employees,
        provision_contacts: new.provision_contacts,
        email_source: new.email_source,
        on_disabled: new.on_disabled,
        auto_approve: new.auto_approve,
        secret_expires_at: new.secret_expires_at,
        limits: new.limits,
    };
    let connection = state.engine.add_proven_connection(new, &actor).await?;
    let body = view(&state, &connection).await?;
    let mut response = tagged(connection.version, body);
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

pub(crate) async fn update(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
    headers: HeaderMap,
    Body(change): Body<Change>,
) -> Result<Response> {
    let actor = caller.may(Admin, Edit)?;
    let paused = change.paused;
    let change = ConnectionChange {
        application_id: change.application_id,
        application_key: change.application_key.map(SecretString::from),
        certificate: change.certificate.map(SecretString::from),
        auth: change.auth,
        provision_employees: change.provision_employees,
        provision_contacts: change.provision_contacts,
        email_source: change.email_source,
        on_disabled: change.on_disabled,
        auto_approve: change.auto_approve,
        secret_expires_at: change.secret_expires_at,
        limits: change.limits,
    };
    let version = expected_version(&headers)?;
    let mut connection = state
        .engine
        .update_connection(id, change, version, &actor)
        .await?;
    if let Some(paused) = paused {
        connection = state.engine.pause(id, paused, &actor).await?;
    }
    Ok(tagged(connection.version, view(&state, &connection).await?))
}

pub(crate) async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
    Query(removal): Query<Removal>,
) -> Result<Response> {
    let actor = caller.may(Admin, Edit)?;
    let people = match removal.people.as_deref() {
        None | Some("keep") => PeopleOnRemoval::Keep,
        Some("deactivate") => PeopleOnRemoval::Deactivate,
        Some(other) => {
            return Err(Problem::invalid(format!(
                "people: `{other}` is neither keep nor deactivate"
            )));
        }
    };
    let change = state
        .engine
        .remove_connection(id, people, removal.plan_only, &actor)
        .await?;
    if removal.plan_only {
        return mapping_rules::preview(&state, &change).await;
    }
    if change.run_id.is_none() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(mapping_rules::settled(&change))
}

/// The state is bound to the browser that will follow the address: it gets a
/// cookie, also when a token asked.
pub(crate) async fn connect(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
    headers: HeaderMap,
    MaybeBody(Nothing {}): MaybeBody<Nothing>,
) -> Result<Response> {
    caller.may(Admin, Edit)?;
    let (binding, cookie) = crate::outside::bind(&state, &headers);
    let url = state.engine.connect(id, &binding).await?;
    let body = Json(json!({ "authorize_url": url.as_str() }));
    Ok(([(header::SET_COOKIE, cookie)], body).into_response())
}

pub(crate) async fn sync(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
    MaybeBody(sync): MaybeBody<Sync>,
) -> Result<Response> {
    let actor = caller.may(Admin, Edit)?;
    let request = SyncRequest {
        mode: sync.mode,
        reapply: sync.reapply,
        plan_only: sync.plan_only,
    };
    let run_id = state.engine.sync(id, request, &actor).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "run_id": run_id }))).into_response())
}

pub(crate) async fn check(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
) -> Result<Json<Value>> {
    caller.may(Admin, Edit)?;
    let lines = state.engine.check(id).await?;
    Ok(Json(json!({ "items": lines })))
}

pub(crate) async fn groups(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
    Query(search): Query<Search>,
) -> Result<Json<Value>> {
    caller.may(Admin, View)?;
    let groups = state.engine.groups(id, search.search.as_deref()).await?;
    Ok(Json(json!({ "items": groups, "next": null })))
}
