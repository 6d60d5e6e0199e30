//! Unit tests of `budget`.

// Moments are counted from one start.
#![allow(clippy::disallowed_methods)]

use super::*;

impl Budget {
    fn admit(&mut self, now: Instant, units: u32) -> Option<Duration> {
        let wait = self.wait(now, units);
        if wait.is_none() {
            self.book(now, units);
        }
        wait
    }
}

fn seconds(text: f64) -> Duration {
    Duration::from_secs_f64(text)
}

#[test]
fn silence_raises_the_allowance_to_the_largest() {
    let start = Instant::now();
    let mut budget = Budget::of_tenant();
    for step in 0..4_000 {
        let now = start + seconds(f64::from(step) * 0.01);
        if budget.admit(now, 7).is_none() {
            budget.learn(now, 7, 7, None);
        }
    }
    assert!(budget.allowance() > 7_000.0 && budget.allowance() <= 8_000.0);
}

#[test]
fn a_warning_slows_us_down() {
    let now = Instant::now();
    let mut budget = Budget::of_tenant();
    for _ in 0..100 {
        assert_eq!(budget.admit(now, 10), None);
    }
    budget.learn(now, 10, 10, Some(1.0));
    assert_eq!(budget.allowance(), 1_000.0);
    assert_eq!(budget.admit(now, 10), Some(TENANT_WINDOW));
    assert_eq!(budget.admit(now + TENANT_WINDOW, 10), None);
}

#[test]
fn a_429_stops_everybody_for_its_time() {
    let now = Instant::now();
    let mut budget = Budget::of_tenant();
    budget.block(now + seconds(3.0));
    budget.block(now + seconds(1.0));
    assert_eq!(budget.admit(now, 1), Some(seconds(3.0)));
    assert_eq!(budget.admit(now + seconds(3.0), 1), None);
}

#[test]
fn one_request_is_always_allowed() {
    let now = Instant::now();
    let mut budget = Budget::of_tenant();
    for _ in 0..60 {
        budget.block(now);
    }
    assert_eq!(budget.admit(now, 1_000), None);
}

#[test]
fn the_real_cost_is_booked() {
    let now = Instant::now();
    let mut budget = Budget::of_tenant();
    budget.admit(now, 1);
    budget.learn(now, 1, 3_000, Some(0.9));
    assert!(budget.admit(now, 400).is_some());
}

#[test]
fn processes_share_what_an_application_may_spend_in_all_tenants() {
    let now = Instant::now();
    let budgets = ApplicationBudgets::default();
    let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let spendable = |id| {
        let budget = budgets.of(id);
        let mut budget = locked(&budget);
        let mut spent = 0;
        while budget.admit(now, 1_000).is_none() {
            spent += 1_000;
        }
        spent
    };
    assert_eq!(spendable(one), 135_000);
    // Another application has its own.
    budgets.share_among(3);
    assert_eq!(spendable(other), 45_000);
    let three = budgets.of(other);
    assert_eq!(locked(&three).allowance(), 50_000.0);
    // One of three processes ends: the others take its part.
    budgets.share_among(2);
    assert_eq!(locked(&three).allowance(), 75_000.0);
    assert_eq!(
        locked(&three).admit(now + TENANT_WINDOW, 40_000),
        Some(TENANT_WINDOW)
    );
    assert_eq!(locked(&three).admit(now + APPLICATION_WINDOW, 40_000), None);
}

#[test]
fn what_a_refusal_taught_stays_learnt_when_processes_come_and_go() {
    let now = Instant::now();
    let budgets = ApplicationBudgets::default();
    let budget = budgets.of(Uuid::from_u128(1));
    locked(&budget).block(now);
    budgets.share_among(4);
    budgets.share_among(4);
    assert_eq!(locked(&budget).allowance(), 30_000.0);
}
