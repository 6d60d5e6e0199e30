//! The groups that are tracked in a directory: mapped ones, and those inside
//! them.

use jiff::Timestamp;
use provisioning::ids::{ConnectionId, GroupId};

use crate::bulk::{Rows, Type};
use crate::db::{Source, Tx};
use crate::error::Result;
use crate::sql::Row;
use crate::{args, cells};

/// A tracked group as last read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryGroup {
    /// Its id.
    pub group_id: GroupId,
    /// Its name.
    pub name: Option<String>,
    /// When it was made there.
    pub created_at: Option<Timestamp>,
    /// Whether it can be read.
    pub readable: bool,
    /// Why not.
    pub unreadable_reason: Option<String>,
    /// Direct members when last read in full.
    pub members: u64,
    /// Whether a rule names it; otherwise it is inside one that is named.
    pub is_mapped: bool,
    /// Since when its answers are not believed.
    pub suspicious_since: Option<Timestamp>,
    /// When it was first or last read to its end; none while that never happened.
    pub read_at: Option<Timestamp>,
}

const COLUMNS: &[(&str, Type)] = &[
    ("group_id", Type::Uuid),
    ("name", Type::Text),
    ("created_at", Type::Time),
    ("readable", Type::Bool),
    ("unreadable_reason", Type::Text),
    ("members", Type::Int),
    ("is_mapped", Type::Bool),
    ("suspicious_since", Type::Time),
    ("read_at", Type::Time),
];

fn read(row: &Row) -> Result<DirectoryGroup> {
    Ok(DirectoryGroup {
        group_id: row.get("group_id")?,
        name: row.maybe("name")?,
        created_at: row.maybe("created_at")?,
        readable: row.get("readable")?,
        unreadable_reason: row.maybe("unreadable_reason")?,
        members: row.get("members")?,
        is_mapped: row.get("is_mapped")?,
        suspicious_since: row.maybe("suspicious_since")?,
        read_at: row.maybe("read_at")?,
    })
}

/// Writes groups as they are now, each at most once.
pub async fn upsert(
    tx: &mut Tx,
    connection_id: ConnectionId,
    groups: &[DirectoryGroup],
) -> Result<()> {
    let text = "INSERT INTO directory_groups (connection_id, group_id, name, created_at, readable,
            unreadable_reason, members, is_mapped, suspicious_since, read_at)
        SELECT $1, r.group_id, r.name, r.created_at, r.readable, r.unreadable_reason, r.members,
            r.is_mapped, r.suspicious_since, r.read_at
        FROM {rows} WHERE TRUE
        ON CONFLICT (connection_id, group_id) DO UPDATE SET name = excluded.name,
            created_at = excluded.created_at, readable = excluded.readable,
            unreadable_reason = excluded.unreadable_reason, members = excluded.members,
            is_mapped = excluded.is_mapped, suspicious_since = excluded.suspicious_since,
            read_at = excluded.read_at";
    let mut rows = Rows::new(COLUMNS, groups.len());
    for group in groups {
        rows.push(cells![
            group.group_id,
            group.name.clone(),
            group.created_at,
            group.readable,
            group.unreadable_reason.clone(),
            group.members,
            group.is_mapped,
            group.suspicious_since,
            group.read_at,
        ]);
    }
    tx.bulk_execute(text, rows, args![connection_id]).await?;
    Ok(())
}

/// One group.
pub async fn get(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    group_id: GroupId,
) -> Result<Option<DirectoryGroup>> {
    let text = "SELECT * FROM directory_groups WHERE connection_id = $1 AND group_id = $2";
    let row = on.into().row(text, args![connection_id, group_id]).await?;
    row.as_ref().map(read).transpose()
}

/// The tracked groups of a connection, by id.
pub async fn list(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
) -> Result<Vec<DirectoryGroup>> {
    let text = "SELECT * FROM directory_groups WHERE connection_id = $1 ORDER BY group_id";
    let rows = on.into().rows(text, args![connection_id]).await?;
    rows.iter().map(read).collect()
}

/// Tracks these groups no longer. Their memberships are removed with
/// [`crate::memberships::drop_group`].
pub async fn remove(tx: &mut Tx, connection_id: ConnectionId, groups: &[GroupId]) -> Result<u64> {
    let text = "DELETE FROM directory_groups WHERE connection_id = $1 AND group_id IN ($2)";
    tx.execute(text, args![connection_id, groups]).await
}
