//! `/audit/export`: what the list has, oldest first, streamed: one JSON object
//! a line, or CSV; and `/audit/verification`: whether all is as it was written.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use engine::AuditReport;
use serde::Deserialize;
use serde_json::{Value, json};
use store::journal::{self, Entry};

use super::{Filter, view};
use crate::AppState;
use crate::api::sheet::rows;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::Query;
use crate::pages::record_names;
use crate::stream::{Download, streamed};

const BLOCK: u32 = 1_000;

const COLUMNS: &[&str] = &[
    "seq",
    "at",
    "origin",
    "actor",
    "action",
    "record",
    "reason",
    "changes",
    "record_id",
    "connection_id",
    "tenant_id",
    "object_id",
    "run_id",
    "plan_id",
];

/// What an export is written as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    /// For programs: nothing is left out.
    #[default]
    Ndjson,
    /// For spreadsheets.
    Csv,
}

/// `GET /audit/export`
pub(crate) async fn export(
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Result<Response> {
    caller.administrates()?;
    let format = filter.format;
    let file = match format {
        Format::Ndjson => Download {
            kind: "application/x-ndjson",
            name: "audit.ndjson",
        },
        Format::Csv => Download {
            kind: "text/csv; charset=utf-8",
            name: "audit.csv",
        },
    };
    let (start, wanted) = (filter.place()?, filter.wanted());
    Ok(streamed(file, start, move |after| {
        let (state, wanted) = (state.clone(), wanted.clone());
        async move {
            let db = state.engine.db();
            let entries = journal::list_from(db, &wanted, after.unwrap_or(0), BLOCK).await?;
            let last = entries.last().map(|entry| Some(entry.seq));
            let block = match format {
                Format::Ndjson => lines(&entries)?,
                Format::Csv => rows(COLUMNS, after == start, &named(&state, &entries).await?)?,
            };
            Ok((block, last))
        }
    }))
}

fn lines(entries: &[Entry]) -> Result<Vec<u8>> {
    let mut block = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut block, &view(entry))
            .map_err(|error| Problem::internal(&error))?;
        block.push(b'\n');
    }
    Ok(block)
}

/// Entries with the names of those they are about, reasons and changes in words.
async fn named(state: &AppState, entries: &[Entry]) -> Result<Vec<Value>> {
    let ids = entries.iter().filter_map(|entry| entry.entry.record_id);
    let names = record_names(state.engine.db(), ids.collect()).await?;
    let one = |entry: &Entry| {
        let mut row = view(entry);
        let record = entry.entry.record_id.and_then(|id| names.get(&id));
        row["record"] = json!(record);
        if let Some(text) = row["reason"].get("text") {
            row["reason"] = text.clone();
        }
        row
    };
    Ok(entries.iter().map(one).collect())
}

/// `GET /audit/verification`
pub(crate) async fn verification(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<AuditReport>> {
    caller.administrates()?;
    Ok(Json(state.engine.verify_journal().await?))
}
