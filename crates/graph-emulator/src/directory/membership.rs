//! Who is directly in which group, and what follows through nested groups.
//! Holds slots, not ids; a soft-deleted member keeps the place until it is purged.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};

use super::objects::Slot;
use crate::schema::Kind;

/// A user or a group as a member. Users sort before groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Member(u32);

const GROUP: u32 = 1 << 31;

impl Member {
    pub(crate) fn new(kind: Kind, slot: Slot) -> Self {
        match kind {
            Kind::User => Self(slot),
            Kind::Group => Self(slot | GROUP),
        }
    }

    pub(crate) fn kind(self) -> Kind {
        if self.0 & GROUP == 0 {
            Kind::User
        } else {
            Kind::Group
        }
    }

    pub(crate) fn slot(self) -> Slot {
        self.0 & !GROUP
    }

    /// As a number, for page cursors.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    pub(crate) fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// Direct memberships of one tenant, by group.
#[derive(Debug, Default)]
pub(crate) struct Memberships {
    of: HashMap<Slot, BTreeSet<Member>>,
}

impl Memberships {
    pub(crate) fn set(&mut self, group: Slot, members: BTreeSet<Member>) {
        self.of.insert(group, members);
    }

    pub(crate) fn contains(&self, group: Slot, member: Member) -> bool {
        self.of
            .get(&group)
            .is_some_and(|members| members.contains(&member))
    }

    /// `false` when it was in already.
    pub(crate) fn add(&mut self, group: Slot, member: Member) -> bool {
        self.of.entry(group).or_default().insert(member)
    }

    /// `false` when it was not in.
    pub(crate) fn remove(&mut self, group: Slot, member: Member) -> bool {
        self.of
            .get_mut(&group)
            .is_some_and(|members| members.remove(&member))
    }

    /// Forgets a purged group.
    pub(crate) fn drop_group(&mut self, group: Slot) {
        self.of.remove(&group);
    }

    /// Members after another one.
    pub(crate) fn after(&self, group: Slot, after: Option<Member>) -> impl Iterator<Item = Member> {
        let from = after.map_or(Unbounded, Excluded);
        let members = self.of.get(&group).into_iter();
        members.flat_map(move |members| members.range((from, Unbounded)).copied())
    }

    /// Groups that hold a member directly, in no order.
    pub(crate) fn groups_of(&self, member: Member) -> impl Iterator<Item = Slot> {
        let holding = self
            .of
            .iter()
            .filter(move |(_, members)| members.contains(&member));
        holding.map(|(group, _)| *group)
    }

    /// A group and every group within it that is live, each once.
    pub(crate) fn nested(&self, group: Slot, live: impl Fn(Slot) -> bool) -> BTreeSet<Slot> {
        let mut seen = BTreeSet::from([group]);
        let mut open = vec![group];
        while let Some(group) = open.pop() {
            for member in self.after(group, Some(Member(GROUP - 1))) {
                if live(member.slot()) && seen.insert(member.slot()) {
                    open.push(member.slot());
                }
            }
        }
        seen
    }

    /// Every group that holds a member, directly or through live groups.
    pub(crate) fn transitive_groups_of(
        &self,
        member: Member,
        live: impl Fn(Slot) -> bool,
    ) -> BTreeSet<Slot> {
        let mut seen = BTreeSet::new();
        let mut open = vec![member];
        while let Some(member) = open.pop() {
            for group in self.groups_of(member) {
                if live(group) && seen.insert(group) {
                    open.push(Member::new(Kind::Group, group));
                }
            }
        }
        seen
    }
}
