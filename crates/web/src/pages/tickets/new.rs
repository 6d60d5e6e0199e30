//! Opening a ticket: one form, in which the contact is searched and picked
//! while everything else that was typed stays.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use provisioning::ids::RecordId;
use provisioning::psa::Kind;
use store::record_list::{self, Order, RecordFilter};
use store::records;
use store::rights::{Module, Right};

use super::super::frame::{Choice, Fields, Frame, go, page, sentence};
use super::super::people::full_name;
use super::{PRIORITIES, record_names, sees_clients};
use crate::AppState;
use crate::api::tickets as desk;
use crate::auth::{Caller, CurrentUser};
use crate::error::Result;

/// Contacts that one search offers.
const FOUND: i64 = 20;

#[derive(Template)]
#[template(path = "ticket_new.html")]
struct NewPage {
    frame: Frame,
    failure: Option<String>,
    title: String,
    description: String,
    priorities: Vec<Choice>,
    sees_clients: bool,
    contact: Option<(String, String)>,
    search: String,
    found: Vec<(String, String, String)>,
}

/// The contact: the one just picked, or the one picked before.
fn picked(fields: &Fields) -> Option<RecordId> {
    let text = fields.text("pick").or_else(|| fields.text("contact_id"));
    text.and_then(|text| text.parse().ok())
}

/// The form with what was typed; a contact that was picked ends the search.
async fn build(state: &AppState, user: &CurrentUser, fields: &Fields) -> Result<NewPage> {
    let db = state.engine.db();
    let contact = match picked(fields) {
        Some(id) => {
            let name = record_names(db, vec![id]).await?.remove(&id);
            name.map(|name| (id.to_string(), name))
        }
        None => None,
    };
    let search = fields.text("search").unwrap_or_default();
    let mut found = Vec::new();
    if contact.is_none() && !search.is_empty() {
        let mut filter = RecordFilter::new(Kind::Contact);
        filter.search = Some(search.clone());
        let rows = record_list::list(db, &filter, Order::default(), None, FOUND).await?;
        for row in rows.items {
            let email = row.record.email.clone().unwrap_or_default();
            found.push((row.record.id.to_string(), full_name(&row.record), email));
        }
    }
    let priority = fields.text("priority");
    Ok(NewPage {
        frame: Frame::new("New ticket", "tickets", Some(user)),
        failure: None,
        title: fields.text("title").unwrap_or_default(),
        description: fields.text("description").unwrap_or_default(),
        priorities: Choice::list(PRIORITIES, priority.as_deref().unwrap_or("normal")),
        sees_clients: sees_clients(user),
        contact,
        search,
        found,
    })
}

/// The form: blank, or as it was when a contact was searched or picked.
pub(crate) async fn new(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    user.reach(Module::ServiceDesk, Right::Create)?;
    page(&build(&state, &user, &fields).await?)
}

pub(crate) async fn create(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    match made(&state, &user, &fields).await {
        Ok(to) => Ok(go(to)),
        Err(problem) if problem.status() == StatusCode::UNPROCESSABLE_ENTITY => {
            let mut form = build(&state, &user, &fields).await?;
            form.failure = Some(sentence(problem.detail()));
            Ok((problem.status(), page(&form)?).into_response())
        }
        Err(problem) => Err(problem),
    }
}

async fn made(state: &AppState, user: &CurrentUser, fields: &Fields) -> Result<String> {
    let contact_id: Option<RecordId> = fields.parse("contact_id", "the id of a contact")?;
    let rows = records::get(state.engine.db(), contact_id.as_slice()).await?;
    let new = desk::New {
        title: fields.text("title").unwrap_or_default(),
        description: fields.text("description").unwrap_or_default(),
        priority: Some(fields.choice("priority")?),
        account_id: rows.first().and_then(|row| row.record.account_id),
        contact_id,
        assignee_id: Some(user.record.record.id),
        ..desk::New::default()
    };
    let ticket = desk::open(state, &Caller::from(user.clone()), new).await?;
    Ok(format!("/service-desk/tickets/{}", ticket.id))
}
