//! `/me/sessions` and `…/{id}/sessions`: where somebody is signed in, and
//! ending it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use provisioning::ids::RecordId;
use provisioning::psa::Kind;
use serde_json::{Value, json};
use store::journal::{self, NewEntry};
use store::sessions::{self, Session};

use super::people::found;
use crate::AppState;
use crate::auth::{Caller, CurrentUser};
use crate::error::{Problem, Result};
use crate::extract::{Id, list as answer};

/// A session's id: enough of its hash to tell it apart, and of no use to
/// anybody who wants to be it.
pub(crate) fn id_of(session: &Session) -> String {
    let bytes = session.token_hash.iter().take(12);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

fn view(session: &Session, current: Option<&Session>) -> Value {
    json!({
        "id": id_of(session), "method": session.method, "ip": session.ip,
        "user_agent": session.user_agent, "created_at": session.created_at,
        "last_seen_at": session.last_seen_at, "expires_at": session.expires_at,
        "is_current": current.is_some_and(|mine| mine.token_hash == session.token_hash),
    })
}

/// Only browsers have sessions.
fn signed_in(caller: &Caller) -> Result<&CurrentUser> {
    match caller {
        Caller::User(user) => Ok(user),
        Caller::Token(_) => Err(Problem::conflict(
            "not_a_session",
            "a token has no sessions: sign in with a browser",
        )),
    }
}

/// `GET /me/sessions`, newest first
pub(super) async fn mine(State(state): State<AppState>, caller: Caller) -> Result<Json<Value>> {
    let user = signed_in(&caller)?;
    let id = user.record.record.id;
    let all = sessions::of_record(state.engine.db(), id, state.engine.now()).await?;
    let items = all.iter().map(|one| view(one, Some(&user.session)));
    Ok(answer(items.collect(), None))
}

/// `DELETE /me/sessions/{id}`
pub(crate) async fn end_mine(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<String>,
) -> Result<StatusCode> {
    let owner = signed_in(&caller)?.record.record.id;
    let mut tx = state.engine.db().begin().await?;
    let all = sessions::of_record(&mut tx, owner, state.engine.now()).await?;
    let session = all.into_iter().find(|session| id_of(session) == id);
    let session = session.ok_or_else(|| Problem::not_found("session"))?;
    sessions::end(&mut tx, &session.token_hash).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET …/{id}/sessions`, newest first
pub(super) async fn of(
    kind: Kind,
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
) -> Result<Json<Value>> {
    caller.administrates()?;
    let db = state.engine.db();
    found(db, kind, id).await?;
    let all = sessions::of_record(db, id, state.engine.now()).await?;
    Ok(answer(
        all.iter().map(|one| view(one, None)).collect(),
        None,
    ))
}

/// `DELETE …/{id}/sessions`: the person is signed out everywhere.
pub(crate) async fn end(
    kind: Kind,
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
) -> Result<StatusCode> {
    let actor = caller.administrates()?;
    let mut tx = state.engine.db().begin().await?;
    found(&mut tx, kind, id).await?;
    let ended = sessions::end_sessions(&mut tx, &[id]).await?;
    let entry = NewEntry {
        actor: Some(actor.name),
        record_id: Some(id),
        body: Some(json!({ "sessions_ended": ended })),
        ..NewEntry::new(state.engine.now(), actor.origin, "sessions_ended")
    };
    journal::append(&mut tx, &[entry]).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
