//! How far each change feed of a connection has been read. Saved in the
//! transaction that saves the page, so a crash re-reads one page at most.

use jiff::Timestamp;
use provisioning::ids::ConnectionId;
use serde::{Deserialize, Serialize};

use crate::db::{Source, Tx};
use crate::error::Result;
use crate::sql::Row;
use crate::{args, json};

/// A change feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    /// People.
    Users,
    /// Groups and their members.
    Groups,
}

/// What the link of a cursor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CursorKind {
    /// In the middle of a round.
    Next,
    /// At the end of one.
    Delta,
}

/// A place in a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The address of the next page, opaque.
    pub link: String,
    /// What it is.
    pub kind: CursorKind,
    /// The delta link this round began with.
    pub previous_link: Option<String>,
    /// When it was saved.
    pub updated_at: Timestamp,
}

/// The cursor of a feed.
pub async fn get(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    feed: Feed,
) -> Result<Option<Cursor>> {
    let text = "SELECT * FROM cursors WHERE connection_id = $1 AND feed = $2";
    let args = args![connection_id, json::name(&feed)?];
    let Some(row) = on.into().row(text, args).await? else {
        return Ok(None);
    };
    maybe(&row, ["link", "kind", "previous_link", "updated_at"])
}

/// The cursor in columns with these names, in the order of its fields.
pub(crate) fn maybe(row: &Row, names: [&str; 4]) -> Result<Option<Cursor>> {
    let [link, kind, previous_link, updated_at] = names;
    let Some(link) = row.maybe(link)? else {
        return Ok(None);
    };
    Ok(Some(Cursor {
        link,
        kind: row.named(kind)?,
        previous_link: row.maybe(previous_link)?,
        updated_at: row.get(updated_at)?,
    }))
}

/// Saves the cursor of a feed.
pub async fn set(
    tx: &mut Tx,
    connection_id: ConnectionId,
    feed: Feed,
    cursor: &Cursor,
) -> Result<()> {
    let text = "INSERT INTO cursors (connection_id, feed, link, kind, previous_link, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (connection_id, feed) DO UPDATE SET link = excluded.link,
            kind = excluded.kind, previous_link = excluded.previous_link,
            updated_at = excluded.updated_at";
    let args = args![
        connection_id,
        json::name(&feed)?,
        &cursor.link,
        json::name(&cursor.kind)?,
        cursor.previous_link.clone(),
        cursor.updated_at,
    ];
    tx.execute(text, args).await?;
    Ok(())
}

/// Forgets the cursor: the feed is read from its beginning next time.
pub async fn clear(tx: &mut Tx, connection_id: ConnectionId, feed: Feed) -> Result<()> {
    let text = "DELETE FROM cursors WHERE connection_id = $1 AND feed = $2";
    tx.execute(text, args![connection_id, json::name(&feed)?])
        .await?;
    Ok(())
}
