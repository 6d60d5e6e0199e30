//! The seals of the journal: a chain of hashes over every entry with everything
//! it shows, taken block by block after the entries are written, so that a sync
//! writes nothing more for it. Whoever changes, adds or removes an entry below a
//! seal breaks the chain from there on.
//!
//! Knows nothing of who keeps the last seal safe.

use sha2::{Digest as _, Sha256};

use jiff::Timestamp;
use provisioning::ids::{ConnectionId, ObjectId, PlanId, RecordId, RunId, TenantId};

use crate::args;
use crate::db::{Backend, Source, Tx};
use crate::error::Result;
use crate::sql::Row;

/// Where the chain stands after an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The last entry it covers.
    pub seq: i64,
    /// Entries it covers.
    pub entries: u64,
    /// The hash over all of them.
    pub hash: [u8; 32],
}

impl Link {
    /// Before the first entry.
    pub const START: Self = Self {
        seq: 0,
        entries: 0,
        hash: [0; 32],
    };

    /// The chain with one entry more.
    fn with(self, seq: i64, content: &[u8]) -> Self {
        let hash = Sha256::new()
            .chain_update(self.hash)
            .chain_update(content)
            .finalize();
        Self {
            seq,
            entries: self.entries + 1,
            hash: hash.into(),
        }
    }
}

/// A seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// Where the chain stood.
    pub link: Link,
    /// When it was set.
    pub sealed_at: Timestamp,
}

const ENTRIES: &str = "SELECT journal.*, decisions.body AS decision FROM journal
    LEFT JOIN decisions ON journal.body IS NULL AND decisions.plan_id = journal.plan_id
        AND decisions.seq = journal.decision_seq
    WHERE journal.seq > $1 AND journal.seq <= $2 ORDER BY journal.seq LIMIT $3";

/// An entry in one form only: every value with its length, as it is stored.
fn content(row: &Row) -> Result<(i64, Vec<u8>)> {
    let seq: i64 = row.get("seq")?;
    let at: Timestamp = row.get("at")?;
    let mut out = Vec::with_capacity(256);
    let mut put = |value: Option<&[u8]>| match value {
        None => out.push(0),
        Some(bytes) => {
            out.push(1);
            out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
            out.extend_from_slice(bytes);
        }
    };
    put(Some(&seq.to_be_bytes()));
    put(Some(&at.as_microsecond().to_be_bytes()));
    let texts = ["origin", "actor", "action", "body", "decision"];
    for name in texts {
        let text: Option<String> = row.maybe(name)?;
        put(text.as_deref().map(str::as_bytes));
    }
    let ids = [
        row.maybe::<ConnectionId>("connection_id")?.map(|id| id.0),
        row.maybe::<TenantId>("tenant_id")?.map(|id| id.0),
        row.maybe::<ObjectId>("object_id")?.map(|id| id.0),
        row.maybe::<RecordId>("record_id")?.map(|id| id.0),
        row.maybe::<RunId>("run_id")?.map(|id| id.0),
        row.maybe::<PlanId>("plan_id")?.map(|id| id.0),
    ];
    for id in &ids {
        put(id.as_ref().map(|id| id.as_bytes().as_slice()));
    }
    let decision: Option<i64> = row.maybe("decision_seq")?;
    put(decision
        .map(i64::to_be_bytes)
        .as_ref()
        .map(<[u8; 8]>::as_slice));
    Ok((seq, out))
}

/// The chain over the entries after a link, up to `through`, at most `limit`.
pub async fn extend(
    on: impl Into<Source<'_>>,
    from: Link,
    through: i64,
    limit: u32,
) -> Result<Link> {
    let rows = on
        .into()
        .rows(ENTRIES, args![from.seq, through, limit])
        .await?;
    let mut link = from;
    for row in &rows {
        let (seq, content) = content(row)?;
        link = link.with(seq, &content);
    }
    Ok(link)
}

/// Keeps entries from being written until the transaction ends, so that none
/// can come to stand before one that is sealed. On SQLite every transaction
/// that writes does so.
pub async fn hold_still(tx: &mut Tx) -> Result<()> {
    if tx.backend() == Backend::Postgres {
        tx.execute("LOCK TABLE journal IN SHARE MODE", args![])
            .await?;
    }
    Ok(())
}

fn read(row: &Row) -> Result<Seal> {
    let hash: Vec<u8> = row.get("hash")?;
    let entries: i64 = row.get("entries")?;
    Ok(Seal {
        link: Link {
            seq: row.get("seq")?,
            entries: u64::try_from(entries).unwrap_or_default(),
            hash: hash.try_into().unwrap_or_default(),
        },
        sealed_at: row.get("sealed_at")?,
    })
}

/// Sets a seal.
pub async fn put(tx: &mut Tx, link: Link, now: Timestamp) -> Result<()> {
    let text = "INSERT INTO journal_seals (seq, entries, hash, sealed_at)
        VALUES ($1, $2, $3, $4)";
    let entries = i64::try_from(link.entries).unwrap_or(i64::MAX);
    tx.execute(text, args![link.seq, entries, &link.hash[..], now])
        .await?;
    Ok(())
}

/// The newest seal.
pub async fn last(on: impl Into<Source<'_>>) -> Result<Option<Seal>> {
    let text = "SELECT * FROM journal_seals ORDER BY seq DESC LIMIT 1";
    let row = on.into().row(text, args![]).await?;
    row.as_ref().map(read).transpose()
}

/// Seals after `after`, oldest first.
pub async fn page(on: impl Into<Source<'_>>, after: i64, limit: u32) -> Result<Vec<Seal>> {
    let text = "SELECT * FROM journal_seals WHERE seq > $1 ORDER BY seq LIMIT $2";
    let rows = on.into().rows(text, args![after, limit]).await?;
    rows.iter().map(read).collect()
}

/// The newest entry's place; 0 when there is none.
pub async fn newest(on: impl Into<Source<'_>>) -> Result<i64> {
    let text = "SELECT seq FROM journal ORDER BY seq DESC LIMIT 1";
    let row = on.into().row(text, args![]).await?;
    Ok(row.map(|row| row.get("seq")).transpose()?.unwrap_or(0))
}
