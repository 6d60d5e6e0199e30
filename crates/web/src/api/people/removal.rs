//! Deleting records, and bringing archived ones back.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use provisioning::ids::RecordId;
use provisioning::link::LinkRole;
use provisioning::psa::{Kind, Status};
use serde_json::json;
use store::journal::{self, NewEntry};
use store::rights::Right::{Delete, Edit};
use store::{links, records, sessions};

use super::edit::{expect, guard_rights, protect, refuse_in_use, write};
use super::list::shown;
use super::{found, module};
use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::Id;

/// `DELETE /employees/{id}`, `DELETE /contacts/{id}`: only what nothing refers
/// to, and what the directory would not make again at once.
pub(super) async fn remove(
    kind: Kind,
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    let actor = caller.may(module(kind), Delete)?;
    let now = state.engine.now();
    let mut tx = state.engine.db().begin().await?;
    let row = found(&mut tx, kind, id).await?;
    let record = &row.record;
    expect(&headers, record.version)?;
    refuse_in_use(
        &mut tx,
        id,
        "the record is not deleted while these refer to it",
    )
    .await?;
    if record.is_root {
        return Err(Problem::conflict("protected", "the root user stays"));
    }
    guard_rights(&mut tx, &caller, record, record).await?;
    protect(&mut tx, record, None).await?;
    if record.status == Status::Archived {
        caller.administrates()?;
    }
    for mut link in links::by_records(&mut tx, &[id]).await? {
        let is_archived = link.link.archived_id == Some(id) && link.link.record_id != id;
        if is_archived {
            link.link.archived_id = None;
            links::write(&mut tx, &[link]).await?;
        } else if link.link.role == LinkRole::Primary && is_connected(&mut tx, &link).await? {
            return Err(Problem::conflict(
                "linked_to_directory",
                "the directory keeps this person",
            )
            .cure("Take the person out of the mapped groups, or deactivate the record."));
        } else {
            links::delete(&mut tx, link.link.tenant_id, &[link.link.object_id]).await?;
        }
    }
    sessions::end_access(&mut tx, &[id], now).await?;
    records::delete(&mut tx, id).await?;
    let name = json!({ "username": record.username, "email": record.email, "kind": kind });
    let entry = NewEntry {
        actor: Some(actor.name),
        record_id: Some(id),
        body: Some(name),
        ..NewEntry::new(now, actor.origin, "delete")
    };
    journal::append(&mut tx, &[entry]).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn is_connected(tx: &mut store::Tx, link: &links::LinkRow) -> Result<bool> {
    Ok(store::connections::get(tx, link.connection_id)
        .await?
        .is_some())
}

/// `POST /employees/{id}/restore`, `POST /contacts/{id}/restore`: the archived
/// record comes back under its old name, without access.
pub(super) async fn restore(
    kind: Kind,
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
) -> Result<Response> {
    bring_back(kind, &state, &caller, id).await?;
    shown(&state, kind, id, StatusCode::OK).await
}

/// Brings an archived record back.
pub(crate) async fn bring_back(
    kind: Kind,
    state: &AppState,
    caller: &Caller,
    id: RecordId,
) -> Result<()> {
    let actor = caller.may(module(kind), Edit)?;
    let mut tx = state.engine.db().begin().await?;
    let old = found(&mut tx, kind, id).await?;
    if old.record.status != Status::Archived {
        return Err(Problem::conflict(
            "not_archived",
            "the record is not archived",
        ));
    }
    guard_rights(&mut tx, caller, &old.record, &old.record).await?;
    let mut new = old.clone();
    let record = &mut new.record;
    record.username = record.original_username.take().or(record.username.take());
    record.email = record.original_email.take().or(record.email.take());
    record.status = Status::Inactive;
    record.access = false;
    let key = store::keys::email(record.email.as_deref());
    if let Some(key) = key
        && !records::by_email_keys(&mut tx, &[key]).await?.is_empty()
    {
        return Err(
            Problem::conflict("email_taken", "another record has the email address now")
                .cure("Restore the person by their group in the directory, or free the address."),
        );
    }
    write(state, &mut tx, &actor, "restore", &old, &new).await?;
    tx.commit().await?;
    Ok(())
}
