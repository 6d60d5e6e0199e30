//! Several real processes over one PostgreSQL: the work is spread by tenant, what
//! a dead, frozen or cut-off worker had goes to the others in time, and nothing
//! is lost or doubled by it.

mod fleet;
mod host;
mod proxy;
mod tenants;
mod upgrade;

use std::time::Duration;

use self::fleet::{Fleet, Process, TAKE_OVER};
use self::proxy::Way;
use crate::killed::server::postgres_url;

/// Tenants of each story.
const TENANTS: usize = 4;
/// As long as an answer is kept back: longer than a take-over.
const LATE: u32 = 20;

/// A server and two workers with two synced tenants each; the second reaches the
/// database through a proxy.
async fn two_workers(url: &str) -> (Fleet, Process, Process, proxy::Proxy) {
    let mut fleet = Fleet::new(url, TENANTS).await;
    let near = fleet.worker();
    let (apart, way) = fleet.worker_apart().await;
    fleet
        .settles(Duration::from_secs(60), "the first syncs")
        .await;
    fleet.is_spread_over(&[&near, &apart]).await;
    (fleet, near, apart, way)
}

/// After something happened to a worker that had these tenants: the time until
/// another one has applied a change in each.
#[allow(clippy::print_stdout)] // a measurement, for whoever reads the test's output
async fn taken_over(fleet: &Fleet, tenants: &[usize], why: &str) {
    fleet.tenants.promote(tenants, why).await;
    let took = fleet.settles(TAKE_OVER, why).await;
    println!("{why}: applied after {:.1} s", took.as_secs_f64());
}

/// A worker that was away gets its share again and applies a change in it, and
/// nothing is lost or doubled; then all end.
async fn comes_back(fleet: Fleet, near: Process, apart: Process, why: &str) {
    fleet.is_spread_over(&[&near, &apart]).await;
    let again = fleet.of(&apart).await;
    taken_over(&fleet, &again, why).await;
    fleet.nothing_is_lost_or_doubled().await;
    drop((near, apart));
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_spread_by_tenant_and_that_of_a_killed_worker_moves() {
    let Some(url) = postgres_url() else { return };
    let mut fleet = Fleet::new(&url, 6).await;
    let (one, two, mut victim) = (fleet.worker(), fleet.worker(), fleet.worker());
    fleet
        .settles(Duration::from_secs(60), "the first syncs")
        .await;
    fleet.is_spread_over(&[&one, &two, &victim]).await;
    let tenants = fleet.of(&victim).await;

    // One tenant is being read when the worker dies.
    fleet.tenants.entitle(&tenants[..1], 2, "Before").await;
    fleet.tenants.keep_somebody_waiting(tenants[0], LATE).await;
    victim.kill();
    taken_over(&fleet, &tenants, "Killed").await;
    fleet.nothing_is_lost_or_doubled().await;
    let holders = fleet.holders().await;
    assert_eq!(holders.len(), 6, "{holders:?}");
    drop((one, two));
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_worker_is_replaced_and_writes_nothing_when_it_wakes() {
    let Some(url) = postgres_url() else { return };
    let mut fleet = Fleet::new(&url, TENANTS).await;
    let (near, frozen) = (fleet.worker(), fleet.worker());
    fleet
        .settles(Duration::from_secs(60), "the first syncs")
        .await;
    fleet.is_spread_over(&[&near, &frozen]).await;
    let tenants = fleet.of(&frozen).await;

    // It freezes with an answer on its way that is old when it wakes.
    fleet.tenants.promote(&tenants[..1], "Old").await;
    fleet.tenants.keep_somebody_waiting(tenants[0], 3).await;
    frozen.signal("STOP");
    taken_over(&fleet, &tenants[1..], "Frozen").await;
    fleet.tenants.promote(&tenants, "New").await;
    fleet.settles(TAKE_OVER, "the new titles are there").await;
    frozen.signal("CONT");
    fleet.is_spread_over(&[&near, &frozen]).await;
    fleet.nothing_is_lost_or_doubled().await;
    assert!(frozen.told().contains("lease ran out"), "{}", frozen.told());

    let again = fleet.of(&frozen).await;
    taken_over(&fleet, &again, "Awake").await;
    fleet.nothing_is_lost_or_doubled().await;
    drop((near, frozen));
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_cut_off_from_a_slow_database_is_replaced_and_comes_back() {
    let Some(url) = postgres_url() else { return };
    let (fleet, near, apart, way) = two_workers(&url).await;

    // Slow: it does its work all the same, and keeps it.
    way.is(Way::Slow(Duration::from_millis(25)));
    let tenants = fleet.of(&apart).await;
    fleet.tenants.promote(&tenants, "Slow").await;
    fleet.settles(TAKE_OVER, "the slow worker's changes").await;
    assert_eq!(fleet.of(&apart).await, tenants, "{}", apart.told());

    // Cut in the middle of a read, and for longer than its lease.
    fleet.tenants.entitle(&tenants[..1], 2, "Before").await;
    fleet.tenants.keep_somebody_waiting(tenants[0], LATE).await;
    way.is(Way::Cut);
    taken_over(&fleet, &tenants, "Cut").await;

    // Cut for a moment only: what it cannot give back it finds again.
    way.is(Way::Open);
    fleet.is_spread_over(&[&near, &apart]).await;
    way.is(Way::Cut);
    tokio::time::sleep(Duration::from_secs(1)).await;
    way.is(Way::Open);
    let all: Vec<usize> = (0..TENANTS).collect();
    taken_over(&fleet, &all, "Back").await;
    fleet.is_spread_over(&[&near, &apart]).await;
    fleet.nothing_is_lost_or_doubled().await;
    drop((near, apart));
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_database_is_silent_is_replaced_and_comes_back() {
    let Some(url) = postgres_url() else { return };
    let (fleet, near, apart, way) = two_workers(&url).await;
    let tenants = fleet.of(&apart).await;
    fleet.tenants.entitle(&tenants[..1], 2, "Before").await;
    fleet.tenants.keep_somebody_waiting(tenants[0], 2).await;
    way.is(Way::Silent);
    taken_over(&fleet, &tenants, "Silent").await;

    // The connections there were never say anything again.
    way.is(Way::Open);
    comes_back(fleet, near, apart, "Heard again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_on_a_host_whose_cable_is_pulled_is_replaced_and_comes_back() {
    let Some(url) = postgres_url() else { return };
    let Some(host) = host::Host::new() else {
        return;
    };
    let mut fleet = Fleet::new(&url, TENANTS).await;
    let near = fleet.worker();
    let (apart, _ways) = fleet.worker_on(&host).await;
    fleet
        .settles(Duration::from_secs(60), "the first syncs")
        .await;
    fleet.is_spread_over(&[&near, &apart]).await;
    let tenants = fleet.of(&apart).await;
    fleet.tenants.entitle(&tenants[..1], 2, "Before").await;
    fleet.tenants.keep_somebody_waiting(tenants[0], 2).await;
    host.is_reached(false);
    taken_over(&fleet, &tenants, "Unplugged").await;

    host.is_reached(true);
    comes_back(fleet, near, apart, "Plugged in").await;
}
