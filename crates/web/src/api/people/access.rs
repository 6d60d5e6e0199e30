//! Pinning a record, and its local password.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provisioning::ids::RecordId;
use provisioning::psa::Kind;
use secrecy::SecretString;
use serde::Deserialize;
use store::rights::Right::Edit;

use super::edit::{guard_rights, write};
use super::list::shown;
use super::{found, module};
use crate::AppState;
use crate::auth::{Caller, set_password};
use crate::error::Result;
use crate::extract::{Body, Id};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pin {
    pinned: bool,
    reason: Option<String>,
}

/// `POST …/{id}/pin`: a pinned record is never touched by the directory.
pub(super) async fn pin(
    kind: Kind,
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
    Body(pin): Body<Pin>,
) -> Result<Response> {
    set_pin(kind, &state, &caller, id, pin.pinned, pin.reason).await?;
    shown(&state, kind, id, StatusCode::OK).await
}

/// Pins a record, or lets the directory at it again.
pub(crate) async fn set_pin(
    kind: Kind,
    state: &AppState,
    caller: &Caller,
    id: RecordId,
    pinned: bool,
    reason: Option<String>,
) -> Result<()> {
    let actor = caller.may(module(kind), Edit)?;
    let mut tx = state.engine.db().begin().await?;
    let old = found(&mut tx, kind, id).await?;
    guard_rights(&mut tx, caller, &old.record, &old.record).await?;
    let mut new = old.clone();
    new.record.pinned = pinned;
    new.details.pin_reason = reason.filter(|_| pinned);
    let action = if pinned { "pin" } else { "unpin" };
    write(state, &mut tx, &actor, action, &old, &new).await?;
    tx.commit().await?;
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Password {
    password: String,
}

/// `PUT …/{id}/password`: a new local password; sessions end.
pub(super) async fn password(
    kind: Kind,
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
    Body(body): Body<Password>,
) -> Result<StatusCode> {
    let actor = caller.administrates()?;
    found(state.engine.db(), kind, id).await?;
    set_password(&state, id, SecretString::from(body.password), &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
