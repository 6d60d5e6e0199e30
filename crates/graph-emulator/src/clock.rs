//! The virtual clock: a start, what the runtime's clock has counted since, and what was added by hand.
//! Follows tokio's clock, so paused time pauses it; it never reads the clock of the machine.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock that only moves forward; a reset alone takes it back.
pub(crate) struct Clock {
    start: Timestamp,
    origin: Instant,
    advanced_ms: AtomicI64,
}

impl Clock {
    /// A clock that reads `start` now.
    pub(crate) fn new(start: Timestamp) -> Self {
        Self {
            start,
            origin: monotonic(),
            advanced_ms: AtomicI64::new(0),
        }
    }

    /// The time it is in this world.
    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(monotonic() - self.origin);
        let advanced = SignedDuration::from_millis(self.advanced_ms.load(Ordering::Relaxed));
        self.start
            .saturating_add(elapsed.unwrap_or(SignedDuration::MAX))
            .and_then(|now| now.saturating_add(advanced))
            .unwrap_or(Timestamp::MAX)
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.advanced_ms.fetch_add(by, Ordering::Relaxed);
    }

    /// Takes back everything added by hand.
    pub(crate) fn reset(&self) {
        self.advanced_ms.store(0, Ordering::Relaxed);
    }
}

/// The runtime's clock: virtual itself in a test that pauses time.
#[allow(clippy::disallowed_methods)]
fn monotonic() -> Instant {
    Instant::now()
}

/// ISO 8601 in UTC without a fraction, as Graph writes creation times.
pub(crate) fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// ISO 8601 in UTC with seven digits of a fraction, as Graph writes subscription and event times.
pub(crate) fn iso_precise(at: Timestamp) -> String {
    format!(
        "{}.{:07}Z",
        at.strftime("%Y-%m-%dT%H:%M:%S"),
        at.subsec_nanosecond() / 100
    )
}
