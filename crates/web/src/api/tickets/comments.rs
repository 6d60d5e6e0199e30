//! `/tickets/{id}/comments`: what people write under a ticket. Internal ones
//! stay within the MSP.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use store::psa_ids::{CommentId, TicketId};
use store::rights::Module::ServiceDesk;
use store::rights::Right::{Edit, View};
use store::ticket_comments::{self, TicketComment};

use super::found;
use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Body, Id, Paging, Query, list as answer};

/// The longest comment, in characters.
const LONGEST: usize = 20_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    pub(crate) body: String,
    #[serde(default)]
    pub(crate) is_internal: bool,
}

fn view(comment: &TicketComment) -> Value {
    json!({
        "id": comment.id, "ticket_id": comment.ticket_id, "author_id": comment.author_id,
        "author_name": comment.author_name, "body": comment.body,
        "is_internal": comment.is_internal, "created_at": comment.created_at,
    })
}

/// `GET /tickets/{id}/comments`, oldest first
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<TicketId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>> {
    let reach = caller.reach(ServiceDesk, View)?;
    let db = state.engine.db();
    found(db, reach, id).await?;
    let (after, limit) = (paging.after()?, paging.limit());
    let page = ticket_comments::list(db, id, !caller.is_contact(), after.as_ref(), limit).await?;
    let next = page.cursor();
    Ok(answer(page.items.iter().map(view).collect(), next))
}

/// `POST /tickets/{id}/comments`
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<TicketId>,
    Body(new): Body<New>,
) -> Result<Response> {
    let comment = say(&state, &caller, id, new).await?;
    Ok((StatusCode::CREATED, Json(view(&comment))).into_response())
}

/// Refuses what is no comment: too long, or nothing.
pub(crate) fn fits(body: &str) -> Result<()> {
    if body.is_empty() || body.chars().count() > LONGEST {
        let detail = format!("body: 1 to {LONGEST} characters");
        return Err(Problem::invalid(detail));
    }
    Ok(())
}

/// Writes under a ticket.
pub(crate) async fn say(
    state: &AppState,
    caller: &Caller,
    id: TicketId,
    new: New,
) -> Result<TicketComment> {
    let reach = caller.reach(ServiceDesk, Edit)?;
    let body = new.body.trim();
    fits(body)?;
    let author = match caller {
        Caller::Token(token) => token.record_id,
        Caller::User(user) => Some(user.record.record.id),
    };
    let comment = TicketComment {
        id: CommentId(state.engine.new_id()),
        ticket_id: id,
        author_id: author,
        author_name: caller.actor().name,
        body: body.to_owned(),
        is_internal: new.is_internal && !caller.is_contact(),
        created_at: state.engine.now(),
    };
    let mut tx = state.engine.db().begin().await?;
    found(&mut tx, reach, id).await?;
    ticket_comments::add(&mut tx, &comment).await?;
    tx.commit().await?;
    Ok(comment)
}
