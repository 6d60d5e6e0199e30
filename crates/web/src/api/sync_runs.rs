//! `/sync-runs`: what ran, what it did and what it cost.

use axum::Json;
use axum::extract::State;
use provisioning::ids::{ConnectionId, RunId};
use serde::Deserialize;
use serde_json::{Value, json};
use store::decisions::{self, DecisionFilter};
use store::runs::{self, RunFilter, RunRow, RunStatus};

use super::plans::actions as actions_of;
use store::rights::Module::Admin;
use store::rights::Right::View;

use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Id, Paging, Query, bad_cursor, list as answer};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Filter {
    connection_id: Option<ConnectionId>,
    status: Option<RunStatus>,
    limit: Option<i64>,
    after: Option<String>,
}

fn view(run: &RunRow) -> Value {
    json!({
        "id": run.id, "connection_id": run.connection_id, "plan_id": run.plan_id,
        "mode": run.mode, "trigger": run.cause, "status": run.status,
        "started_at": run.started_at, "finished_at": run.finished_at,
        "progress": run.progress, "counts": run.counts,
        "requests": run.requests, "resource_units": run.resource_units,
        "error": run.error, "hold": run.hold, "undo_of": run.undo_of, "actor": run.actor,
    })
}

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
    let filter = RunFilter {
        connection_id: filter.connection_id,
        status: filter.status,
    };
    let after = paging.after.as_deref().map(str::parse::<RunId>).transpose();
    let after = after.map_err(|_| bad_cursor())?;
    let limit = u32::try_from(paging.limit()).unwrap_or(50);
    let rows = runs::list(state.engine.db(), &filter, after, limit).await?;
    let full = rows.len() as u64 >= u64::from(limit);
    let next = rows.last().filter(|_| full).map(|run| run.id.to_string());
    Ok(answer(rows.iter().map(view).collect(), next))
}

pub(crate) async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RunId>,
) -> Result<Json<Value>> {
    caller.may(Admin, View)?;
    let run = runs::get(state.engine.db(), id).await?;
    Ok(Json(view(
        &run.ok_or_else(|| Problem::not_found("sync run"))?,
    )))
}

pub(crate) async fn actions(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RunId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>> {
    caller.may(Admin, View)?;
    let db = state.engine.db();
    let run = runs::get(db, id)
        .await?
        .ok_or_else(|| Problem::not_found("sync run"))?;
    let plan = match run.plan_id {
        Some(id) => store::plans::get(db, id).await?,
        None => None,
    };
    let Some(plan) = plan else {
        return Ok(answer(Vec::new(), None));
    };
    let after = paging.after.as_deref().map(str::parse::<i64>).transpose();
    let after = after.map_err(|_| bad_cursor())?.unwrap_or(0);
    let limit = u32::try_from(paging.limit()).unwrap_or(50);
    let filter = DecisionFilter {
        visible_only: true,
        ..DecisionFilter::default()
    };
    let rows = decisions::page(db, plan.id, after, limit, &filter).await?;
    let full = rows.len() as u64 >= u64::from(limit);
    let next = rows.last().filter(|_| full).map(|row| row.seq.to_string());
    let shown = rows
        .iter()
        .flat_map(|row| actions_of(row, plan.applied_seq));
    Ok(answer(shown.collect(), next))
}
