//! The journal: every applied action and everything else worth remembering,
//! in order, never changed. Where a plan's decision holds the details, the
//! entry only points at it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use provisioning::action::{ActionKind, Decision};
use provisioning::ids::{ConnectionId, ObjectId, PlanId, RecordId, RunId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bulk::{Rows, Type};
use crate::db::{Source, Tx};
use crate::error::Result;
use crate::sql::{Row, Where};
use crate::{args, cells, decision_text, json};

/// Who a change comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The directory.
    Directory,
    /// A person on a page.
    User,
    /// A program.
    Api,
    /// An undo.
    Undo,
}

impl Origin {
    fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::User => "user",
            Self::Api => "api",
            Self::Undo => "undo",
        }
    }
}

/// An entry to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// When.
    pub at: Timestamp,
    /// Who it comes from.
    pub origin: Origin,
    /// The person or token, when there is one.
    pub actor: Option<String>,
    /// The connection concerned.
    pub connection_id: Option<ConnectionId>,
    /// The directory person's tenant.
    pub tenant_id: Option<TenantId>,
    /// The directory person.
    pub object_id: Option<ObjectId>,
    /// The record concerned.
    pub record_id: Option<RecordId>,
    /// The run it happened in.
    pub run_id: Option<RunId>,
    /// The plan whose decision was applied.
    pub plan_id: Option<PlanId>,
    /// That decision.
    pub decision_seq: Option<i64>,
    /// What was done: an [`ActionKind`] by name, or a word of the caller's.
    pub action: String,
    /// Changes and reason; none when the decision holds them.
    pub body: Option<Value>,
}

impl NewEntry {
    /// An entry that says when, who and what.
    pub fn new(at: Timestamp, origin: Origin, action: impl Into<String>) -> Self {
        Self {
            at,
            origin,
            actor: None,
            connection_id: None,
            tenant_id: None,
            object_id: None,
            record_id: None,
            run_id: None,
            plan_id: None,
            decision_seq: None,
            action: action.into(),
            body: None,
        }
    }
}

/// An entry as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its place.
    pub seq: i64,
    /// What was written.
    pub entry: NewEntry,
    /// The decision it points at, when it has no body.
    pub decision: Option<Decision>,
}

const COLUMNS: &[(&str, Type)] = &[
    ("at", Type::Time),
    ("origin", Type::Text),
    ("actor", Type::Text),
    ("connection_id", Type::Uuid),
    ("tenant_id", Type::Uuid),
    ("object_id", Type::Uuid),
    ("record_id", Type::Uuid),
    ("run_id", Type::Uuid),
    ("plan_id", Type::Uuid),
    ("decision_seq", Type::Int),
    ("action", Type::Text),
    ("body", Type::Text),
];

const SELECT: &str = "SELECT journal.*, decisions.body AS decision FROM journal
    LEFT JOIN decisions ON journal.body IS NULL AND decisions.plan_id = journal.plan_id
        AND decisions.seq = journal.decision_seq";

fn read(row: &Row) -> Result<Entry> {
    let decision: Option<String> = row.maybe("decision")?;
    let decision = decision.map(|body| {
        // Of the same person: the seals hold the entry to it.
        decision_text::read(row.get("tenant_id")?, row.get("object_id")?, &body)
    });
    Ok(Entry {
        seq: row.get("seq")?,
        entry: NewEntry {
            at: row.get("at")?,
            origin: row.named("origin")?,
            actor: row.maybe("actor")?,
            connection_id: row.maybe("connection_id")?,
            tenant_id: row.maybe("tenant_id")?,
            object_id: row.maybe("object_id")?,
            record_id: row.maybe("record_id")?,
            run_id: row.maybe("run_id")?,
            plan_id: row.maybe("plan_id")?,
            decision_seq: row.maybe("decision_seq")?,
            action: row.get("action")?,
            body: row.maybe_json("body")?,
        },
        decision: decision.transpose()?,
    })
}

/// Writes entries, in this order.
pub async fn append(tx: &mut Tx, entries: &[NewEntry]) -> Result<()> {
    let mut rows = Rows::new(COLUMNS, entries.len());
    for entry in entries {
        rows.push(cells![
            entry.at,
            entry.origin.name(),
            entry.actor.clone(),
            entry.connection_id,
            entry.tenant_id,
            entry.object_id,
            entry.record_id,
            entry.run_id,
            entry.plan_id,
            entry.decision_seq,
            entry.action.clone(),
            json::maybe_text(entry.body.as_ref())?,
        ]);
    }
    tx.bulk_insert("journal", rows).await
}

async fn select(
    on: impl Into<Source<'_>>,
    mut conditions: Where,
    order: &'static str,
    limit: u32,
) -> Result<Vec<Entry>> {
    let limit = conditions.arg(limit);
    let text = format!(
        "{SELECT}{} ORDER BY journal.seq {order} LIMIT {limit}",
        conditions.text()
    );
    let rows = on.into().rows(text, conditions.into_args()).await?;
    rows.iter().map(read).collect()
}

/// The entries about a record, newest first, before `before`.
pub async fn by_record(
    on: impl Into<Source<'_>>,
    record_id: RecordId,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Entry>> {
    let mut conditions = Where::new();
    conditions.and("journal.record_id = $?", record_id);
    conditions.and_some("journal.seq < $?", before);
    select(on, conditions, "DESC", limit).await
}

/// What runs applied to these records, newest first.
pub async fn applied_to(on: impl Into<Source<'_>>, records: &[RecordId]) -> Result<Vec<Entry>> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "{SELECT} WHERE journal.record_id IN ($1) AND journal.decision_seq IS NOT NULL
        ORDER BY journal.seq DESC"
    );
    let rows = on.into().rows(text, args![records]).await?;
    rows.iter().map(read).collect()
}

/// The entries about a directory person that concern no record, newest first.
pub async fn by_object(
    on: impl Into<Source<'_>>,
    tenant_id: TenantId,
    object_id: ObjectId,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Entry>> {
    let mut conditions = Where::new();
    conditions.and("journal.tenant_id = $?", tenant_id);
    conditions.and("journal.object_id = $?", object_id);
    conditions.fixed("journal.record_id IS NULL");
    conditions.and_some("journal.seq < $?", before);
    select(on, conditions, "DESC", limit).await
}

/// The entries of a run, oldest first, after `after`.
pub async fn by_run(
    on: impl Into<Source<'_>>,
    run_id: RunId,
    after: i64,
    limit: u32,
) -> Result<Vec<Entry>> {
    let mut conditions = Where::new();
    conditions.and("journal.run_id = $?", run_id);
    conditions.and("journal.seq > $?", after);
    select(on, conditions, "ASC", limit).await
}

/// Which entries to list.
#[derive(Debug, Clone, Default)]
pub struct JournalFilter {
    /// From here.
    pub origin: Option<Origin>,
    /// By this person or token.
    pub actor: Option<String>,
    /// Of this kind.
    pub action: Option<String>,
    /// Through this connection.
    pub connection_id: Option<ConnectionId>,
    /// About this record.
    pub record_id: Option<RecordId>,
    /// In this run.
    pub run_id: Option<RunId>,
    /// At this time or later.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
}

impl JournalFilter {
    fn conditions(&self) -> Where {
        let mut conditions = Where::new();
        if let Some(origin) = self.origin {
            conditions.and("journal.origin = $?", origin.name());
            if origin != Origin::Directory {
                // The condition of the index journal_by_origin.
                conditions.fixed("journal.origin <> 'directory'");
            }
        }
        if let Some(action) = &self.action {
            conditions.and("journal.action = $?", action);
            if action != ActionKind::Create.name() {
                conditions.fixed("journal.action <> 'create'");
            }
        }
        conditions.and_some("journal.actor = $?", self.actor.as_ref());
        conditions.and_some("journal.connection_id = $?", self.connection_id);
        conditions.and_some("journal.record_id = $?", self.record_id);
        conditions.and_some("journal.run_id = $?", self.run_id);
        conditions.and_some("journal.at >= $?", self.from);
        conditions.and_some("journal.at < $?", self.to);
        conditions
    }
}

/// Entries, newest first, before `before`.
pub async fn list(
    on: impl Into<Source<'_>>,
    filter: &JournalFilter,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Entry>> {
    let mut conditions = filter.conditions();
    conditions.and_some("journal.seq < $?", before);
    select(on, conditions, "DESC", limit).await
}

/// The same entries, oldest first, after `after`: for exports.
pub async fn list_from(
    on: impl Into<Source<'_>>,
    filter: &JournalFilter,
    after: i64,
    limit: u32,
) -> Result<Vec<Entry>> {
    let mut conditions = filter.conditions();
    conditions.and("journal.seq > $?", after);
    select(on, conditions, "ASC", limit).await
}

/// All entries, oldest first, after `after`.
pub async fn scan(on: impl Into<Source<'_>>, after: i64, limit: u32) -> Result<Vec<Entry>> {
    list_from(on, &JournalFilter::default(), after, limit).await
}

/// How many people lost something through a connection at `since` or later, by
/// kind of loss.
pub async fn losses_since(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
    since: Timestamp,
) -> Result<BTreeMap<ActionKind, u64>> {
    // The condition of the index journal_losses, word by word.
    let text = "SELECT action, COUNT(DISTINCT record_id) AS people FROM journal
        WHERE connection_id = $1 AND at >= $2 AND action IN ('archive', 'deactivate', 'revoke')
        GROUP BY action";
    let rows = on.into().rows(text, args![connection_id, since]).await?;
    rows.iter()
        .map(|row| Ok((row.named("action")?, row.get("people")?)))
        .collect()
}
