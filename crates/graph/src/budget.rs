//! The resource-unit budget of one application in one tenant.
//!
//! Graph allows so many resource units in ten seconds, depending on the size
//! of the tenant, and tells only indirectly how many. The budget starts from
//! the smallest documented allowance, raises it while Graph stays silent above
//! the point where it would have warned, and lowers it to what a warning
//! implies. It paces requests so that a 429 stays the exception.
//!
//! Pure: it is told the time and sleeps for nobody.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(10);
/// Documented for tenants under 50 users; larger tenants get more.
const SMALLEST_ALLOWANCE: f64 = 3_500.0;
/// Documented for tenants over 500 users.
const LARGEST_ALLOWANCE: f64 = 8_000.0;
const LEAST_USEFUL: f64 = 50.0;
/// Graph adds its warning header from here on.
const WARNS_FROM: f64 = 0.8;
/// We slow down here, above the warning so that its absence is information.
const PACE_AT: f64 = 0.9;

/// What was spent lately, and how much may be.
#[derive(Debug)]
pub struct Budget {
    allowance: f64,
    spent: VecDeque<(Instant, u32)>,
    in_window: u64,
    blocked_until: Option<Instant>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            allowance: SMALLEST_ALLOWANCE,
            spent: VecDeque::new(),
            in_window: 0,
            blocked_until: None,
        }
    }
}

impl Budget {
    /// Books `units` and returns `None`, or says how long to wait first.
    pub fn admit(&mut self, now: Instant, units: u32) -> Option<Duration> {
        if let Some(until) = self.blocked_until {
            if until > now {
                return Some(until - now);
            }
            self.blocked_until = None;
        }
        self.forget(now);
        let ceiling = self.allowance * PACE_AT;
        if self.in_window > 0 && self.used() + f64::from(units) > ceiling {
            let oldest = self.spent.front().map_or(now, |(at, _)| *at);
            let wait = (oldest + WINDOW).saturating_duration_since(now);
            return Some(wait.max(Duration::from_millis(1)));
        }
        self.spent.push_back((now, units));
        self.in_window += u64::from(units);
        None
    }

    /// Learns from an answer: what it really cost beyond `booked`, and how
    /// near the limit Graph says we are.
    pub fn learn(&mut self, now: Instant, booked: u32, cost: u32, percentage: Option<f64>) {
        self.forget(now);
        if cost > booked {
            self.spent.push_back((now, cost - booked));
            self.in_window += u64::from(cost - booked);
        }
        let used = self.used();
        match percentage {
            Some(share) if share >= WARNS_FROM && share.is_finite() => {
                self.allowance = (used / share).clamp(LEAST_USEFUL, LARGEST_ALLOWANCE);
            }
            _ if used > self.allowance * WARNS_FROM => {
                self.allowance = (used / WARNS_FROM).min(LARGEST_ALLOWANCE);
            }
            _ => {}
        }
    }

    /// Stops everybody until a 429's wait is over.
    pub fn block(&mut self, until: Instant) {
        self.blocked_until = Some(self.blocked_until.map_or(until, |known| known.max(until)));
        self.allowance = (self.allowance * 0.8).max(LEAST_USEFUL);
    }

    /// Resource units per ten seconds the budget believes in.
    pub fn allowance(&self) -> f64 {
        self.allowance
    }

    fn used(&self) -> f64 {
        // Far below 2^52, so the conversion is exact.
        self.in_window as f64
    }

    fn forget(&mut self, now: Instant) {
        while let Some((at, units)) = self.spent.front() {
            if now.saturating_duration_since(*at) < WINDOW {
                break;
            }
            self.in_window -= u64::from(*units);
            self.spent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
