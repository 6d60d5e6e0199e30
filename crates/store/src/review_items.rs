//! The review queue: people about whom a person must decide. One item for each
//! directory person; answers are remembered.

use jiff::Timestamp;
use provisioning::case::{Answer, ReviewState};
use provisioning::ids::{ConnectionId, ObjectId, RecordId, ReviewId, TenantId};
use provisioning::psa::Kind;
use provisioning::reason::ReviewReason;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bulk::{Rows, Type};
use crate::db::{Source, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Row, Where};
use crate::{args, cells, json};

/// Whether a question is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewStatus {
    /// It is not.
    Open,
    /// It is.
    Resolved,
}

/// A question to ask.
#[derive(Debug, Clone, PartialEq)]
pub struct NewReview {
    /// The id it gets, if it is new.
    pub id: ReviewId,
    /// The connection.
    pub connection_id: ConnectionId,
    /// The person's tenant.
    pub tenant_id: TenantId,
    /// The person.
    pub object_id: ObjectId,
    /// What the person would become.
    pub kind: Kind,
    /// Why a person must decide.
    pub reason: ReviewReason,
    /// Equal for the same question.
    pub fingerprint: String,
    /// The records concerned.
    pub candidates: Vec<RecordId>,
    /// The person as shown to the reviewer.
    pub person: Value,
}

/// An item of the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewRow {
    /// The question.
    pub review: NewReview,
    /// Whether it is answered.
    pub status: ReviewStatus,
    /// The answer.
    pub answer: Option<Answer>,
    /// Who answered.
    pub resolved_by: Option<String>,
    /// When.
    pub resolved_at: Option<Timestamp>,
    /// When it was asked.
    pub created_at: Timestamp,
}

/// An answer as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
enum StoredAnswer {
    Link { record_id: RecordId },
    Create,
    Ignore,
}

fn store(answer: Answer) -> StoredAnswer {
    match answer {
        Answer::Link(record_id) => StoredAnswer::Link { record_id },
        Answer::Create => StoredAnswer::Create,
        Answer::Ignore => StoredAnswer::Ignore,
    }
}

fn answer(row: &Row) -> Result<Option<Answer>> {
    let stored: Option<StoredAnswer> = row.maybe_json("answer")?;
    Ok(stored.map(|stored| match stored {
        StoredAnswer::Link { record_id } => Answer::Link(record_id),
        StoredAnswer::Create => Answer::Create,
        StoredAnswer::Ignore => Answer::Ignore,
    }))
}

const COLUMNS: &[(&str, Type)] = &[
    ("id", Type::Uuid),
    ("connection_id", Type::Uuid),
    ("tenant_id", Type::Uuid),
    ("object_id", Type::Uuid),
    ("kind", Type::Text),
    ("reason", Type::Text),
    ("fingerprint", Type::Text),
    ("candidates", Type::Text),
    ("person", Type::Text),
];

fn read(row: &Row) -> Result<ReviewRow> {
    Ok(ReviewRow {
        review: NewReview {
            id: row.get("id")?,
            connection_id: row.get("connection_id")?,
            tenant_id: row.get("tenant_id")?,
            object_id: row.get("object_id")?,
            kind: row.named("kind")?,
            reason: row.named("reason")?,
            fingerprint: row.get("fingerprint")?,
            candidates: row.json("candidates")?,
            person: row.json("person")?,
        },
        status: row.named("status")?,
        answer: answer(row)?,
        resolved_by: row.maybe("resolved_by")?,
        resolved_at: row.maybe("resolved_at")?,
        created_at: row.get("created_at")?,
    })
}

/// Asks. A person whose item has the same fingerprint, open or answered, is
/// not asked again; another fingerprint opens the item anew. Gives the ids of
/// the items that are open because of this.
pub async fn open(tx: &mut Tx, reviews: &[NewReview], now: Timestamp) -> Result<Vec<ReviewId>> {
    let text = "INSERT INTO review_items (id, connection_id, tenant_id, object_id, kind, reason,
            fingerprint, candidates, person, status, created_at)
        SELECT r.id, r.connection_id, r.tenant_id, r.object_id, r.kind, r.reason, r.fingerprint,
            r.candidates, r.person, 'open', $1
        FROM {rows} WHERE TRUE
        ON CONFLICT (tenant_id, object_id) DO UPDATE SET connection_id = excluded.connection_id,
            kind = excluded.kind, reason = excluded.reason, fingerprint = excluded.fingerprint,
            candidates = excluded.candidates, person = excluded.person, status = 'open',
            answer = NULL, resolved_by = NULL, resolved_at = NULL,
            created_at = excluded.created_at
        WHERE review_items.fingerprint <> excluded.fingerprint
        RETURNING id";
    let mut rows = Rows::new(COLUMNS, reviews.len());
    for review in reviews {
        rows.push(cells![
            review.id,
            review.connection_id,
            review.tenant_id,
            review.object_id,
            review.kind.name(),
            review.reason.code(),
            review.fingerprint.clone(),
            json::text(&review.candidates)?,
            json::text(&review.person)?,
        ]);
    }
    let rows = tx.bulk_rows(text, rows, args![now]).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// Answers an open item; [`StoreError::Stale`] when it is answered already.
pub async fn resolve(
    tx: &mut Tx,
    id: ReviewId,
    answer: Answer,
    by: &str,
    now: Timestamp,
) -> Result<ReviewRow> {
    let text = "UPDATE review_items SET status = 'resolved', answer = $2, resolved_by = $3,
            resolved_at = $4
        WHERE id = $1 AND status = 'open' RETURNING *";
    let args = args![id, json::text(&store(answer))?, by, now];
    if let Some(row) = tx.row(text, args).await? {
        return read(&row);
    }
    let what = "review item";
    Err(match get(&mut *tx, id).await? {
        Some(_) => StoreError::Stale { what },
        None => StoreError::NotFound { what },
    })
}

/// One item.
pub async fn get(on: impl Into<Source<'_>>, id: ReviewId) -> Result<Option<ReviewRow>> {
    let text = "SELECT * FROM review_items WHERE id = $1";
    let row = on.into().row(text, args![id]).await?;
    row.as_ref().map(read).transpose()
}

/// Which items to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReviewFilter {
    /// Of this connection.
    pub connection_id: Option<ConnectionId>,
    /// Open or answered.
    pub status: Option<ReviewStatus>,
    /// For this reason.
    pub reason: Option<ReviewReason>,
}

/// Items, oldest first, after `after`.
pub async fn list(
    on: impl Into<Source<'_>>,
    filter: &ReviewFilter,
    after: Option<ReviewId>,
    limit: u32,
) -> Result<Vec<ReviewRow>> {
    let mut conditions = Where::new();
    let status = filter.status.as_ref().map(json::name).transpose()?;
    conditions.and_some("status = $?", status);
    conditions.and_some("connection_id = $?", filter.connection_id);
    conditions.and_some("reason = $?", filter.reason.map(ReviewReason::code));
    conditions.and_some(
        "(created_at, id) > (SELECT i.created_at, i.id FROM review_items AS i WHERE i.id = $?)",
        after,
    );
    let limit = conditions.arg(limit);
    let text = format!(
        "SELECT * FROM review_items{} ORDER BY created_at, id LIMIT {limit}",
        conditions.text()
    );
    let rows = on.into().rows(text, conditions.into_args()).await?;
    rows.iter().map(read).collect()
}

/// What the planner must know of these people's items.
pub async fn states(
    on: impl Into<Source<'_>>,
    tenant_id: TenantId,
    ids: &[ObjectId],
) -> Result<Vec<(ObjectId, ReviewState)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = "SELECT object_id, reason, fingerprint, answer FROM review_items
        WHERE tenant_id = $1 AND object_id IN ($2)";
    let rows = on.into().rows(text, args![tenant_id, ids]).await?;
    rows.iter()
        .map(|row| {
            let state = ReviewState {
                reason: row.named("reason")?,
                fingerprint: row.get("fingerprint")?,
                answer: answer(row)?,
            };
            Ok((row.get("object_id")?, state))
        })
        .collect()
}

/// Takes back the open questions about these people, since there is nothing
/// left to ask; how many.
pub async fn close_for(tx: &mut Tx, tenant_id: TenantId, ids: &[ObjectId]) -> Result<u64> {
    let text = "DELETE FROM review_items
        WHERE tenant_id = $1 AND object_id IN ($2) AND status = 'open'";
    tx.execute(text, args![tenant_id, ids]).await
}

/// How many are open, of one connection or of all.
pub async fn count_open(
    on: impl Into<Source<'_>>,
    connection_id: Option<ConnectionId>,
) -> Result<u64> {
    let mut conditions = Where::new();
    conditions.fixed("status = 'open'");
    conditions.and_some("connection_id = $?", connection_id);
    let text = format!(
        "SELECT COUNT(*) AS items FROM review_items{}",
        conditions.text()
    );
    let row = on.into().row(text, conditions.into_args()).await?;
    row.map_or(Ok(0), |row| row.get("items"))
}
