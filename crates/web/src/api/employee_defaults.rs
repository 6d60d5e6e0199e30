//! `/employee-defaults` and `/field-policies`: settings that decide about
//! people, so that saving them makes a plan.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::Response;
use provisioning::defaults::EmployeeDefaults;
use provisioning::policy::FieldPolicies;
use store::api_tokens::TokenScope::{Provisioning, Read};

use super::mapping_rules::{How, preview, settled};
use crate::AppState;
use crate::auth::Caller;
use crate::error::Result;
use crate::extract::Body;

pub(crate) async fn show(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<EmployeeDefaults>> {
    caller.needs(Read)?;
    Ok(Json(state.engine.defaults().await?))
}

pub(crate) async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Query(how): Query<How>,
    Body(defaults): Body<EmployeeDefaults>,
) -> Result<Response> {
    let actor = caller.needs(Provisioning)?;
    let change = state.engine.put_defaults(defaults, how.plan_only, &actor).await?;
    if how.plan_only {
        return preview(&state, &change).await;
    }
    Ok(settled(&change))
}

pub(crate) async fn show_fields(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<FieldPolicies>> {
    caller.needs(Read)?;
    Ok(Json(state.engine.field_policies().await?))
}

pub(crate) async fn put_fields(
    State(state): State<AppState>,
    caller: Caller,
    Query(how): Query<How>,
    Body(fields): Body<FieldPolicies>,
) -> Result<Response> {
    let actor = caller.needs(Provisioning)?;
    let change = state.engine.put_field_policies(fields, how.plan_only, &actor).await?;
    if how.plan_only {
        return preview(&state, &change).await;
    }
    Ok(settled(&change))
}
