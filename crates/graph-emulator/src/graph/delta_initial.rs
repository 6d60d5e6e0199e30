//! The first round of a delta query: every object there is, page by page in the order of ids.
//! Nothing is copied: what changes meanwhile is told by the round that follows.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::delta_entry::{Entries, MemberEntry};
use super::delta_token::{Phase, Slice, Tracked};
use crate::directory::changes::{Sequence, What};
use crate::directory::membership::Member;
use crate::directory::objects::{Slot, View};
use crate::directory::tenant::Tenant;
use crate::odata::page::Cursor;
use crate::schema::{Kind, known};
use crate::switches::Switches;

/// What a page of a round is made for.
pub(super) struct Round<'a> {
    pub tenant: &'a Tenant,
    pub kind: Kind,
    pub tracked: &'a Tracked,
    pub switches: &'a Switches,
    /// Only changed properties.
    pub minimal: bool,
    /// Whether a group's members may be told to this caller.
    pub may_see_members: &'a dyn Fn(Slot) -> bool,
}

impl Round<'_> {
    pub(super) fn page_size(&self) -> usize {
        let size = match self.kind {
            Kind::User => self.switches.delta_page_users,
            Kind::Group => self.switches.delta_page_groups,
        };
        size as usize
    }

    pub(super) fn members_tracked(&self, slot: Slot) -> bool {
        self.kind == Kind::Group
            && self.tracked.select.contains(known::group::MEMBERS)
            && (self.may_see_members)(slot)
    }

    pub(super) fn wants(&self, id: Uuid) -> bool {
        self.tracked
            .ids
            .as_ref()
            .is_none_or(|ids| ids.contains(&id))
    }

    /// Members of a group after a cursor, as many as fit; and where to go on.
    pub(super) fn members(
        &self,
        slot: Slot,
        after: Option<&Cursor>,
        room: usize,
    ) -> (Vec<MemberEntry>, Option<Cursor>) {
        let after = match after {
            Some(Cursor::Number(number)) => Some(Member::from_number(*number)),
            _ => None,
        };
        let members = self.tenant.members.after(slot, after);
        let mut live = members.filter_map(|member| Some((member, self.tenant.view(member)?)));
        let mut shown = Vec::new();
        let mut last = None;
        while shown.len() < room {
            let Some((member, view)) = live.next() else {
                return (shown, None);
            };
            shown.push(MemberEntry {
                id: view.id(),
                kind: member.kind(),
                removed: false,
            });
            last = Some(Cursor::Number(member.number()));
        }
        let more = live.next().is_some();
        (shown, last.filter(|_| more))
    }

    /// Former members the log still knows.
    fn former_members(&self, group: Uuid, slot: Slot) -> Vec<MemberEntry> {
        let log = self.tenant.log(Kind::Group);
        let mut seen = BTreeSet::new();
        let mut former = Vec::new();
        for (sequence, object) in log.changed(0, log.head(), 0) {
            if object != group {
                continue;
            }
            for change in log.history(sequence, 0) {
                if let What::Member { id, kind, removed } = change.what
                    && seen.insert(id)
                    && removed
                    && !self
                        .tenant
                        .find(id)
                        .is_some_and(|member| self.tenant.members.contains(slot, member))
                {
                    former.push(MemberEntry {
                        id,
                        kind,
                        removed: true,
                    });
                }
            }
        }
        former
    }
}

/// Writes a page; gives back where the round goes on, `Ready` at its end.
pub(super) fn page(
    round: &Round<'_>,
    entries: &mut Entries,
    after: Option<Uuid>,
    slice: Option<Slice>,
    head: Sequence,
    repeats: bool,
) -> Phase {
    let objects = round.tenant.objects(round.kind);
    let mut room = round.switches.delta_page_members as usize;
    let size = round.page_size() + usize::from(repeats);
    let mut last = after;
    // A group that is not finished is the next after `after`.
    let wanted = objects.after(after).filter(|(id, _)| round.wants(*id));
    for (id, slot) in wanted {
        let Some(view) = objects.view(slot) else {
            continue;
        };
        if entries.count >= size || room == 0 {
            return Phase::Initial {
                after: last,
                head,
                slice: None,
            };
        }
        let own = slice
            .as_ref()
            .filter(|slice| slice.group == id)
            .map(|slice| &slice.after);
        let more = write(round, entries, &view, slot, own, &mut room);
        if let Some(more) = more {
            let slice = Some(Slice {
                group: id,
                after: more,
            });
            return Phase::Initial {
                after: last,
                head,
                slice,
            };
        }
        last = Some(id);
    }
    if round.switches.delta_removed_at_first {
        for (id, _) in objects
            .deleted_after(None)
            .filter(|(id, _)| round.wants(*id))
        {
            entries.removed(id, "changed");
        }
    }
    Phase::Ready { from: head }
}

/// Writes one object and a slice of its members; gives back where the members go on.
fn write(
    round: &Round<'_>,
    entries: &mut Entries,
    view: &View<'_>,
    slot: Slot,
    after: Option<&Cursor>,
    room: &mut usize,
) -> Option<Cursor> {
    let mut show = round.tracked.select;
    let mut members = Vec::new();
    let mut more = None;
    if round.members_tracked(slot) {
        if after.is_none() && round.switches.delta_removed_at_first {
            members = round.former_members(view.id(), slot);
        }
        let (current, rest) = round.members(slot, after, *room);
        *room -= current.len();
        members.extend(current);
        more = rest;
    }
    if round.kind == Kind::Group {
        show = without_members(show);
    }
    entries.object(round.kind, view, show, &members);
    more
}

/// Scalars alone.
pub(super) fn without_members(mut set: crate::schema::PropertySet) -> crate::schema::PropertySet {
    set.0 &= !(1 << known::group::MEMBERS | 1 << known::group::OWNERS);
    set
}
