//! Writes one user or group as JSON: selected properties, null where nothing was set, what was asked to be expanded.

use crate::directory::objects::View;
use crate::directory::tenant::Tenant;
use crate::error::GraphError;
use crate::odata::select::{Target, select};
use crate::render::Sequence;
use crate::schema::{Kind, PropertySet, Shape, known};

/// Expanded members on one object (`$expand` shows "about 20 items").
const EXPANDED_MAX: usize = 20;

/// A relationship shown within the object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expand {
    manager: Option<PropertySet>,
    members: Option<(PropertySet, PropertySet)>,
}

impl Expand {
    const NONE: Self = Self {
        manager: None,
        members: None,
    };

    /// Reads `$expand`: one relationship, with a `$select` of its own at most.
    ///
    /// # Errors
    /// 400 for anything else.
    pub(crate) fn parse(kind: Kind, text: Option<&str>) -> Result<Self, GraphError> {
        let Some(text) = text else {
            return Ok(Self::NONE);
        };
        let (name, inner) = match text.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')')),
            None => (text, Some("")),
        };
        let inner =
            inner.ok_or_else(|| GraphError::gateway("Parsing OData Select and Expand failed."))?;
        let selected = match inner.split_once('=') {
            Some((option, names)) if option.trim().eq_ignore_ascii_case("$select") => Some(names),
            None if inner.is_empty() => None,
            _ => {
                return Err(GraphError::unsupported(format!(
                    "The options '{inner}' are not supported within $expand."
                )));
            }
        };
        match (kind, name.trim()) {
            (Kind::User, "manager") => {
                let manager = select(Kind::User, selected, Target::Single)?;
                Ok(Self {
                    manager: Some(manager),
                    ..Self::NONE
                })
            }
            (Kind::Group, "members") => {
                let members = crate::odata::select::select_mixed(selected)?;
                Ok(Self {
                    members: Some(members),
                    ..Self::NONE
                })
            }
            _ => Err(GraphError::unsupported(format!(
                "The relationship '{name}' cannot be expanded here."
            ))),
        }
    }
}

/// How objects are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub select: PropertySet,
    /// `@odata.type` comes first.
    pub typed: bool,
    /// The caller may not read this kind: everything but the id is null.
    pub limited: bool,
    pub expand: Expand,
}

impl Style {
    pub(crate) fn plain(select: PropertySet) -> Self {
        Self {
            select,
            typed: false,
            limited: false,
            expand: Expand::NONE,
        }
    }

    pub(crate) fn typed(select: PropertySet) -> Self {
        Self {
            typed: true,
            ..Self::plain(select)
        }
    }
}

/// Writes an object with its braces.
pub(crate) fn write(
    out: &mut Vec<u8>,
    tenant: &Tenant,
    kind: Kind,
    view: &View<'_>,
    style: &Style,
) {
    out.push(b'{');
    write_members(out, &mut Sequence::new(), tenant, kind, view, style);
    out.push(b'}');
}

/// Writes the members of an object that is open already.
pub(crate) fn write_members(
    out: &mut Vec<u8>,
    sequence: &mut Sequence,
    tenant: &Tenant,
    kind: Kind,
    view: &View<'_>,
    style: &Style,
) {
    if style.typed {
        sequence.pair(out, "@odata.type", kind.odata_type());
    }
    for id in style.select.iter() {
        let property = kind.property(id);
        sequence.next(out);
        // Names of properties need no escaping.
        out.push(b'"');
        out.extend_from_slice(property.name.as_bytes());
        out.extend_from_slice(b"\":");
        let hidden = style.limited && id != known::user::ID
            || id == known::user::PASSWORD_PROFILE && kind == Kind::User;
        if hidden || !view.write(id, out) {
            let list = matches!(property.shape, Shape::Texts | Shape::Complexes) && !style.limited;
            out.extend_from_slice(if list { b"[]" } else { b"null" });
        }
    }
    if let Some(select) = style.expand.manager {
        write_manager(out, sequence, tenant, view, select);
    }
    if let Some(selects) = style.expand.members {
        write_expanded_members(out, sequence, tenant, view, selects);
    }
}

fn write_manager(
    out: &mut Vec<u8>,
    sequence: &mut Sequence,
    tenant: &Tenant,
    view: &View<'_>,
    select: PropertySet,
) {
    let manager = view
        .text(known::user::MANAGER)
        .and_then(|id| id.parse().ok());
    let slot = manager.and_then(|id| tenant.users.slot(id));
    if let Some(manager) = slot.and_then(|slot| tenant.users.view(slot)) {
        sequence.name(out, "manager");
        write(out, tenant, Kind::User, &manager, &Style::typed(select));
    }
}

fn write_expanded_members(
    out: &mut Vec<u8>,
    sequence: &mut Sequence,
    tenant: &Tenant,
    view: &View<'_>,
    (users, groups): (PropertySet, PropertySet),
) {
    sequence.name(out, "members");
    out.push(b'[');
    let slot = tenant.groups.slot(view.id());
    let members = slot
        .into_iter()
        .flat_map(|slot| tenant.members.after(slot, None));
    let mut list = Sequence::new();
    for member in members.take(EXPANDED_MAX) {
        if let Some(view) = tenant.view(member) {
            let select = if member.kind() == Kind::User {
                users
            } else {
                groups
            };
            list.next(out);
            write(out, tenant, member.kind(), &view, &Style::typed(select));
        }
    }
    out.push(b']');
}

/// The names of a selection for `@odata.context`: `users(id,mail)`.
pub(crate) fn context_name(set: &str, selected: Option<&str>) -> String {
    match selected {
        Some(names) => {
            let names: Vec<&str> = crate::odata::select::names(names).collect();
            format!("{set}({})", names.join(","))
        }
        None => set.to_owned(),
    }
}
