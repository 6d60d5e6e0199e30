//! Fills a tenant with people and groups from a seed: a million people take a second and next to no memory.
//! Everybody is in a group when the groups are large enough.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::changes::What;
use super::identity;
use super::membership::Member;
use super::names::DEPARTMENTS;
use super::objects::Slot;
use super::people::Crowd;
use super::record::{Changes, Record};
use super::tenant::Tenant;
use crate::clock::iso;
use crate::schema::{Kind, known::group};

/// Most people one tenant can be given at once.
pub(crate) const PEOPLE_MAX: u32 = 5_000_000;
/// Most groups one tenant can be given at once.
pub(crate) const GROUPS_MAX: u32 = 100_000;

/// How much to make.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Amount {
    #[serde(default)]
    pub people: u32,
    #[serde(default)]
    pub groups: u32,
    #[serde(default)]
    pub members_per_group: u32,
    #[serde(default)]
    pub seed: u64,
}

impl Tenant {
    /// Makes people, groups and memberships; gives back the ids of the groups in order.
    pub(crate) fn generate(&mut self, amount: Amount, now: Timestamp) -> Vec<Uuid> {
        let first = self.users.next_slot();
        self.users.add_crowd(Crowd {
            first,
            count: amount.people,
            seed: amount.seed,
            tenant_id: self.id,
            domain: self.default_domain().to_owned(),
            initial_domain: self.initial_domain.clone(),
            company: self.display_name.replace(['"', '\\'], "'"),
            created: iso(now),
        });
        if self.is_tracked() {
            let slots = first..first + amount.people;
            let ids: Vec<Uuid> = slots
                .filter_map(|slot| self.users.view(slot).map(|view| view.id()))
                .collect();
            for id in ids {
                self.note(Kind::User, id, What::Created, now);
            }
        }
        let groups = 0..amount.groups;
        groups
            .map(|number| self.generate_group(number, first, amount, now))
            .collect()
    }

    fn generate_group(&mut self, number: u32, first: Slot, amount: Amount, now: Timestamp) -> Uuid {
        let slot = self.groups.next_slot();
        let id = group_id(self.id, amount.seed, slot);
        let department = DEPARTMENTS[number as usize % DEPARTMENTS.len()];
        let name = format!("{department} {}", slot + 1);
        let nickname = name.to_lowercase().replace(' ', "-");
        let mut changes = Changes::default();
        changes.set(group::DISPLAY_NAME, name.clone());
        changes.set(group::DESCRIPTION, format!("Everybody in {name}"));
        changes.set(group::MAIL_NICKNAME, nickname);
        identity::complete_group(&mut changes, id, &self.initial_domain, &iso(now));
        let mut record = Record::new(id);
        record.apply(changes);
        let slot = self.groups.insert(record);
        self.members.set(slot, members(number, first, amount));
        if self.is_tracked() {
            self.note(Kind::Group, id, What::Created, now);
        }
        id
    }
}

fn group_id(tenant_id: Uuid, seed: u64, slot: Slot) -> Uuid {
    let hash = blake3::Hasher::new_derive_key("graph-emulator group id")
        .update(tenant_id.as_bytes())
        .update(&seed.to_le_bytes())
        .update(&slot.to_le_bytes())
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// Person `i` belongs to group `i % groups`; a group that wants more takes its neighbours' people too.
fn members(number: u32, first: Slot, amount: Amount) -> BTreeSet<Member> {
    let (people, groups) = (u64::from(amount.people), u64::from(amount.groups));
    let neighbours = (0..groups).map(|step| (u64::from(number) + step) % groups);
    let people = neighbours.flat_map(|start| {
        (0..)
            .map(move |turn| start + turn * groups)
            .take_while(move |at| *at < people)
    });
    let slots = people.take(amount.members_per_group as usize);
    slots
        .filter_map(|at| u32::try_from(at).ok())
        .map(|at| Member::new(Kind::User, first + at))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_cover_everybody_when_there_is_room() {
        for (people, groups, each) in [(10, 3, 4), (100, 7, 15), (5, 2, 5), (3, 4, 1)] {
            let amount = Amount {
                people,
                groups,
                members_per_group: each,
                seed: 0,
            };
            let mut all = BTreeSet::new();
            for number in 0..groups {
                let group = members(number, 50, amount);
                assert_eq!(group.len() as u32, each.min(people));
                all.extend(group);
            }
            assert_eq!(
                all.len() as u32,
                people,
                "{people} in {groups} groups of {each}"
            );
        }
    }
}
