//! What talking to Graph has cost: requests and resource units.
//!
//! Counts only; pacing is in `budget`.

use std::sync::atomic::{AtomicU64, Ordering};

/// A reading of the counters. Subtract an earlier one for the cost of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Requests sent to Graph, retries included.
    pub requests: u64,
    /// Resource units Graph charged for them.
    pub resource_units: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Answers that said 429.
    pub throttled: u64,
    /// Bytes of bodies read, after decompression.
    pub bytes: u64,
}

impl Cost {
    /// What was spent since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            resource_units: self.resource_units.saturating_sub(earlier.resource_units),
            retries: self.retries.saturating_sub(earlier.retries),
            throttled: self.throttled.saturating_sub(earlier.throttled),
            bytes: self.bytes.saturating_sub(earlier.bytes),
        }
    }
}

/// The counters behind [`Cost`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    resource_units: AtomicU64,
    retries: AtomicU64,
    throttled: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    pub(crate) fn answered(&self, resource_units: u32, bytes: usize, throttled: bool) {
        self.resource_units
            .fetch_add(u64::from(resource_units), Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.throttled
            .fetch_add(u64::from(throttled), Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, again: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.retries.fetch_add(u64::from(again), Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Cost {
        Cost {
            requests: self.requests.load(Ordering::Relaxed),
            resource_units: self.resource_units.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            throttled: self.throttled.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}
