//! Service Desk > Tickets: the list, and tickets as other lists show them.

mod new;
mod one;

pub(crate) use new::{create, new};
pub(crate) use one::{show, update};

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use provisioning::ids::{AccountId, RecordId};
use provisioning::psa::{Kind, Status};
use serde::Deserialize;
use store::record_list::{self, Order, RecordFilter};
use store::rights::{Module, Right};
use store::tickets::{self, Assignee, Ticket, TicketFilter, TicketStatus};
use store::{Db, records};

use super::frame::{Choice, Frame, ago, needs, page, query, word};
use super::people::{account_names, full_name};
use crate::AppState;
use crate::api::tickets as desk;
use crate::auth::{Caller, CurrentUser, Reach};
use crate::error::Result;

const PAGE: i64 = 50;
/// How many employees a ticket can be given to by the list.
const ASSIGNEES: i64 = 300;

/// A ticket as lists show it.
pub(crate) struct Slip {
    pub(crate) id: String,
    pub(crate) number: i64,
    pub(crate) title: String,
    pub(crate) status: String,
    pub(crate) priority: String,
    pub(crate) account: String,
    /// For those who may look at it.
    pub(crate) account_id: Option<AccountId>,
    pub(crate) contact: String,
    /// For those who may look at them.
    pub(crate) contact_id: Option<RecordId>,
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
async fn slips(state: &AppState, all: Vec<Ticket>) -> Result<Vec<Slip>> {
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
        priority: word(&one.priority),
        account: account(one.account_id),
        account_id: None,
        contact: person(one.contact_id),
        contact_id: None,
        assignee: person(one.assignee_id),
        changed: ago(Some(one.updated_at), now),
    };
    Ok(all.into_iter().map(slip).collect())
}

/// Tickets whose account and contact lead to their pages, for those who may
/// look at them.
pub(crate) async fn linked_slips(
    state: &AppState,
    user: &CurrentUser,
    all: Vec<Ticket>,
) -> Result<Vec<Slip>> {
    let ids: Vec<_> = all
        .iter()
        .map(|one| (one.account_id, one.contact_id))
        .collect();
    let mut slips = slips(state, all).await?;
    if sees_clients(user) {
        for (slip, (account, contact)) in slips.iter_mut().zip(ids) {
            (slip.account_id, slip.contact_id) = (account, contact);
        }
    }
    Ok(slips)
}

/// Whether somebody may look at accounts and contacts.
pub(super) fn sees_clients(user: &CurrentUser) -> bool {
    needs(user, Module::Crm, Right::View).is_ok()
}

/// Active employees whom a ticket can be given to; the chosen one always among
/// them.
async fn assignees(db: &Db, chosen: Option<RecordId>, nobody: &'static str) -> Result<Vec<Choice>> {
    let mut filter = RecordFilter::new(Kind::Employee);
    filter.status = Some(Status::Active);
    let found = record_list::list(db, &filter, Order::default(), None, ASSIGNEES).await?;
    let mut rows = found.items;
    if let Some(id) = chosen.filter(|id| rows.iter().all(|row| row.record.id != *id)) {
        rows.extend(records::get(db, &[id]).await?);
    }
    let nobody = Choice {
        value: String::new(),
        label: nobody.to_owned(),
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

/// Whose tickets the list can show.
async fn anybody(db: &Db, chosen: Option<Assignee>) -> Result<Vec<Choice>> {
    let employee = match chosen {
        Some(Assignee::Employee(id)) => Some(id),
        Some(Assignee::Nobody) | None => None,
    };
    let mut all = assignees(db, employee, "anybody").await?;
    let nobody = Choice {
        value: desk::NOBODY.to_owned(),
        label: "nobody".to_owned(),
        chosen: chosen == Some(Assignee::Nobody),
    };
    if let Some(anybody) = all.first_mut() {
        anybody.chosen = chosen.is_none();
    }
    all.insert(1, nobody);
    Ok(all)
}

const PRIORITIES: &[(&str, &str)] = &[
    ("low", "low"),
    ("normal", "normal"),
    ("high", "high"),
    ("critical", "critical"),
];

#[derive(Template)]
#[template(path = "tickets.html")]
struct ListPage {
    frame: Frame,
    search: String,
    statuses: Vec<Choice>,
    /// Empty for those who see their own alone.
    assignees: Vec<Choice>,
    csv: String,
    tickets: Vec<Slip>,
    may_create: bool,
    first: Option<String>,
    next: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Wanted {
    search: String,
    status: Option<String>,
    assignee_id: String,
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
    let assignee = Some(wanted.assignee_id.trim()).filter(|text| !text.is_empty());
    let assignee = assignee.map(desk::assignee).transpose();
    let assignee = assignee.map_err(|wrong| wrong.cure("Choose the assignee from the list."))?;
    let filter = TicketFilter {
        status: match status.as_str() {
            "open" => Some(TicketStatus::Open),
            "closed" => Some(TicketStatus::Closed),
            _ => None,
        },
        assignee,
        search: Some(wanted.search.trim().to_owned()).filter(|text| !text.is_empty()),
        ..TicketFilter::default()
    };
    let caller = Caller::from(user.clone());
    let filter = desk::within(filter, reach, &caller);
    let db = state.engine.db();
    let found = tickets::list(db, &filter, wanted.after.as_ref(), PAGE).await?;
    let again = |status: &str, after: &str| {
        query(&[
            ("search", &wanted.search),
            ("status", status),
            ("assignee_id", &wanted.assignee_id),
            ("after", after),
        ])
    };
    let exported = if status == "any" { "" } else { status.as_str() };
    page(&ListPage {
        frame: Frame::new("Tickets", "tickets", Some(&user)),
        statuses: Choice::list(
            &[("open", "open"), ("closed", "closed"), ("any", "any")],
            &status,
        ),
        assignees: match reach {
            Reach::All => anybody(db, assignee).await?,
            Reach::Account(_) | Reach::Own(_) => Vec::new(),
        },
        csv: format!("/api/v1/tickets/export{}", again(exported, "")),
        first: wanted.after.map(|_| again(&status, "")),
        next: found.next.map(|number| again(&status, &number.to_string())),
        tickets: linked_slips(&state, &user, found.items).await?,
        may_create: user.rights.allows(Module::ServiceDesk, Right::Create),
        search: wanted.search,
    })
}
