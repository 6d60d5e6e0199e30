//! Users and groups: lists, single ones, how many.

use super::call::{Answer, Call, Reply};
use super::entity::{self, Expand, Style, context_name};
use super::list::{self, List};
use super::list_source::Source;
use crate::directory::membership::Member;
use crate::directory::objects::{Slot, View};
use crate::directory::tenant::Tenant;
use crate::error::GraphError;
use crate::odata::select::{Target, names, select};
use crate::permission::{self, ME_READ, SIGN_IN_ACTIVITY};
use crate::render::Sequence;
use crate::schema::Kind;

/// The largest page with `signInActivity` selected.
const SIGN_IN_ACTIVITY_TOP_MAX: u32 = 500;

fn all(kind: Kind) -> List<'static> {
    List {
        source: Source::All(kind),
        only: Some(kind),
        set: kind.collection(),
        is_cast: false,
    }
}

/// `GET /users`, `GET /groups`.
pub(super) fn list(call: &Call<'_>, kind: Kind) -> Answer {
    call.require(permission::read(kind))?;
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    if kind == Kind::User {
        call.refuse_guests(tenant)?;
        check_sign_in_activity(call)?;
    }
    list::page(call, tenant, &all(kind))
}

/// `signInActivity` is kept elsewhere, behind a permission and with smaller pages.
fn check_sign_in_activity(call: &Call<'_>) -> Result<(), GraphError> {
    let mut selected = call.options.get("$select").into_iter().flat_map(names);
    if selected.any(|name| name.eq_ignore_ascii_case("signInActivity")) {
        call.require(SIGN_IN_ACTIVITY)?;
        if call
            .options
            .top()?
            .is_some_and(|top| top > SIGN_IN_ACTIVITY_TOP_MAX)
        {
            let message = "Invalid page size specified. Must be between 1 and 500 inclusive when signInActivity is selected.";
            return Err(GraphError::unsupported(message));
        }
    }
    Ok(())
}

/// `GET /users/$count`, `GET /groups/$count`.
pub(super) fn count(call: &Call<'_>, kind: Kind) -> Answer {
    call.require(permission::read(kind))?;
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    if kind == Kind::User {
        call.refuse_guests(tenant)?;
    }
    list::total(call, tenant, &all(kind))
}

/// `GET /me`.
pub(super) fn me(call: &Call<'_>) -> Answer {
    call.require(ME_READ)?;
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    let id = call.caller.user_id.unwrap_or_default();
    let slot = tenant
        .users
        .slot(id)
        .ok_or_else(|| GraphError::not_found(&id.to_string()))?;
    single(call, tenant, Kind::User, slot)
}

/// The slot of a live object named in an address.
///
/// # Errors
/// 404.
pub(super) fn find(tenant: &Tenant, kind: Kind, id: &str) -> Result<Slot, GraphError> {
    let slot = match kind {
        Kind::User => tenant.user_slot(id),
        Kind::Group => id.parse().ok().and_then(|id| tenant.groups.slot(id)),
    };
    slot.ok_or_else(|| GraphError::not_found(id))
}

/// `GET /users/{id or name}`, `GET /groups/{id}`.
pub(super) fn get(call: &Call<'_>, kind: Kind, id: &str) -> Answer {
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    let slot = find(tenant, kind, id);
    let own = slot
        .as_ref()
        .is_ok_and(|slot| is_own(call, tenant, kind, *slot));
    if !(own && permission::has(call.caller, ME_READ)) {
        call.require(permission::read(kind))?;
    }
    single(call, tenant, kind, slot?)
}

fn is_own(call: &Call<'_>, tenant: &Tenant, kind: Kind, slot: Slot) -> bool {
    let view = tenant.objects(kind).view(slot);
    kind == Kind::User && view.is_some_and(|view| call.is_self(view.id()))
}

fn single(call: &Call<'_>, tenant: &Tenant, kind: Kind, slot: Slot) -> Answer {
    call.options.only(&["$select", "$expand", "$format"])?;
    let view = tenant
        .objects(kind)
        .view(slot)
        .ok_or_else(|| GraphError::not_found(""))?;
    let selected = call.options.get("$select");
    let mut style = Style::plain(select(kind, selected, Target::Single)?);
    style.expand = Expand::parse(kind, call.options.get("$expand"))?;
    Ok(entity_reply(call, tenant, kind, &view, &style))
}

/// One object with its `@odata.context`.
pub(super) fn entity_reply(
    call: &Call<'_>,
    tenant: &Tenant,
    kind: Kind,
    view: &View<'_>,
    style: &Style,
) -> Reply {
    let set = if style.typed {
        "directoryObjects"
    } else {
        kind.collection()
    };
    let set = context_name(set, call.options.get("$select"));
    let mut out = Vec::with_capacity(1024);
    let mut sequence = Sequence::new();
    out.push(b'{');
    sequence.pair(
        &mut out,
        "@odata.context",
        &call.context(&format!("{set}/$entity")),
    );
    entity::write_members(&mut out, &mut sequence, tenant, kind, view, style);
    out.push(b'}');
    Reply::bytes(out)
}

/// `GET /directoryObjects/{id}`.
pub(super) fn directory_object(call: &Call<'_>, id: &str) -> Answer {
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    let found: Option<Member> = id.parse().ok().and_then(|id| tenant.find(id));
    let member = found.ok_or_else(|| GraphError::not_found(id))?;
    let kind = member.kind();
    call.require(permission::read(kind))?;
    call.options.only(&["$select", "$format"])?;
    let view = tenant
        .view(member)
        .ok_or_else(|| GraphError::not_found(id))?;
    let style = Style::typed(select(kind, call.options.get("$select"), Target::Single)?);
    Ok(entity_reply(call, tenant, kind, &view, &style))
}
