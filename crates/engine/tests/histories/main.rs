//! Simulated histories: engine, store and emulator in one process, all chance
//! from one seed. A world is perturbed three ways under faults, and judged by
//! an independent, naive model each time the faults stop.
//!
//! `HISTORY_SEED=7` lives one history and tells it; `HISTORIES=100000` lives
//! that many, with fresh seeds after the fixed ones. Without either, the fixed
//! ones are lived and some fresh ones.

#![allow(clippy::unwrap_used)] // a test fails by unwrap
#![allow(clippy::print_stdout)] // a failing history is told, a night's run reported

mod by_hand;
mod chance;
#[path = "../story/database.rs"]
#[allow(dead_code, unused_macros, unused_imports)] // the stories need all of it
mod database;
mod deaths;
mod directory;
mod fault;
mod history;
mod model;
mod oracles;
mod pace;
mod planted;
mod rules;
mod taking_back;
mod truth;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use fault::{Doing, Fault};
use graph::Clock;
use history::{Oracle, Report};
use planted::Plant;

/// Seeds that are always lived, and must show every fault.
const FIXED: u64 = 2_000;
/// How many are lived after them, each time others.
const FRESH: u64 = 10;

const MEMORY: &str = "sqlite::memory:";

fn live(seed: u64, plant: Option<Plant>) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let lived = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(history::live(seed, Some(MEMORY), plant))
    }));
    lived.unwrap_or_else(|_| Report {
        wrong: vec![(Oracle::State, "somebody panicked; see above".to_owned())],
        ..Report::default()
    })
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
    )
}

/// All histories of a run together.
#[derive(Default)]
struct Total {
    lived: AtomicU64,
    failed: Mutex<Vec<(u64, Report)>>,
    cells: Mutex<BTreeSet<(Fault, Doing)>>,
    judged: Mutex<BTreeMap<&'static str, u64>>,
    most_requests: AtomicU64,
}

impl Total {
    fn add(&self, seed: u64, report: Report) {
        self.lived.fetch_add(1, Ordering::Relaxed);
        self.cells
            .lock()
            .unwrap()
            .extend(report.cells.iter().copied());
        for (name, count) in &report.judged {
            *self.judged.lock().unwrap().entry(name).or_default() += count;
        }
        self.most_requests
            .fetch_max(report.most_requests, Ordering::Relaxed);
        if !report.wrong.is_empty() {
            self.failed.lock().unwrap().push((seed, report));
        }
    }
}

fn tell(seed: u64, report: &Report) {
    for line in &report.log {
        println!("{line}");
    }
    for (oracle, what) in &report.wrong {
        println!("{oracle:?}: {what}");
    }
    println!(
        "replay: HISTORY_SEED={seed} cargo test -p engine --test histories histories_end_well"
    );
}

fn live_all(seeds: impl Iterator<Item = u64> + Send) -> Total {
    let total = Total::default();
    let seeds = Mutex::new(seeds);
    let cores = cores();
    std::thread::scope(|scope| {
        for core in cores {
            let (seeds, total) = (&seeds, &total);
            scope.spawn(move || {
                stay_on(core);
                loop {
                    let Some(seed) = seeds.lock().unwrap().next() else {
                        return;
                    };
                    if total.failed.lock().unwrap().len() >= 5 {
                        return;
                    }
                    total.add(seed, live(seed, None));
                }
            });
        }
    });
    total
}

/// The processors there are for this process.
fn cores() -> Vec<usize> {
    let allowed = rustix::thread::sched_getaffinity(None).unwrap();
    (0..rustix::thread::CpuSet::MAX_CPU)
        .filter(|core| allowed.is_set(*core))
        .collect()
}

/// A history and its database hand each other the baton: on one processor that
/// costs half as much as between two.
fn stay_on(core: usize) {
    let mut only = rustix::thread::CpuSet::new();
    only.set(core);
    rustix::thread::sched_setaffinity(None, &only).unwrap();
}

#[test]
fn histories_end_well() {
    if let Some(seed) = number("HISTORY_SEED") {
        let report = live(seed, None);
        tell(seed, &report);
        assert!(report.wrong.is_empty());
        return;
    }
    let many = number("HISTORIES").unwrap_or(FIXED + FRESH);
    let started = graph::SystemClock.now();
    let fresh = u64::try_from(started.as_second()).unwrap() << 20;
    let seeds = (0..many).map(move |n| if n < FIXED { n } else { fresh + n });
    let total = live_all(seeds);
    let seconds = graph::SystemClock
        .now()
        .duration_since(started)
        .as_secs_f64();
    let lived = total.lived.load(Ordering::Relaxed);
    let cells = total.cells.lock().unwrap();
    let declared: BTreeSet<(Fault, Doing)> = Fault::ALL
        .into_iter()
        .flat_map(|fault| Doing::ALL.into_iter().map(move |doing| (fault, doing)))
        .filter(|(fault, doing)| fault.can_hit(*doing))
        .collect();
    let missed: Vec<_> = declared.difference(&cells).collect();
    println!(
        "{lived} histories in {seconds:.1} s: {:.0} a minute; {} of {} cells hit; at most {} requests in a step; judged {:?}",
        lived as f64 * 60.0 / seconds,
        declared.len() - missed.len(),
        declared.len(),
        total.most_requests.load(Ordering::Relaxed),
        total.judged.lock().unwrap(),
    );
    println!("missed: {missed:?}");
    let failed = total.failed.lock().unwrap();
    for (seed, report) in failed.iter() {
        tell(*seed, report);
    }
    let seeds: Vec<u64> = failed.iter().map(|(seed, _)| *seed).collect();
    assert!(seeds.is_empty(), "these histories end badly: {seeds:?}");
    for fault in Fault::ALL {
        let fired = cells.iter().any(|(hit, _)| *hit == fault);
        assert!(many < FIXED || fired, "{fault:?} never fired");
    }
}

#[test]
fn every_planted_bug_is_found() {
    let mut missed = Vec::new();
    for plant in Plant::ALL {
        let found = (0..8).any(|seed| {
            let report = live(seed, Some(plant));
            report
                .wrong
                .iter()
                .any(|(oracle, _)| *oracle == plant.found_by())
        });
        if !found {
            missed.push(plant);
        }
    }
    assert!(missed.is_empty(), "planted and not found: {missed:?}");
}

/// The same histories, and the same judge: PostgreSQL makes no difference.
#[test]
fn histories_end_well_on_postgresql_too() {
    let told = std::thread::Builder::new()
        .stack_size(64 << 20)
        .spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                for seed in 0..8 {
                    database::on_postgres(on_postgres(seed)).await;
                }
            });
        })
        .unwrap();
    told.join().unwrap();
}

async fn on_postgres(seed: u64) {
    let report = Box::pin(history::live(seed, None, None)).await;
    if !report.wrong.is_empty() {
        tell(seed, &report);
    }
    assert!(report.wrong.is_empty(), "seed {seed}");
}
