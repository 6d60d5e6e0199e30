//! The circuit breaker: when a run must wait for a person.
//!
//! Counts only; does not know who is affected. Creations never count.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::ActionKind;

/// A limit on one kind of loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limit {
    /// People within the window.
    pub count: u64,
    /// Share of the connection's people within the window, in per cent.
    pub percent: f64,
    /// Sliding window in seconds; written as a duration, `24h`.
    #[serde(rename = "window", with = "window")]
    pub window_seconds: u64,
}

/// A duration as people write it.
mod window {
    use jiff::SignedDuration;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(seconds: &u64, to: S) -> Result<S::Ok, S::Error> {
        let seconds = i64::try_from(*seconds).unwrap_or(i64::MAX);
        to.serialize_str(&format!("{:#}", SignedDuration::from_secs(seconds)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        let window = text.parse::<SignedDuration>().ok();
        let seconds = window.and_then(|window| u64::try_from(window.as_secs()).ok());
        seconds.ok_or_else(|| D::Error::custom(format!("`{text}` is no duration like `24h`")))
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self {
            count: 25,
            percent: 10.0,
            window_seconds: 86_400,
        }
    }
}

/// The percentage never holds fewer people than this.
pub const PERCENT_FLOOR: u64 = 5;

/// The limits of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Deactivations.
    pub deactivate: Limit,
    /// Archivings.
    pub archive: Limit,
    /// Losses of access; in a run, of security roles too.
    pub revoke: Limit,
}

impl Limits {
    /// The limit on a kind of action.
    pub fn of(&self, kind: ActionKind) -> Option<Limit> {
        match kind {
            ActionKind::Deactivate => Some(self.deactivate),
            ActionKind::Archive => Some(self.archive),
            ActionKind::Revoke => Some(self.revoke),
            _ => None,
        }
    }

    /// The longest window, for looking back far enough.
    pub fn longest_window(&self) -> Duration {
        let windows = [self.deactivate, self.archive, self.revoke].map(|l| l.window_seconds);
        Duration::from_secs(windows.into_iter().max().unwrap_or(0))
    }
}

/// A limit that a run would pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passed {
    /// What is limited.
    pub action: ActionKind,
    /// How many this run wants.
    pub wanted: u64,
    /// How many there were in the window before.
    pub before: u64,
    /// How many are allowed in the window.
    pub allowed: u64,
}

impl std::fmt::Display for Passed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            action,
            wanted,
            before,
            allowed,
        } = self;
        let what = match action {
            ActionKind::Revoke => "lose access or a security role".to_owned(),
            ActionKind::Deactivate => "be deactivated".to_owned(),
            ActionKind::Archive => "be archived".to_owned(),
            other => other.name().to_owned(),
        };
        write!(f, "{wanted} people would {what}")?;
        if *before > 0 {
            write!(f, " after {before} within the limit's window")?;
        }
        write!(f, ", {allowed} are allowed")
    }
}

/// The limits a run would pass. `wanted` and `before` count people by action;
/// `people` is how many are linked through the connection.
pub fn passed(
    limits: &Limits,
    people: u64,
    wanted: impl Fn(ActionKind) -> u64,
    before: impl Fn(ActionKind) -> u64,
) -> Vec<Passed> {
    let kinds = [
        ActionKind::Deactivate,
        ActionKind::Archive,
        ActionKind::Revoke,
    ];
    let over = kinds.into_iter().filter_map(|action| {
        let limit = limits.of(action)?;
        let share = (people as f64 * limit.percent / 100.0).floor() as u64;
        let allowed = limit.count.min(share.max(PERCENT_FLOOR));
        let (wanted, before) = (wanted(action), before(action));
        (wanted > 0 && wanted + before > allowed).then_some(Passed {
            action,
            wanted,
            before,
            allowed,
        })
    });
    over.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_or_percent_whichever_is_passed_first() {
        // (people, wanted, before) -> held
        for (people, wanted, before, held) in [
            (1_000, 25, 0, false),
            (1_000, 26, 0, true),
            (1_000, 1, 25, true),
            (100, 10, 0, false),
            (100, 11, 0, true),
            (20, 5, 0, false),
            (20, 6, 0, true),
            (1, 1, 0, false),
            (1_000_000, 0, 400, false),
        ] {
            let only = |n: u64| move |kind| if kind == ActionKind::Revoke { n } else { 0 };
            let found = passed(&Limits::default(), people, only(wanted), only(before));
            assert_eq!(!found.is_empty(), held, "{people} {wanted} {before}");
        }
    }
}
