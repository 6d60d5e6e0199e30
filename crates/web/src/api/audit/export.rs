//! `/audit/export`: the whole journal, oldest first, one JSON object a line,
//! streamed; and `/audit/verification`: whether it is as it was written.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use engine::AuditReport;
use serde::Deserialize;
use store::journal;

use super::view;
use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::Query;
use crate::stream::{Download, streamed};

const BLOCK: u32 = 1_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct From {
    /// The last entry the caller has.
    after: i64,
}

/// `GET /audit/export`
pub(crate) async fn export(
    State(state): State<AppState>,
    caller: Caller,
    Query(from): Query<From>,
) -> Result<Response> {
    caller.administrates()?;
    let file = Download {
        kind: "application/x-ndjson",
        name: "audit.ndjson",
    };
    Ok(streamed(file, from.after, move |after| {
        let state = state.clone();
        async move {
            let entries = journal::scan(state.engine.db(), after, BLOCK).await?;
            let last = entries.last().map(|entry| entry.seq);
            let mut block = Vec::new();
            for entry in &entries {
                serde_json::to_writer(&mut block, &view(entry))
                    .map_err(|error| Problem::internal(&error))?;
                block.push(b'\n');
            }
            Ok((block, last))
        }
    }))
}

/// `GET /audit/verification`
pub(crate) async fn verification(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<AuditReport>> {
    caller.administrates()?;
    Ok(Json(state.engine.verify_journal().await?))
}
