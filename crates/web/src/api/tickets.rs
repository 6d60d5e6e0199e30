//! `/tickets`: what people ask for; a reason an archived record must stay.

pub(crate) mod comments;
pub(super) mod export;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use provisioning::ids::{AccountId, RecordId};
use provisioning::psa::Kind;
use serde::Deserialize;
use serde_json::{Value, json};
use store::psa_ids::TicketId;
use store::rights::Module::ServiceDesk;
use store::rights::Right::{Create, Delete, Edit, View};
use store::tickets::{self, Assignee, Ticket, TicketFilter};
use store::{Source, Tx, records};

use crate::AppState;
use crate::auth::{Belongs, Caller, Reach};
use crate::error::{Problem, Result};
use crate::extract::{Body, Id, Paging, Query, expected_version, given, list as answer};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) status: Option<tickets::TicketStatus>,
    pub(crate) priority: Option<tickets::Priority>,
    pub(crate) account_id: Option<AccountId>,
    pub(crate) contact_id: Option<RecordId>,
    pub(crate) assignee_id: Option<RecordId>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Change {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) status: Option<tickets::TicketStatus>,
    pub(crate) priority: Option<tickets::Priority>,
    #[serde(deserialize_with = "given")]
    pub(crate) account_id: Option<Option<AccountId>>,
    #[serde(deserialize_with = "given")]
    pub(crate) contact_id: Option<Option<RecordId>>,
    #[serde(deserialize_with = "given")]
    pub(crate) assignee_id: Option<Option<RecordId>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Filter {
    status: Option<tickets::TicketStatus>,
    priority: Option<tickets::Priority>,
    account_id: Option<AccountId>,
    contact_id: Option<RecordId>,
    assignee_id: Option<String>,
    search: Option<String>,
    limit: Option<i64>,
    after: Option<String>,
}

impl Filter {
    fn wanted(self) -> Result<TicketFilter> {
        let assignee = self.assignee_id.as_deref().map(assignee).transpose()?;
        Ok(TicketFilter {
            status: self.status,
            account_id: self.account_id,
            contact_id: self.contact_id,
            assignee,
            search: self.search,
            priority: self.priority,
        })
    }
}

/// What a filter calls those whom nobody works on.
pub(crate) const NOBODY: &str = "nobody";

/// Whose work is asked for: an employee's, or nobody's.
pub(crate) fn assignee(text: &str) -> Result<Assignee> {
    if text == NOBODY {
        return Ok(Assignee::Nobody);
    }
    text.parse().map(Assignee::Employee).map_err(|_| {
        Problem::invalid(format!(
            "assignee_id: neither the id of an employee nor `{NOBODY}`"
        ))
    })
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
) -> Result<Json<Value>> {
    let reach = caller.reach(ServiceDesk, View)?;
    let paging = Paging {
        limit: filter.limit,
        after: filter.after.clone(),
    };
    let filter = within(filter.wanted()?, reach, &caller);
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
    let ticket = open(&state, &caller, new).await?;
    Ok(tagged(StatusCode::CREATED, 1, &ticket))
}

/// Opens a ticket.
pub(crate) async fn open(state: &AppState, caller: &Caller, new: New) -> Result<Ticket> {
    let reach = caller.reach(ServiceDesk, Create)?;
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
    if !reach.covers(belongs(&ticket)) || (caller.is_contact() && ticket.assignee_id.is_some()) {
        return Err(Problem::invalid(
            "contact_id and account_id: your security roles let you open tickets of your own only",
        ));
    }
    let mut tx = state.engine.db().begin().await?;
    check_people(&mut tx, caller, None, &ticket).await?;
    ticket.number = tickets::insert(&mut tx, &ticket).await?;
    tx.commit().await?;
    Ok(ticket)
}

impl Change {
    /// Whether it says whom the ticket is about, or who works on it.
    fn moves(&self) -> bool {
        self.account_id.is_some() || self.contact_id.is_some() || self.assignee_id.is_some()
    }
}

/// Refuses a ticket about nobody who is a contact, given to nobody who is an
/// employee, or about somebody of another account than the caller's.
async fn check_people(
    tx: &mut Tx,
    caller: &Caller,
    old: Option<&Ticket>,
    new: &Ticket,
) -> Result<()> {
    let fields = [
        (
            "contact_id",
            new.contact_id,
            old.and_then(|old| old.contact_id),
            Kind::Contact,
        ),
        (
            "assignee_id",
            new.assignee_id,
            old.and_then(|old| old.assignee_id),
            Kind::Employee,
        ),
    ];
    for (field, now, before, kind) in fields {
        let Some(id) = now.filter(|id| before != Some(*id)) else {
            continue;
        };
        let row = records::get(&mut *tx, &[id]).await?.pop();
        let row = row.filter(|row| row.record.kind == kind);
        let row = row.ok_or_else(|| {
            let kind = kind.name();
            Problem::invalid(format!("{field}: {id} is no {kind}"))
        })?;
        let is_elsewhere = kind == Kind::Contact && row.record.account_id != new.account_id;
        if is_elsewhere && caller.is_contact() {
            return Err(Problem::invalid(format!(
                "{field}: {id} is no contact of your account"
            )));
        }
    }
    Ok(())
}

/// Whose a ticket is.
pub(crate) fn belongs(ticket: &Ticket) -> Belongs {
    Belongs {
        account: ticket.account_id,
        contact: ticket.contact_id,
        assignee: ticket.assignee_id,
    }
}

/// The filter, held to what the caller reaches.
pub(crate) fn within(mut filter: TicketFilter, reach: Reach, caller: &Caller) -> TicketFilter {
    match reach {
        Reach::All => {}
        Reach::Account(account) => filter.account_id = Some(account),
        Reach::Own(person) if caller.is_contact() => filter.contact_id = Some(person),
        Reach::Own(person) => filter.assignee = Some(Assignee::Employee(person)),
    }
    filter
}

/// The ticket, for whom it may concern; for others there is none.
pub(crate) async fn found(on: impl Into<Source<'_>>, reach: Reach, id: TicketId) -> Result<Ticket> {
    let ticket = tickets::get(on, id).await?;
    let ticket = ticket.filter(|ticket| reach.covers(belongs(ticket)));
    ticket.ok_or_else(|| Problem::not_found("ticket"))
}

fn tagged(status: StatusCode, version: i64, ticket: &Ticket) -> Response {
    (
        status,
        [(header::ETAG, format!("\"{version}\""))],
        Json(view(ticket)),
    )
        .into_response()
}

pub(crate) async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<TicketId>,
) -> Result<Response> {
    let reach = caller.reach(ServiceDesk, View)?;
    let ticket = found(state.engine.db(), reach, id).await?;
    Ok(tagged(StatusCode::OK, ticket.version, &ticket))
}

pub(crate) async fn update(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<TicketId>,
    headers: HeaderMap,
    Body(change): Body<Change>,
) -> Result<Response> {
    let seen = expected_version(&headers)?;
    let ticket = amend(&state, &caller, id, seen, change).await?;
    Ok(tagged(StatusCode::OK, ticket.version, &ticket))
}

/// Changes a ticket that is still at the version `seen`.
pub(crate) async fn amend(
    state: &AppState,
    caller: &Caller,
    id: TicketId,
    seen: Option<i64>,
    change: Change,
) -> Result<Ticket> {
    let reach = caller.reach(ServiceDesk, Edit)?;
    let mut tx = state.engine.db().begin().await?;
    let old = found(&mut tx, reach, id).await?;
    if caller.is_contact() && change.moves() {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "insufficient_rights",
            "account_id, contact_id and assignee_id: whom a ticket is about, and who works on it, \
             is for the service desk to say",
        ));
    }
    let mut ticket = old.clone();
    if let Some(title) = change.title {
        if title.trim().is_empty() {
            return Err(Problem::invalid("title is empty"));
        }
        ticket.title = title.trim().to_owned();
    }
    ticket.description = change.description.unwrap_or(ticket.description);
    ticket.status = change.status.unwrap_or(ticket.status);
    ticket.priority = change.priority.unwrap_or(ticket.priority);
    ticket.account_id = change.account_id.unwrap_or(ticket.account_id);
    ticket.contact_id = change.contact_id.unwrap_or(ticket.contact_id);
    ticket.assignee_id = change.assignee_id.unwrap_or(ticket.assignee_id);
    check_people(&mut tx, caller, Some(&old), &ticket).await?;
    let expected = seen.unwrap_or(ticket.version);
    tickets::update(&mut tx, &ticket, expected, state.engine.now()).await?;
    let ticket = found(&mut tx, Reach::All, id).await?;
    tx.commit().await?;
    Ok(ticket)
}

pub(crate) async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<TicketId>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    let reach = caller.reach(ServiceDesk, Delete)?;
    let mut tx = state.engine.db().begin().await?;
    let ticket = found(&mut tx, reach, id).await?;
    let expected = expected_version(&headers)?.unwrap_or(ticket.version);
    tickets::delete(&mut tx, id, expected).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
