//! The users or the groups of one tenant, by slot and by id: live, in the recycle bin, or gone.
//! A generated person costs an index entry until somebody changes her.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use uuid::Uuid;

use super::people::{Crowd, Person};
use super::record::Record;
use crate::schema::{Kind, PropertyId, known};

/// `id` has the same number in both kinds.
const ID: PropertyId = known::user::ID;
const _: () = assert!(known::user::ID == known::group::ID);

/// The number of an object within its kind and tenant; never used twice.
pub(crate) type Slot = u32;

#[derive(Debug)]
enum Entry {
    Live(Box<Record>),
    /// Soft-deleted: can be restored for 30 days.
    Deleted(Box<Record>),
    Purged,
}

/// All objects of a kind.
#[derive(Debug)]
pub(crate) struct Objects {
    kind: Kind,
    crowds: Vec<Crowd>,
    entries: HashMap<Slot, Entry>,
    live: BTreeMap<Uuid, Slot>,
    deleted: BTreeMap<Uuid, Slot>,
    /// Slots of stored live users by user principal name in lower case.
    by_upn: HashMap<String, Slot>,
    next: Slot,
}

/// An object to read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum View<'a> {
    Generated(Person<'a>),
    Stored(&'a Record),
}

impl<'a> View<'a> {
    pub(crate) fn id(&self) -> Uuid {
        match self {
            Self::Generated(person) => person.id(),
            Self::Stored(record) => record.id,
        }
    }

    /// Writes a property as JSON; `false` and nothing written when it was never set.
    pub(crate) fn write(&self, property: PropertyId, out: &mut Vec<u8>) -> bool {
        if property == ID {
            crate::render::uuid(out, self.id());
            return true;
        }
        match self {
            Self::Generated(person) => person.write(property, out),
            Self::Stored(record) => {
                let Some(value) = record.get(property) else {
                    return false;
                };
                crate::render::value(out, value);
                true
            }
        }
    }

    /// A property; `None` when it was never set.
    pub(crate) fn get(&self, property: PropertyId) -> Option<Cow<'a, Value>> {
        if property == ID {
            return Some(Cow::Owned(self.id().to_string().into()));
        }
        match self {
            Self::Generated(person) => {
                let mut json = Vec::new();
                let written = person.write(property, &mut json);
                let value = written.then(|| serde_json::from_slice(&json).ok());
                value.flatten().map(Cow::Owned)
            }
            Self::Stored(record) => record.get(property).map(Cow::Borrowed),
        }
    }

    pub(crate) fn text(&self, property: PropertyId) -> Option<String> {
        let value = self.get(property)?;
        value.as_str().map(str::to_owned)
    }

    pub(crate) fn is_true(&self, property: PropertyId) -> bool {
        self.get(property).is_some_and(|value| *value == true)
    }
}

impl Objects {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            crowds: Vec::new(),
            entries: HashMap::new(),
            live: BTreeMap::new(),
            deleted: BTreeMap::new(),
            by_upn: HashMap::new(),
            next: 0,
        }
    }

    /// How many live objects there are.
    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    pub(crate) fn next_slot(&self) -> Slot {
        self.next
    }

    fn generated(&self, slot: Slot) -> Option<Person<'_>> {
        let at = self.crowds.partition_point(|crowd| crowd.first <= slot);
        self.crowds.get(at.checked_sub(1)?)?.person(slot)
    }

    /// The live object in a slot.
    pub(crate) fn view(&self, slot: Slot) -> Option<View<'_>> {
        match self.entries.get(&slot) {
            Some(Entry::Live(record)) => Some(View::Stored(record)),
            Some(_) => None,
            None => self.generated(slot).map(View::Generated),
        }
    }

    /// The soft-deleted object in a slot.
    pub(crate) fn deleted_view(&self, slot: Slot) -> Option<&Record> {
        match self.entries.get(&slot) {
            Some(Entry::Deleted(record)) => Some(record),
            _ => None,
        }
    }

    /// The slot of a live object.
    pub(crate) fn slot(&self, id: Uuid) -> Option<Slot> {
        self.live.get(&id).copied()
    }

    /// The slot of a soft-deleted object.
    pub(crate) fn deleted_slot(&self, id: Uuid) -> Option<Slot> {
        self.deleted.get(&id).copied()
    }

    /// A live user by user principal name, letter case apart.
    pub(crate) fn by_upn(&self, upn: &str) -> Option<Slot> {
        if let Some(slot) = self.by_upn.get(&upn.to_lowercase()) {
            return Some(*slot);
        }
        let (name, _) = upn.split_once('@')?;
        let digits = name.trim_start_matches(|letter: char| !letter.is_ascii_digit());
        let slot = digits.parse().ok()?;
        if self.entries.contains_key(&slot) {
            return None;
        }
        let person = self.generated(slot)?;
        let same = person.user_principal_name().eq_ignore_ascii_case(upn);
        same.then_some(slot)
    }

    /// Live objects in the order of their ids, those after `after`.
    pub(crate) fn after(&self, after: Option<Uuid>) -> impl Iterator<Item = (Uuid, Slot)> {
        range(&self.live, after)
    }

    /// Soft-deleted objects in the order of their ids, those after `after`.
    pub(crate) fn deleted_after(&self, after: Option<Uuid>) -> impl Iterator<Item = (Uuid, Slot)> {
        range(&self.deleted, after)
    }

    /// Makes room for a crowd; its slots begin at [`Self::next_slot`].
    pub(crate) fn add_crowd(&mut self, crowd: Crowd) {
        self.next = crowd.first + crowd.count;
        let people = crowd
            .slots()
            .filter_map(|slot| crowd.person(slot).map(|person| (person.id(), slot)));
        let mut ids: Vec<_> = people.collect();
        ids.sort_unstable();
        // Building from sorted pairs fills the leaves; appending merges both.
        let mut made: BTreeMap<_, _> = ids.into_iter().collect();
        self.live.append(&mut made);
        self.crowds.push(crowd);
    }

    pub(crate) fn insert(&mut self, record: Record) -> Slot {
        let slot = self.next;
        self.next += 1;
        self.put_live(slot, Box::new(record));
        slot
    }

    fn put_live(&mut self, slot: Slot, record: Box<Record>) {
        self.live.insert(record.id, slot);
        if let Some(upn) = self.upn_of(&record) {
            self.by_upn.insert(upn, slot);
        }
        self.entries.insert(slot, Entry::Live(record));
    }

    fn upn_of(&self, record: &Record) -> Option<String> {
        let user = self.kind == Kind::User;
        let upn = user.then(|| record.text(known::user::UPN)).flatten();
        upn.map(str::to_lowercase)
    }

    fn take_live(&mut self, slot: Slot) -> Option<Box<Record>> {
        let record = match self.entries.remove(&slot) {
            Some(Entry::Live(record)) => record,
            Some(other) => {
                self.entries.insert(slot, other);
                return None;
            }
            None => Box::new(materialize(self.generated(slot)?)),
        };
        if let Some(upn) = self.upn_of(&record) {
            self.by_upn.remove(&upn);
        }
        Some(record)
    }

    /// Changes a live object; a generated person is held in full from now on.
    pub(crate) fn change<T>(
        &mut self,
        slot: Slot,
        change: impl FnOnce(&mut Record) -> T,
    ) -> Option<T> {
        let mut record = self.take_live(slot)?;
        let changed = change(&mut record);
        self.put_live(slot, record);
        Some(changed)
    }

    /// Changes a soft-deleted object.
    pub(crate) fn change_deleted<T>(
        &mut self,
        slot: Slot,
        change: impl FnOnce(&mut Record) -> T,
    ) -> Option<T> {
        match self.entries.get_mut(&slot) {
            Some(Entry::Deleted(record)) => Some(change(record)),
            _ => None,
        }
    }

    /// Moves a live object to the recycle bin.
    pub(crate) fn soft_delete(&mut self, slot: Slot, change: impl FnOnce(&mut Record)) {
        if let Some(mut record) = self.take_live(slot) {
            change(&mut record);
            self.live.remove(&record.id);
            self.deleted.insert(record.id, slot);
            self.entries.insert(slot, Entry::Deleted(record));
        }
    }

    /// Takes an object out of the recycle bin.
    pub(crate) fn restore(&mut self, slot: Slot, change: impl FnOnce(&mut Record)) {
        if let Some(Entry::Deleted(mut record)) = self.entries.remove(&slot) {
            change(&mut record);
            self.deleted.remove(&record.id);
            self.put_live(slot, record);
        }
    }

    /// Removes an object for good, from the recycle bin or straight away.
    pub(crate) fn purge(&mut self, slot: Slot) {
        let record = match self.take_live(slot) {
            Some(record) => Some(record),
            None => match self.entries.remove(&slot) {
                Some(Entry::Deleted(record)) => Some(record),
                _ => None,
            },
        };
        if let Some(record) = record {
            self.live.remove(&record.id);
            self.deleted.remove(&record.id);
        }
        self.entries.insert(slot, Entry::Purged);
    }
}

fn range(map: &BTreeMap<Uuid, Slot>, after: Option<Uuid>) -> impl Iterator<Item = (Uuid, Slot)> {
    use std::ops::Bound::{Excluded, Unbounded};
    let from = after.map_or(Unbounded, Excluded);
    map.range((from, Unbounded)).map(|(id, slot)| (*id, *slot))
}

fn materialize(person: Person<'_>) -> Record {
    let mut record = Record::new(person.id());
    for property in 0..Kind::User.properties().len() {
        let property = u8::try_from(property).unwrap_or(u8::MAX);
        let view = View::Generated(person);
        if property == ID {
            continue;
        }
        if let Some(value) = view.get(property) {
            record.set(property, value.into_owned());
        }
    }
    record
}
