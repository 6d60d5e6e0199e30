//! Making an invoice; what is refused comes back as it was typed.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use provisioning::ids::{AccountId, RecordId};
use store::accounts::{self, AccountFilter};
use store::invoices::{Amount, Currency};
use store::records;
use store::rights::{Module, Right};

use super::super::frame::{Choice, Fields, Frame, go, needs, page, sentence};
use super::super::people::full_name;
use crate::AppState;
use crate::api::finance;
use crate::auth::{Caller, CurrentUser};
use crate::error::{Problem, Result};

/// How many accounts the form offers.
const MOST_ACCOUNTS: i64 = 500;

#[derive(Template)]
#[template(path = "invoice_new.html")]
struct NewPage {
    frame: Frame,
    failure: Option<(String, Option<String>)>,
    number: String,
    accounts: Vec<Choice>,
    contact: Option<(String, String)>,
    amount: String,
    currency: String,
    issued_on: String,
    statuses: Vec<Choice>,
}

/// The form with what was typed; whom it is sent to fills in the account.
async fn build(state: &AppState, user: &CurrentUser, fields: &Fields) -> Result<NewPage> {
    let db = state.engine.db();
    let contact: Option<RecordId> = fields.text("contact_id").and_then(|id| id.parse().ok());
    let contact = records::get(db, contact.as_slice()).await?.pop();
    let chosen = fields.text("account_id").and_then(|id| id.parse().ok());
    let chosen: Option<AccountId> =
        chosen.or(contact.as_ref().and_then(|row| row.record.account_id));
    let filter = AccountFilter::default();
    let mut all = accounts::list(db, &filter, None, MOST_ACCOUNTS)
        .await?
        .items;
    if let Some(id) = chosen.filter(|id| all.iter().all(|one| one.id != *id)) {
        all.extend(accounts::get(db, &[id]).await?);
    }
    let today = state.engine.now().to_zoned(TimeZone::UTC).date();
    let text = |name: &str, otherwise: &str| {
        let typed = fields.text(name);
        typed.unwrap_or_else(|| otherwise.to_owned())
    };
    Ok(NewPage {
        frame: Frame::new("New invoice", "invoices", Some(user)),
        failure: None,
        number: text("number", ""),
        accounts: all
            .into_iter()
            .map(|one| Choice {
                chosen: chosen == Some(one.id),
                value: one.id.to_string(),
                label: one.name,
            })
            .collect(),
        contact: contact.map(|row| (row.record.id.to_string(), full_name(&row.record))),
        amount: text("amount", ""),
        currency: text("currency", "USD"),
        issued_on: text("issued_on", &today.to_string()),
        statuses: Choice::list(
            &[("draft", "draft"), ("sent", "sent"), ("paid", "paid")],
            &text("status", "draft"),
        ),
    })
}

pub(crate) async fn new(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Finance, Right::Create)?;
    page(&build(&state, &user, &fields).await?)
}

pub(crate) async fn create(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Finance, Right::Create)?;
    let made = match draft(&fields) {
        Ok(new) => finance::issue(&state, &Caller::from(user.clone()), new).await,
        Err(problem) => Err(problem),
    };
    let problem = match made {
        Ok(invoice) => return Ok(go(format!("/finance/invoices/{}", invoice.id))),
        Err(problem) => problem,
    };
    let mendable = [StatusCode::UNPROCESSABLE_ENTITY, StatusCode::CONFLICT];
    if !mendable.contains(&problem.status()) {
        return Err(problem);
    }
    let mut shown = build(&state, &user, &fields).await?;
    let cure = problem.cure_text().map(str::to_owned);
    shown.failure = Some((sentence(problem.detail()), cure));
    Ok((problem.status(), page(&shown)?).into_response())
}

fn draft(fields: &Fields) -> Result<finance::New> {
    let account = fields.parse("account_id", "the id of an account")?;
    let amount = fields.text("amount").map(|text| Amount::parse(&text));
    let currency = fields.text("currency").map(|text| Currency::parse(&text));
    let wrong = |error: store::invoices::BadMoney| Problem::invalid(error.to_string());
    Ok(finance::New {
        number: fields.text("number").unwrap_or_default(),
        account_id: account.ok_or_else(|| {
            Problem::invalid("no account is chosen").cure("Choose who pays the invoice.")
        })?,
        contact_id: fields.parse("contact_id", "the id of a contact")?,
        amount: amount.transpose().map_err(wrong)?,
        currency: currency.transpose().map_err(wrong)?,
        status: Some(fields.choice("status")?),
        issued_on: fields.parse("issued_on", "a day such as 2027-01-31")?,
    })
}
