//! Finance > Invoices: the list, one invoice, and making one.

mod new;

pub(crate) use new::{create, new};

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use provisioning::ids::{AccountId, RecordId};
use serde::Deserialize;
use store::invoices::{self, Invoice, InvoiceFilter, InvoiceKey, InvoiceStatus};
use store::page::decode;
use store::psa_ids::InvoiceId;
use store::rights::{Module, Right};

use super::frame::{Choice, Frame, needs, page, query, word};
use super::people::account_names;
use super::tickets::{record_names, sees_clients};
use crate::AppState;
use crate::api::finance;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::extract::{Id, bad_cursor};

const PAGE: i64 = 50;

/// An invoice as lists show it.
pub(crate) struct Bill {
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) account: String,
    /// For those who may look at it.
    pub(crate) account_id: Option<AccountId>,
    pub(crate) contact: String,
    /// For those who may look at them.
    pub(crate) contact_id: Option<RecordId>,
    pub(crate) status: String,
    pub(crate) issued: String,
    pub(crate) amount: String,
    pub(crate) currency: String,
}

/// Invoices with the names of those they concern.
pub(crate) async fn bills(
    state: &AppState,
    user: &CurrentUser,
    all: Vec<Invoice>,
) -> Result<Vec<Bill>> {
    let (db, leads) = (state.engine.db(), sees_clients(user));
    let people = record_names(db, all.iter().filter_map(|one| one.contact_id).collect()).await?;
    let accounts = account_names(db, all.iter().map(|one| one.account_id).collect()).await?;
    let bill = |one: Invoice| Bill {
        id: one.id.to_string(),
        number: one.number,
        account: accounts.get(&one.account_id).cloned().unwrap_or_default(),
        account_id: leads.then_some(one.account_id),
        contact_id: one.contact_id.filter(|_| leads),
        contact: one
            .contact_id
            .and_then(|id| people.get(&id).cloned())
            .unwrap_or_default(),
        status: word(&one.status),
        issued: one.issued_on.to_string(),
        amount: one.amount.as_str().to_owned(),
        currency: one.currency.as_str().to_owned(),
    };
    Ok(all.into_iter().map(bill).collect())
}

#[derive(Template)]
#[template(path = "invoices.html")]
struct ListPage {
    frame: Frame,
    search: String,
    statuses: Vec<Choice>,
    may_create: bool,
    invoices: Vec<Bill>,
    first: bool,
    next: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Wanted {
    search: String,
    status: String,
    after: String,
}

pub(crate) async fn list(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    let reach = user.reach(Module::Finance, Right::View)?;
    let all = [
        InvoiceStatus::Draft,
        InvoiceStatus::Sent,
        InvoiceStatus::Paid,
        InvoiceStatus::Void,
    ];
    let mut filter = InvoiceFilter {
        status: all.into_iter().find(|status| word(status) == wanted.status),
        search: Some(wanted.search.trim().to_owned()).filter(|text| !text.is_empty()),
        ..InvoiceFilter::default()
    };
    finance::within(&mut filter, reach);
    let after = Some(wanted.after.as_str()).filter(|text| !text.is_empty());
    let after: Option<InvoiceKey> = after.map(decode).transpose().map_err(|_| bad_cursor())?;
    let found = invoices::list(state.engine.db(), &filter, after.as_ref(), PAGE).await?;
    let next = found.cursor().map(|after| {
        let status = wanted.status.as_str();
        query(&[
            ("search", &wanted.search),
            ("status", status),
            ("after", &after),
        ])
    });
    page(&ListPage {
        frame: Frame::new("Invoices", "invoices", Some(&user)),
        statuses: Choice::list(
            &[
                ("", "any"),
                ("draft", "draft"),
                ("sent", "sent"),
                ("paid", "paid"),
                ("void", "void"),
            ],
            &wanted.status,
        ),
        may_create: needs(&user, Module::Finance, Right::Create).is_ok(),
        invoices: bills(&state, &user, found.items).await?,
        search: wanted.search,
        first: after.is_some(),
        next,
    })
}

#[derive(Template)]
#[template(path = "invoice.html")]
struct InvoicePage {
    frame: Frame,
    bill: Bill,
}

pub(crate) async fn show(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<InvoiceId>,
) -> Result<Response> {
    let reach = user.reach(Module::Finance, Right::View)?;
    let invoice = finance::found(state.engine.db(), reach, id).await?;
    let title = format!("Invoice {}", invoice.number);
    let bill = bills(&state, &user, vec![invoice]).await?.pop();
    page(&InvoicePage {
        frame: Frame::new(&title, "invoices", Some(&user)),
        bill: bill.ok_or_else(|| Problem::not_found("invoice"))?,
    })
}
