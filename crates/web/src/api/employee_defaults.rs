//! `/employee-defaults` and `/field-policies`: settings that decide about
//! people, so that saving them makes a plan.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use provisioning::defaults::EmployeeDefaults;
use provisioning::mapping_rule::RoleType;
use provisioning::policy::FieldPolicies;
use provisioning::psa::Kind;
use serde_json::json;
use store::lookups::{self, Lookup};
use store::psa_ids::LookupId;
use store::{records, security_roles};

use super::mapping_rules::{How, preview, settled};
use store::rights::Module::Admin;
use store::rights::Right::{Edit, View};

use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Body, Query};

pub(crate) async fn show(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<EmployeeDefaults>> {
    caller.may(Admin, View)?;
    Ok(Json(state.engine.defaults().await?))
}

pub(crate) async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Query(how): Query<How>,
    Body(defaults): Body<EmployeeDefaults>,
) -> Result<Response> {
    let actor = caller.may(Admin, Edit)?;
    check(&state, &defaults).await?;
    if !how.plan_only {
        make_names(&state, &defaults).await?;
    }
    let change = state
        .engine
        .put_defaults(defaults.clone(), how.plan_only, &actor)
        .await?;
    if how.plan_only {
        return preview(&state, &change).await;
    }
    let mut body = serde_json::to_value(&defaults).unwrap_or_default();
    body["run_id"] = json!(change.run_id);
    body["plan_id"] = json!(change.plan_id);
    body["held"] = json!(change.held);
    Ok(Json(body).into_response())
}

/// The role must be an internal one, the manager an employee.
async fn check(state: &AppState, defaults: &EmployeeDefaults) -> Result<()> {
    let db = state.engine.db();
    if let Some(role) = &defaults.security_role
        && security_roles::types(db).await?.get(role) != Some(&RoleType::Internal)
    {
        return Err(Problem::invalid(format!(
            "security_role: `{role}` is no internal security role"
        )));
    }
    if let Some(manager) = defaults.manager_id {
        let rows = records::get(db, &[manager]).await?;
        if !rows.iter().any(|row| row.record.kind == Kind::Employee) {
            return Err(Problem::invalid(format!(
                "manager_id: there is no employee {manager}"
            )));
        }
    }
    Ok(())
}

/// Departments, titles and the like are names, made when missing.
async fn make_names(state: &AppState, defaults: &EmployeeDefaults) -> Result<()> {
    let wanted = [
        (Lookup::Department, &defaults.department),
        (Lookup::Location, &defaults.location),
        (Lookup::JobTitle, &defaults.job_title),
        (Lookup::EmploymentType, &defaults.employment_type),
        (Lookup::EmployeeRole, &defaults.employee_role),
    ];
    let mut tx = state.engine.db().begin().await?;
    for (lookup, name) in wanted {
        if let Some(name) = name {
            let row = (LookupId(state.engine.new_id()), name.clone());
            lookups::ensure(&mut tx, lookup, &[row], state.engine.now()).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

pub(crate) async fn show_fields(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<FieldPolicies>> {
    caller.may(Admin, View)?;
    Ok(Json(state.engine.field_policies().await?))
}

pub(crate) async fn put_fields(
    State(state): State<AppState>,
    caller: Caller,
    Query(how): Query<How>,
    Body(fields): Body<FieldPolicies>,
) -> Result<Response> {
    let actor = caller.may(Admin, Edit)?;
    let change = state
        .engine
        .put_field_policies(fields, how.plan_only, &actor)
        .await?;
    if how.plan_only {
        return preview(&state, &change).await;
    }
    Ok(settled(&change))
}
