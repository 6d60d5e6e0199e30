//! Direct members of tracked groups: people and groups.

use provisioning::absence::Absence;
use provisioning::ids::{ConnectionId, GroupId, ObjectId};

use crate::bulk::{Rows, Type};
use crate::db::{Source, Tx};
use crate::error::Result;
use crate::{args, cells, mirror};

const COLUMNS: &[(&str, Type)] = &[
    ("group_id", Type::Uuid),
    ("member_id", Type::Uuid),
    ("is_group", Type::Bool),
];

/// Adds members of one group; how many were none before.
pub async fn add(
    tx: &mut Tx,
    connection_id: ConnectionId,
    group_id: GroupId,
    members: &[(ObjectId, bool)],
) -> Result<u64> {
    let members = members.iter();
    add_all(
        tx,
        connection_id,
        members.map(|(id, is_group)| (group_id, *id, *is_group)),
    )
    .await
}

/// Adds members of several groups: (group, member, whether the member is a
/// group); how many were none before.
pub async fn add_many(
    tx: &mut Tx,
    connection_id: ConnectionId,
    members: &[(GroupId, ObjectId, bool)],
) -> Result<u64> {
    add_all(tx, connection_id, members.iter().copied()).await
}

async fn add_all(
    tx: &mut Tx,
    connection_id: ConnectionId,
    members: impl Iterator<Item = (GroupId, ObjectId, bool)>,
) -> Result<u64> {
    // In the order of the primary key, so that neighbours land on one page.
    let mut members: Vec<_> = members.collect();
    members.sort_unstable();
    let mut rows = Rows::new(COLUMNS, members.len());
    for (group_id, member_id, is_group) in members {
        rows.push(cells![group_id, member_id, is_group]);
    }
    let text = "INSERT INTO memberships (connection_id, group_id, member_id, is_group)
        SELECT $1, r.group_id, r.member_id, r.is_group FROM {rows} WHERE TRUE
        ON CONFLICT (connection_id, group_id, member_id) DO NOTHING";
    tx.bulk_execute(text, rows, args![connection_id]).await
}

/// Removes members of a group and gives their people the proof; those that
/// were members.
pub async fn remove(
    tx: &mut Tx,
    connection_id: ConnectionId,
    group_id: GroupId,
    members: &[ObjectId],
    absence: &Absence,
) -> Result<Vec<ObjectId>> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let text = "DELETE FROM memberships
        WHERE connection_id = $1 AND group_id = $2 AND member_id IN ($3)
        RETURNING member_id";
    let rows = tx
        .rows(text, args![connection_id, group_id, members])
        .await?;
    let removed: Result<Vec<ObjectId>> = rows.iter().map(|row| row.get("member_id")).collect();
    let removed = removed?;
    believe(tx, connection_id, group_id, &removed).await?;
    mirror::set_absence(tx, connection_id, &removed, absence).await?;
    Ok(removed)
}

/// Notes which members the latest reading of a group did not show, although it
/// is not believed; those it shows again after they had been doubted.
pub async fn doubt(
    tx: &mut Tx,
    connection_id: ConnectionId,
    group_id: GroupId,
    members: &[ObjectId],
) -> Result<Vec<ObjectId>> {
    let text = "DELETE FROM doubted_memberships
        WHERE connection_id = $1 AND group_id = $2 AND NOT (member_id IN ($3))
        RETURNING member_id AS object_id";
    let args = args![connection_id, group_id, members];
    let seen = mirror::object_ids(&tx.rows(text, args).await?)?;
    let mut members = members.to_vec();
    members.sort_unstable();
    let mut rows = Rows::new(&[("member_id", Type::Uuid)], members.len());
    for member in members {
        rows.push(cells![member]);
    }
    let text = "INSERT INTO doubted_memberships (connection_id, member_id, group_id)
        SELECT $1, r.member_id, $2 FROM {rows} WHERE TRUE
        ON CONFLICT (connection_id, member_id, group_id) DO NOTHING";
    tx.bulk_execute(text, rows, args![connection_id, group_id])
        .await?;
    Ok(seen)
}

/// The directory has a word about these members of a group, so nothing about
/// them is doubted any more; those that were.
pub async fn believe(
    tx: &mut Tx,
    connection_id: ConnectionId,
    group_id: GroupId,
    members: &[ObjectId],
) -> Result<Vec<ObjectId>> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let text = "DELETE FROM doubted_memberships
        WHERE connection_id = $1 AND member_id IN ($3) AND group_id = $2
        RETURNING member_id AS object_id";
    let args = args![connection_id, group_id, members];
    mirror::object_ids(&tx.rows(text, args).await?)
}

/// Removes objects from every group, since they are gone for good; how many
/// memberships that were.
pub async fn remove_everywhere(
    tx: &mut Tx,
    connection_id: ConnectionId,
    members: &[ObjectId],
) -> Result<u64> {
    let text = "DELETE FROM doubted_memberships
        WHERE connection_id = $1 AND member_id IN ($2)";
    tx.execute(text, args![connection_id, members]).await?;
    let text = "DELETE FROM memberships WHERE connection_id = $1 AND member_id IN ($2)";
    tx.execute(text, args![connection_id, members]).await
}

/// Forgets the members of a group that is tracked no longer; how many.
pub async fn drop_group(
    tx: &mut Tx,
    connection_id: ConnectionId,
    group_id: GroupId,
) -> Result<u64> {
    let text = "DELETE FROM doubted_memberships WHERE connection_id = $1 AND group_id = $2";
    tx.execute(text, args![connection_id, group_id]).await?;
    let text = "DELETE FROM memberships WHERE connection_id = $1 AND group_id = $2";
    tx.execute(text, args![connection_id, group_id]).await
}

/// Which tracked groups these objects are direct members of.
pub async fn of_members(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    members: &[ObjectId],
) -> Result<Vec<(ObjectId, GroupId)>> {
    let text = "SELECT member_id, group_id FROM memberships
        WHERE connection_id = $1 AND member_id IN ($2)";
    groups_of(on.into(), text, connection_id, members).await
}

/// Of [`of_members`], those the latest reading of the group did not show: see
/// [`doubt`].
pub async fn doubted(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    members: &[ObjectId],
) -> Result<Vec<(ObjectId, GroupId)>> {
    let text = "SELECT member_id, group_id FROM doubted_memberships
        WHERE connection_id = $1 AND member_id IN ($2)";
    groups_of(on.into(), text, connection_id, members).await
}

async fn groups_of(
    mut on: Source<'_>,
    text: &'static str,
    connection_id: ConnectionId,
    members: &[ObjectId],
) -> Result<Vec<(ObjectId, GroupId)>> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let rows = on.rows(text, args![connection_id, members]).await?;
    rows.iter()
        .map(|row| Ok((row.get("member_id")?, row.get("group_id")?)))
        .collect()
}

/// Direct members of a group in the order of their ids, each with whether it
/// is a group.
pub async fn members_page(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    group_id: GroupId,
    after: Option<ObjectId>,
    limit: u32,
) -> Result<Vec<(ObjectId, bool)>> {
    let text = "SELECT member_id, is_group FROM memberships
        WHERE connection_id = $1 AND group_id = $2 AND member_id > $3
        ORDER BY member_id LIMIT $4";
    let args = args![connection_id, group_id, mirror::after_id(after), limit];
    let rows = on.into().rows(text, args).await?;
    rows.iter()
        .map(|row| Ok((row.get("member_id")?, row.get("is_group")?)))
        .collect()
}

/// Groups inside groups: (parent, child).
pub async fn nested(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
) -> Result<Vec<(GroupId, GroupId)>> {
    let text = "SELECT group_id, member_id FROM memberships
        WHERE connection_id = $1 AND is_group = TRUE ORDER BY group_id, member_id";
    let rows = on.into().rows(text, args![connection_id]).await?;
    rows.iter()
        .map(|row| Ok((row.get("group_id")?, row.get("member_id")?)))
        .collect()
}

/// How many direct members a group has.
pub async fn count(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    group_id: GroupId,
) -> Result<u64> {
    let text = "SELECT COUNT(*) AS members FROM memberships
        WHERE connection_id = $1 AND group_id = $2";
    let row = on.into().row(text, args![connection_id, group_id]).await?;
    row.map_or(Ok(0), |row| row.get("members"))
}
