//! Proof that somebody is gone, and what access may be taken away for.
//!
//! A failed, partial, forbidden or empty read can never mint one of these: the
//! fields are private, and the only makers are an explicit removal in a change
//! feed, and a [`Ledger`] whose every group was read to its end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{GenerationId, GroupId, RuleId};

/// Why a person may lose a membership or be taken for gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence(Proof);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Proof {
    /// A change feed named the removal.
    Removal,
    /// A complete enumeration did not contain it.
    Generation(GenerationId),
}

impl Absence {
    /// A change feed said so in words: an `@removed` entry.
    pub fn explicit_removal() -> Self {
        Self(Proof::Removal)
    }

    /// In words.
    pub fn describe(&self) -> &'static str {
        match self.0 {
            Proof::Removal => "the directory reported the removal",
            Proof::Generation(_) => "a complete reading of the group did not contain the person",
        }
    }
}

/// Records how far a full read has come. Only a finished one gives a
/// [`CompletedGeneration`]; a new attempt needs a new ledger.
#[derive(Debug)]
pub struct Ledger {
    id: GenerationId,
    groups: BTreeMap<GroupId, Reading>,
}

/// How the reading of one group ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Open,
    Ended { members: u64 },
    Unreadable,
}

/// A group of a full read that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("group {0} was not read to its end")]
pub struct Incomplete(pub GroupId);

impl Ledger {
    /// A full read of these groups; more may be added while it runs.
    pub fn open(id: GenerationId, groups: impl IntoIterator<Item = GroupId>) -> Self {
        let groups = groups.into_iter().map(|group| (group, Reading::Open));
        Self {
            id,
            groups: groups.collect(),
        }
    }

    /// A nested group was found and must be read too.
    pub fn add(&mut self, group: GroupId) {
        self.groups.entry(group).or_insert(Reading::Open);
    }

    /// The last page of a group came, without a next link.
    pub fn ended(&mut self, group: GroupId, members: u64) {
        self.groups.insert(group, Reading::Ended { members });
    }

    /// The group cannot be read: deleted, forbidden or failing. It says
    /// nothing about its members.
    pub fn unreadable(&mut self, group: GroupId) {
        self.groups.insert(group, Reading::Unreadable);
    }

    /// The generation, if every group was read to its end or found unreadable.
    pub fn finish(self) -> Result<CompletedGeneration, Incomplete> {
        if let Some((group, _)) = self.groups.iter().find(|(_, r)| **r == Reading::Open) {
            return Err(Incomplete(*group));
        }
        Ok(CompletedGeneration {
            id: self.id,
            groups: self.groups,
        })
    }
}

/// A full read whose every group ended properly.
#[derive(Debug)]
pub struct CompletedGeneration {
    id: GenerationId,
    groups: BTreeMap<GroupId, Reading>,
}

impl CompletedGeneration {
    /// Its id.
    pub fn id(&self) -> GenerationId {
        self.id
    }

    /// The proof that whoever was not seen in `group` is not in it. `None`
    /// when the group was unreadable, or listed nobody although it had people
    /// before: an empty answer is held as suspicious, not believed.
    pub fn absence_from(&self, group: GroupId, members_before: u64) -> Option<Absence> {
        match self.groups.get(&group)? {
            Reading::Ended { members: 0 } if members_before > 0 => None,
            Reading::Ended { .. } => Some(Absence(Proof::Generation(self.id))),
            Reading::Open | Reading::Unreadable => None,
        }
    }

    /// Groups that ended empty although they had people.
    pub fn is_empty(&self, group: GroupId) -> bool {
        self.groups.get(&group) == Some(&Reading::Ended { members: 0 })
    }

    /// Groups that could not be read.
    pub fn unreadable(&self) -> impl Iterator<Item = GroupId> + '_ {
        let unreadable = |(group, reading): (&GroupId, &Reading)| {
            (*reading == Reading::Unreadable).then_some(*group)
        };
        self.groups.iter().filter_map(unreadable)
    }
}

/// What access may be taken away for. There is no other maker of the actions
/// that take it away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "loss", rename_all = "snake_case")]
pub enum Loss {
    /// The person left every mapped group.
    LeftGroups {
        /// The proof; without one the person is frozen.
        absence: Absence,
    },
    /// A rule was changed, disabled or removed by an administrator here.
    RuleChanged {
        /// The rule that gave access before.
        rule_id: Option<RuleId>,
    },
    /// The account is disabled in the directory: read from the person.
    Disabled,
    /// The account was deleted in the directory.
    Deleted {
        /// The proof.
        absence: Absence,
    },
    /// An administrator removed the connection with its people.
    ConnectionRemoved,
    /// The person is now of the other kind: read from memberships.
    OtherKind {
        /// The winning rule.
        rule_id: RuleId,
    },
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn group(n: u128) -> GroupId {
        GroupId(Uuid::from_u128(n))
    }

    fn ledger() -> Ledger {
        Ledger::open(GenerationId(Uuid::from_u128(9)), [group(1), group(2)])
    }

    #[test]
    fn an_unfinished_read_proves_nothing() {
        let mut ledger = ledger();
        ledger.ended(group(1), 4);
        assert_eq!(ledger.finish().unwrap_err(), Incomplete(group(2)));
    }

    #[test]
    fn an_unreadable_group_proves_nothing_about_its_members() {
        let mut ledger = ledger();
        ledger.ended(group(1), 4);
        ledger.unreadable(group(2));
        let done = ledger.finish().unwrap();
        assert!(done.absence_from(group(1), 5).is_some());
        assert!(done.absence_from(group(2), 5).is_none());
        assert!(done.absence_from(group(3), 5).is_none());
        assert_eq!(done.unreadable().collect::<Vec<_>>(), [group(2)]);
    }

    #[test]
    fn an_empty_answer_is_not_believed() {
        let mut ledger = ledger();
        ledger.ended(group(1), 0);
        ledger.ended(group(2), 0);
        let done = ledger.finish().unwrap();
        assert!(done.absence_from(group(1), 1).is_none());
        assert!(done.absence_from(group(2), 0).is_some());
    }

    #[test]
    fn a_nested_group_found_on_the_way_must_end_too() {
        let mut ledger = ledger();
        ledger.ended(group(1), 1);
        ledger.ended(group(2), 1);
        ledger.add(group(3));
        assert!(ledger.finish().is_err());
    }
}
