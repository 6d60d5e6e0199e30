//! Tickets of the service desk.

use jiff::Timestamp;
use provisioning::ids::{AccountId, RecordId};
use serde::{Deserialize, Serialize};

use crate::db::{Source, Tx};
use crate::error::{Result, StoreError};
use crate::keys::fold;
use crate::page::{Page, Query, containing, guarded};
use crate::psa_ids::TicketId;
use crate::sql::Row;
use crate::{args, json};

/// Whether there is something left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketStatus {
    /// Yes.
    #[default]
    Open,
    /// No.
    Closed,
}

/// How pressing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Whenever there is time.
    Low,
    /// As usual.
    #[default]
    Normal,
    /// Soon.
    High,
    /// At once.
    Critical,
}

/// A ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Ours.
    pub id: TicketId,
    /// What people call it; given out in order.
    pub number: i64,
    /// In one line.
    pub title: String,
    /// At length; may be empty.
    pub description: String,
    /// Open or closed.
    pub status: TicketStatus,
    /// How pressing.
    pub priority: Priority,
    /// The company it is for.
    pub account_id: Option<AccountId>,
    /// The person it is for.
    pub contact_id: Option<RecordId>,
    /// Who works on it.
    pub assignee_id: Option<RecordId>,
    /// Counts changes.
    pub version: i64,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was changed or commented last.
    pub updated_at: Timestamp,
    /// When it was closed, if it is.
    pub closed_at: Option<Timestamp>,
}

/// Whose work a ticket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignee {
    /// Nobody's yet.
    Nobody,
    /// This employee's.
    Employee(RecordId),
}

/// Which tickets a list shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TicketFilter {
    /// Open or closed.
    pub status: Option<TicketStatus>,
    /// This priority.
    pub priority: Option<Priority>,
    /// This company's.
    pub account_id: Option<AccountId>,
    /// For this person.
    pub contact_id: Option<RecordId>,
    /// Whose work.
    pub assignee: Option<Assignee>,
    /// The number, with or without `#`, or words of the title.
    pub search: Option<String>,
}

fn read(row: &Row) -> Result<Ticket> {
    Ok(Ticket {
        id: row.get("id")?,
        number: row.get("number")?,
        title: row.get("title")?,
        description: row.get("description")?,
        status: row.named("status")?,
        priority: row.named("priority")?,
        account_id: row.maybe("account_id")?,
        contact_id: row.maybe("contact_id")?,
        assignee_id: row.maybe("assignee_id")?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        closed_at: row.maybe("closed_at")?,
    })
}

/// Adds a ticket at version 1 and gives it the next number, which is returned.
/// Its own number, version and closing time are ignored.
pub async fn insert(tx: &mut Tx, ticket: &Ticket) -> Result<i64> {
    let count = "UPDATE counters SET value = value + 1 WHERE name = 'ticket' RETURNING value";
    let Some(row) = tx.row(count, args![]).await? else {
        return Err(StoreError::corrupt("the counter of tickets is missing"));
    };
    let number: i64 = row.get("value")?;
    let text = "INSERT INTO tickets (id, number, title, title_key, description, status, priority,
            account_id, contact_id, assignee_id, version, created_at, updated_at, closed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $12, $13)";
    let closed_at = (ticket.status == TicketStatus::Closed).then_some(ticket.created_at);
    let args = args![
        ticket.id,
        number,
        &ticket.title,
        fold(&ticket.title),
        &ticket.description,
        json::name(&ticket.status)?,
        json::name(&ticket.priority)?,
        ticket.account_id,
        ticket.contact_id,
        ticket.assignee_id,
        ticket.created_at,
        ticket.updated_at,
        closed_at,
    ];
    tx.execute(text, args).await?;
    Ok(number)
}

/// One ticket.
pub async fn get(on: impl Into<Source<'_>>, id: TicketId) -> Result<Option<Ticket>> {
    let text = "SELECT * FROM tickets WHERE id = $1";
    let row = on.into().row(text, args![id]).await?;
    row.as_ref().map(read).transpose()
}

/// Tickets, newest first; `after` is a ticket's number.
pub async fn list(
    on: impl Into<Source<'_>>,
    filter: &TicketFilter,
    after: Option<&i64>,
    limit: i64,
) -> Result<Page<Ticket, i64>> {
    let mut query = Query::new("SELECT * FROM tickets WHERE TRUE");
    query
        .maybe(
            " AND status = ?",
            filter.status.as_ref().map(json::name).transpose()?,
        )
        .maybe(
            " AND priority = ?",
            filter.priority.as_ref().map(json::name).transpose()?,
        )
        .maybe(" AND account_id = ?", filter.account_id)
        .maybe(" AND contact_id = ?", filter.contact_id)
        .maybe(" AND number < ?", after.copied());
    match filter.assignee {
        None => {}
        Some(Assignee::Nobody) => {
            query.push(" AND assignee_id IS NULL", []);
        }
        Some(Assignee::Employee(id)) => {
            query.push(" AND assignee_id = ?", args![id]);
        }
    }
    let search = filter.search.as_deref().map(fold).unwrap_or_default();
    match search.trim_start_matches('#').parse::<i64>() {
        Ok(number) => {
            query.push(" AND number = ?", args![number]);
        }
        Err(_) => {
            for word in search.split_whitespace() {
                query.push(" AND title_key LIKE ? ESCAPE '!'", args![containing(word)]);
            }
        }
    }
    query.push(" ORDER BY number DESC", []);
    query.page(on, limit, read, |ticket| ticket.number).await
}

/// Writes everything but number and times, if the ticket is still at the
/// expected version; the new version. The closing time follows the status.
pub async fn update(
    tx: &mut Tx,
    ticket: &Ticket,
    expected_version: i64,
    now: Timestamp,
) -> Result<i64> {
    let text = "UPDATE tickets SET title = $3, title_key = $4, description = $5, status = $6,
            priority = $7, account_id = $8, contact_id = $9, assignee_id = $10, updated_at = $11,
            closed_at = CASE WHEN $6 = 'open' THEN NULL ELSE COALESCE(closed_at, $11) END,
            version = version + 1
        WHERE id = $1 AND version = $2";
    let args = args![
        ticket.id,
        expected_version,
        &ticket.title,
        fold(&ticket.title),
        &ticket.description,
        json::name(&ticket.status)?,
        json::name(&ticket.priority)?,
        ticket.account_id,
        ticket.contact_id,
        ticket.assignee_id,
        now,
    ];
    let changed = tx.execute(text, args).await?;
    guard(tx, changed, ticket.id).await?;
    Ok(expected_version + 1)
}

/// Removes a ticket with its comments.
pub async fn delete(tx: &mut Tx, id: TicketId, expected_version: i64) -> Result<()> {
    let text = "DELETE FROM tickets WHERE id = $1 AND version = $2";
    let changed = tx.execute(text, args![id, expected_version]).await?;
    guard(tx, changed, id).await
}

async fn guard(tx: &mut Tx, changed: u64, id: TicketId) -> Result<()> {
    let exists = "SELECT 1 AS one FROM tickets WHERE id = $1";
    guarded(tx, changed, "ticket", exists, id).await
}
