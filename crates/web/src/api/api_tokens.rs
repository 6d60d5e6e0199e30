//! `/api-tokens` and `/me`: tokens, shown once, and whoever calls.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use store::api_tokens::TokenScope;
use store::api_tokens::{self, ApiToken};
use store::journal::{self, NewEntry};
use store::psa_ids::ApiTokenId;

use crate::AppState;
use crate::auth::{Caller, token};
use crate::error::{Problem, Result};
use crate::extract::{Body, Id, Paging, Query, list as answer};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    pub(crate) name: String,
    pub(crate) scopes: Vec<TokenScope>,
    pub(crate) expires_at: Option<Timestamp>,
}

fn view(token: &ApiToken) -> Value {
    let scopes: Vec<_> = token.scopes.iter().map(|scope| scope.name()).collect();
    json!({
        "id": token.id, "name": token.name, "scopes": scopes, "record_id": token.record_id,
        "created_by": token.created_by, "created_at": token.created_at,
        "expires_at": token.expires_at, "last_used_at": token.last_used_at,
        "revoked_at": token.revoked_at,
    })
}

/// `GET /api-tokens`, newest first
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>> {
    caller.administrates()?;
    let after = paging.after()?;
    let page = api_tokens::list(state.engine.db(), after.as_ref(), paging.limit()).await?;
    let next = page.cursor();
    Ok(answer(page.items.iter().map(view).collect(), next))
}

/// `POST /api-tokens`: the answer holds the token, once.
pub(super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Body(new): Body<New>,
) -> Result<Response> {
    let (stored, text) = issue(&state, &caller, new).await?;
    let mut body = view(&stored);
    body["token"] = text.into();
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// Makes a token: what is kept of it, and its text, of which only a hash is.
pub(crate) async fn issue(
    state: &AppState,
    caller: &Caller,
    new: New,
) -> Result<(ApiToken, String)> {
    let actor = caller.administrates()?;
    let name = new.name.trim().to_owned();
    if name.is_empty() || new.scopes.is_empty() {
        return Err(Problem::invalid("name and scopes: neither may be empty"));
    }
    let now = state.engine.now();
    if new.expires_at.is_some_and(|at| at <= now) {
        return Err(Problem::invalid("expires_at is past"));
    }
    let text = token::new_token(&state.engine);
    let stored = ApiToken {
        id: ApiTokenId(state.engine.new_id()),
        name,
        scopes: new.scopes,
        record_id: caller.person(),
        created_by: Some(actor.name.clone()),
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    let entry = NewEntry {
        actor: Some(actor.name),
        body: Some(view(&stored)),
        ..NewEntry::new(now, actor.origin, "token_created")
    };
    let mut tx = state.engine.db().begin().await?;
    api_tokens::insert(&mut tx, &stored, &token::digest(&text)).await?;
    journal::append(&mut tx, &[entry]).await?;
    tx.commit().await?;
    Ok((stored, text))
}

/// `GET /api-tokens/{id}`
pub(super) async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ApiTokenId>,
) -> Result<Json<Value>> {
    caller.administrates()?;
    let found = api_tokens::get(state.engine.db(), id).await?;
    Ok(Json(view(
        &found.ok_or_else(|| Problem::not_found("API token"))?,
    )))
}

/// `DELETE /api-tokens/{id}`: it ends at once and stays in the list.
pub(crate) async fn revoke(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ApiTokenId>,
) -> Result<StatusCode> {
    let actor = caller.administrates()?;
    let now = state.engine.now();
    let mut tx = state.engine.db().begin().await?;
    let found = api_tokens::get(&mut tx, id).await?;
    let found = found.ok_or_else(|| Problem::not_found("API token"))?;
    if api_tokens::revoke(&mut tx, id, now).await? {
        let entry = NewEntry {
            actor: Some(actor.name),
            body: Some(view(&found)),
            ..NewEntry::new(now, actor.origin, "token_revoked")
        };
        journal::append(&mut tx, &[entry]).await?;
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /me`
pub(super) async fn me(caller: Caller) -> Json<Value> {
    let scopes: Vec<_> = caller.scopes().iter().map(|scope| scope.name()).collect();
    let name = caller.actor().name;
    Json(match &caller {
        Caller::Token(token) => json!({
            "kind": "token", "id": token.id, "name": name, "scopes": scopes,
            "record_id": token.record_id, "expires_at": token.expires_at,
        }),
        Caller::User(user) => json!({
            "kind": "session", "id": user.record.record.id, "name": name, "scopes": scopes,
            "record_id": user.record.record.id, "expires_at": user.session.expires_at,
            "rights": user.rights,
        }),
    })
}
