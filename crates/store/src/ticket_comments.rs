//! What people wrote under a ticket. Comments are never changed.

use jiff::Timestamp;
use provisioning::ids::RecordId;

use crate::args;
use crate::db::{Source, Tx};
use crate::error::{Result, StoreError};
use crate::page::{Page, Query, TimeKey};
use crate::psa_ids::{CommentId, TicketId};
use crate::sql::Row;

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketComment {
    /// Ours.
    pub id: CommentId,
    /// Under which ticket.
    pub ticket_id: TicketId,
    /// Who wrote it; none when the record is gone, or an API token wrote.
    pub author_id: Option<RecordId>,
    /// The author's name then.
    pub author_name: String,
    /// The text.
    pub body: String,
    /// Kept from the client portal.
    pub is_internal: bool,
    /// When.
    pub created_at: Timestamp,
}

fn read(row: &Row) -> Result<TicketComment> {
    Ok(TicketComment {
        id: row.get("id")?,
        ticket_id: row.get("ticket_id")?,
        author_id: row.maybe("author_id")?,
        author_name: row.get("author_name")?,
        body: row.get("body")?,
        is_internal: row.get("is_internal")?,
        created_at: row.get("created_at")?,
    })
}

/// Adds a comment; the ticket counts as changed then, at the same version.
pub async fn add(tx: &mut Tx, comment: &TicketComment) -> Result<()> {
    let touch = "UPDATE tickets SET updated_at = $2 WHERE id = $1";
    let touched = tx
        .execute(touch, args![comment.ticket_id, comment.created_at])
        .await?;
    if touched == 0 {
        return Err(StoreError::NotFound { what: "ticket" });
    }
    let text = "INSERT INTO ticket_comments
            (id, ticket_id, author_id, author_name, body, is_internal, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let args = args![
        comment.id,
        comment.ticket_id,
        comment.author_id,
        &comment.author_name,
        &comment.body,
        comment.is_internal,
        comment.created_at,
    ];
    tx.execute(text, args).await?;
    Ok(())
}

/// The comments of a ticket, oldest first.
pub async fn list(
    on: impl Into<Source<'_>>,
    ticket_id: TicketId,
    include_internal: bool,
    after: Option<&TimeKey>,
    limit: i64,
) -> Result<Page<TicketComment, TimeKey>> {
    let mut query = Query::new("SELECT * FROM ticket_comments WHERE ");
    query.push("ticket_id = ?", args![ticket_id]);
    if !include_internal {
        query.push(" AND NOT is_internal", []);
    }
    if let Some(after) = after {
        query.push(" AND (created_at, id) > (?, ?)", args![after.at, after.id]);
    }
    query.push(" ORDER BY created_at, id", []);
    let place = |comment: &TicketComment| TimeKey {
        at: comment.created_at,
        id: comment.id.0,
    };
    query.page(on, limit, read, place).await
}
