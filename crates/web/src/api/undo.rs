//! `POST …/{id}/undo`, of a run, a person and a mapping rule: takes back what
//! was done, or shows the plan of that.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use engine::Undo;
use provisioning::ids::{RecordId, RuleId, RunId};
use provisioning::psa::Kind;
use serde::Deserialize;
use serde_json::json;
use store::rights::Module::Admin;
use store::rights::Right::Edit;

use super::mapping_rules::How;
use super::{people, plans};
use crate::AppState;
use crate::auth::Caller;
use crate::error::Result;
use crate::extract::{Id, Query};

async fn answer(
    state: &AppState,
    caller: &Caller,
    what: Undo,
    plan_only: bool,
) -> Result<Response> {
    let actor = caller.may(Admin, Edit)?;
    let undone = state.engine.undo(what, plan_only, &actor).await?;
    if undone.run_id.is_some() {
        return Ok((StatusCode::ACCEPTED, Json(undone)).into_response());
    }
    let mut plan = plans::view(state, undone.plan_id).await?;
    plan["conflicts"] = json!(undone.conflicts);
    plan["conflicting"] = json!(undone.conflicting);
    Ok(Json(plan).into_response())
}

/// `POST /sync-runs/{id}/undo`
pub(crate) async fn run(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RunId>,
    Query(how): Query<How>,
) -> Result<Response> {
    answer(&state, &caller, Undo::Run(id), how.plan_only).await
}

/// `POST /mapping-rules/{id}/undo`
pub(crate) async fn rule(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RuleId>,
    Query(how): Query<How>,
) -> Result<Response> {
    answer(&state, &caller, Undo::Rule(id), how.plan_only).await
}

/// Which run, and whether only to show it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OfPerson {
    run_id: Option<RunId>,
    plan_only: bool,
}

/// `POST /employees/{id}/undo` and `POST /contacts/{id}/undo`
pub(super) async fn person(
    kind: Kind,
    State(state): State<AppState>,
    caller: Caller,
    Id(record_id): Id<RecordId>,
    Query(how): Query<OfPerson>,
) -> Result<Response> {
    caller.may(Admin, Edit)?;
    people::found(state.engine.db(), kind, record_id).await?;
    let what = Undo::Person {
        record_id,
        run_id: how.run_id,
    };
    answer(&state, &caller, what, how.plan_only).await
}
