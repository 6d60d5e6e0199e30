//! The log of what changed among the users or the groups of one tenant; delta rounds are read from it.
//! Keeps what a token can still ask for, and nothing older.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::schema::{Kind, PropertySet};

/// Position of a change; 0 is before the first.
pub(crate) type Sequence = u64;

/// Changes older than this are dropped; tokens live for seven days.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 9);

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Created,
    Updated(PropertySet),
    Deleted,
    Restored,
    Purged,
    /// A direct member came or went.
    Member {
        id: Uuid,
        kind: Kind,
        removed: bool,
    },
}

/// One change.
#[derive(Debug)]
pub(crate) struct Change {
    pub at: Timestamp,
    pub object: Uuid,
    pub what: What,
    /// The object's change before this one, and the one after; 0 for none.
    previous: Sequence,
    next: Sequence,
}

/// Changes in the order they happened.
#[derive(Debug, Default)]
pub(crate) struct ChangeLog {
    dropped: Sequence,
    changes: VecDeque<Change>,
    last: HashMap<Uuid, Sequence>,
}

impl ChangeLog {
    /// Position of the newest change.
    pub(crate) fn head(&self) -> Sequence {
        self.dropped + self.changes.len() as Sequence
    }

    /// Position of the newest change not later than `limit`.
    pub(crate) fn head_at(&self, limit: Timestamp) -> Sequence {
        let visible = self.changes.partition_point(|change| change.at <= limit);
        self.dropped + visible as Sequence
    }

    /// Whether every change after `sequence` is still there.
    pub(crate) fn reaches(&self, sequence: Sequence) -> bool {
        sequence >= self.dropped && sequence <= self.head()
    }

    pub(crate) fn push(&mut self, at: Timestamp, object: Uuid, what: What) {
        let sequence = self.head() + 1;
        let previous = self.last.insert(object, sequence).unwrap_or(0);
        if let Some(previous) = self.get_mut(previous) {
            previous.next = sequence;
        }
        self.changes.push_back(Change {
            at,
            object,
            what,
            previous,
            next: 0,
        });
        self.drop_before(at.saturating_sub(KEPT).unwrap_or(Timestamp::MIN));
    }

    fn drop_before(&mut self, limit: Timestamp) {
        while self.changes.front().is_some_and(|change| change.at < limit) {
            self.dropped += 1;
            if let Some(change) = self.changes.pop_front()
                && self.last.get(&change.object) == Some(&self.dropped)
            {
                self.last.remove(&change.object);
            }
        }
    }

    fn index(&self, sequence: Sequence) -> Option<usize> {
        usize::try_from(sequence.checked_sub(self.dropped + 1)?).ok()
    }

    fn get(&self, sequence: Sequence) -> Option<&Change> {
        self.changes.get(self.index(sequence)?)
    }

    fn get_mut(&mut self, sequence: Sequence) -> Option<&mut Change> {
        let index = self.index(sequence)?;
        self.changes.get_mut(index)
    }

    /// Objects that changed in `(from, to]`, each once, at its last change; only those at or after `start`.
    pub(crate) fn changed(
        &self,
        from: Sequence,
        to: Sequence,
        start: Sequence,
    ) -> impl Iterator<Item = (Sequence, Uuid)> {
        let start = start.max(from + 1);
        (start..=to).filter_map(move |sequence| {
            let change = self.get(sequence)?;
            let last = change.next == 0 || change.next > to;
            last.then_some((sequence, change.object))
        })
    }

    /// The changes of one object from `sequence` back to, not including, `from`: newest first.
    pub(crate) fn history(
        &self,
        sequence: Sequence,
        from: Sequence,
    ) -> impl Iterator<Item = &Change> {
        let mut at = sequence;
        std::iter::from_fn(move || {
            let change = (at > from).then(|| self.get(at)).flatten()?;
            at = change.previous;
            Some(change)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn an_object_comes_once_at_its_last_change_of_the_range() {
        let (amy, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut log = ChangeLog::default();
        for (second, object) in [(1, amy), (2, bob), (3, amy), (4, bob)] {
            log.push(at(second), object, What::Created);
        }
        for (from, to, expected) in [
            (0, 4, vec![(3, amy), (4, bob)]),
            (0, 3, vec![(2, bob), (3, amy)]),
            (2, 3, vec![(3, amy)]),
            (4, 4, vec![]),
        ] {
            let found: Vec<_> = log.changed(from, to, 0).collect();
            assert_eq!(found, expected, "({from}, {to}]");
        }
        assert_eq!(log.history(3, 0).count(), 2);
        assert_eq!(log.history(3, 1).count(), 1);
        assert_eq!(log.head_at(at(2)), 2);
    }

    #[test]
    fn changes_no_token_can_ask_for_are_dropped() {
        let mut log = ChangeLog::default();
        log.push(at(0), Uuid::from_u128(1), What::Created);
        log.push(at(10 * 86_400), Uuid::from_u128(2), What::Created);
        assert_eq!(log.head(), 2);
        assert!(!log.reaches(0));
        assert!(log.reaches(1));
        assert_eq!(log.changed(1, 2, 0).count(), 1);
    }
}
