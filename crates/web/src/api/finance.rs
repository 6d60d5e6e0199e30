//! `/invoices`: what accounts owe; a reason an archived record must stay.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use provisioning::ids::{AccountId, RecordId};
use serde::Deserialize;
use serde_json::{Value, json};
use store::Source;
use store::invoices::{self, Amount, Currency, Invoice, InvoiceFilter, InvoiceStatus};
use store::psa_ids::InvoiceId;
use store::rights::Module::Finance;
use store::rights::Right::{Create, Delete, Edit, View};

use crate::AppState;
use crate::auth::{Belongs, Caller, Reach};
use crate::error::{Problem, Result};
use crate::extract::{Body, Id, Paging, Query, expected_version, given, list as answer};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    pub(crate) number: String,
    pub(crate) account_id: AccountId,
    pub(crate) contact_id: Option<RecordId>,
    pub(crate) amount: Option<Amount>,
    pub(crate) currency: Option<Currency>,
    pub(crate) status: Option<InvoiceStatus>,
    pub(crate) issued_on: Option<jiff::civil::Date>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Change {
    number: Option<String>,
    account_id: Option<AccountId>,
    #[serde(deserialize_with = "given")]
    contact_id: Option<Option<RecordId>>,
    amount: Option<Amount>,
    currency: Option<Currency>,
    status: Option<InvoiceStatus>,
    issued_on: Option<jiff::civil::Date>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Filter {
    status: Option<InvoiceStatus>,
    account_id: Option<AccountId>,
    contact_id: Option<RecordId>,
    search: Option<String>,
    limit: Option<i64>,
    after: Option<String>,
}

fn view(invoice: &Invoice) -> Value {
    json!({
        "id": invoice.id, "number": invoice.number, "account_id": invoice.account_id,
        "contact_id": invoice.contact_id, "amount": invoice.amount,
        "currency": invoice.currency, "status": invoice.status, "issued_on": invoice.issued_on,
        "created_at": invoice.created_at, "updated_at": invoice.updated_at,
    })
}

pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>> {
    let reach = caller.reach(Finance, View)?;
    let paging = Paging {
        limit: filter.limit,
        after: filter.after,
    };
    let mut filter = InvoiceFilter {
        status: filter.status,
        account_id: filter.account_id,
        contact_id: filter.contact_id,
        search: filter.search,
    };
    within(&mut filter, reach);
    let after = paging.after()?;
    let page = invoices::list(state.engine.db(), &filter, after.as_ref(), paging.limit()).await?;
    let next = page.cursor();
    Ok(answer(page.items.iter().map(view).collect(), next))
}

pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Body(new): Body<New>,
) -> Result<Response> {
    let invoice = issue(&state, &caller, new).await?;
    Ok(tagged(StatusCode::CREATED, 1, &invoice))
}

/// Makes an invoice.
pub(crate) async fn issue(state: &AppState, caller: &Caller, new: New) -> Result<Invoice> {
    caller.may(Finance, Create)?;
    if new.number.trim().is_empty() {
        return Err(Problem::invalid("number is empty"));
    }
    let now = state.engine.now();
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let invoice = Invoice {
        id: InvoiceId(state.engine.new_id()),
        number: new.number.trim().to_owned(),
        account_id: new.account_id,
        contact_id: new.contact_id,
        amount: new
            .amount
            .map_or_else(|| Amount::parse("0"), Ok)
            .map_err(bad_money)?,
        currency: new
            .currency
            .map_or_else(|| Currency::parse("USD"), Ok)
            .map_err(bad_money)?,
        status: new.status.unwrap_or(InvoiceStatus::Draft),
        issued_on: new.issued_on.unwrap_or(today),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let mut tx = state.engine.db().begin().await?;
    invoices::insert(&mut tx, &invoice).await?;
    tx.commit().await?;
    Ok(invoice)
}

/// Holds a filter to what the caller reaches.
pub(crate) fn within(filter: &mut InvoiceFilter, reach: Reach) {
    match reach {
        Reach::All => {}
        Reach::Account(account) => filter.account_id = Some(account),
        Reach::Own(person) => filter.contact_id = Some(person),
    }
}

/// The invoice, for whom it may concern; for others there is none.
pub(crate) async fn found(
    on: impl Into<Source<'_>>,
    reach: Reach,
    id: InvoiceId,
) -> Result<Invoice> {
    let invoice = invoices::get(on, id).await?;
    let reached = |invoice: &Invoice| {
        reach.covers(Belongs {
            account: Some(invoice.account_id),
            contact: invoice.contact_id,
            assignee: None,
        })
    };
    let invoice = invoice.filter(reached);
    invoice.ok_or_else(|| Problem::not_found("invoice"))
}

fn tagged(status: StatusCode, version: i64, invoice: &Invoice) -> Response {
    (
        status,
        [(header::ETAG, format!("\"{version}\""))],
        Json(view(invoice)),
    )
        .into_response()
}

pub(crate) async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<InvoiceId>,
) -> Result<Response> {
    let reach = caller.reach(Finance, View)?;
    let invoice = found(state.engine.db(), reach, id).await?;
    Ok(tagged(StatusCode::OK, invoice.version, &invoice))
}

pub(crate) async fn update(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<InvoiceId>,
    headers: HeaderMap,
    Body(change): Body<Change>,
) -> Result<Response> {
    caller.may(Finance, Edit)?;
    let mut tx = state.engine.db().begin().await?;
    let mut invoice = found(&mut tx, Reach::All, id).await?;
    if let Some(number) = change.number {
        if number.trim().is_empty() {
            return Err(Problem::invalid("number is empty"));
        }
        invoice.number = number.trim().to_owned();
    }
    invoice.account_id = change.account_id.unwrap_or(invoice.account_id);
    invoice.contact_id = change.contact_id.unwrap_or(invoice.contact_id);
    invoice.amount = change.amount.unwrap_or(invoice.amount);
    invoice.currency = change.currency.unwrap_or(invoice.currency);
    invoice.status = change.status.unwrap_or(invoice.status);
    invoice.issued_on = change.issued_on.unwrap_or(invoice.issued_on);
    let expected = expected_version(&headers)?.unwrap_or(invoice.version);
    let version = invoices::update(&mut tx, &invoice, expected, state.engine.now()).await?;
    let invoice = found(&mut tx, Reach::All, id).await?;
    tx.commit().await?;
    Ok(tagged(StatusCode::OK, version, &invoice))
}

pub(crate) async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<InvoiceId>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    caller.may(Finance, Delete)?;
    let mut tx = state.engine.db().begin().await?;
    let invoice = found(&mut tx, Reach::All, id).await?;
    let expected = expected_version(&headers)?.unwrap_or(invoice.version);
    invoices::delete(&mut tx, id, expected).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn bad_money(error: invoices::BadMoney) -> Problem {
    Problem::invalid(error.to_string())
}
