//! Service Desk > Tickets: the list, one ticket with what was said, opening,
//! assigning, commenting and closing.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use provisioning::ids::{AccountId, RecordId};
use provisioning::psa::{Kind, Status};
use serde::Deserialize;
use store::psa_ids::TicketId;
use store::record_list::{self, Order, RecordFilter};
use store::rights::{Module, Right};
use store::ticket_comments::{self, TicketComment};
use store::tickets::{self, Ticket, TicketFilter, TicketStatus};
use store::{Db, records};

use super::frame::{Choice, Fields, Frame, ago, at, go, page, query, word};
use super::people::{account_names, full_name};
use crate::AppState;
use crate::api::tickets::{self as desk, comments};
use crate::auth::{Caller, CurrentUser};
use crate::error::{Problem, Result};
use crate::extract::Id;

const PAGE: i64 = 50;
const COMMENTS: i64 = 200;
/// How many employees a ticket can be given to by the list.
const ASSIGNEES: i64 = 300;

/// A ticket as lists show it.
pub(crate) struct Slip {
    pub(crate) id: String,
    pub(crate) number: i64,
    pub(crate) title: String,
    pub(crate) status: String,
    pub(crate) account: String,
    pub(crate) contact: String,
    pub(crate) assignee: String,
    pub(crate) changed: String,
}

/// The names of records.
pub(crate) async fn record_names(
    db: &Db,
    mut ids: Vec<RecordId>,
) -> Result<HashMap<RecordId, String>> {
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = records::get(db, &ids).await?.into_iter();
    Ok(found
        .map(|row| (row.record.id, full_name(&row.record)))
        .collect())
}

/// Tickets with the names of those they concern.
pub(crate) async fn slips(state: &AppState, all: Vec<Ticket>) -> Result<Vec<Slip>> {
    let (db, now) = (state.engine.db(), state.engine.now());
    let people = all.iter().flat_map(|one| [one.contact_id, one.assignee_id]);
    let people = record_names(db, people.flatten().collect()).await?;
    let accounts = account_names(db, all.iter().filter_map(|one| one.account_id).collect()).await?;
    let person = |id: Option<RecordId>| {
        id.and_then(|id| people.get(&id).cloned())
            .unwrap_or_default()
    };
    let account = |id: Option<AccountId>| {
        id.and_then(|id| accounts.get(&id).cloned())
            .unwrap_or_default()
    };
    let slip = |one: Ticket| Slip {
        id: one.id.to_string(),
        number: one.number,
        title: one.title,
        status: word(&one.status),
        account: account(one.account_id),
        contact: person(one.contact_id),
        assignee: person(one.assignee_id),
        changed: ago(Some(one.updated_at), now),
    };
    Ok(all.into_iter().map(slip).collect())
}

#[derive(Template)]
#[template(path = "tickets.html")]
struct ListPage {
    frame: Frame,
    search: String,
    statuses: Vec<Choice>,
    tickets: Vec<Slip>,
    may_create: bool,
    first: bool,
    next: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Wanted {
    search: String,
    status: Option<String>,
    after: Option<i64>,
}

pub(crate) async fn list(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    let reach = user.reach(Module::ServiceDesk, Right::View)?;
    // Open ones, unless others are asked for.
    let status = wanted.status.unwrap_or_else(|| "open".to_owned());
    let filter = TicketFilter {
        status: match status.as_str() {
            "open" => Some(TicketStatus::Open),
            "closed" => Some(TicketStatus::Closed),
            _ => None,
        },
        search: Some(wanted.search.trim().to_owned()).filter(|text| !text.is_empty()),
        ..TicketFilter::default()
    };
    let caller = Caller::from(user.clone());
    let filter = desk::within(filter, reach, &caller);
    let db = state.engine.db();
    let found = tickets::list(db, &filter, wanted.after.as_ref(), PAGE).await?;
    let next = found.next.map(|number| {
        let after = number.to_string();
        query(&[
            ("search", &wanted.search),
            ("status", &status),
            ("after", &after),
        ])
    });
    page(&ListPage {
        frame: Frame::new("Tickets", "tickets", Some(&user)),
        statuses: Choice::list(
            &[("open", "open"), ("closed", "closed"), ("any", "any")],
            &status,
        ),
        tickets: slips(&state, found.items).await?,
        may_create: user.rights.allows(Module::ServiceDesk, Right::Create),
        search: wanted.search,
        first: wanted.after.is_some(),
        next,
    })
}

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
    id: String,
    version: i64,
    number: i64,
    status: String,
    is_open: bool,
    description: String,
    opened: String,
    closed: Option<String>,
    account: Option<(String, String)>,
    contact: Option<(String, String)>,
    assignees: Vec<Choice>,
    assignee: String,
    said: Vec<Said>,
    may_edit: bool,
}

fn said(comment: TicketComment) -> Said {
    Said {
        who: comment.author_name,
        when: at(comment.created_at),
        body: comment.body,
        is_internal: comment.is_internal,
    }
}

/// Active employees, the one who has it always among them.
async fn assignees(db: &Db, chosen: Option<RecordId>) -> Result<Vec<Choice>> {
    let mut filter = RecordFilter::new(Kind::Employee);
    filter.status = Some(Status::Active);
    let found = record_list::list(db, &filter, Order::default(), None, ASSIGNEES).await?;
    let mut rows = found.items;
    if let Some(id) = chosen.filter(|id| rows.iter().all(|row| row.record.id != *id)) {
        rows.extend(records::get(db, &[id]).await?);
    }
    let nobody = Choice {
        value: String::new(),
        label: "(nobody)".to_owned(),
        chosen: chosen.is_none(),
    };
    let one = |row: &records::RecordRow| Choice {
        value: row.record.id.to_string(),
        label: full_name(&row.record),
        chosen: chosen == Some(row.record.id),
    };
    Ok(std::iter::once(nobody)
        .chain(rows.iter().map(one))
        .collect())
}

pub(crate) async fn show(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<TicketId>,
) -> Result<Response> {
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
    page(&TicketPage {
        frame: Frame::new(&ticket.title, "tickets", Some(&user)),
        id: id.to_string(),
        version: ticket.version,
        number: ticket.number,
        status: word(&ticket.status),
        is_open: ticket.status == TicketStatus::Open,
        description: ticket.description,
        opened: at(ticket.created_at),
        closed: ticket.closed_at.map(at),
        account: ticket.account_id.map(|id| {
            (
                id.to_string(),
                accounts.get(&id).cloned().unwrap_or_else(|| id.to_string()),
            )
        }),
        contact: ticket.contact_id.map(|id| (id.to_string(), name(id))),
        assignees: if may_edit {
            assignees(db, ticket.assignee_id).await?
        } else {
            Vec::new()
        },
        assignee: ticket.assignee_id.map_or_else(|| "nobody".to_owned(), name),
        said: comments.items.into_iter().map(said).collect(),
        may_edit,
    })
}

#[derive(Template)]
#[template(path = "ticket_new.html")]
struct NewPage {
    frame: Frame,
    failure: Option<String>,
    title: String,
    description: String,
    contact: Option<(String, String)>,
    search: String,
    found: Vec<(String, String, String)>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Picked {
    contact_id: String,
    search: String,
}

async fn blank(state: &AppState, user: &CurrentUser, picked: Picked) -> Result<NewPage> {
    let db = state.engine.db();
    let contact = match picked.contact_id.parse::<RecordId>() {
        Ok(id) => record_names(db, vec![id])
            .await?
            .remove(&id)
            .map(|name| (id.to_string(), name)),
        Err(_) => None,
    };
    let mut found = Vec::new();
    if !picked.search.trim().is_empty() {
        let mut filter = RecordFilter::new(Kind::Contact);
        filter.search = Some(picked.search.trim().to_owned());
        let rows = record_list::list(db, &filter, Order::default(), None, 20).await?;
        for row in rows.items {
            let email = row.record.email.clone().unwrap_or_default();
            found.push((row.record.id.to_string(), full_name(&row.record), email));
        }
    }
    Ok(NewPage {
        frame: Frame::new("New ticket", "tickets", Some(user)),
        failure: None,
        title: String::new(),
        description: String::new(),
        contact,
        search: picked.search,
        found,
    })
}

pub(crate) async fn new(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(picked): Query<Picked>,
) -> Result<Response> {
    user.reach(Module::ServiceDesk, Right::Create)?;
    page(&blank(&state, &user, picked).await?)
}

pub(crate) async fn create(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    let contact_id: Option<RecordId> = fields.parse("contact_id", "the id of a contact")?;
    let rows = records::get(state.engine.db(), contact_id.as_slice()).await?;
    let new = desk::New {
        title: fields.text("title").unwrap_or_default(),
        description: fields.text("description").unwrap_or_default(),
        account_id: rows.first().and_then(|row| row.record.account_id),
        contact_id,
        assignee_id: Some(user.record.record.id),
        ..desk::New::default()
    };
    match desk::open(&state, &Caller::from(user.clone()), new).await {
        Ok(ticket) => Ok(go(format!("/service-desk/tickets/{}", ticket.id))),
        Err(problem) if problem.status() == StatusCode::UNPROCESSABLE_ENTITY => {
            let picked = Picked {
                contact_id: fields.text("contact_id").unwrap_or_default(),
                search: String::new(),
            };
            let form = NewPage {
                failure: Some(problem.detail().to_owned()),
                title: fields.text("title").unwrap_or_default(),
                description: fields.text("description").unwrap_or_default(),
                ..blank(&state, &user, picked).await?
            };
            Ok((problem.status(), page(&form)?).into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// Assigns, closes or opens again; and writes under it, if anything was typed.
pub(crate) async fn update(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<TicketId>,
    fields: Fields,
) -> Result<Response> {
    let caller = Caller::from(user);
    let seen: Option<i64> = fields.parse("version", "a version")?;
    let change = match fields.text("do").as_deref() {
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
    if change.is_none() && body.is_none() {
        return Err(Problem::invalid("the comment is empty").cure("Write something first."));
    }
    if let Some(change) = change {
        desk::amend(&state, &caller, id, seen, change).await?;
    }
    if let Some(body) = body {
        let is_internal = fields.ticked("is_internal");
        comments::say(&state, &caller, id, comments::New { body, is_internal }).await?;
    }
    Ok(go(format!("/service-desk/tickets/{id}")))
}

fn status(status: TicketStatus) -> desk::Change {
    desk::Change {
        status: Some(status),
        ..desk::Change::default()
    }
}
