//! What a round over a connection begins with, in one statement for all whose
//! turn it is: most rounds find nothing to do, and with thousands of connections
//! one begins every moment.

use provisioning::ids::ConnectionId;
use serde::de::DeserializeOwned;

use crate::args;
use crate::connections::{self, Connection};
use crate::cursors::{self, Cursor};
use crate::db::Source;
use crate::error::Result;
use crate::sql::Row;

/// A connection whose turn it is.
#[derive(Debug, Clone)]
pub struct Turn<T> {
    /// The connection.
    pub connection: Connection,
    /// The setting that was asked for, if it was ever saved.
    pub setting: Option<T>,
    /// Whether it has a run that has not ended.
    pub has_runs: bool,
    /// What is asked of the directory when it has none.
    pub feeds: Feeds,
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

/// A statement about connections, with the columns of [`Feeds`].
macro_rules! with_feeds {
    ($columns:literal, $condition:literal) => {
        concat!(
            "SELECT ",
            $columns,
            "users.link AS users_link, users.kind AS users_kind,
                users.previous_link AS users_previous_link, users.updated_at AS users_updated_at,
                teams.link AS groups_link, teams.kind AS groups_kind,
                teams.previous_link AS groups_previous_link, teams.updated_at AS groups_updated_at,
                EXISTS (SELECT 1 FROM mapping_rules
                    WHERE mapping_rules.connection_id = connections.id
                        AND mapping_rules.enabled AND mapping_rules.scope = 'assigned'
                ) AS follows_assignments,
                EXISTS (SELECT 1 FROM pending
                    WHERE pending.connection_id = connections.id) AS any_pending
            FROM connections
                LEFT JOIN cursors users
                    ON users.connection_id = connections.id AND users.feed = 'users'
                LEFT JOIN cursors teams
                    ON teams.connection_id = connections.id AND teams.feed = 'groups'
            WHERE connections.id ",
            $condition
        )
    };
}

/// The turns of connections, in no order; of those that are there.
pub async fn turns<T: DeserializeOwned>(
    on: impl Into<Source<'_>>,
    ids: &[ConnectionId],
    setting: &str,
) -> Result<Vec<Turn<T>>> {
    let text = with_feeds!(
        "connections.*,
            (SELECT value FROM settings WHERE key = $2) AS setting,
            EXISTS (SELECT 1 FROM runs WHERE runs.connection_id = connections.id
                AND runs.finished_at IS NULL) AS has_runs, ",
        "IN ($1)"
    );
    let rows = on.into().rows(text, args![ids, setting]).await?;
    rows.iter()
        .map(|row| {
            Ok(Turn {
                connection: connections::read(row)?,
                setting: row.maybe_json("setting")?,
                has_runs: row.get("has_runs")?,
                feeds: read_feeds(row)?,
            })
        })
        .collect()
}

/// What a round of a connection asks of the directory.
pub async fn feeds(on: impl Into<Source<'_>>, id: ConnectionId) -> Result<Feeds> {
    let text = with_feeds!("", "= $1");
    let row = on.into().row(text, args![id]).await?;
    row.map_or_else(|| Ok(Feeds::default()), |row| read_feeds(&row))
}

fn read_feeds(row: &Row) -> Result<Feeds> {
    Ok(Feeds {
        users: cursors::maybe(
            row,
            [
                "users_link",
                "users_kind",
                "users_previous_link",
                "users_updated_at",
            ],
        )?,
        groups: cursors::maybe(
            row,
            [
                "groups_link",
                "groups_kind",
                "groups_previous_link",
                "groups_updated_at",
            ],
        )?,
        follows_assignments: row.get("follows_assignments")?,
        any_pending: row.get("any_pending")?,
    })
}
