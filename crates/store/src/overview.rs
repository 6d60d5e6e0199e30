//! What is said of connections at a glance: one statement, however many there
//! are.

use jiff::Timestamp;
use provisioning::ids::{ConnectionId, PlanId, RunId};

use crate::args;
use crate::connections::{self, Connection};
use crate::db::Source;
use crate::error::Result;
use crate::runs::RunStatus;
use crate::sql::Row;

/// A connection, and what is around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// The connection.
    pub connection: Connection,
    /// Its latest run.
    pub last_run: Option<LastRun>,
    /// The newest plan that waits for a person.
    pub held: Option<PlanId>,
    /// When the first of its subscriptions ends.
    pub subscription_ends: Option<Timestamp>,
    /// Whether it has mapping rules.
    pub has_rules: bool,
    /// Questions of the review queue that are open.
    pub reviews: u64,
    /// When the place in its feed of people moved last.
    pub feed_moved_at: Option<Timestamp>,
    /// People who wait to be decided about.
    pub waiting: u64,
}

/// A run, as far as a glance goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastRun {
    /// The run.
    pub id: RunId,
    /// Where it stands.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Timestamp,
}

const SELECT: &str = "SELECT connections.*, runs.id AS run_id, runs.status AS run_status,
        runs.started_at AS run_started_at,
        (SELECT plans.id FROM plans WHERE plans.connection_id = connections.id
            AND plans.status = 'held' ORDER BY plans.created_at DESC, plans.id DESC LIMIT 1) AS held,
        (SELECT MIN(subscriptions.expires_at) FROM subscriptions
            WHERE subscriptions.connection_id = connections.id) AS subscription_ends,
        EXISTS (SELECT 1 FROM mapping_rules
            WHERE mapping_rules.connection_id = connections.id) AS has_rules,
        (SELECT COUNT(*) FROM review_items WHERE review_items.connection_id = connections.id
            AND review_items.status = 'open') AS reviews,
        (SELECT cursors.updated_at FROM cursors WHERE cursors.connection_id = connections.id
            AND cursors.feed = 'users') AS feed_moved_at,
        (SELECT COUNT(*) FROM pending WHERE pending.connection_id = connections.id) AS waiting
    FROM connections LEFT JOIN runs ON runs.id = connections.last_run_id";

fn read(row: &Row) -> Result<Overview> {
    let last_run = match row.maybe("run_id")? {
        None => None,
        Some(id) => Some(LastRun {
            id,
            status: row.named("run_status")?,
            started_at: row.get("run_started_at")?,
        }),
    };
    Ok(Overview {
        connection: connections::read(row)?,
        last_run,
        held: row.maybe("held")?,
        subscription_ends: row.maybe("subscription_ends")?,
        has_rules: row.get("has_rules")?,
        reviews: row.get("reviews")?,
        feed_moved_at: row.maybe("feed_moved_at")?,
        waiting: row.get("waiting")?,
    })
}

/// Every connection, in the order they were added.
pub async fn all(on: impl Into<Source<'_>>) -> Result<Vec<Overview>> {
    let text = format!("{SELECT} ORDER BY connections.created_at, connections.id");
    let rows = on.into().rows(text, args![]).await?;
    rows.iter().map(read).collect()
}

/// One connection.
pub async fn of(on: impl Into<Source<'_>>, id: ConnectionId) -> Result<Option<Overview>> {
    let text = format!("{SELECT} WHERE connections.id = $1");
    let row = on.into().row(text, args![id]).await?;
    row.as_ref().map(read).transpose()
}
