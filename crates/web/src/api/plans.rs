//! `/plans`: what would be done, per person and field, with reasons.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use provisioning::action::{Action, ActionKind};
use provisioning::field::Field;
use provisioning::ids::PlanId;
use serde::Deserialize;
use serde_json::{Value, json};
use store::decisions::{self, DecisionFilter, DecisionRow};
use store::plans::{self, PlanStatus};
use store::rights::Module::Admin;
use store::rights::Right::{Edit, View};

use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Body, Id};

/// How many people a plan shows; of a larger one the rest is under its run's
/// actions, page by page.
const MOST: u32 = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approval {
    hash: String,
}

/// What an action changes, field by field. Whether the sync itself made a
/// record inactive is its own bookkeeping.
pub(super) fn changes(action: &Action) -> Value {
    let shown = action
        .changes
        .iter()
        .filter(|change| change.field != Field::DeactivatedBySync);
    let shown = shown.map(|change| {
        json!({
            "field": change.field.path(action.record_kind),
            "old": change.old, "new": change.new,
        })
    });
    shown.collect()
}

/// Why an action is done, in words.
pub(super) fn reason(action: &Action) -> Value {
    action.reason.cause.describe().into()
}

/// A decision's actions as the API shows them; `applied` is the plan's last
/// decision that was applied.
pub(crate) fn actions(row: &DecisionRow, applied: i64) -> Vec<Value> {
    let decision = &row.decision;
    let one = |action: &Action| {
        let reactivate = action.kind == ActionKind::Adopt
            && action.changes.iter().any(|change| {
                change.field == Field::Status
                    && change.old.as_ref().and_then(|old| old.as_text()) == Some("inactive")
            });
        // The id of a record that is yet to be made means nothing to anybody.
        let id = action
            .record_id
            .filter(|_| action.kind != ActionKind::Create || row.seq <= applied);
        json!({
            "person": {
                "kind": action.record_kind, "id": id, "name": decision.name,
                "email": decision.email, "username": decision.username,
                "tenant_id": decision.tenant_id, "object_id": decision.object_id,
            },
            "kind": action.record_kind, "action": action.kind, "changes": changes(action),
            "reactivate": reactivate, "reason": reason(action), "cause": action.reason.cause,
            "rule_id": action.reason.rule_id, "group_path": action.reason.group_path,
            "loss": action.reason.loss, "state": row.state,
        })
    };
    decision.actions.iter().map(one).collect()
}

/// A plan with its first people.
pub(crate) async fn view(state: &AppState, id: PlanId) -> Result<Value> {
    let db = state.engine.db();
    let plan = plans::get(db, id)
        .await?
        .ok_or_else(|| Problem::not_found("plan"))?;
    let filter = DecisionFilter {
        visible_only: true,
        ..DecisionFilter::default()
    };
    let rows = decisions::page(db, id, 0, MOST, &filter).await?;
    let shown = rows.iter().flat_map(|row| actions(row, plan.applied_seq));
    let shown: Vec<Value> = shown.collect();
    let mut counts = serde_json::Map::new();
    for kind in ActionKind::ALL {
        counts.insert(kind.name().to_owned(), plan.counts.of(kind).into());
    }
    Ok(json!({
        "id": plan.id, "hash": plan.hash, "status": plan.status, "kind": plan.kind,
        "connection_id": plan.connection_id, "run_id": plan.run_id,
        "counts": counts, "people": plan.people, "roles_lost": plan.roles_lost, "hold": plan.hold,
        "differs": plan.hold.as_ref().and_then(|hold| hold.get("differs")),
        "actions": shown, "complete": plan.people <= u64::from(MOST),
        "created_at": plan.created_at, "decided_at": plan.decided_at, "decided_by": plan.decided_by,
    }))
}

pub(crate) async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<PlanId>,
) -> Result<Json<Value>> {
    caller.may(Admin, View)?;
    Ok(Json(view(&state, id).await?))
}

pub(crate) async fn approve(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<PlanId>,
    Body(approval): Body<Approval>,
) -> Result<Response> {
    let actor = caller.may(Admin, Edit)?;
    let (engine, hash) = (&state.engine, &approval.hash);
    let plan = plans::get(engine.db(), id).await?;
    let is_preview = plan.is_some_and(|plan| plan.status == PlanStatus::Preview);
    let approved = if is_preview {
        let saved = engine.save_preview(id, hash, &actor).await;
        saved.map(|change| {
            json!({ "run_id": change.run_id, "plan_id": change.plan_id, "held": change.held })
        })
    } else {
        let run_id = engine.approve(id, hash, &actor).await;
        run_id.map(|run_id| json!({ "run_id": run_id }))
    };
    let body = match approved {
        Ok(body) => body,
        Err(error) if error.code == "plan_changed" => {
            let fresh = error
                .detail
                .as_ref()
                .and_then(|detail| detail.get("plan_id")?.as_str()?.parse().ok());
            let plan = match fresh {
                Some(fresh) => view(&state, fresh).await?,
                None => Value::Null,
            };
            return Err(Problem::from(error).more(json!({ "plan": plan })));
        }
        Err(error) => return Err(error.into()),
    };
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

pub(crate) async fn reject(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<PlanId>,
) -> Result<StatusCode> {
    let actor = caller.may(Admin, Edit)?;
    state.engine.reject(id, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
