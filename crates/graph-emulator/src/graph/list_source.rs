//! Where the objects of a list come from, and how a walk over them goes on after a page.
//! Knows order and place, nothing of filters.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::directory::membership::{Member, Memberships};
use crate::directory::objects::{Slot, View};
use crate::directory::tenant::Tenant;
use crate::odata::page::Cursor;
use crate::schema::Kind;

/// Where the objects come from.
pub(super) enum Source<'t> {
    All(Kind),
    Deleted(Kind),
    /// Direct members of any of these groups, each once.
    Members(&'t Memberships, BTreeSet<Slot>),
    Groups(BTreeSet<Slot>),
}

/// An object and where it stands in the source.
pub(super) struct Found<'t> {
    pub kind: Kind,
    pub view: View<'t>,
    pub at: Cursor,
}

pub(super) type Finds<'t> = Box<dyn Iterator<Item = Found<'t>> + 't>;

impl<'t> Source<'t> {
    /// Everything after a cursor.
    pub(super) fn after(&self, tenant: &'t Tenant, after: Option<&Cursor>) -> Finds<'t> {
        let id = match after {
            Some(Cursor::Id(id)) => Some(*id),
            _ => None,
        };
        let number = match after {
            Some(Cursor::Number(number)) => Some(*number),
            _ => None,
        };
        match self {
            Self::All(kind) => {
                let kind = *kind;
                let objects = tenant.objects(kind);
                Box::new(objects.after(id).filter_map(move |(id, slot)| {
                    let view = objects.view(slot)?;
                    Some(Found {
                        kind,
                        view,
                        at: Cursor::Id(id),
                    })
                }))
            }
            Self::Deleted(kind) => {
                let kind = *kind;
                let objects = tenant.objects(kind);
                Box::new(objects.deleted_after(id).filter_map(move |(id, slot)| {
                    let view = View::Stored(objects.deleted_view(slot)?);
                    Some(Found {
                        kind,
                        view,
                        at: Cursor::Id(id),
                    })
                }))
            }
            Self::Members(memberships, groups) => {
                members_after(tenant, memberships, groups, number)
            }
            Self::Groups(groups) => {
                let groups: Vec<Slot> = groups.iter().copied().collect();
                let members = groups
                    .into_iter()
                    .map(|slot| Member::new(Kind::Group, slot));
                let rest = members
                    .filter(move |member| number.is_none_or(|after| member.number() > after));
                Box::new(rest.filter_map(move |member| found(tenant, member)))
            }
        }
    }

    /// Those of the given ids that are in the source.
    pub(super) fn by_ids(&self, tenant: &'t Tenant, ids: &[Uuid]) -> Option<Finds<'t>> {
        let Self::All(kind) = *self else {
            return None;
        };
        let ids: BTreeSet<Uuid> = ids.iter().copied().collect();
        let objects = tenant.objects(kind);
        Some(Box::new(ids.into_iter().filter_map(move |id| {
            let view = objects.view(objects.slot(id)?)?;
            Some(Found {
                kind,
                view,
                at: Cursor::Id(id),
            })
        })))
    }
}

fn found(tenant: &Tenant, member: Member) -> Option<Found<'_>> {
    let view = tenant.view(member)?;
    Some(Found {
        kind: member.kind(),
        view,
        at: Cursor::Number(member.number()),
    })
}

fn members_after<'t>(
    tenant: &'t Tenant,
    memberships: &'t Memberships,
    groups: &BTreeSet<Slot>,
    after: Option<u32>,
) -> Finds<'t> {
    let after = after.map(Member::from_number);
    if let (Some(group), 1) = (groups.first(), groups.len()) {
        let members = memberships.after(*group, after);
        return Box::new(members.filter_map(move |member| found(tenant, member)));
    }
    let all: BTreeSet<Member> = groups
        .iter()
        .flat_map(|group| memberships.after(*group, after))
        .collect();
    Box::new(
        all.into_iter()
            .filter_map(move |member| found(tenant, member)),
    )
}
