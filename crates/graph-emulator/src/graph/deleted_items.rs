//! The recycle bin: listing, looking, restoring, removing for good.

use super::call::{Answer, Call, Reply};
use super::entity::Style;
use super::list::{self, List};
use super::list_source::Source;
use super::objects::entity_reply;
use crate::directory::edit::deleted_property;
use crate::directory::membership::Member;
use crate::directory::objects::View;
use crate::directory::tenant::Tenant;
use crate::error::GraphError;
use crate::odata::select::{Target, select};
use crate::permission;
use crate::schema::Kind;

fn find(tenant: &Tenant, id: &str) -> Result<Member, GraphError> {
    let found = id.parse().ok().and_then(|id| tenant.find_deleted(id));
    found.ok_or_else(|| GraphError::not_found(id))
}

/// `GET /directory/deletedItems/microsoft.graph.user`.
pub(super) fn list(call: &Call<'_>, kind: Kind) -> Answer {
    call.require(permission::read(kind))?;
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    let list = List {
        source: Source::Deleted(kind),
        only: Some(kind),
        set: kind.collection(),
        is_cast: false,
    };
    list::page(call, tenant, &list)
}

/// `GET /directory/deletedItems/{id}`.
pub(super) fn get(call: &Call<'_>, id: &str) -> Answer {
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    let found = find(tenant, id);
    let kind = found.as_ref().map_or(Kind::User, |member| member.kind());
    call.require(permission::read(kind))?;
    call.options.only(&["$select", "$format"])?;
    let record = tenant.objects(kind).deleted_view(found?.slot());
    let record = record.ok_or_else(|| GraphError::not_found(id))?;
    let mut selected = select(kind, call.options.get("$select"), Target::Single)?;
    if call.options.get("$select").is_none() {
        selected.insert(deleted_property(kind));
    }
    Ok(entity_reply(
        call,
        tenant,
        kind,
        &View::Stored(record),
        &Style::typed(selected),
    ))
}

/// `POST /directory/deletedItems/{id}/restore`.
pub(super) fn restore(call: &Call<'_>, id: &str) -> Answer {
    let member = call.edit(|tenant, now| {
        let member = find(tenant, id)?;
        call.require_write(permission::restore(member.kind()))?;
        tenant.restore(member.kind(), member.slot(), now)?;
        Ok(member)
    })?;
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    let view = tenant
        .view(member)
        .ok_or_else(|| GraphError::not_found(id))?;
    let kind = member.kind();
    Ok(entity_reply(
        call,
        tenant,
        kind,
        &view,
        &Style::typed(kind.defaults()),
    ))
}

/// `DELETE /directory/deletedItems/{id}`.
pub(super) fn purge(call: &Call<'_>, id: &str) -> Answer {
    let silent = call.core().switches().silent_member_purge;
    call.edit(|tenant, now| {
        let member = find(tenant, id)?;
        call.require_write(permission::restore(member.kind()))?;
        tenant.purge(member, silent, now);
        Ok(())
    })?;
    Ok(Reply::no_content())
}
