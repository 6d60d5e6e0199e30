//! Moving a SQLite file's log into the file beside the writer.
//!
//! A checkpoint waits for the disk. Left to the writer's commit, as SQLite does
//! by default, a large load spends half its time in it; on another connection
//! it costs the writer nothing. The writer still makes one when the log has
//! grown far, which then finds little left to do and lets the log begin anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sqlx::sqlite::SqlitePool;

/// Bulk rows written between two checkpoints: some ten megabytes.
const ROWS: u64 = 20_000;

/// Starts checkpoints when enough was written.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoints(Arc<State>);

#[derive(Debug)]
struct State {
    connections: SqlitePool,
    rows: AtomicU64,
    running: AtomicBool,
}

impl Checkpoints {
    pub(crate) fn new(connections: SqlitePool) -> Self {
        Self(Arc::new(State {
            connections,
            rows: AtomicU64::new(0),
            running: AtomicBool::new(false),
        }))
    }

    /// Says that a transaction with so many bulk rows was committed.
    pub(crate) fn committed(&self, rows: u64) {
        let state = &self.0;
        if rows == 0 || state.rows.fetch_add(rows, Ordering::Relaxed) + rows < ROWS {
            return;
        }
        if state.running.swap(true, Ordering::AcqRel) {
            return;
        }
        state.rows.store(0, Ordering::Relaxed);
        let state = Arc::clone(state);
        tokio::spawn(async move {
            // Passive: waits for nobody, and nobody waits for it.
            let query = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)");
            if let Err(error) = query.execute(&state.connections).await {
                tracing::warn!(%error, "the log of the database could not be checkpointed");
            }
            state.running.store(false, Ordering::Release);
        });
    }
}
