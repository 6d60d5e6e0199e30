//! CRM > Accounts: the list, and one account with who and what belongs to it.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use provisioning::ids::AccountId;
use provisioning::psa::{Kind, Status};
use serde::Deserialize;
use store::accounts::{self, Account, AccountFilter};
use store::invoices::{self, InvoiceFilter};
use store::record_list::{self, Order, RecordFilter};
use store::references::ReferenceKind;
use store::rights::{Module, Right};
use store::tickets::{self, TicketFilter};

use super::confirm::Confirm;
use super::frame::{Fields, Frame, go, needs, page, sentence, word};
use super::moment::{Timed, when};
use super::people::full_name;
use crate::AppState;
use crate::api::accounts as api;
use crate::auth::{Caller, CurrentUser};
use crate::error::Result;
use crate::extract::{Id, Paging};

/// Where the list is.
const HERE: &str = "/crm/accounts";
const PAGE: i64 = 50;
/// Contacts, tickets and invoices shown of an account.
const SHOWN: i64 = 20;
/// Contacts that are counted.
const COUNTED: i64 = 1_000;

struct Line {
    id: String,
    name: String,
    is_active: bool,
    changed: Timed,
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct ListPage {
    frame: Frame,
    search: String,
    rows: Vec<Line>,
    next: Option<String>,
    paged: bool,
    may_create: bool,
    /// The name of a new one as it was typed, and what is wrong with it.
    name: String,
    failure: Option<(String, Option<String>)>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Wanted {
    search: String,
    after: Option<String>,
}

async fn build(state: &AppState, user: &CurrentUser, wanted: Wanted) -> Result<ListPage> {
    let filter = AccountFilter {
        search: Some(wanted.search.trim().to_owned()).filter(|text| !text.is_empty()),
        ..AccountFilter::default()
    };
    let paging = Paging {
        limit: None,
        after: wanted.after,
    };
    let after = paging.after()?;
    let (db, now) = (state.engine.db(), state.engine.now());
    let found = accounts::list(db, &filter, after.as_ref(), PAGE).await?;
    Ok(ListPage {
        frame: Frame::new("Accounts", "accounts", Some(user)),
        search: wanted.search,
        next: found.cursor(),
        paged: after.is_some(),
        rows: found
            .items
            .into_iter()
            .map(|account| Line {
                id: account.id.to_string(),
                name: account.name,
                is_active: account.is_active,
                changed: when(account.updated_at, now),
            })
            .collect(),
        may_create: needs(user, Module::Crm, Right::Create).is_ok(),
        name: String::new(),
        failure: None,
    })
}

pub(crate) async fn list(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    needs(&user, Module::Crm, Right::View)?;
    page(&build(&state, &user, wanted).await?)
}

/// Makes an account; a name that is refused comes back as it was typed.
pub(crate) async fn create(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Crm, Right::Create)?;
    let name = fields.text("name").unwrap_or_default();
    let caller = Caller::from(user.clone());
    let problem = match api::open(&state, &caller, &name).await {
        Ok(account) => return Ok(go(format!("{HERE}/{}", account.id))),
        Err(problem) => problem,
    };
    if !problem.is_mendable() {
        return Err(problem);
    }
    let cure = problem.cure_text().map(str::to_owned);
    let shown = ListPage {
        name,
        failure: Some((sentence(problem.detail()), cure)),
        ..build(&state, &user, Wanted::default()).await?
    };
    Ok((problem.status(), page(&shown)?).into_response())
}

struct Of {
    href: String,
    label: String,
    more: Timed,
    state: String,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    failure: Option<(String, Option<String>)>,
    account: Account,
    contacts: Vec<Of>,
    /// How many there are, when not all are shown.
    all_contacts: Option<String>,
    sees_tickets: bool,
    tickets: Vec<Of>,
    sees_invoices: bool,
    invoices: Vec<Of>,
    may_invoice: bool,
    may_edit: bool,
    may_delete: bool,
}

async fn contacts_of(state: &AppState, id: AccountId) -> Result<Vec<Of>> {
    let mut filter = RecordFilter::new(Kind::Contact);
    filter.account_id = Some(id);
    let db = state.engine.db();
    let found = record_list::list(db, &filter, Order::default(), None, SHOWN).await?;
    let one = |row: store::records::RecordRow| Of {
        href: format!("/crm/contacts/{}", row.record.id),
        label: full_name(&row.record),
        more: row.record.email.as_deref().unwrap_or_default().into(),
        state: match row.record.status {
            Status::Active if row.record.access => "client portal".to_owned(),
            status => status.name().to_owned(),
        },
    };
    Ok(found.items.into_iter().map(one).collect())
}

/// How many contacts an account has, in words.
async fn contact_count(state: &AppState, id: AccountId) -> Result<String> {
    let all = accounts::references(state.engine.db(), id, COUNTED).await?;
    let contacts = all.iter().filter(|one| one.kind == ReferenceKind::Contact);
    let count = contacts.count();
    let is_all = i64::try_from(count).is_ok_and(|count| count < COUNTED);
    Ok(if is_all {
        format!("All {count} contacts")
    } else {
        format!("All contacts, {count} and more")
    })
}

async fn tickets_of(state: &AppState, id: AccountId) -> Result<Vec<Of>> {
    let filter = TicketFilter {
        account_id: Some(id),
        ..TicketFilter::default()
    };
    let (db, now) = (state.engine.db(), state.engine.now());
    let found = tickets::list(db, &filter, None, SHOWN).await?;
    let one = |ticket: tickets::Ticket| Of {
        href: format!("/service-desk/tickets/{}", ticket.id),
        label: format!("#{} {}", ticket.number, ticket.title),
        more: when(ticket.updated_at, now),
        state: word(&ticket.status),
    };
    Ok(found.items.into_iter().map(one).collect())
}

async fn invoices_of(state: &AppState, id: AccountId) -> Result<Vec<Of>> {
    let filter = InvoiceFilter {
        account_id: Some(id),
        ..InvoiceFilter::default()
    };
    let found = invoices::list(state.engine.db(), &filter, None, SHOWN).await?;
    let one = |invoice: invoices::Invoice| Of {
        href: format!("/finance/invoices/{}", invoice.id),
        label: invoice.number,
        more: format!("{} {}", invoice.amount, invoice.currency)
            .as_str()
            .into(),
        state: word(&invoice.status),
    };
    Ok(found.items.into_iter().map(one).collect())
}

pub(crate) async fn show(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<AccountId>,
) -> Result<Response> {
    page(&one(&state, &user, id).await?)
}

async fn one(state: &AppState, user: &CurrentUser, id: AccountId) -> Result<AccountPage> {
    needs(user, Module::Crm, Right::View)?;
    let account = api::found(state.engine.db(), id).await?;
    let sees = |module| needs(user, module, Right::View).is_ok();
    let (sees_tickets, sees_invoices) = (sees(Module::ServiceDesk), sees(Module::Finance));
    let contacts = contacts_of(state, id).await?;
    let is_cut = i64::try_from(contacts.len()).is_ok_and(|shown| shown >= SHOWN);
    Ok(AccountPage {
        frame: Frame::new(&account.name, "accounts", Some(user)),
        failure: None,
        contacts,
        all_contacts: match is_cut {
            true => Some(contact_count(state, id).await?),
            false => None,
        },
        tickets: match sees_tickets {
            true => tickets_of(state, id).await?,
            false => Vec::new(),
        },
        invoices: match sees_invoices {
            true => invoices_of(state, id).await?,
            false => Vec::new(),
        },
        sees_tickets,
        sees_invoices,
        may_invoice: needs(user, Module::Finance, Right::Create).is_ok(),
        may_edit: needs(user, Module::Crm, Right::Edit).is_ok(),
        may_delete: needs(user, Module::Crm, Right::Delete).is_ok(),
        account,
    })
}

/// Changes an account; what is refused comes back as it was typed.
pub(crate) async fn update(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<AccountId>,
    fields: Fields,
) -> Result<Response> {
    let seen = fields.parse("version", "a version")?;
    let name = fields.text("name").unwrap_or_default();
    let change = api::Change {
        name: Some(name.clone()),
        is_active: Some(fields.ticked("is_active")),
    };
    let caller = Caller::from(user.clone());
    let problem = match api::change(&state, &caller, id, seen, change).await {
        Ok(_) => return Ok(go(format!("{HERE}/{id}"))),
        Err(problem) => problem,
    };
    if !problem.is_mendable() {
        return Err(problem);
    }
    let mut shown = one(&state, &user, id).await?;
    (shown.account.name, shown.account.is_active) = (name, fields.ticked("is_active"));
    let cure = problem.cure_text().map(str::to_owned);
    shown.failure = Some((sentence(problem.detail()), cure));
    Ok((problem.status(), page(&shown)?).into_response())
}

/// What deleting an account does, before it is done.
async fn asked(state: &AppState, user: &CurrentUser, id: AccountId) -> Result<Confirm> {
    needs(user, Module::Crm, Right::Delete)?;
    let account = api::found(state.engine.db(), id).await?;
    let held = accounts::references(state.engine.db(), id, SHOWN).await?;
    let is_refused = !held.is_empty();
    let says = if is_refused {
        let have = "The account cannot be deleted while something refers to it. Give these to another account first, or make the account inactive:";
        let held = held.iter().map(|one| {
            let what = match one.kind {
                ReferenceKind::Ticket => "Ticket",
                ReferenceKind::Invoice => "Invoice",
                ReferenceKind::Contact => "Contact",
                ReferenceKind::MappingRule => "Mapping rule",
            };
            format!("{what} {}", one.label)
        });
        std::iter::once(have.to_owned()).chain(held).collect()
    } else {
        vec![
            "Nothing refers to the account: no contact, ticket, invoice or mapping rule loses anything.".to_owned(),
            "This cannot be undone.".to_owned(),
        ]
    };
    Ok(Confirm {
        frame: Frame::new(&format!("Delete {}", account.name), "accounts", Some(user)),
        list: ("Accounts", HERE),
        back: format!("{HERE}/{id}"),
        action: format!("{HERE}/{id}/delete"),
        version: Some(account.version),
        says,
        button: "Delete",
        is_refused,
        failure: None,
    })
}

pub(crate) async fn ask_delete(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<AccountId>,
) -> Result<Response> {
    page(&asked(&state, &user, id).await?)
}

pub(crate) async fn delete(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<AccountId>,
    fields: Fields,
) -> Result<Response> {
    let asked = asked(&state, &user, id).await?;
    let seen = fields.parse("version", "a version")?;
    let done = api::delete(&state, &Caller::from(user), id, seen).await;
    asked.done(done.map(|()| StatusCode::NO_CONTENT))
}
