//! `$select` on single objects and collections; delta has rules of its own.

use crate::error::GraphError;
use crate::schema::{Kind, Place, PropertySet};

/// Where a selection is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Single,
    Collection,
}

fn unknown(name: &str, kind: Kind) -> GraphError {
    GraphError::gateway(format!(
        "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.{}'.",
        kind.name()
    ))
}

/// The names in a `$select`, without blanks.
pub(crate) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

/// The properties a `$select` names; the defaults without one.
///
/// # Errors
/// 400 for a name that does not exist, 501 for one kept outside the directory on a collection.
pub(crate) fn select(
    kind: Kind,
    text: Option<&str>,
    target: Target,
) -> Result<PropertySet, GraphError> {
    let Some(text) = text else {
        return Ok(kind.defaults());
    };
    let mut set = PropertySet::default();
    for name in names(text) {
        let property = kind.find(name).ok_or_else(|| unknown(name, kind))?;
        match kind.property(property).place {
            Place::Outside if target == Target::Collection => {
                return Err(GraphError::not_implemented());
            }
            Place::Relationship => return Err(unknown(name, kind)),
            _ => set.insert(property),
        }
    }
    Ok(set)
}

/// The same for a list that mixes users and groups: a name must exist on one of them.
///
/// # Errors
/// As [`select`].
pub(crate) fn select_mixed(text: Option<&str>) -> Result<(PropertySet, PropertySet), GraphError> {
    let Some(text) = text else {
        return Ok((Kind::User.defaults(), Kind::Group.defaults()));
    };
    let (mut users, mut groups) = (PropertySet::default(), PropertySet::default());
    for name in names(text) {
        let of = |kind| select(kind, Some(name), Target::Collection);
        match (of(Kind::User), of(Kind::Group)) {
            (Err(error), Err(_)) => return Err(error),
            (user, group) => {
                users = users.union(user.unwrap_or_default());
                groups = groups.union(group.unwrap_or_default());
            }
        }
    }
    Ok((users, groups))
}
