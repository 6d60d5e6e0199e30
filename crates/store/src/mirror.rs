//! The mirror: directory people as last read, with a version that grows with
//! every change of anything that is read.

use jiff::Timestamp;
use provisioning::absence::Absence;
use provisioning::directory::Person;
use provisioning::ids::{ConnectionId, GroupId, ObjectId, TenantId};
use uuid::Uuid;

use crate::bulk::{Rows, Type};
use crate::db::{Source, Tx};
use crate::error::Result;
use crate::sql::{Arg, Row};
use crate::{args, cells, json};

/// A person in the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrored {
    /// The person.
    pub person: Person,
    /// Of everything that is read of the person.
    pub fingerprint: [u8; 16],
    /// Grows with every change, and with every notification that names them.
    pub version: i64,
    /// The proof for the latest membership or presence the person lost.
    pub absence: Option<Absence>,
    /// When the version grew last.
    pub changed_at: Timestamp,
    /// When the change happened at Microsoft, if that is known.
    pub microsoft_changed_at: Option<Timestamp>,
}

/// A person as just read.
#[derive(Debug, Clone)]
pub struct MirrorWrite {
    /// The person.
    pub person: Person,
    /// See [`Person::fingerprint`].
    pub fingerprint: [u8; 16],
    /// Whether this counts as a change although nothing differs.
    pub bump: bool,
    /// When the change happened at Microsoft, if that is known.
    pub microsoft_changed_at: Option<Timestamp>,
}

const COLUMNS: &[(&str, Type)] = &[
    ("object_id", Type::Uuid),
    ("fingerprint", Type::Bytes),
    ("body", Type::Text),
    ("microsoft_changed_at", Type::Time),
];

const SELECT: &str = "SELECT people.object_id, people.version, people.fingerprint, people.body,
        people.absence, people.changed_at, people.microsoft_changed_at, connections.tenant_id
    FROM people JOIN connections ON connections.id = people.connection_id
    WHERE people.connection_id = $1";

/// A place in the order of ids: everything after nobody.
pub(crate) fn after_id(after: Option<ObjectId>) -> Arg {
    after.map_or(Uuid::nil(), |id| id.0).into()
}

/// The ids at the head of a person's JSON. They are columns already, so the
/// body is stored without them.
fn head(tenant_id: TenantId, object_id: ObjectId, room: usize) -> String {
    let mut text = String::with_capacity(128 + room);
    let mut buffer = Uuid::encode_buffer();
    text.push_str("{\"tenant_id\":\"");
    text.push_str(tenant_id.0.hyphenated().encode_lower(&mut buffer));
    text.push_str("\",\"object_id\":\"");
    text.push_str(object_id.0.hyphenated().encode_lower(&mut buffer));
    text.push_str("\",");
    text
}

fn body(person: &Person) -> Result<String> {
    let mut text = json::text(person)?;
    let head = head(person.tenant_id, person.object_id, 0);
    if text.starts_with(&head) {
        text.drain(1..head.len());
    }
    Ok(text)
}

fn parse(tenant_id: TenantId, object_id: ObjectId, body: &str) -> Result<Person> {
    match body.strip_prefix('{') {
        Some(rest) if !rest.starts_with("\"tenant_id\"") => {
            json::parse("a person", &(head(tenant_id, object_id, rest.len()) + rest))
        }
        _ => json::parse("a person", body),
    }
}

fn read(row: &Row) -> Result<Mirrored> {
    let body: String = row.get("body")?;
    Ok(Mirrored {
        person: parse(row.get("tenant_id")?, row.get("object_id")?, &body)?,
        fingerprint: row.get("fingerprint")?,
        version: row.get("version")?,
        absence: row.maybe_json("absence")?,
        changed_at: row.get("changed_at")?,
        microsoft_changed_at: row.maybe("microsoft_changed_at")?,
    })
}

/// People in the order of their object ids.
pub async fn page(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    after: Option<ObjectId>,
    limit: u32,
) -> Result<Vec<Mirrored>> {
    let text = format!("{SELECT} AND people.object_id > $2 ORDER BY people.object_id LIMIT $3");
    let args = args![connection_id, after_id(after), limit];
    let rows = on.into().rows(text, args).await?;
    rows.iter().map(read).collect()
}

/// These people, in any order; unknown ones are left out.
pub async fn get(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    ids: &[ObjectId],
) -> Result<Vec<Mirrored>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!("{SELECT} AND people.object_id IN ($2)");
    let rows = on.into().rows(text, args![connection_id, ids]).await?;
    rows.iter().map(read).collect()
}

/// The fingerprints of these people; unknown ones are left out.
pub async fn fingerprints(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    ids: &[ObjectId],
) -> Result<Vec<(ObjectId, [u8; 16])>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = "SELECT object_id, fingerprint FROM people
        WHERE connection_id = $1 AND object_id IN ($2)";
    let rows = on.into().rows(text, args![connection_id, ids]).await?;
    rows.iter()
        .map(|row| Ok((row.get("object_id")?, row.get("fingerprint")?)))
        .collect()
}

/// Those of these people that are in the mirror.
pub async fn known(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    ids: &[ObjectId],
) -> Result<Vec<ObjectId>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = "SELECT object_id FROM people WHERE connection_id = $1 AND object_id IN ($2)";
    let rows = on.into().rows(text, args![connection_id, ids]).await?;
    object_ids(&rows)
}

/// How many people the mirror of a connection holds.
pub async fn count(on: impl Into<Source<'_>>, connection_id: ConnectionId) -> Result<u64> {
    let text = "SELECT COUNT(*) AS people FROM people WHERE connection_id = $1";
    let row = on.into().row(text, args![connection_id]).await?;
    row.map_or(Ok(0), |row| row.get("people"))
}

/// People whom no reading of a group showed, in the order of their ids: they are
/// in none, in `unread` ones, or it is doubted that they are in one. And
/// whether they matter, being linked or in a group; of anybody else a connection
/// need not know.
pub async fn outside(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    unread: &[GroupId],
    after: Option<ObjectId>,
    limit: u32,
) -> Result<Vec<(ObjectId, bool)>> {
    let text = "SELECT people.object_id, EXISTS (SELECT 1 FROM links
                WHERE links.tenant_id = connections.tenant_id
                    AND links.object_id = people.object_id)
            OR EXISTS (SELECT 1 FROM memberships
                WHERE memberships.connection_id = people.connection_id
                    AND memberships.member_id = people.object_id) AS matters
        FROM people
        JOIN connections ON connections.id = people.connection_id
        WHERE people.connection_id = $1 AND people.object_id > $2
            AND NOT EXISTS (SELECT 1 FROM memberships
                WHERE memberships.connection_id = people.connection_id
                    AND memberships.member_id = people.object_id
                    AND NOT (memberships.group_id IN ($4))
                    AND NOT EXISTS (SELECT 1 FROM doubted_memberships AS doubted
                        WHERE doubted.connection_id = memberships.connection_id
                            AND doubted.member_id = memberships.member_id
                            AND doubted.group_id = memberships.group_id))
        ORDER BY people.object_id LIMIT $3";
    let args = args![connection_id, after_id(after), limit, unread];
    let rows = on.into().rows(text, args).await?;
    let row = |row: &Row| Ok((row.get("object_id")?, row.get("matters")?));
    rows.iter().map(row).collect()
}

const UPSERT: &str = "INSERT INTO people (connection_id, object_id, version, fingerprint, body,
        changed_at, microsoft_changed_at)
    SELECT $1, r.object_id, 1, r.fingerprint, r.body, $2, r.microsoft_changed_at
    FROM {rows} WHERE TRUE
    ON CONFLICT (connection_id, object_id) DO UPDATE SET version = people.version + 1,
        fingerprint = excluded.fingerprint, body = excluded.body,
        changed_at = excluded.changed_at,
        microsoft_changed_at = excluded.microsoft_changed_at
    RETURNING object_id";

const UPSERT_CHANGED: &str = "INSERT INTO people (connection_id, object_id, version, fingerprint,
        body, changed_at, microsoft_changed_at)
    SELECT $1, r.object_id, 1, r.fingerprint, r.body, $2, r.microsoft_changed_at
    FROM {rows} WHERE TRUE
    ON CONFLICT (connection_id, object_id) DO UPDATE SET version = people.version + 1,
        fingerprint = excluded.fingerprint, body = excluded.body,
        changed_at = excluded.changed_at,
        microsoft_changed_at = excluded.microsoft_changed_at
    WHERE people.fingerprint <> excluded.fingerprint
    RETURNING object_id";

/// A person as just read, as they are written: made ahead, so that the database
/// need not wait.
#[derive(Debug)]
pub struct MirrorRow {
    object_id: ObjectId,
    fingerprint: [u8; 16],
    body: String,
    bump: bool,
    microsoft_changed_at: Option<Timestamp>,
}

impl MirrorWrite {
    /// As it is written.
    pub fn row(&self) -> Result<MirrorRow> {
        Ok(MirrorRow {
            object_id: self.person.object_id,
            fingerprint: self.fingerprint,
            body: body(&self.person)?,
            bump: self.bump,
            microsoft_changed_at: self.microsoft_changed_at,
        })
    }
}

/// Writes people as just read. A new person gets version 1; a changed
/// fingerprint or `bump` makes the version grow; anybody else is not written.
/// Gives the ids that are new or whose version grew. Of several writes of one
/// person the last counts, as a bump if any was.
pub async fn write(
    tx: &mut Tx,
    connection_id: ConnectionId,
    writes: &[MirrorWrite],
    now: Timestamp,
) -> Result<Vec<ObjectId>> {
    let rows: Result<Vec<MirrorRow>> = writes.iter().map(MirrorWrite::row).collect();
    write_rows(tx, connection_id, rows?, now).await
}

/// [`write`], of what [`MirrorWrite::row`] made.
pub async fn write_rows(
    tx: &mut Tx,
    connection_id: ConnectionId,
    mut writes: Vec<MirrorRow>,
    now: Timestamp,
) -> Result<Vec<ObjectId>> {
    // Neighbours in the index land on one page; writes of one person stay in
    // order.
    writes.sort_by_key(|write| write.object_id);
    let mut last: Vec<MirrorRow> = Vec::with_capacity(writes.len());
    for mut write in writes {
        if let Some(known) = last.last_mut()
            && known.object_id == write.object_id
        {
            write.bump |= known.bump;
            *known = write;
        } else {
            last.push(write);
        }
    }
    let (bumped, others): (Vec<_>, Vec<_>) = last.into_iter().partition(|write| write.bump);
    let mut changed = Vec::new();
    for (text, writes) in [(UPSERT_CHANGED, others), (UPSERT, bumped)] {
        let mut rows = Rows::new(COLUMNS, writes.len());
        for write in writes {
            rows.push(cells![
                write.object_id,
                write.fingerprint,
                write.body,
                write.microsoft_changed_at,
            ]);
        }
        let written = tx.bulk_rows(text, rows, args![connection_id, now]).await?;
        changed.extend(object_ids(&written)?);
    }
    Ok(changed)
}

/// Gives people the proof that they lost a membership or are gone.
pub async fn set_absence(
    tx: &mut Tx,
    connection_id: ConnectionId,
    ids: &[ObjectId],
    absence: &Absence,
) -> Result<()> {
    if !ids.is_empty() {
        let text = "UPDATE people SET absence = $3
            WHERE connection_id = $1 AND object_id IN ($2)";
        let args = args![connection_id, ids, json::text(absence)?];
        tx.execute(text, args).await?;
    }
    Ok(())
}

/// Counts as a change of these people; those that are in the mirror.
pub async fn touch(
    tx: &mut Tx,
    connection_id: ConnectionId,
    ids: &[ObjectId],
    now: Timestamp,
) -> Result<Vec<ObjectId>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = "UPDATE people SET version = version + 1, changed_at = $3
        WHERE connection_id = $1 AND object_id IN ($2) RETURNING object_id";
    let rows = tx.rows(text, args![connection_id, ids, now]).await?;
    object_ids(&rows)
}

/// Forgets people; how many.
pub async fn forget(tx: &mut Tx, connection_id: ConnectionId, ids: &[ObjectId]) -> Result<u64> {
    let text = "DELETE FROM people WHERE connection_id = $1 AND object_id IN ($2)";
    tx.execute(text, args![connection_id, ids]).await
}

pub(crate) fn object_ids(rows: &[Row]) -> Result<Vec<ObjectId>> {
    rows.iter().map(|row| row.get("object_id")).collect()
}
