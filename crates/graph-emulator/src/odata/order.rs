//! `$orderby`: one property, up or down.

use crate::directory::objects::View;
use crate::error::GraphError;
use crate::schema::{Kind, PropertyId};

const SORTABLE: [&str; 5] = [
    "displayName",
    "userPrincipalName",
    "createdDateTime",
    "deletedDateTime",
    "mail",
];

/// An order, read for one kind of object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    property: PropertyId,
    pub descending: bool,
}

impl Order {
    /// # Errors
    /// 400 for a property that cannot be sorted by.
    pub(crate) fn parse(kind: Kind, text: &str) -> Result<Self, GraphError> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default();
        let sortable = SORTABLE
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name));
        let property = sortable.then(|| kind.find(name)).flatten();
        let descending = match words.next() {
            None | Some("asc") => Some(false),
            Some("desc") => Some(true),
            Some(_) => None,
        };
        match (property, descending, words.next()) {
            (Some(property), Some(descending), None) => Ok(Self {
                property,
                descending,
            }),
            _ => Err(GraphError::unsupported(format!(
                "Sorting not supported for current query: '{text}'."
            ))),
        }
    }

    /// What an object is sorted by.
    pub(crate) fn key(&self, view: &View<'_>) -> String {
        view.text(self.property).unwrap_or_default().to_lowercase()
    }
}
