//! `/audit`: the journal, newest first.

pub(super) mod export;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use provisioning::ids::{ConnectionId, RecordId, RunId};
use serde::Deserialize;
use serde_json::{Value, json};
use store::journal::{self, Entry, JournalFilter, Origin};

use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Query, bad_cursor, list as answer, page_size};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Filter {
    origin: Option<Origin>,
    actor: Option<String>,
    action: Option<String>,
    connection_id: Option<ConnectionId>,
    record_id: Option<RecordId>,
    run_id: Option<RunId>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: Option<i64>,
    after: Option<String>,
    /// Of an export.
    format: export::Format,
}

impl Filter {
    fn wanted(self) -> JournalFilter {
        JournalFilter {
            origin: self.origin,
            actor: self.actor,
            action: self.action,
            connection_id: self.connection_id,
            record_id: self.record_id,
            run_id: self.run_id,
            from: self.from,
            to: self.to,
        }
    }

    /// The entry that the caller has already.
    fn place(&self) -> Result<Option<i64>> {
        let place = self.after.as_deref().map(str::parse::<i64>).transpose();
        place.map_err(|_| bad_cursor())
    }
}

/// `GET /audit`
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>> {
    caller.administrates()?;
    if filter.format == export::Format::Csv {
        return Err(Problem::invalid("format: the list is JSON")
            .cure("Ask /audit/export for CSV: it takes the same filters."));
    }
    let before = filter.place()?;
    let limit = u32::try_from(page_size(filter.limit)).unwrap_or(50);
    let entries = journal::list(state.engine.db(), &filter.wanted(), before, limit).await?;
    let is_full = entries.len() as u64 >= u64::from(limit);
    let next = entries
        .last()
        .filter(|_| is_full)
        .map(|entry| entry.seq.to_string());
    Ok(answer(entries.iter().map(view).collect(), next))
}

/// An entry: of a plan's decision the action it is about, else its own body.
pub(crate) fn view(found: &Entry) -> Value {
    let entry = &found.entry;
    let action = found.decision.as_ref().and_then(|decision| {
        let mut actions = decision.actions.iter();
        actions.find(|a| a.kind.name() == entry.action && a.record_id == entry.record_id)
    });
    let own = |name: &str| entry.body.as_ref().and_then(|body| body.get(name)).cloned();
    let changes = match action {
        Some(action) => super::plans::changes(action),
        None => own("changes").unwrap_or_else(|| json!([])),
    };
    let reason = match action {
        Some(action) => super::plans::reason(action),
        None => own("reason").unwrap_or_default(),
    };
    json!({
        "seq": found.seq, "at": entry.at, "origin": entry.origin, "actor": entry.actor,
        "action": entry.action, "changes": changes, "reason": reason,
        "record_id": entry.record_id, "connection_id": entry.connection_id,
        "tenant_id": entry.tenant_id, "object_id": entry.object_id,
        "run_id": entry.run_id, "plan_id": entry.plan_id, "detail": entry.body,
    })
}
