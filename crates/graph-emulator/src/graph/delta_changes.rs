//! A later round of a delta query: what changed since the last one, each object once, with what it is now.
//! Source: "Use delta query", section on the representation of changes.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::delta_entry::{Entries, MemberEntry};
use super::delta_initial::{Round, without_members};
use super::delta_token::{Phase, Slice};
use crate::directory::changes::{Sequence, What};
use crate::odata::page::Cursor;
use crate::schema::{Kind, PropertySet};

/// What happened to one object within a round.
#[derive(Debug, Default)]
struct Digest {
    created: bool,
    restored: bool,
    deleted: bool,
    purged: bool,
    changed: PropertySet,
    /// The last thing that happened to each member.
    members: BTreeMap<Uuid, (Kind, bool)>,
}

impl Digest {
    fn of(round: &Round<'_>, sequence: Sequence, from: Sequence) -> Self {
        let mut digest = Self::default();
        for change in round.tenant.log(round.kind).history(sequence, from) {
            match change.what {
                What::Created => digest.created = true,
                What::Restored => digest.restored = true,
                What::Deleted => digest.deleted = true,
                What::Purged => digest.purged = true,
                What::Updated(properties) => digest.changed = digest.changed.union(properties),
                // Newest first: what is known already came later.
                What::Member { id, kind, removed } => {
                    digest.members.entry(id).or_insert((kind, removed));
                }
            }
        }
        digest
    }

    /// Whether the object is told as a whole.
    fn is_new(&self, round: &Round<'_>) -> bool {
        let hidden = round.switches.delta_hides_restored;
        self.created || self.restored && !hidden
    }
}

/// Where in the log a page stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub from: Sequence,
    pub to: Sequence,
    pub at: Sequence,
}

/// Writes a page; gives back where the round goes on, `Ready` at its end.
pub(super) fn page(
    round: &Round<'_>,
    entries: &mut Entries,
    range: Range,
    slice: Option<Slice>,
    repeats: bool,
) -> Phase {
    let Range { from, to, at } = range;
    let log = round.tenant.log(round.kind);
    let mut room = round.switches.delta_page_members as usize;
    let size = round.page_size() + usize::from(repeats);
    for (sequence, object) in log.changed(from, to, at) {
        if entries.count >= size || room == 0 {
            return Phase::Changes {
                from,
                to,
                at: sequence,
                slice: None,
            };
        }
        if !round.wants(object) {
            continue;
        }
        let digest = Digest::of(round, sequence, from);
        let own = slice
            .as_ref()
            .filter(|slice| slice.group == object)
            .map(|slice| &slice.after);
        if let Some(after) = write(round, entries, object, &digest, own, &mut room) {
            let slice = Some(Slice {
                group: object,
                after,
            });
            return Phase::Changes {
                from,
                to,
                at: sequence,
                slice,
            };
        }
    }
    Phase::Ready { from: to }
}

fn write(
    round: &Round<'_>,
    entries: &mut Entries,
    object: Uuid,
    digest: &Digest,
    after: Option<&Cursor>,
    room: &mut usize,
) -> Option<Cursor> {
    let objects = round.tenant.objects(round.kind);
    let Some(slot) = objects.slot(object) else {
        // A removal the log does not show yet is told when it does.
        if digest.purged {
            entries.removed(object, "deleted");
        } else if digest.deleted && objects.deleted_slot(object).is_some() {
            entries.removed(object, "changed");
        }
        return None;
    };
    let view = objects.view(slot)?;
    let select = round.tracked.select;
    let (members, more) = if round.members_tracked(slot) {
        members(round, slot, digest, after, *room)
    } else {
        (Vec::new(), None)
    };
    *room = room.saturating_sub(members.len());
    let new = digest.is_new(round);
    if !new && !digest.changed.meets(without_members_of(round, select)) && members.is_empty() {
        return None;
    }
    let show = if new || !round.minimal {
        select
    } else {
        select.intersection(digest.changed)
    };
    entries.object(round.kind, &view, without_members_of(round, show), &members);
    more
}

fn without_members_of(round: &Round<'_>, set: PropertySet) -> PropertySet {
    match round.kind {
        Kind::User => set,
        Kind::Group => without_members(set),
    }
}

/// Member changes of one group: all members of a new one, otherwise who came and went; in slices.
fn members(
    round: &Round<'_>,
    slot: u32,
    digest: &Digest,
    after: Option<&Cursor>,
    room: usize,
) -> (Vec<MemberEntry>, Option<Cursor>) {
    if digest.is_new(round) {
        let (current, more) = round.members(slot, after, room);
        let gone = digest
            .members
            .iter()
            .filter(|(_, (_, removed))| *removed && after.is_none() && !digest.created);
        let gone = gone.map(|(id, (kind, removed))| MemberEntry {
            id: *id,
            kind: *kind,
            removed: *removed,
        });
        return (gone.chain(current).collect(), more);
    }
    let passed = match after {
        Some(Cursor::Id(id)) => Some(*id),
        _ => None,
    };
    let rest = digest
        .members
        .iter()
        .filter(|(id, _)| passed.is_none_or(|passed| **id > passed));
    let mut entries: Vec<MemberEntry> = rest
        .map(|(id, (kind, removed))| MemberEntry {
            id: *id,
            kind: *kind,
            removed: *removed,
        })
        .take(room + 1)
        .collect();
    let more = entries.len() > room;
    entries.truncate(room);
    let last = entries.last().map(|entry| Cursor::Id(entry.id));
    (entries, last.filter(|_| more))
}
