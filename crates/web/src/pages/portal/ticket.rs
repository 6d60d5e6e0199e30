//! One ticket in the client portal: opening it, reading it, answering, closing.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use store::psa_ids::TicketId;
use store::rights::Module::ServiceDesk;
use store::rights::Right::{Create, Edit, View};
use store::ticket_comments;
use store::tickets::{Ticket, TicketStatus};

use super::super::frame::{Fields, Frame, at, go, page, sentence, word};
use super::{contact, names};
use crate::AppState;
use crate::api::tickets::{self as desk, comments};
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::extract::Id;

/// Comments shown; the newest of longer conversations are in the desk's own pages.
const COMMENTS: i64 = 500;

#[derive(Template)]
#[template(path = "portal_new.html")]
struct NewPage {
    frame: Frame,
    title: String,
    description: String,
    failure: Option<String>,
}

pub(super) async fn form(user: CurrentUser) -> Result<Response> {
    contact(&user)?.reach(ServiceDesk, Create)?;
    page(&NewPage {
        frame: Frame::new("New ticket", "tickets", Some(&user)),
        title: String::new(),
        description: String::new(),
        failure: None,
    })
}

pub(super) async fn open(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    let caller = contact(&user)?;
    let text = |name| fields.text(name).unwrap_or_default();
    let new = desk::New {
        title: text("title"),
        description: text("description"),
        status: None,
        priority: None,
        account_id: user.record.record.account_id,
        contact_id: Some(user.record.record.id),
        assignee_id: None,
    };
    match desk::open(&state, &caller, new).await {
        Ok(ticket) => Ok(go(format!("/portal/tickets/{}", ticket.id))),
        Err(problem) if problem.status() == StatusCode::UNPROCESSABLE_ENTITY => {
            let shown = page(&NewPage {
                frame: Frame::new("New ticket", "tickets", Some(&user)),
                title: text("title"),
                description: text("description"),
                failure: Some(sentence(problem.detail())),
            })?;
            Ok((problem.status(), shown).into_response())
        }
        Err(problem) => Err(problem),
    }
}

struct Said {
    who: String,
    at: String,
    body: String,
}

#[derive(Template)]
#[template(path = "portal_ticket.html")]
struct TicketPage {
    frame: Frame,
    failure: Option<(String, Option<String>)>,
    /// The answer as it was typed.
    body: String,
    id: String,
    version: i64,
    status: String,
    is_open: bool,
    opened: String,
    whose: String,
    description: String,
    said: Vec<Said>,
    may_edit: bool,
}

pub(super) async fn show(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<TicketId>,
) -> Result<Response> {
    page(&build(&state, &user, id).await?)
}

async fn build(state: &AppState, user: &CurrentUser, id: TicketId) -> Result<TicketPage> {
    let caller = contact(user)?;
    let reach = caller.reach(ServiceDesk, View)?;
    let db = state.engine.db();
    let ticket = desk::found(db, reach, id).await?;
    let said = ticket_comments::list(db, id, false, None, COMMENTS).await?;
    let whose = match ticket.contact_id {
        Some(id) => names(state, &[id]).await?.remove(&id),
        None => None,
    };
    let Ticket { number, title, .. } = &ticket;
    Ok(TicketPage {
        frame: Frame::new(&format!("#{number} {title}"), "tickets", Some(user)),
        failure: None,
        body: String::new(),
        id: id.to_string(),
        version: ticket.version,
        status: word(&ticket.status),
        is_open: ticket.status == TicketStatus::Open,
        opened: at(ticket.created_at),
        whose: whose.unwrap_or_default(),
        description: ticket.description,
        said: said
            .items
            .into_iter()
            .map(|one| Said {
                who: one.author_name,
                at: at(one.created_at),
                body: one.body,
            })
            .collect(),
        may_edit: caller.reach(ServiceDesk, Edit).is_ok(),
    })
}

/// Answers, closes, opens again. What is refused comes back with the answer.
pub(super) async fn change(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<TicketId>,
    fields: Fields,
) -> Result<Response> {
    let problem = match changed(&state, &user, id, &fields).await {
        Ok(()) => return Ok(go(format!("/portal/tickets/{id}"))),
        Err(problem) => problem,
    };
    let mendable = [
        StatusCode::UNPROCESSABLE_ENTITY,
        StatusCode::PRECONDITION_FAILED,
    ];
    if !mendable.contains(&problem.status()) {
        return Err(problem);
    }
    let mut shown = build(&state, &user, id).await?;
    let cure = match problem.status() {
        StatusCode::PRECONDITION_FAILED => Some(
            "Below is the ticket as it is now, with your answer. Look at it, then press again."
                .to_owned(),
        ),
        _ => problem.cure_text().map(str::to_owned),
    };
    shown.failure = Some((sentence(problem.detail()), cure));
    shown.body = fields.text("body").unwrap_or_default();
    Ok((problem.status(), page(&shown)?).into_response())
}

async fn changed(
    state: &AppState,
    user: &CurrentUser,
    id: TicketId,
    fields: &Fields,
) -> Result<()> {
    let caller = contact(user)?;
    let status = match fields.text("do").as_deref() {
        Some("close") => Some(TicketStatus::Closed),
        Some("reopen") => Some(TicketStatus::Open),
        Some("answer") => None,
        _ => return Err(Problem::invalid("do: neither answer, close nor reopen")),
    };
    let body = fields.text("body");
    match &body {
        // Before anything is done, so that nothing is half-done.
        Some(body) => comments::fits(body)?,
        None if status.is_none() => {
            return Err(
                Problem::invalid("the answer is empty").cure("Write something, then send it.")
            );
        }
        None => {}
    }
    if status.is_some() {
        let change = desk::Change {
            status,
            ..desk::Change::default()
        };
        let seen = fields.parse("version", "a version")?;
        desk::amend(state, &caller, id, seen, change).await?;
    }
    if let Some(body) = body {
        let new = comments::New {
            body,
            is_internal: false,
        };
        comments::say(state, &caller, id, new).await?;
    }
    Ok(())
}
