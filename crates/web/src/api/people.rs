//! `/employees` and `/contacts`: records, where their values come from, and
//! editing them by hand.

pub(crate) mod access;
pub(crate) mod draft;
pub(crate) mod edit;
mod export;
mod history;
mod list;
pub(crate) mod removal;
pub(crate) mod view;

use axum::routing::{get, post, put};
use provisioning::ids::RecordId;
use provisioning::psa::Kind;
use store::Source;
use store::records::{self, RecordRow};
use store::rights::Module;

use super::routes::Routes;
use super::sessions;
use crate::error::{Problem, Result};

/// The routes of one kind.
pub(super) fn routes(kind: Kind) -> Routes {
    let base = match kind {
        Kind::Employee => "/employees",
        Kind::Contact => "/contacts",
    };
    let at = |rest: &str| format!("{base}{rest}");
    Routes::default()
        .route(
            base,
            get(move |state, caller, query| list::list(kind, state, caller, query))
                .post(move |state, caller, body| edit::create(kind, state, caller, body)),
        )
        .route(
            &at("/export"),
            get(move |state, caller, query| export::export(kind, state, caller, query)),
        )
        .route(
            &at("/{id}"),
            get(move |state, caller, id| list::show(kind, state, caller, id))
                .patch(move |state, caller, id, headers, body| {
                    edit::update(kind, state, caller, id, headers, body)
                })
                .delete(move |state, caller, id, headers| {
                    removal::remove(kind, state, caller, id, headers)
                }),
        )
        .route(
            &at("/{id}/why"),
            get(move |state, caller, id| history::why(kind, state, caller, id)),
        )
        .route(
            &at("/{id}/timeline"),
            get(move |state, caller, id, query| history::timeline(kind, state, caller, id, query)),
        )
        .route(
            &at("/{id}/resync"),
            post(move |state, caller, id| history::again(kind, false, state, caller, id)),
        )
        .route(
            &at("/{id}/reapply"),
            post(move |state, caller, id| history::again(kind, true, state, caller, id)),
        )
        .route(
            &at("/{id}/undo"),
            post(move |state, caller, id, query| {
                super::undo::person(kind, state, caller, id, query)
            }),
        )
        .route(
            &at("/{id}/pin"),
            post(move |state, caller, id, body| access::pin(kind, state, caller, id, body)),
        )
        .route(
            &at("/{id}/password"),
            put(move |state, caller, id, body| access::password(kind, state, caller, id, body)),
        )
        .route(
            &at("/{id}/sessions"),
            get(move |state, caller, id| sessions::of(kind, state, caller, id))
                .delete(move |state, caller, id| sessions::end(kind, state, caller, id)),
        )
        .route(
            &at("/{id}/restore"),
            post(move |state, caller, id| removal::restore(kind, state, caller, id)),
        )
}

/// The module that people of a kind belong to.
fn module(kind: Kind) -> Module {
    match kind {
        Kind::Employee => Module::Hr,
        Kind::Contact => Module::Crm,
    }
}

/// The record of this kind with this id.
pub(crate) async fn found(
    on: impl Into<Source<'_>>,
    kind: Kind,
    id: RecordId,
) -> Result<RecordRow> {
    let rows = records::get(on, &[id]).await?;
    let row = rows
        .into_iter()
        .next()
        .filter(|row| row.record.kind == kind);
    row.ok_or_else(|| Problem::not_found(kind.name()))
}
