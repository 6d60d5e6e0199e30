//! Why a record is as it is, what happened to it, and looking at the person
//! again.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use provisioning::field::Field;
use provisioning::ids::RecordId;
use provisioning::psa::Kind;
use serde_json::{Value, json};
use store::journal;
use store::records::RecordRow;
use store::rights::Module::Admin;
use store::rights::Right::{Edit, View};

use super::{found, module};
use crate::AppState;
use crate::api::audit;
use crate::auth::Caller;
use crate::error::Result;
use crate::extract::{Id, Paging, Query, bad_cursor, list as answer};

/// `GET …/{id}/why`
pub(super) async fn why(
    kind: Kind,
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
) -> Result<Response> {
    caller.may(module(kind), View)?;
    let row = found(state.engine.db(), kind, id).await?;
    match state.engine.why(id).await {
        Ok(why) => Ok(Json(why).into_response()),
        Err(error) if matches!(error.code, "not_synced" | "not_mirrored" | "not_found") => {
            Ok(Json(local(&row)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// The same shape for a record that no directory decides about.
fn local(row: &RecordRow) -> Value {
    let record = &row.record;
    let mut fields = BTreeMap::new();
    for field in Field::ALL {
        if let Some(value) = record.get(field) {
            let body = json!({ "value": value, "from": "local", "at": null });
            fields.insert(field.path(record.kind), body);
        }
    }
    json!({
        "winner": null, "losers": [], "group_path": [], "fields": fields,
        "access": { "granted": record.access, "reason": record.access_reason },
        "what_if": [], "now": null,
    })
}

/// `GET …/{id}/timeline`, newest first
pub(super) async fn timeline(
    kind: Kind,
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>> {
    caller.may(module(kind), View)?;
    let db = state.engine.db();
    found(db, kind, id).await?;
    let before = paging.after.as_deref().map(str::parse::<i64>).transpose();
    let before = before.map_err(|_| bad_cursor())?;
    let limit = u32::try_from(paging.limit()).unwrap_or(50);
    let entries = journal::by_record(db, id, before, limit).await?;
    let is_full = entries.len() as u64 >= u64::from(limit);
    let next = entries
        .last()
        .filter(|_| is_full)
        .map(|entry| entry.seq.to_string());
    Ok(answer(entries.iter().map(audit::view).collect(), next))
}

/// `POST …/{id}/resync` and `…/reapply`
pub(super) async fn again(
    kind: Kind,
    reapply: bool,
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
) -> Result<Response> {
    let actor = caller.may(Admin, Edit)?;
    found(state.engine.db(), kind, id).await?;
    let run_id = state.engine.resync(id, reapply, &actor).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "run_id": run_id }))).into_response())
}
