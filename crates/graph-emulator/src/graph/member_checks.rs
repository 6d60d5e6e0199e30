//! `checkMemberGroups` and `getMemberGroups`: group ids, through nesting.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::call::{Answer, Call, Reply};
use super::members::{groups_of, subject};
use crate::directory::tenant::Tenant;
use crate::error::GraphError;
use crate::schema::{Kind, known};

/// Group ids in one check.
const CHECKED_MAX: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CheckBody {
    group_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GetBody {
    security_enabled_only: bool,
}

fn answer(call: &Call<'_>, ids: &[Uuid]) -> Reply {
    let body = json!({"@odata.context": call.context("Collection(Edm.String)"), "value": ids});
    Reply::json(StatusCode::OK, &body)
}

fn memberships(
    call: &Call<'_>,
    tenant: &Tenant,
    kind: Kind,
    id: &str,
    security_only: bool,
) -> Result<BTreeSet<Uuid>, GraphError> {
    let member = subject(call, tenant, kind, id)?;
    let groups = groups_of(tenant, member, true).into_iter();
    let views = groups.filter_map(|slot| tenant.groups.view(slot));
    let wanted =
        views.filter(|view| !security_only || view.is_true(known::group::SECURITY_ENABLED));
    Ok(wanted.map(|view| view.id()).collect())
}

/// `POST /users/{id}/checkMemberGroups`.
pub(super) fn check(call: &Call<'_>, kind: Kind, id: &str) -> Answer {
    let body: CheckBody = call.body()?;
    if body.group_ids.len() > CHECKED_MAX {
        let message = format!(
            "The number of values in property 'groupIds' exceeds the limit of {CHECKED_MAX}."
        );
        return Err(GraphError::bad_request(message));
    }
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    let groups = memberships(call, tenant, kind, id, false)?;
    let asked = body.group_ids.iter().filter_map(|id| id.parse().ok());
    let matching: Vec<Uuid> = asked.filter(|id| groups.contains(id)).collect();
    Ok(answer(call, &matching))
}

/// `POST /users/{id}/getMemberGroups`.
pub(super) fn get(call: &Call<'_>, kind: Kind, id: &str) -> Answer {
    let body: GetBody = call.body()?;
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    let groups = memberships(call, tenant, kind, id, body.security_enabled_only)?;
    Ok(answer(call, &groups.into_iter().collect::<Vec<_>>()))
}
