//! One ticket: what it is about and what was said; editing, assigning,
//! commenting, closing. What is refused comes back as it was typed.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use provisioning::ids::RecordId;
use store::psa_ids::TicketId;
use store::rights::{Module, Right};
use store::ticket_comments::{self, TicketComment};
use store::tickets::TicketStatus;

use super::super::frame::{Choice, Fields, Frame, at, go, page, sentence, word};
use super::super::people::account_names;
use super::{PRIORITIES, assignees, record_names, sees_clients};
use crate::AppState;
use crate::api::tickets::{self as desk, comments};
use crate::auth::{Caller, CurrentUser};
use crate::error::{Problem, Result};
use crate::extract::Id;

const COMMENTS: i64 = 200;

/// A comment as it is shown.
struct Said {
    who: String,
    when: String,
    body: String,
    is_internal: bool,
}

#[derive(Template)]
#[template(path = "ticket.html")]
struct TicketPage {
    frame: Frame,
    failure: Option<(String, Option<String>)>,
    id: String,
    version: i64,
    number: i64,
    status: String,
    priority: String,
    is_open: bool,
    description: String,
    opened: String,
    closed: Option<String>,
    sees_clients: bool,
    account: Option<(String, String)>,
    contact: Option<(String, String)>,
    assignees: Vec<Choice>,
    assignee: String,
    said: Vec<Said>,
    may_edit: bool,
    typed: Typed,
}

/// What the forms of the page say.
struct Typed {
    body: String,
    is_internal: bool,
    title: String,
    description: String,
    priorities: Vec<Choice>,
    /// Whether the form that edits the ticket is open.
    edits: bool,
}

fn said(comment: TicketComment) -> Said {
    Said {
        who: comment.author_name,
        when: at(comment.created_at),
        body: comment.body,
        is_internal: comment.is_internal,
    }
}

/// The page, with what was typed on it before, if anything was.
async fn build(
    state: &AppState,
    user: &CurrentUser,
    id: TicketId,
    typed: Option<&Fields>,
) -> Result<TicketPage> {
    let reach = user.reach(Module::ServiceDesk, Right::View)?;
    let db = state.engine.db();
    let ticket = desk::found(db, reach, id).await?;
    let people = [ticket.contact_id, ticket.assignee_id];
    let people = record_names(db, people.into_iter().flatten().collect()).await?;
    let accounts = account_names(db, ticket.account_id.into_iter().collect()).await?;
    let name = |id: RecordId| people.get(&id).cloned().unwrap_or_else(|| id.to_string());
    let comments = ticket_comments::list(db, id, true, None, COMMENTS).await?;
    let reach = user.reach(Module::ServiceDesk, Right::Edit);
    let may_edit = reach.is_ok_and(|reach| reach.covers(desk::belongs(&ticket)));
    let text = |name: &str| typed.and_then(|fields| fields.text(name));
    let pressed = text("do").unwrap_or_default();
    let edits = pressed == "edit";
    let chosen = match pressed.as_str() {
        "assign" => text("assignee_id").and_then(|id| id.parse().ok()),
        _ => ticket.assignee_id,
    };
    let kept = |name: &str, now: &str| match edits {
        true => text(name).unwrap_or_default(),
        false => now.to_owned(),
    };
    let priority = word(&ticket.priority);
    Ok(TicketPage {
        frame: Frame::new(&ticket.title, "tickets", Some(user)),
        failure: None,
        id: id.to_string(),
        version: ticket.version,
        number: ticket.number,
        status: word(&ticket.status),
        is_open: ticket.status == TicketStatus::Open,
        opened: at(ticket.created_at),
        closed: ticket.closed_at.map(at),
        sees_clients: sees_clients(user),
        account: ticket.account_id.map(|id| {
            (
                id.to_string(),
                accounts.get(&id).cloned().unwrap_or_else(|| id.to_string()),
            )
        }),
        contact: ticket.contact_id.map(|id| (id.to_string(), name(id))),
        assignees: if may_edit {
            assignees(db, chosen, "(nobody)").await?
        } else {
            Vec::new()
        },
        assignee: ticket.assignee_id.map_or_else(|| "nobody".to_owned(), name),
        said: comments.items.into_iter().map(said).collect(),
        may_edit,
        typed: Typed {
            body: text("body").unwrap_or_default(),
            is_internal: typed.is_some_and(|fields| fields.ticked("is_internal")),
            title: kept("title", &ticket.title),
            description: kept("description", &ticket.description),
            priorities: Choice::list(PRIORITIES, &kept("priority", &priority)),
            edits,
        },
        description: ticket.description,
        priority,
    })
}

pub(crate) async fn show(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<TicketId>,
) -> Result<Response> {
    page(&build(&state, &user, id, None).await?)
}

/// Edits, assigns, closes or opens again; and writes under it, if anything was
/// typed.
pub(crate) async fn update(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<TicketId>,
    fields: Fields,
) -> Result<Response> {
    let problem = match updated(&state, &user, id, &fields).await {
        Ok(()) => return Ok(go(format!("/service-desk/tickets/{id}"))),
        Err(problem) => problem,
    };
    if !problem.is_mendable() {
        return Err(problem);
    }
    let mut shown = build(&state, &user, id, Some(&fields)).await?;
    let cure = match problem.status() {
        StatusCode::PRECONDITION_FAILED => Some(
            "Below is the ticket as it is now, with what you typed. Look at it, then press again."
                .to_owned(),
        ),
        _ => problem.cure_text().map(str::to_owned),
    };
    shown.failure = Some((sentence(problem.detail()), cure));
    Ok((problem.status(), page(&shown)?).into_response())
}

async fn updated(
    state: &AppState,
    user: &CurrentUser,
    id: TicketId,
    fields: &Fields,
) -> Result<()> {
    let caller = Caller::from(user.clone());
    let seen: Option<i64> = fields.parse("version", "a version")?;
    let change = match fields.text("do").as_deref() {
        Some("edit") => Some(desk::Change {
            title: Some(fields.text("title").unwrap_or_default()),
            description: Some(fields.text("description").unwrap_or_default()),
            priority: Some(fields.choice("priority")?),
            ..desk::Change::default()
        }),
        Some("assign") => Some(desk::Change {
            assignee_id: Some(fields.parse("assignee_id", "the id of an employee")?),
            ..desk::Change::default()
        }),
        Some("close") => Some(status(TicketStatus::Closed)),
        Some("open") => Some(status(TicketStatus::Open)),
        Some("comment") => None,
        _ => return Err(Problem::invalid("do: none of the buttons")),
    };
    let body = fields.text("body");
    match &body {
        // Before anything is done, so that nothing is half-done.
        Some(body) => comments::fits(body)?,
        None if change.is_none() => {
            return Err(Problem::invalid("the comment is empty").cure("Write something first."));
        }
        None => {}
    }
    if let Some(change) = change {
        desk::amend(state, &caller, id, seen, change).await?;
    }
    if let Some(body) = body {
        let is_internal = fields.ticked("is_internal");
        comments::say(state, &caller, id, comments::New { body, is_internal }).await?;
    }
    Ok(())
}

fn status(status: TicketStatus) -> desk::Change {
    desk::Change {
        status: Some(status),
        ..desk::Change::default()
    }
}
