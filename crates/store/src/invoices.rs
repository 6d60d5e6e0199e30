//! Invoices to accounts.

use jiff::Timestamp;
use jiff::civil::Date;
use provisioning::ids::{AccountId, RecordId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::db::{Source, Tx};
use crate::error::{Result, StoreError};
use crate::keys::{fold, key, prefix_end};
pub use crate::money::{Amount, BadMoney, Currency};
use crate::page::{Page, Query, guarded, refused};
use crate::psa_ids::InvoiceId;
use crate::sql::{Arg, Row};
use crate::{args, json, narrow};

/// Where an invoice is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceStatus {
    /// Being written.
    #[default]
    Draft,
    /// Waits for payment.
    Sent,
    /// Done.
    Paid,
    /// Taken back.
    Void,
}

/// An invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// Ours.
    pub id: InvoiceId,
    /// What people call it; unique regardless of letter case.
    pub number: String,
    /// Who pays.
    pub account_id: AccountId,
    /// Whom it is sent to.
    pub contact_id: Option<RecordId>,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
    /// Where it is.
    pub status: InvoiceStatus,
    /// The date on it.
    pub issued_on: Date,
    /// Counts changes.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// Which invoices a list shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InvoiceFilter {
    /// Where it is.
    pub status: Option<InvoiceStatus>,
    /// This company's.
    pub account_id: Option<AccountId>,
    /// To this person.
    pub contact_id: Option<RecordId>,
    /// The beginning of the number.
    pub search: Option<String>,
}

/// The place of an invoice in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceKey {
    /// Its date.
    pub issued_on: Date,
    /// Its id.
    pub id: Uuid,
}

fn read(row: &Row) -> Result<Invoice> {
    let unreadable = |error: BadMoney| StoreError::unreadable("an invoice", error);
    let issued_on: String = row.get("issued_on")?;
    Ok(Invoice {
        id: row.get("id")?,
        number: row.get("number")?,
        account_id: row.get("account_id")?,
        contact_id: row.maybe("contact_id")?,
        amount: Amount::parse(&row.get::<String>("amount")?).map_err(unreadable)?,
        currency: Currency::parse(&row.get::<String>("currency")?).map_err(unreadable)?,
        status: row.named("status")?,
        issued_on: issued_on
            .parse()
            .map_err(|error: jiff::Error| StoreError::unreadable("an invoice's date", error))?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

/// `$1` to `$9`.
fn values(invoice: &Invoice) -> Result<Vec<Arg>> {
    Ok(args![
        invoice.id,
        &invoice.number,
        fold(&invoice.number),
        invoice.account_id,
        invoice.contact_id,
        invoice.amount.as_str(),
        invoice.currency.as_str(),
        json::name(&invoice.status)?,
        invoice.issued_on.to_string(),
    ])
}

/// Adds an invoice at version 1. A taken number is a conflict
/// `invoices_number_key`.
pub async fn insert(tx: &mut Tx, invoice: &Invoice) -> Result<()> {
    let text = "INSERT INTO invoices (id, number, number_key, account_id, contact_id, amount,
            currency, status, issued_on, version, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11)
        ON CONFLICT (number_key) DO NOTHING";
    let mut args = values(invoice)?;
    args.extend(args![invoice.created_at, invoice.updated_at]);
    match tx.execute(text, args).await? {
        0 => Err(refused(
            "invoices_number_key",
            "there is an invoice of this number",
        )),
        _ => Ok(()),
    }
}

/// One invoice.
pub async fn get(on: impl Into<Source<'_>>, id: InvoiceId) -> Result<Option<Invoice>> {
    let text = "SELECT * FROM invoices WHERE id = $1";
    let row = on.into().row(text, args![id]).await?;
    row.as_ref().map(read).transpose()
}

/// Invoices, latest date first.
pub async fn list(
    on: impl Into<Source<'_>>,
    filter: &InvoiceFilter,
    after: Option<&InvoiceKey>,
    limit: i64,
) -> Result<Page<Invoice, InvoiceKey>> {
    let mut on = on.into();
    let mut query = Query::new("SELECT * FROM invoices WHERE TRUE");
    query
        .maybe(
            " AND status = ?",
            filter.status.as_ref().map(json::name).transpose()?,
        )
        .maybe(" AND account_id = ?", filter.account_id)
        .maybe(" AND contact_id = ?", filter.contact_id);
    if let Some(prefix) = key(filter.search.as_deref()) {
        let range = args![&prefix, prefix_end(&prefix)];
        let begins = "number_key >= ? AND number_key < ?";
        let mut probe = Query::new("SELECT id FROM invoices WHERE ");
        probe.push(begins, range.clone());
        match narrow::few(&mut on, probe).await? {
            Some(ids) => query.push(" AND id IN (?)", [Arg::Uuids(ids)]),
            None => query.push(" AND ", []).push(&narrow::hidden(begins), range),
        };
    }
    if let Some(after) = after {
        let place = args![after.issued_on.to_string(), after.id];
        query.push(" AND (issued_on, id) < (?, ?)", place);
    }
    query.push(" ORDER BY issued_on DESC, id DESC", []);
    let place = |invoice: &Invoice| InvoiceKey {
        issued_on: invoice.issued_on,
        id: invoice.id.0,
    };
    query.page(on, limit, read, place).await
}

/// Writes everything, if the invoice is still at the expected version; the new
/// version. A taken number is a conflict `invoices_number_key`.
pub async fn update(
    tx: &mut Tx,
    invoice: &Invoice,
    expected_version: i64,
    now: Timestamp,
) -> Result<i64> {
    let text = "UPDATE invoices SET number = $2, number_key = $3, account_id = $4,
            contact_id = $5, amount = $6, currency = $7, status = $8, issued_on = $9,
            version = version + 1, updated_at = $10
        WHERE id = $1 AND version = $11";
    let mut args = values(invoice)?;
    args.extend(args![now, expected_version]);
    let changed = tx.execute(text, args).await?;
    guard(tx, changed, invoice.id).await?;
    Ok(expected_version + 1)
}

/// Removes an invoice.
pub async fn delete(tx: &mut Tx, id: InvoiceId, expected_version: i64) -> Result<()> {
    let text = "DELETE FROM invoices WHERE id = $1 AND version = $2";
    let changed = tx.execute(text, args![id, expected_version]).await?;
    guard(tx, changed, id).await
}

async fn guard(tx: &mut Tx, changed: u64, id: InvoiceId) -> Result<()> {
    let exists = "SELECT 1 AS one FROM invoices WHERE id = $1";
    guarded(tx, changed, "invoice", exists, id).await
}
