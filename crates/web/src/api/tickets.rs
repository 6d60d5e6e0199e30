//! `/tickets`: what people ask for; a reason an archived record must stay.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use provisioning::ids::{AccountId, RecordId};
use serde::Deserialize;
use serde_json::{Value, json};
use store::api_tokens::TokenScope::{People, Read};
use store::psa_ids::TicketId;
use store::tickets::{self, Ticket, TicketFilter};

use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Body, Paging, list as answer};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    title: String,
    #[serde(default)]
    description: String,
    status: Option<tickets::TicketStatus>,
    priority: Option<tickets::Priority>,
    account_id: Option<AccountId>,
    contact_id: Option<RecordId>,
    assignee_id: Option<RecordId>,
}

#[derive(Deserialize)]
pub(crate) struct Filter {
    status: Option<tickets::TicketStatus>,
    account_id: Option<AccountId>,
    contact_id: Option<RecordId>,
    assignee_id: Option<RecordId>,
    search: Option<String>,
}

fn view(ticket: &Ticket) -> Value {
    json!({
        "id": ticket.id, "number": ticket.number, "title": ticket.title,
        "description": ticket.description, "status": ticket.status, "priority": ticket.priority,
        "account_id": ticket.account_id, "contact_id": ticket.contact_id,
        "assignee_id": ticket.assignee_id, "created_at": ticket.created_at,
        "updated_at": ticket.updated_at, "closed_at": ticket.closed_at,
    })
}

pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<Filter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>> {
    caller.needs(Read)?;
    let filter = TicketFilter {
        status: filter.status,
        account_id: filter.account_id,
        contact_id: filter.contact_id,
        assignee_id: filter.assignee_id,
        search: filter.search,
        ..TicketFilter::default()
    };
    let after = paging.after()?;
    let page = tickets::list(state.engine.db(), &filter, after.as_ref(), paging.limit()).await?;
    let next = page.cursor();
    Ok(answer(page.items.iter().map(view).collect(), next))
}

pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Body(new): Body<New>,
) -> Result<Response> {
    caller.needs(People)?;
    if new.title.trim().is_empty() {
        return Err(Problem::invalid("title is empty"));
    }
    let now = state.engine.now();
    let status = new.status.unwrap_or(tickets::TicketStatus::Open);
    let mut ticket = Ticket {
        id: TicketId(state.engine.new_id()),
        number: 0,
        title: new.title.trim().to_owned(),
        description: new.description,
        status,
        priority: new.priority.unwrap_or_default(),
        account_id: new.account_id,
        contact_id: new.contact_id,
        assignee_id: new.assignee_id,
        version: 1,
        created_at: now,
        updated_at: now,
        closed_at: (status == tickets::TicketStatus::Closed).then_some(now),
    };
    let mut tx = state.engine.db().begin().await?;
    ticket.number = tickets::insert(&mut tx, &ticket).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(view(&ticket))).into_response())
}
