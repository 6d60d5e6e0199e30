//! `/review-items`: questions only a person can answer.

use axum::Json;
use axum::extract::State;
use provisioning::case::Answer;
use provisioning::ids::{ConnectionId, RecordId, ReviewId};
use provisioning::reason::ReviewReason;
use serde::Deserialize;
use serde_json::{Value, json};
use store::review_items::{self, ReviewFilter, ReviewRow, ReviewStatus};
use store::rights::Module::Admin;
use store::rights::Right::{Edit, View};

use crate::AppState;
use crate::api::mapping_rules::How;
use crate::api::plans;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Body, Id, Paging, Query, bad_cursor, list as answer};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Filter {
    status: Option<ReviewStatus>,
    reason: Option<ReviewReason>,
    connection_id: Option<ConnectionId>,
    limit: Option<i64>,
    after: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resolution {
    answer: String,
    record_id: Option<RecordId>,
}

fn view(row: &ReviewRow) -> Value {
    let review = &row.review;
    json!({
        "id": review.id, "connection_id": review.connection_id, "kind": review.kind,
        "reason": review.reason.code(), "description": review.reason.describe(),
        "directory_person": review.person, "candidates": review.candidates,
        "status": row.status, "resolved_by": row.resolved_by, "resolved_at": row.resolved_at,
        "created_at": row.created_at,
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
    let filter = ReviewFilter {
        status: filter.status,
        reason: filter.reason,
        connection_id: filter.connection_id,
    };
    let after = paging
        .after
        .as_deref()
        .map(str::parse::<ReviewId>)
        .transpose();
    let after = after.map_err(|_| bad_cursor())?;
    let limit = u32::try_from(paging.limit()).unwrap_or(50);
    let rows = review_items::list(state.engine.db(), &filter, after, limit).await?;
    let full = rows.len() as u64 >= u64::from(limit);
    let next = rows
        .last()
        .filter(|_| full)
        .map(|row| row.review.id.to_string());
    Ok(answer(rows.iter().map(view).collect(), next))
}

pub(crate) async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ReviewId>,
) -> Result<Json<Value>> {
    caller.may(Admin, View)?;
    let row = review_items::get(state.engine.db(), id).await?;
    Ok(Json(view(
        &row.ok_or_else(|| Problem::not_found("review item"))?,
    )))
}

pub(crate) async fn resolve(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ReviewId>,
    Query(how): Query<How>,
    Body(resolution): Body<Resolution>,
) -> Result<Json<Value>> {
    let actor = caller.may(Admin, Edit)?;
    let answer = match (resolution.answer.as_str(), resolution.record_id) {
        ("link", Some(record)) => Answer::Link(record),
        ("link", None) => {
            return Err(Problem::invalid(
                "record_id is missing: link needs a record",
            ));
        }
        ("create", _) => Answer::Create,
        ("ignore", _) => Answer::Ignore,
        (other, _) => {
            let detail = format!("answer: `{other}` is none of link, create, ignore");
            return Err(Problem::invalid(detail));
        }
    };
    if how.plan_only {
        let plan = state.engine.preview_answer(id, answer).await?;
        return Ok(Json(plans::view(&state, plan).await?));
    }
    let run_id = state.engine.resolve_review(id, answer, &actor).await?;
    Ok(Json(json!({ "run_id": run_id })))
}
