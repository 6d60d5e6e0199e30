//! Ends the process at a chosen commit, so that tests see what a crash leaves
//! behind. A release build has none of it.
//!
//! `STORE_CRASH_AT=before:7` ends the process just before its seventh commit,
//! `after:7` just after it, as `kill -9` would: nothing is flushed, closed or
//! unwound. The place in the code is told on standard error.

#![cfg(debug_assertions)]

use std::io::Write as _;
use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The variable that says where.
const VARIABLE: &str = "STORE_CRASH_AT";

/// Which side of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Nothing of the transaction stays.
    Before,
    /// All of it stays.
    After,
}

/// Counts the commits of this process.
static COMMITS: AtomicU64 = AtomicU64::new(0);

/// The number of the commit that begins now.
pub(crate) fn next() -> u64 {
    COMMITS.fetch_add(1, Ordering::Relaxed) + 1
}

/// Ends the process when this is the chosen moment.
pub(crate) fn here(side: Side, commit: u64, at: &Location<'_>) {
    static CHOSEN: OnceLock<Option<(Side, u64)>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var(VARIABLE).ok().as_deref().and_then(parse));
    if *chosen == Some((side, commit)) {
        let place = format!("{}:{}", at.file(), at.line());
        // Nothing is lost when nobody reads it: the process ends anyway.
        let _ = writeln!(
            std::io::stderr(),
            "crash {side:?} commit {commit} at {place}"
        );
        std::process::abort();
    }
}

fn parse(text: &str) -> Option<(Side, u64)> {
    let (side, commit) = text.split_once(':')?;
    let side = match side {
        "before" => Side::Before,
        "after" => Side::After,
        _ => return None,
    };
    Some((side, commit.parse().ok()?))
}
