//! People that must be planned: what a change leaves behind for the planner.

use jiff::Timestamp;
use provisioning::ids::{ConnectionId, GroupId, ObjectId};

use crate::bulk::{Rows, Type};
use crate::db::{Source, Tx};
use crate::error::Result;
use crate::mirror::{after_id, object_ids};
use crate::{args, cells};

/// Adds people; how many were not waiting already.
pub async fn add(
    tx: &mut Tx,
    connection_id: ConnectionId,
    ids: &[ObjectId],
    now: Timestamp,
) -> Result<u64> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    let mut rows = Rows::new(&[("object_id", Type::Uuid)], ids.len());
    for id in ids {
        rows.push(cells![id]);
    }
    let text = "INSERT INTO pending (connection_id, object_id, since)
        SELECT $1, r.object_id, $2 FROM {rows} WHERE TRUE
        ON CONFLICT (connection_id, object_id) DO NOTHING";
    tx.bulk_execute(text, rows, args![connection_id, now]).await
}

/// Adds everybody in the mirror of a connection.
pub async fn add_all(tx: &mut Tx, connection_id: ConnectionId, now: Timestamp) -> Result<u64> {
    let text = "INSERT INTO pending (connection_id, object_id, since)
        SELECT connection_id, object_id, $2 FROM people WHERE connection_id = $1
        ORDER BY object_id
        ON CONFLICT (connection_id, object_id) DO NOTHING";
    tx.execute(text, args![connection_id, now]).await
}

/// Adds everybody in a group and in the groups inside it.
pub async fn add_group(
    tx: &mut Tx,
    connection_id: ConnectionId,
    group_id: GroupId,
    now: Timestamp,
) -> Result<u64> {
    let text = "WITH RECURSIVE inside(group_id) AS (
            SELECT group_id FROM (SELECT group_id FROM memberships
                WHERE connection_id = $1 AND group_id = $2 LIMIT 1) AS outermost
            UNION
            SELECT memberships.member_id FROM memberships
            JOIN inside ON memberships.group_id = inside.group_id
            WHERE memberships.connection_id = $1 AND memberships.is_group = TRUE)
        INSERT INTO pending (connection_id, object_id, since)
        SELECT memberships.connection_id, memberships.member_id, $3
        FROM inside CROSS JOIN memberships
        WHERE memberships.connection_id = $1 AND memberships.group_id = inside.group_id
            AND NOT memberships.is_group
        ON CONFLICT (connection_id, object_id) DO NOTHING";
    tx.execute(text, args![connection_id, group_id, now]).await
}

/// Waiting people in the order of their ids.
pub async fn page(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    after: Option<ObjectId>,
    limit: u32,
) -> Result<Vec<ObjectId>> {
    let text = "SELECT object_id FROM pending WHERE connection_id = $1 AND object_id > $2
        ORDER BY object_id LIMIT $3";
    let args = args![connection_id, after_id(after), limit];
    let rows = on.into().rows(text, args).await?;
    object_ids(&rows)
}

/// These people wait no longer.
pub async fn clear(tx: &mut Tx, connection_id: ConnectionId, ids: &[ObjectId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let text = "DELETE FROM pending WHERE connection_id = $1 AND object_id IN ($2)";
    tx.execute(text, args![connection_id, ids]).await?;
    Ok(())
}

/// Since when one of these people waits.
pub async fn oldest(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    ids: &[ObjectId],
) -> Result<Option<Timestamp>> {
    if ids.is_empty() {
        return Ok(None);
    }
    let text = "SELECT MIN(since) AS oldest FROM pending
        WHERE connection_id = $1 AND object_id IN ($2)";
    let row = on.into().row(text, args![connection_id, ids]).await?;
    row.map_or(Ok(None), |row| row.maybe("oldest"))
}

/// How many wait.
pub async fn count(on: impl Into<Source<'_>>, connection_id: ConnectionId) -> Result<u64> {
    let text = "SELECT COUNT(*) AS people FROM pending WHERE connection_id = $1";
    let row = on.into().row(text, args![connection_id]).await?;
    row.map_or(Ok(0), |row| row.get("people"))
}
