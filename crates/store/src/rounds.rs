//! What a round over a connection begins with, in two statements: most rounds
//! find nothing to do, and with thousands of connections one begins every moment.

use provisioning::ids::ConnectionId;
use serde::de::DeserializeOwned;

use crate::args;
use crate::connections::{self, Connection};
use crate::cursors::{self, Cursor, Feed};
use crate::db::Source;
use crate::error::Result;

/// A connection whose turn it is.
#[derive(Debug, Clone)]
pub struct Turn<T> {
    /// The connection.
    pub connection: Connection,
    /// The setting that was asked for, if it was ever saved.
    pub setting: Option<T>,
    /// Whether it has a run that has not ended.
    pub has_runs: bool,
}

/// What a round asks of the directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Feeds {
    /// How far the feed of people has been read.
    pub users: Option<Cursor>,
    /// How far that of groups has been read.
    pub groups: Option<Cursor>,
    /// Whether an enabled rule follows the assignments of the application.
    pub follows_assignments: bool,
    /// Whether anybody waits to be decided about.
    pub any_pending: bool,
}

/// A connection, with the setting of this key.
pub async fn turn<T: DeserializeOwned>(
    on: impl Into<Source<'_>>,
    id: ConnectionId,
    setting: &str,
) -> Result<Option<Turn<T>>> {
    let text = "SELECT connections.*,
            (SELECT value FROM settings WHERE key = $2) AS setting,
            EXISTS (SELECT 1 FROM runs WHERE runs.connection_id = connections.id
                AND runs.finished_at IS NULL) AS has_runs
        FROM connections WHERE connections.id = $1";
    let Some(row) = on.into().row(text, args![id, setting]).await? else {
        return Ok(None);
    };
    Ok(Some(Turn {
        connection: connections::read(&row)?,
        setting: row.maybe_json("setting")?,
        has_runs: row.get("has_runs")?,
    }))
}

/// What a round of a connection asks of the directory.
pub async fn feeds(on: impl Into<Source<'_>>, id: ConnectionId) -> Result<Feeds> {
    let text = "SELECT cursors.*, EXISTS (SELECT 1 FROM mapping_rules
                WHERE mapping_rules.connection_id = cursors.connection_id
                    AND mapping_rules.enabled AND mapping_rules.scope = 'assigned'
            ) AS follows_assignments,
            EXISTS (SELECT 1 FROM pending
                WHERE pending.connection_id = cursors.connection_id) AS any_pending
        FROM cursors WHERE cursors.connection_id = $1";
    let mut feeds = Feeds::default();
    for row in on.into().rows(text, args![id]).await? {
        let cursor = cursors::read(&row)?;
        match row.named("feed")? {
            Feed::Users => feeds.users = Some(cursor),
            Feed::Groups => feeds.groups = Some(cursor),
        }
        feeds.follows_assignments = row.get("follows_assignments")?;
        feeds.any_pending = row.get("any_pending")?;
    }
    Ok(feeds)
}
