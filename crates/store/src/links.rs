//! Links between directory people and records.

use jiff::Timestamp;
use provisioning::ids::{ConnectionId, ObjectId, RecordId, RuleId, TenantId};
use provisioning::link::{Basis, Link, LinkRole};

use crate::bulk::{Rows, Type};
use crate::db::{Backend, Source, Tx};
use crate::error::{Result, StoreError};
use crate::mirror::after_id;
use crate::sql::Row;
use crate::{args, cells, json};

/// A link with what the store keeps beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// The link.
    pub link: Link,
    /// The connection it was made through.
    pub connection_id: ConnectionId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was written last.
    pub updated_at: Timestamp,
    /// When something was applied last.
    pub last_applied_at: Option<Timestamp>,
}

const COLUMNS: &[(&str, Type)] = &[
    ("tenant_id", Type::Uuid),
    ("object_id", Type::Uuid),
    ("connection_id", Type::Uuid),
    ("role", Type::Text),
    ("record_id", Type::Uuid),
    ("archived_id", Type::Uuid),
    ("applied", Type::Text),
    ("rule_id", Type::Uuid),
    ("suppressed", Type::Text),
    ("created_at", Type::Time),
    ("updated_at", Type::Time),
    ("last_applied_at", Type::Time),
];

fn read(row: &Row) -> Result<LinkRow> {
    let link = Link {
        tenant_id: row.get("tenant_id")?,
        object_id: row.get("object_id")?,
        role: row.named("role")?,
        record_id: row.get("record_id")?,
        archived_id: row.maybe("archived_id")?,
        applied: row.json("applied")?,
        suppressed: row.maybe_json("suppressed")?,
    };
    Ok(LinkRow {
        link,
        connection_id: row.get("connection_id")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        last_applied_at: row.maybe("last_applied_at")?,
    })
}

/// The links of these people of a tenant, in any order.
pub async fn get(
    on: impl Into<Source<'_>>,
    tenant_id: TenantId,
    ids: &[ObjectId],
) -> Result<Vec<LinkRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = "SELECT * FROM links WHERE tenant_id = $1 AND object_id IN ($2)";
    let rows = on.into().rows(text, args![tenant_id, ids]).await?;
    rows.iter().map(read).collect()
}

/// The links that concern these records: as what the person is now, as another
/// account of the person, or as the archived record of the other kind.
pub async fn by_records(on: impl Into<Source<'_>>, records: &[RecordId]) -> Result<Vec<LinkRow>> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    // Each part has the partial index that fits it.
    let text = "SELECT * FROM links WHERE role = 'primary' AND record_id IN ($1)
        UNION ALL SELECT * FROM links WHERE role = 'secondary' AND record_id IN ($1)
        UNION ALL SELECT * FROM links WHERE archived_id IN ($1)";
    let rows = on.into().rows(text, args![records]).await?;
    rows.iter().map(read).collect()
}

/// Links as they are written: made ahead, so that the database need not wait.
pub fn rows(links: &[LinkRow]) -> Result<Rows> {
    let mut rows = Rows::new(COLUMNS, links.len());
    for row in links {
        let role = match row.link.role {
            LinkRole::Primary => "primary",
            LinkRole::Secondary => "secondary",
        };
        rows.push(cells![
            row.link.tenant_id,
            row.link.object_id,
            row.connection_id,
            role,
            row.link.record_id,
            row.link.archived_id,
            json::text(&row.link.applied)?,
            row.link.applied.rule_id,
            json::maybe_text(row.link.suppressed.as_ref())?,
            row.created_at,
            row.updated_at,
            row.last_applied_at,
        ]);
    }
    Ok(rows)
}

/// Writes links; the time an existing one was made stays. A second primary link
/// of one record is a conflict (`links_record_id`).
pub async fn write(tx: &mut Tx, links: &[LinkRow]) -> Result<()> {
    write_rows(tx, rows(links)?).await
}

/// [`write`], of what [`rows`] made.
pub async fn write_rows(tx: &mut Tx, rows: Rows) -> Result<()> {
    let text = "INSERT INTO links (tenant_id, object_id, connection_id, role, record_id,
            archived_id, applied, rule_id, suppressed, created_at, updated_at, last_applied_at)
        SELECT r.tenant_id, r.object_id, r.connection_id, r.role, r.record_id, r.archived_id,
            r.applied, r.rule_id, r.suppressed, r.created_at, r.updated_at, r.last_applied_at
        FROM {rows} WHERE TRUE
        ON CONFLICT (tenant_id, object_id) DO UPDATE SET connection_id = excluded.connection_id,
            role = excluded.role, record_id = excluded.record_id,
            archived_id = excluded.archived_id, applied = excluded.applied,
            rule_id = excluded.rule_id, suppressed = excluded.suppressed, updated_at = excluded.updated_at,
            last_applied_at = excluded.last_applied_at";
    tx.bulk_execute(text, rows, args![]).await?;
    Ok(())
}

/// Adds links of people who have none, which [`rows`] made;
/// [`StoreError::Stale`] when somebody has one already.
pub async fn insert(tx: &mut Tx, rows: Rows) -> Result<()> {
    let key = match tx.backend() {
        Backend::Sqlite => "links_tenant_id_object_id",
        Backend::Postgres => "links_pkey",
    };
    let added = tx.bulk_insert("links", rows).await;
    added.map_err(|error| match error.is_conflict(key) {
        true => StoreError::Stale { what: "link" },
        false => error,
    })
}

/// Sets or lifts the suppression of one link.
pub async fn set_suppressed(
    tx: &mut Tx,
    tenant_id: TenantId,
    object_id: ObjectId,
    suppressed: Option<&Basis>,
    now: Timestamp,
) -> Result<()> {
    let text = "UPDATE links SET suppressed = $3, updated_at = $4
        WHERE tenant_id = $1 AND object_id = $2";
    let args = args![tenant_id, object_id, json::maybe_text(suppressed)?, now];
    match tx.execute(text, args).await? {
        0 => Err(StoreError::NotFound { what: "link" }),
        _ => Ok(()),
    }
}

/// Forgets links; how many.
pub async fn delete(tx: &mut Tx, tenant_id: TenantId, ids: &[ObjectId]) -> Result<u64> {
    let text = "DELETE FROM links WHERE tenant_id = $1 AND object_id IN ($2)";
    tx.execute(text, args![tenant_id, ids]).await
}

/// How many people are linked through a connection.
pub async fn count_primary(on: impl Into<Source<'_>>, connection_id: ConnectionId) -> Result<u64> {
    let text = "SELECT COUNT(*) AS people FROM links
        WHERE connection_id = $1 AND role = 'primary'";
    let row = on.into().row(text, args![connection_id]).await?;
    row.map_or(Ok(0), |row| row.get("people"))
}

/// The same for several connections; those without anybody are left out.
pub async fn counts_primary(
    on: impl Into<Source<'_>>,
    connections: &[ConnectionId],
) -> Result<Vec<(ConnectionId, u64)>> {
    if connections.is_empty() {
        return Ok(Vec::new());
    }
    let text = "SELECT connection_id, COUNT(*) AS people FROM links
        WHERE role = 'primary' AND connection_id IN ($1) GROUP BY connection_id";
    let rows = on.into().rows(text, args![connections]).await?;
    rows.iter()
        .map(|row| Ok((row.get("connection_id")?, row.get("people")?)))
        .collect()
}

/// Links made through a connection, in the order of the object ids.
pub async fn page(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    after: Option<ObjectId>,
    limit: u32,
) -> Result<Vec<LinkRow>> {
    // The tenant leads the primary key; a connection has one.
    let text = "SELECT links.* FROM links
        WHERE links.tenant_id = (SELECT tenant_id FROM connections WHERE id = $1)
            AND links.object_id > $2 AND links.connection_id = $1
        ORDER BY links.object_id LIMIT $3";
    let args = args![connection_id, after_id(after), limit];
    let rows = on.into().rows(text, args).await?;
    rows.iter().map(read).collect()
}

/// Primary links of people whom a rule decides, in the order of the object ids.
pub async fn decided_by(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    rule_id: RuleId,
    after: Option<ObjectId>,
    limit: u32,
) -> Result<Vec<LinkRow>> {
    let text = "SELECT links.* FROM links
        WHERE links.tenant_id = (SELECT tenant_id FROM connections WHERE id = $1)
            AND links.object_id > $3 AND links.connection_id = $1
            AND links.rule_id = $2 AND links.role = 'primary'
        ORDER BY links.object_id LIMIT $4";
    let args = args![connection_id, rule_id, after_id(after), limit];
    let rows = on.into().rows(text, args).await?;
    rows.iter().map(read).collect()
}
