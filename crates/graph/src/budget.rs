//! The resource-unit budgets: of one application in one tenant, and of one
//! application in all its tenants.
//!
//! Graph allows an application so many resource units in ten seconds in a
//! tenant, depending on the tenant's size, and tells only indirectly how many.
//! That budget starts from the smallest documented allowance, raises it while
//! Graph stays silent above the point where it would have warned, and lowers it
//! to what a warning implies. It paces requests so that a 429 stays the
//! exception.
//!
//! In all tenants together an application has 150,000 units in twenty seconds.
//! Processes that read as the same application each spend their part of it.
//!
//! Source: "Microsoft Graph service-specific throttling limits", identity and
//! access. Pure: it is told the time and sleeps for nobody.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

/// Documented for tenants under 50 users; larger tenants get more.
const SMALLEST_ALLOWANCE: f64 = 3_500.0;
/// Documented for tenants over 500 users.
const LARGEST_ALLOWANCE: f64 = 8_000.0;
const TENANT_WINDOW: Duration = Duration::from_secs(10);
/// Documented for one application in all its tenants.
const APPLICATION_ALLOWANCE: f64 = 150_000.0;
const APPLICATION_WINDOW: Duration = Duration::from_secs(20);
const LEAST_USEFUL: f64 = 50.0;
/// Graph adds its warning header from here on.
const WARNS_FROM: f64 = 0.8;
/// We slow down here, above the warning so that its absence is information.
const PACE_AT: f64 = 0.9;

/// What was spent lately, and how much may be.
#[derive(Debug)]
pub struct Budget {
    window: Duration,
    allowance: f64,
    largest: f64,
    spent: VecDeque<(Instant, u32)>,
    in_window: u64,
    blocked_until: Option<Instant>,
}

impl Budget {
    /// Of an application in one tenant.
    pub(crate) fn of_tenant() -> Self {
        Self::new(TENANT_WINDOW, SMALLEST_ALLOWANCE, LARGEST_ALLOWANCE)
    }

    /// Of an application in all its tenants, when `processes` share it.
    pub(crate) fn of_application(processes: u32) -> Self {
        let part = part_of(processes);
        Self::new(APPLICATION_WINDOW, part, part)
    }

    fn new(window: Duration, allowance: f64, largest: f64) -> Self {
        Self {
            window,
            allowance,
            largest,
            spent: VecDeque::new(),
            in_window: 0,
            blocked_until: None,
        }
    }

    /// Takes the part of an application's allowance that is left when
    /// `processes` share it. What was learnt of it stays learnt.
    fn share_among(&mut self, processes: u32) {
        let part = part_of(processes);
        self.allowance *= part / self.largest;
        self.largest = part;
    }

    /// How long to wait before `units` may be spent, if at all.
    pub(crate) fn wait(&mut self, now: Instant, units: u32) -> Option<Duration> {
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
            let wait = (oldest + self.window).saturating_duration_since(now);
            return Some(wait.max(Duration::from_millis(1)));
        }
        None
    }

    /// Books what is spent.
    pub(crate) fn book(&mut self, now: Instant, units: u32) {
        self.spent.push_back((now, units));
        self.in_window += u64::from(units);
    }

    /// Learns from an answer: what it really cost beyond `booked`, and how
    /// near the limit Graph says we are.
    pub fn learn(&mut self, now: Instant, booked: u32, cost: u32, percentage: Option<f64>) {
        self.forget(now);
        if cost > booked {
            self.book(now, cost - booked);
        }
        let used = self.used();
        match percentage {
            Some(share) if share >= WARNS_FROM && share.is_finite() => {
                self.allowance = (used / share).clamp(LEAST_USEFUL, self.largest);
            }
            _ if used > self.allowance * WARNS_FROM => {
                self.allowance = (used / WARNS_FROM).min(self.largest);
            }
            _ => {}
        }
    }

    /// Stops everybody until a 429's wait is over.
    pub fn block(&mut self, until: Instant) {
        self.blocked_until = Some(self.blocked_until.map_or(until, |known| known.max(until)));
        self.allowance = (self.allowance * 0.8).max(LEAST_USEFUL);
    }

    /// Resource units per window (of ten seconds in a tenant, of twenty in all)
    /// the budget believes in.
    pub fn allowance(&self) -> f64 {
        self.allowance
    }

    fn used(&self) -> f64 {
        // Far below 2^52, so the conversion is exact.
        self.in_window as f64
    }

    fn forget(&mut self, now: Instant) {
        while let Some((at, units)) = self.spent.front() {
            if now.saturating_duration_since(*at) < self.window {
                break;
            }
            self.in_window -= u64::from(*units);
            self.spent.pop_front();
        }
    }
}

/// What each of so many processes may spend of an application's allowance.
fn part_of(processes: u32) -> f64 {
    APPLICATION_ALLOWANCE / f64::from(processes.max(1))
}

/// The budgets of the applications a process reads as. Clones share them: every
/// client of a process is to have the same.
#[derive(Debug, Clone, Default)]
pub struct ApplicationBudgets(Arc<Mutex<Applications>>);

#[derive(Debug, Default)]
struct Applications {
    processes: u32,
    budgets: HashMap<Uuid, Arc<Mutex<Budget>>>,
}

impl ApplicationBudgets {
    /// Says how many processes, this one included, share each allowance.
    pub fn share_among(&self, processes: u32) {
        let mut all = locked(&self.0);
        if all.processes != processes {
            all.processes = processes;
            for budget in all.budgets.values() {
                locked(budget).share_among(processes);
            }
        }
    }

    /// How many processes share each allowance.
    pub fn processes(&self) -> u32 {
        locked(&self.0).processes.max(1)
    }

    /// The budget of an application.
    pub(crate) fn of(&self, application_id: Uuid) -> Arc<Mutex<Budget>> {
        let mut all = locked(&self.0);
        let processes = all.processes;
        let budget = all.budgets.entry(application_id).or_insert_with(|| {
            let budget = Budget::of_application(processes);
            Arc::new(Mutex::new(budget))
        });
        Arc::clone(budget)
    }
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
