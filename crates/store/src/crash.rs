//! Ends the process at a chosen commit, so that tests see what a crash leaves
//! behind. A release build has none of it.
//!
//! `STORE_CRASH_AT=before:7` ends the process just before its seventh commit,
//! `after:7` just after it, as `kill -9` would: nothing is flushed, closed or
//! unwound. `before:2:run.rs` counts the commits of that file alone. The place
//! in the code is told on standard error.

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

/// The moment at which the process ends.
struct Chosen {
    side: Side,
    commit: u64,
    /// Counts only the commits of the file with this name.
    file: Option<String>,
}

/// Counts the commits of this process that the choice is about.
static COMMITS: AtomicU64 = AtomicU64::new(0);

fn chosen() -> Option<&'static Chosen> {
    static CHOSEN: OnceLock<Option<Chosen>> = OnceLock::new();
    CHOSEN
        .get_or_init(|| {
            let text = std::env::var(VARIABLE).ok()?;
            let chosen = parse(&text);
            Some(chosen.unwrap_or_else(|| panic!("{VARIABLE}={text} is not side:number[:file]")))
        })
        .as_ref()
}

/// The number of the commit that begins now, if the choice is about it.
pub(crate) fn next(at: &Location<'_>) -> Option<u64> {
    let file = chosen()?.file.as_deref();
    let is_counted = file.is_none_or(|file| at.file().rsplit('/').next() == Some(file));
    is_counted.then(|| COMMITS.fetch_add(1, Ordering::Relaxed) + 1)
}

/// Ends the process when this is the chosen moment.
pub(crate) fn here(side: Side, commit: Option<u64>, at: &Location<'_>) {
    let (Some(chosen), Some(commit)) = (chosen(), commit) else {
        return;
    };
    if (chosen.side, chosen.commit) == (side, commit) {
        let place = format!("{}:{}", at.file(), at.line());
        // Nothing is lost when nobody reads it: the process ends anyway.
        let _ = writeln!(
            std::io::stderr(),
            "crash {side:?} commit {commit} at {place}"
        );
        std::process::abort();
    }
}

fn parse(text: &str) -> Option<Chosen> {
    let mut parts = text.splitn(3, ':');
    let side = match parts.next()? {
        "before" => Side::Before,
        "after" => Side::After,
        _ => return None,
    };
    Some(Chosen {
        side,
        commit: parts.next()?.parse().ok()?,
        file: parts.next().map(str::to_owned),
    })
}
