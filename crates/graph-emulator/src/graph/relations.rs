//! A user's manager.

use serde::Deserialize;
use uuid::Uuid;

use super::call::{Answer, Call, Reply};
use super::entity::Style;
use super::objects::{entity_reply, find};
use crate::error::GraphError;
use crate::odata::select::{Target, select};
use crate::permission::{USERS_READ, USERS_WRITE};
use crate::schema::{Kind, known};

/// `{"@odata.id": ".../directoryObjects/{id}"}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReferenceBody {
    #[serde(rename = "@odata.id")]
    target: String,
}

impl ReferenceBody {
    /// The id the reference ends in.
    ///
    /// # Errors
    /// 400 when it does not.
    pub(super) fn id(&self) -> Result<Uuid, GraphError> {
        let last = self
            .target
            .trim_end_matches(['/', ')', '\''])
            .rsplit(['/', '\'', '('])
            .next();
        let id = last.and_then(|last| last.parse().ok());
        id.ok_or_else(|| {
            GraphError::bad_request(format!(
                "Invalid URL format specified for '@odata.id': '{}'.",
                self.target
            ))
        })
    }
}

/// `GET /users/{id}/manager`.
pub(super) fn manager(call: &Call<'_>, id: &str) -> Answer {
    call.require(USERS_READ)?;
    call.options.only(&["$select", "$format"])?;
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    let slot = find(tenant, Kind::User, id)?;
    let manager = tenant
        .users
        .view(slot)
        .and_then(|view| view.text(known::user::MANAGER));
    let manager = manager
        .and_then(|id| tenant.user_slot(&id))
        .and_then(|slot| tenant.users.view(slot));
    let manager = manager.ok_or_else(|| GraphError::not_found("manager"))?;
    let select = select(Kind::User, call.options.get("$select"), Target::Single)?;
    Ok(entity_reply(
        call,
        tenant,
        Kind::User,
        &manager,
        &Style::typed(select),
    ))
}

/// `PUT /users/{id}/manager/$ref`.
pub(super) fn set_manager(call: &Call<'_>, id: &str) -> Answer {
    call.require_write(USERS_WRITE)?;
    let body: ReferenceBody = call.body()?;
    let manager = body.id()?;
    call.edit(|tenant, now| {
        let slot = find(tenant, Kind::User, id)?;
        if tenant.users.slot(manager).is_none() {
            return Err(GraphError::not_found(&manager.to_string()));
        }
        tenant
            .set_manager(slot, Some(manager), now)
            .map_err(|error| GraphError::bad_request(error.to_string()))
    })?;
    Ok(Reply::no_content())
}

/// `DELETE /users/{id}/manager/$ref`.
pub(super) fn clear_manager(call: &Call<'_>, id: &str) -> Answer {
    call.require_write(USERS_WRITE)?;
    call.edit(|tenant, now| {
        let slot = find(tenant, Kind::User, id)?;
        let had = tenant
            .users
            .view(slot)
            .and_then(|view| view.text(known::user::MANAGER));
        had.ok_or_else(|| GraphError::not_found("manager"))?;
        tenant
            .set_manager(slot, None, now)
            .map_err(|error| GraphError::bad_request(error.to_string()))
    })?;
    Ok(Reply::no_content())
}
