//! Moving a SQLite file's log into the file beside the writer.
//!
//! A checkpoint waits for the disk. Left to the writer's commit, as SQLite does
//! by default, a large load spends half its time in it; on another connection
//! it costs the writer nothing. The writer still makes one when the log has
//! grown far, which then finds little left to do and lets the log begin anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sqlx::Sqlite;

use crate::error::Result;
use crate::shelf::Shelf;

/// Bulk rows written between two checkpoints: some ten megabytes.
const ROWS: u64 = 20_000;

/// Starts checkpoints when enough was written.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoints(Arc<State>);

#[derive(Debug)]
struct State {
    connections: Shelf<Sqlite>,
    rows: AtomicU64,
    running: AtomicBool,
}

impl Checkpoints {
    pub(crate) fn new(connections: Shelf<Sqlite>) -> Self {
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
            if let Err(error) = state.checkpoint().await {
                tracing::warn!(%error, "the log of the database could not be checkpointed");
            }
            state.running.store(false, Ordering::Release);
        });
    }
}

impl State {
    async fn checkpoint(&self) -> Result<()> {
        let mut on = self.connections.lend().await?;
        let query = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)");
        query.execute(&mut *on).await?;
        on.answered();
        Ok(())
    }
}
