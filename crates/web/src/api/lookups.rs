//! `/departments`, `/locations`, `/job-titles`, `/employment-types` and
//! `/employee-roles`: names that records use, all alike.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use provisioning::ids::RecordId;
use serde::Deserialize;
use serde_json::{Value, json};
use store::lookups::{self, Entry, Lookup};
use store::psa_ids::LookupId;
use store::rights::Module::Hr;
use store::rights::Right::{Create, Delete, Edit, View};
use store::{Source, Tx, records};

use super::routes::Routes;
use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Body, Id, Query, bad_cursor, expected_version, list as answer, page_size};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    name: Option<String>,
    is_active: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Filter {
    search: Option<String>,
    is_active: Option<bool>,
    limit: Option<i64>,
    after: Option<String>,
}

/// The routes of all five.
pub(super) fn routes() -> Routes {
    let paths = [
        (Lookup::Department, "/departments"),
        (Lookup::Location, "/locations"),
        (Lookup::JobTitle, "/job-titles"),
        (Lookup::EmploymentType, "/employment-types"),
        (Lookup::EmployeeRole, "/employee-roles"),
    ];
    let mut router = Routes::default();
    for (lookup, base) in paths {
        let one = format!("{base}/{{id}}");
        router = router
            .route(
                base,
                get(move |state, caller, query| list(lookup, state, caller, query))
                    .post(move |state, caller, body| create(lookup, state, caller, body)),
            )
            .route(
                &one,
                get(move |state, caller, id| show(lookup, state, caller, id))
                    .patch(move |state, caller, id, headers, body| {
                        update(lookup, state, caller, id, headers, body)
                    })
                    .delete(move |state, caller, id, headers| {
                        remove(lookup, state, caller, id, headers)
                    }),
            );
    }
    router
}

fn view(entry: &Entry) -> Value {
    json!({
        "id": entry.id, "name": entry.name, "is_active": entry.is_active,
        "created_at": entry.created_at, "updated_at": entry.updated_at,
    })
}

fn tagged(status: StatusCode, version: i64, entry: &Entry) -> Response {
    (
        status,
        [(header::ETAG, format!("\"{version}\""))],
        Json(view(entry)),
    )
        .into_response()
}

fn name_of(text: &str) -> Result<String> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > 256 || name.chars().any(char::is_control) {
        return Err(Problem::invalid("name: 1 to 256 characters"));
    }
    Ok(name.to_owned())
}

async fn found(on: impl Into<Source<'_>>, lookup: Lookup, id: LookupId) -> Result<Entry> {
    let found = lookups::get(on, lookup, id).await?;
    found.ok_or_else(|| Problem::not_found(lookup.label()))
}

async fn list(
    lookup: Lookup,
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>> {
    caller.may(Hr, View)?;
    let after = filter.after.as_deref().map(store::page::decode).transpose();
    let after = after.map_err(|_| bad_cursor())?;
    let (db, limit) = (state.engine.db(), page_size(filter.limit));
    let search = filter.search.as_deref();
    let page = lookups::list(db, lookup, search, filter.is_active, after.as_ref(), limit).await?;
    let next = page.cursor();
    Ok(answer(page.items.iter().map(view).collect(), next))
}

async fn show(
    lookup: Lookup,
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<LookupId>,
) -> Result<Response> {
    caller.may(Hr, View)?;
    let entry = found(state.engine.db(), lookup, id).await?;
    Ok(tagged(StatusCode::OK, entry.version, &entry))
}

async fn create(
    lookup: Lookup,
    State(state): State<AppState>,
    caller: Caller,
    Body(draft): Body<Draft>,
) -> Result<Response> {
    caller.may(Hr, Create)?;
    let now = state.engine.now();
    let entry = Entry {
        id: LookupId(state.engine.new_id()),
        name: name_of(draft.name.as_deref().unwrap_or_default())?,
        is_active: draft.is_active.unwrap_or(true),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let mut tx = state.engine.db().begin().await?;
    lookups::insert(&mut tx, lookup, &entry).await?;
    tx.commit().await?;
    Ok(tagged(StatusCode::CREATED, 1, &entry))
}

/// 409 with the records that use the name.
async fn refuse_used(tx: &mut Tx, lookup: Lookup, name: &str) -> Result<()> {
    let users: Vec<RecordId> = lookups::used_by(&mut *tx, lookup, name, 100).await?;
    if users.is_empty() {
        return Ok(());
    }
    let rows = records::get(&mut *tx, &users).await?;
    let list = rows.iter().map(|row| {
        let record = &row.record;
        let names = [&record.first_name, &record.last_name]
            .into_iter()
            .flatten();
        let label = names.cloned().collect::<Vec<_>>().join(" ");
        json!({ "kind": record.kind, "id": record.id, "label": label })
    });
    let detail = format!("records use the {} `{name}`", lookup.label());
    Err(Problem::conflict("record_in_use", detail).with("records", list.collect::<Value>()))
}

async fn update(
    lookup: Lookup,
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<LookupId>,
    headers: HeaderMap,
    Body(draft): Body<Draft>,
) -> Result<Response> {
    caller.may(Hr, Edit)?;
    let mut tx = state.engine.db().begin().await?;
    let mut entry = found(&mut tx, lookup, id).await?;
    if let Some(name) = &draft.name {
        let name = name_of(name)?;
        if name != entry.name {
            refuse_used(&mut tx, lookup, &entry.name).await?;
        }
        entry.name = name;
    }
    entry.is_active = draft.is_active.unwrap_or(entry.is_active);
    let expected = expected_version(&headers)?.unwrap_or(entry.version);
    let version = lookups::update(&mut tx, lookup, &entry, expected, state.engine.now()).await?;
    tx.commit().await?;
    Ok(tagged(StatusCode::OK, version, &entry))
}

async fn remove(
    lookup: Lookup,
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<LookupId>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    caller.may(Hr, Delete)?;
    let mut tx = state.engine.db().begin().await?;
    let entry = found(&mut tx, lookup, id).await?;
    refuse_used(&mut tx, lookup, &entry.name).await?;
    let expected = expected_version(&headers)?.unwrap_or(entry.version);
    lookups::delete(&mut tx, lookup, id, expected).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
