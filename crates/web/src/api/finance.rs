//! `/invoices`: what accounts owe; a reason an archived record must stay.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use provisioning::ids::{AccountId, RecordId};
use serde::Deserialize;
use serde_json::{Value, json};
use store::api_tokens::TokenScope::{People, Read};
use store::invoices::{self, Amount, Currency, Invoice, InvoiceFilter, InvoiceStatus};
use store::psa_ids::InvoiceId;

use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Body, Paging, list as answer};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    number: String,
    account_id: AccountId,
    contact_id: Option<RecordId>,
    amount: Amount,
    currency: Currency,
    status: Option<InvoiceStatus>,
    issued_on: Option<jiff::civil::Date>,
}

#[derive(Deserialize)]
pub(crate) struct Filter {
    status: Option<InvoiceStatus>,
    account_id: Option<AccountId>,
    contact_id: Option<RecordId>,
    search: Option<String>,
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
    Query(paging): Query<Paging>,
) -> Result<Json<Value>> {
    caller.needs(Read)?;
    let filter = InvoiceFilter {
        status: filter.status,
        account_id: filter.account_id,
        contact_id: filter.contact_id,
        search: filter.search,
    };
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
    caller.needs(People)?;
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
        amount: new.amount,
        currency: new.currency,
        status: new.status.unwrap_or(InvoiceStatus::Draft),
        issued_on: new.issued_on.unwrap_or(today),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let mut tx = state.engine.db().begin().await?;
    invoices::insert(&mut tx, &invoice).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(view(&invoice))).into_response())
}
