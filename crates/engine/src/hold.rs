//! Whether a built plan may be applied at once or waits for a person.

use jiff::{SignedDuration, Timestamp};
use provisioning::action::ActionKind;
use provisioning::limits::passed;
use serde_json::{Value, json};
use store::connections::Connection;
use store::{journal, links};

use crate::engine::Engine;
use crate::error::Result;
use crate::planning::Built;

impl Engine {
    /// Why the plan must wait, if it must.
    pub(crate) async fn hold_reason(
        &self,
        connection: &Connection,
        built: &Built,
        asked_to_hold: bool,
    ) -> Result<Option<Value>> {
        if built.tally.people == 0 {
            return Ok(None);
        }
        if asked_to_hold {
            return Ok(Some(json!({
                "code": "plan_only",
                "message": "The plan was asked for; approve it to apply it.",
            })));
        }
        let approves_first =
            connection.configuration.auto_approve || self.options().auto_approve_first;
        if !connection.progress.first_sync_done && !approves_first {
            return Ok(Some(json!({
                "code": "first_sync",
                "message": "The first sync of a connection waits for approval.",
            })));
        }
        // Counting everybody is for runs that take something away.
        let (counts, roles_lost) = (&built.tally.counts, built.tally.roles_lost);
        if built.tally.losses() == 0 {
            return Ok(None);
        }
        let limits = connection
            .configuration
            .limits
            .unwrap_or(self.options().limits);
        let since = before(self.now(), limits.longest_window());
        let lost = journal::losses_since(self.db(), connection.id, since).await?;
        let people = links::count_primary(self.db(), connection.id).await?;
        let over = passed(
            &limits,
            people,
            // Whoever keeps access and loses a role loses access too, to something.
            |kind| match kind {
                ActionKind::Revoke => counts.of(kind) + roles_lost,
                _ => counts.of(kind),
            },
            |kind| lost.get(&kind).copied().unwrap_or(0),
        );
        if over.is_empty() {
            return Ok(None);
        }
        let words: Vec<String> = over.iter().map(ToString::to_string).collect();
        Ok(Some(json!({
            "code": "limit_passed",
            "message": format!("The run would pass a limit: {}.", words.join("; ")),
            "limits": over,
        })))
    }
}

/// A moment earlier, held at the beginning of time.
pub(crate) fn before(now: Timestamp, by: std::time::Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    now.checked_sub(by).unwrap_or(Timestamp::MIN)
}
