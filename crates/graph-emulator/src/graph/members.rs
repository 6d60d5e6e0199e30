//! Members and owners of a group, and the groups of a user or group, directly and through nesting.

use std::collections::BTreeSet;

use super::call::{Answer, Call};
use super::list::{self, List};
use super::list_source::Source;
use super::objects::find;
use super::route::Relation;
use crate::directory::membership::Member;
use crate::directory::objects::Slot;
use crate::directory::tenant::Tenant;
use crate::error::GraphError;
use crate::permission::{self, GROUPS_READ, HIDDEN_MEMBERS, ME_READ};
use crate::schema::{Kind, known};

/// Whether a group hides its members from this caller.
pub(super) fn is_hidden(call: &Call<'_>, tenant: &Tenant, group: Slot) -> bool {
    let view = tenant.groups.view(group);
    let visibility = view.and_then(|view| view.text(known::group::VISIBILITY));
    visibility.as_deref() == Some("HiddenMembership")
        && !permission::has(call.caller, HIDDEN_MEMBERS)
}

fn source<'t>(
    call: &Call<'_>,
    tenant: &'t Tenant,
    relation: Relation,
    id: &str,
    cast: Option<Kind>,
) -> Result<List<'t>, GraphError> {
    call.require(GROUPS_READ)?;
    let group = find(tenant, Kind::Group, id)?;
    if is_hidden(call, tenant, group) {
        return Err(GraphError::denied());
    }
    let (memberships, groups) = match relation {
        Relation::Members => (&tenant.members, BTreeSet::from([group])),
        Relation::TransitiveMembers => {
            let nested = tenant
                .members
                .nested(group, |slot| tenant.is_live_group(slot));
            (&tenant.members, nested)
        }
        Relation::Owners => (&tenant.owners, BTreeSet::from([group])),
    };
    Ok(List {
        source: Source::Members(memberships, groups),
        only: cast,
        set: cast.map_or("directoryObjects", Kind::collection),
        is_cast: cast.is_some(),
    })
}

/// `GET /groups/{id}/members`, `transitiveMembers`, `owners`, each with or without a cast.
pub(super) fn list(call: &Call<'_>, relation: Relation, id: &str, cast: Option<Kind>) -> Answer {
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    list::page(call, tenant, &source(call, tenant, relation, id, cast)?)
}

/// The same as a number.
pub(super) fn count(call: &Call<'_>, relation: Relation, id: &str, cast: Option<Kind>) -> Answer {
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    list::total(call, tenant, &source(call, tenant, relation, id, cast)?)
}

/// The groups an object is in.
pub(super) fn groups_of(tenant: &Tenant, member: Member, transitive: bool) -> BTreeSet<Slot> {
    let live = |slot| tenant.is_live_group(slot);
    if transitive {
        tenant.members.transitive_groups_of(member, live)
    } else {
        tenant
            .members
            .groups_of(member)
            .filter(|slot| live(*slot))
            .collect()
    }
}

/// A user or group whose memberships are asked for, once the caller may.
pub(super) fn subject(
    call: &Call<'_>,
    tenant: &Tenant,
    kind: Kind,
    id: &str,
) -> Result<Member, GraphError> {
    let found = find(tenant, kind, id).map(|slot| Member::new(kind, slot));
    let own = found.as_ref().is_ok_and(|member| {
        let view = tenant.view(*member);
        kind == Kind::User && view.is_some_and(|view| call.is_self(view.id()))
    });
    if !(own && permission::has(call.caller, ME_READ)) {
        call.require(GROUPS_READ)
            .or_else(|_| call.require(permission::read(kind)))?;
    }
    found
}

/// `GET /users/{id}/memberOf`, `transitiveMemberOf`.
pub(super) fn member_of(
    call: &Call<'_>,
    kind: Kind,
    id: &str,
    cast: Option<Kind>,
    transitive: bool,
) -> Answer {
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    let member = subject(call, tenant, kind, id)?;
    let list = List {
        source: Source::Groups(groups_of(tenant, member, transitive)),
        only: cast,
        set: cast.map_or("directoryObjects", Kind::collection),
        is_cast: cast.is_some(),
    };
    list::page(call, tenant, &list)
}
