//! Adding and removing members and owners of a group.

use super::call::{Answer, Call, Reply};
use super::objects::find;
use super::relations::ReferenceBody;
use super::route::Relation;
use super::writes::any_kind;
use crate::directory::membership::Member;
use crate::error::GraphError;
use crate::permission::{GROUPS_WRITE, MEMBERS_WRITE};
use crate::schema::Kind;

fn require(call: &Call<'_>, relation: Relation) -> Result<(), GraphError> {
    match relation {
        Relation::Members => call.require_write(MEMBERS_WRITE),
        Relation::Owners => call.require_write(GROUPS_WRITE),
        Relation::TransitiveMembers => Err(GraphError::wrong_method()),
    }
}

/// `POST /groups/{id}/members/$ref`.
pub(super) fn add(call: &Call<'_>, relation: Relation, group: &str) -> Answer {
    require(call, relation)?;
    let body: ReferenceBody = call.body()?;
    let id = body.id()?;
    call.edit(|tenant, now| {
        let group = find(tenant, Kind::Group, group)?;
        let member = any_kind(tenant, &id.to_string())?;
        if member == Member::new(Kind::Group, group) {
            return Err(GraphError::bad_request("A group cannot be a member of itself."));
        }
        let added = match relation {
            Relation::Owners => tenant.owners.add(group, member),
            _ => tenant.add_member(group, member, now),
        };
        let taken = "One or more added object references already exist for the following modified properties: 'members'.";
        added.then_some(()).ok_or_else(|| GraphError::bad_request(taken))
    })?;
    Ok(Reply::no_content())
}

/// `DELETE /groups/{id}/members/{id}/$ref`.
pub(super) fn remove(call: &Call<'_>, relation: Relation, group: &str, member: &str) -> Answer {
    require(call, relation)?;
    call.edit(|tenant, now| {
        let group = find(tenant, Kind::Group, group)?;
        let id = member.parse().map_err(|_| GraphError::not_found(member))?;
        // A soft-deleted member keeps its place and can be removed from it.
        let found = tenant.find(id).or_else(|| tenant.find_deleted(id));
        let found = found.ok_or_else(|| GraphError::not_found(member))?;
        let removed = match relation {
            Relation::Owners => tenant.owners.remove(group, found),
            _ => tenant.remove_member(group, found, now),
        };
        removed
            .then_some(())
            .ok_or_else(|| GraphError::not_found(member))
    })?;
    Ok(Reply::no_content())
}
