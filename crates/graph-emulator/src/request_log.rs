//! The last requests, for tests that count and people who look: bounded, and without anything secret.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

/// Requests kept.
const KEPT: usize = 100_000;

/// One request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    pub seq: u64,
    pub at: Timestamp,
    pub method: String,
    pub path: String,
    pub query: Option<String>,
    pub tenant_id: Option<Uuid>,
    pub app_id: Option<Uuid>,
    pub status: u16,
    pub resource_units: u32,
    pub duration_ms: f64,
    pub request_id: Option<String>,
    pub client_request_id: Option<String>,
    /// A planned fault fired.
    pub fault: bool,
}

/// A ring of requests.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    entries: VecDeque<Entry>,
    next: u64,
}

impl RequestLog {
    pub(crate) fn push(&mut self, mut entry: Entry) {
        self.next += 1;
        entry.seq = self.next;
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// Requests after a number or an instant.
    pub(crate) fn since(&self, since: Since) -> Vec<Entry> {
        let from = self.entries.partition_point(|entry| match since {
            Since::Start => false,
            Since::Number(number) => entry.seq <= number,
            Since::Instant(at) => entry.at < at,
        });
        self.entries.range(from..).cloned().collect()
    }

    /// Number of the newest request.
    pub(crate) fn last(&self) -> u64 {
        self.next
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

/// Where to read from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Since {
    Start,
    Number(u64),
    Instant(Timestamp),
}

impl std::str::FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        let at = text.parse().map(Self::Instant);
        at.map_err(|_| format!("since: {text:?} is neither a number nor an instant"))
    }
}
