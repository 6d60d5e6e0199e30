//! The client portal: what a contact sees. Own tickets and the profile; with
//! the right to the account's, its tickets and invoices too.

mod ticket;

use std::collections::BTreeMap;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use provisioning::ids::RecordId;
use provisioning::psa::Kind;
use serde::Deserialize;
use store::invoices::{self, InvoiceFilter};
use store::rights::Module::{Finance, ServiceDesk};
use store::rights::Right::{Create, View};
use store::tickets::{self, TicketFilter, TicketStatus};
use store::{accounts, records};

use super::frame::{Choice, Frame, go, page, query, word};
use super::moment::{Timed, when};
use super::people::full_name;
use crate::AppState;
use crate::api::{finance, tickets as desk};
use crate::auth::{Caller, CurrentUser, Reach};
use crate::error::{Problem, Result};
use crate::extract::Paging;

const PAGE: i64 = 25;

/// Everything under `/portal`.
pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(list))
        .route("/tickets", post(ticket::open))
        .route("/tickets/new", get(ticket::form))
        .route("/tickets/{id}", get(ticket::show).post(ticket::change))
        .route("/invoices", get(bills))
        // Where the profile was before it was one page with the account.
        .route("/profile", get(|| async { go("/me") }))
}

/// The portal is for contacts; employees have the whole product.
fn contact(user: &CurrentUser) -> Result<Caller> {
    if user.record.record.kind == Kind::Contact {
        return Ok(Caller::from(user.clone()));
    }
    Err(Problem::not_found("page for employees").cure("Tickets are under Service Desk."))
}

struct Line {
    id: String,
    number: i64,
    title: String,
    status: String,
    whose: String,
    changed: Timed,
}

#[derive(Template)]
#[template(path = "portal.html")]
struct ListPage {
    frame: Frame,
    account: Option<String>,
    is_account_wide: bool,
    may_open: bool,
    search: String,
    statuses: Vec<Choice>,
    is_filtered: bool,
    rows: Vec<Line>,
    next: Option<String>,
    paged: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Wanted {
    search: String,
    status: String,
    after: Option<String>,
}

async fn list(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    let caller = contact(&user)?;
    let reach = caller.reach(ServiceDesk, View)?;
    let filter = TicketFilter {
        status: match wanted.status.as_str() {
            "open" => Some(TicketStatus::Open),
            "closed" => Some(TicketStatus::Closed),
            _ => None,
        },
        search: Some(wanted.search.trim().to_owned()).filter(|text| !text.is_empty()),
        ..TicketFilter::default()
    };
    let filter = desk::within(filter, reach, &caller);
    let paging = Paging {
        limit: None,
        after: wanted.after,
    };
    let after = paging.after()?;
    let (db, now) = (state.engine.db(), state.engine.now());
    let found = tickets::list(db, &filter, after.as_ref(), PAGE).await?;
    let next = found.cursor().map(|after| {
        query(&[
            ("search", &wanted.search),
            ("status", &wanted.status),
            ("after", &after),
        ])
    });
    let whose: Vec<RecordId> = found.items.iter().filter_map(|t| t.contact_id).collect();
    let whose = names(&state, &whose).await?;
    let one = |ticket: tickets::Ticket| Line {
        id: ticket.id.to_string(),
        number: ticket.number,
        status: word(&ticket.status),
        whose: ticket
            .contact_id
            .and_then(|id| whose.get(&id).cloned())
            .unwrap_or_default(),
        changed: when(ticket.updated_at, now),
        title: ticket.title,
    };
    page(&ListPage {
        frame: Frame::new("Tickets", "tickets", Some(&user)),
        account: account_of(&state, &user).await?,
        is_account_wide: matches!(reach, Reach::Account(_)),
        may_open: caller.reach(ServiceDesk, Create).is_ok(),
        statuses: Choice::list(
            &[("", "any"), ("open", "open"), ("closed", "closed")],
            &wanted.status,
        ),
        is_filtered: !wanted.search.is_empty() || !wanted.status.is_empty(),
        search: wanted.search,
        rows: found.items.into_iter().map(one).collect(),
        next,
        paged: after.is_some(),
    })
}

/// What to call people.
async fn names(state: &AppState, ids: &[RecordId]) -> Result<BTreeMap<RecordId, String>> {
    let rows = records::get(state.engine.db(), ids).await?;
    let pair = |row: records::RecordRow| (row.record.id, full_name(&row.record));
    Ok(rows.into_iter().map(pair).collect())
}

async fn account_of(state: &AppState, user: &CurrentUser) -> Result<Option<String>> {
    let Some(id) = user.record.record.account_id else {
        return Ok(None);
    };
    let found = accounts::get(state.engine.db(), &[id]).await?.pop();
    Ok(found.map(|account| account.name))
}

struct Bill {
    number: String,
    amount: String,
    status: String,
    issued: String,
}

#[derive(Template)]
#[template(path = "portal_invoices.html")]
struct BillsPage {
    frame: Frame,
    account: Option<String>,
    rows: Vec<Bill>,
    next: Option<String>,
    paged: bool,
}

async fn bills(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(paging): Query<Paging>,
) -> Result<Response> {
    let caller = contact(&user)?;
    let mut filter = InvoiceFilter::default();
    finance::within(&mut filter, caller.reach(Finance, View)?);
    let after = paging.after()?;
    let found = invoices::list(state.engine.db(), &filter, after.as_ref(), PAGE).await?;
    let next = found.cursor();
    let one = |invoice: invoices::Invoice| Bill {
        number: invoice.number,
        amount: format!("{} {}", invoice.amount, invoice.currency),
        status: word(&invoice.status),
        issued: invoice.issued_on.to_string(),
    };
    page(&BillsPage {
        frame: Frame::new("Invoices", "invoices", Some(&user)),
        account: account_of(&state, &user).await?,
        rows: found.items.into_iter().map(one).collect(),
        next,
        paged: after.is_some(),
    })
}

/// What contacts are shown of their own record.
pub(super) struct Profile {
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) sees_account: bool,
}

/// The profile of a contact; none of an employee.
pub(super) async fn profile_of(state: &AppState, user: &CurrentUser) -> Result<Option<Profile>> {
    let record = &user.record.record;
    if record.kind != Kind::Contact {
        return Ok(None);
    }
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let fields = [
        ("Name", full_name(record)),
        (
            "Company",
            account_of(state, user).await?.unwrap_or_default(),
        ),
        ("Job Title", text(&record.job_title)),
        ("Email", text(&record.email)),
        ("Username", text(&record.username)),
    ];
    Ok(Some(Profile {
        fields: fields
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect(),
        sees_account: matches!(user.reach(ServiceDesk, View), Ok(Reach::Account(_))),
    }))
}
