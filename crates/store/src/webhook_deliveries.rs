//! The outbox of webhooks: written in the transaction of what it tells about,
//! sent later, kept as a log. Does not know how anything is sent or signed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::args;
use crate::bulk::{Rows, Type};
use crate::db::{Backend, Source, Tx};
use crate::error::{Result, StoreError};
use crate::page::{Page, Query};
use crate::psa_ids::WebhookId;
use crate::sql::{Arg, Row};
use crate::webhooks::WebhookEvent;
use crate::{cells, json};

/// Something to tell whoever listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// About what.
    pub event: WebhookEvent,
    /// The body to send, JSON.
    pub body: String,
}

/// Where a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Waits to be sent, or sent again.
    Pending,
    /// Taken by the receiver.
    Delivered,
    /// Given up.
    Failed,
}

/// A delivery of one message to one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Ours, growing.
    pub id: i64,
    /// To which webhook.
    pub webhook_id: WebhookId,
    /// About what.
    pub event: WebhookEvent,
    /// The body, JSON.
    pub body: String,
    /// Where it is.
    pub status: DeliveryStatus,
    /// How often sending was begun.
    pub attempts: i64,
    /// When it is sent next; while it is being sent, when that counts as failed.
    pub next_at: Timestamp,
    /// The receiver's last HTTP status.
    pub last_status: Option<i64>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When the receiver took it.
    pub delivered_at: Option<Timestamp>,
}

fn read(row: &Row) -> Result<Delivery> {
    Ok(Delivery {
        id: row.get("id")?,
        webhook_id: row.get("webhook_id")?,
        event: row.named("event")?,
        body: row.get("body")?,
        status: row.named("status")?,
        attempts: row.get("attempts")?,
        next_at: row.get("next_at")?,
        last_status: row.maybe("last_status")?,
        last_error: row.maybe("last_error")?,
        created_at: row.get("created_at")?,
        delivered_at: row.maybe("delivered_at")?,
    })
}

const EMIT: &[(&str, Type)] = &[
    ("place", Type::Int),
    ("event", Type::Text),
    ("body", Type::Text),
];

/// Writes one delivery for each message and each enabled webhook that listens,
/// in order; how many.
pub async fn emit(tx: &mut Tx, messages: &[Message], now: Timestamp) -> Result<u64> {
    let mut rows = Rows::new(EMIT, messages.len());
    for (place, message) in (0_i64..).zip(messages) {
        rows.push(cells![place, message.event.name(), &message.body]);
    }
    let text = "INSERT INTO webhook_deliveries
            (webhook_id, event, body, status, attempts, next_at, created_at)
        SELECT w.id, r.event, r.body, 'pending', 0, $1, $1 FROM {rows}
        JOIN webhooks w ON w.enabled AND w.events LIKE '%\"' || r.event || '\"%'
        ORDER BY r.place, w.created_at, w.id";
    tx.bulk_execute(text, rows, args![now]).await
}

/// Takes the deliveries that are due, longest due first, at most `limit`. Each
/// counts one attempt more and is nobody else's until `lease_until`.
pub async fn claim(
    tx: &mut Tx,
    now: Timestamp,
    lease_until: Timestamp,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let skip_locked = match tx.backend() {
        Backend::Sqlite => "",
        Backend::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    let text = format!(
        "UPDATE webhook_deliveries SET attempts = attempts + 1, next_at = $2
        WHERE id IN (SELECT id FROM webhook_deliveries
            WHERE status = 'pending' AND next_at <= $1 ORDER BY next_at, id LIMIT $3{skip_locked})
        RETURNING *"
    );
    let rows = tx.rows(text, args![now, lease_until, limit]).await?;
    let mut taken = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
    taken.sort_by_key(|delivery| delivery.id);
    Ok(taken)
}

/// Notes that the receiver took it; a mail server answers no HTTP status. `attempt` is the number claimed; when
/// somebody claimed it since: [`StoreError::Fenced`].
pub async fn delivered(
    tx: &mut Tx,
    id: i64,
    attempt: i64,
    http_status: Option<i64>,
    now: Timestamp,
) -> Result<()> {
    let text = "UPDATE webhook_deliveries SET status = 'delivered', last_status = $3,
            last_error = NULL, delivered_at = $4
        WHERE id = $1 AND attempts = $2 AND status = 'pending'";
    settle(tx, text, args![id, attempt, http_status, now]).await
}

/// Notes that an attempt failed and when to try again; never again without a
/// time. Fenced like [`delivered`].
pub async fn retry(
    tx: &mut Tx,
    id: i64,
    attempt: i64,
    http_status: Option<i64>,
    error: &str,
    next_at: Option<Timestamp>,
) -> Result<()> {
    let status = match next_at {
        Some(_) => DeliveryStatus::Pending,
        None => DeliveryStatus::Failed,
    };
    let text = "UPDATE webhook_deliveries SET status = $3, last_status = $4, last_error = $5,
            next_at = COALESCE($6, next_at)
        WHERE id = $1 AND attempts = $2 AND status = 'pending'";
    let status = json::name(&status)?;
    settle(
        tx,
        text,
        args![id, attempt, status, http_status, error, next_at],
    )
    .await
}

async fn settle(tx: &mut Tx, text: &'static str, args: Vec<Arg>) -> Result<()> {
    match tx.execute(text, args).await? {
        0 => Err(StoreError::Fenced),
        _ => Ok(()),
    }
}

/// Sends a delivery again, whatever became of it.
pub async fn redeliver(tx: &mut Tx, id: i64, now: Timestamp) -> Result<()> {
    let text = "UPDATE webhook_deliveries SET status = 'pending', next_at = $2,
            delivered_at = NULL
        WHERE id = $1";
    match tx.execute(text, args![id, now]).await? {
        0 => Err(StoreError::NotFound { what: "delivery" }),
        _ => Ok(()),
    }
}

/// One delivery.
pub async fn get(on: impl Into<Source<'_>>, id: i64) -> Result<Option<Delivery>> {
    let text = "SELECT * FROM webhook_deliveries WHERE id = $1";
    let row = on.into().row(text, args![id]).await?;
    row.as_ref().map(read).transpose()
}

/// The deliveries of a webhook, newest first; `after` is a delivery's id.
pub async fn list(
    on: impl Into<Source<'_>>,
    webhook_id: WebhookId,
    status: Option<DeliveryStatus>,
    after: Option<&i64>,
    limit: i64,
) -> Result<Page<Delivery, i64>> {
    let mut query = Query::new("SELECT * FROM webhook_deliveries WHERE ");
    query
        .push("webhook_id = ?", args![webhook_id])
        .maybe(
            " AND status = ?",
            status.as_ref().map(json::name).transpose()?,
        )
        .maybe(" AND id < ?", after.copied())
        .push(" ORDER BY id DESC", []);
    query.page(on, limit, read, |delivery| delivery.id).await
}

/// When the next delivery is due.
pub async fn next_due(on: impl Into<Source<'_>>) -> Result<Option<Timestamp>> {
    let text = "SELECT next_at FROM webhook_deliveries WHERE status = 'pending'
        ORDER BY next_at, id LIMIT 1";
    let row = on.into().row(text, args![]).await?;
    row.map(|row| row.get("next_at")).transpose()
}

/// Removes settled deliveries written before a time; how many there were.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    let text = "DELETE FROM webhook_deliveries WHERE status <> 'pending' AND created_at < $1";
    tx.execute(text, args![before]).await
}
