//! Which objects of a list are shown: filter, search, kind; and what needs the advanced query parameters.

use super::call::Call;
use super::list_source::{Finds, Found, Source};
use crate::directory::tenant::Tenant;
use crate::error::GraphError;
use crate::odata::filter::Filter;
use crate::odata::search::Search;
use crate::schema::Kind;

/// What decides whether an object is shown.
pub(super) struct Conditions {
    only: Option<Kind>,
    filters: [Option<Filter>; 2],
    searches: [Option<Search>; 2],
    pub filtered: bool,
    pub searched: bool,
}

/// Users first, groups second.
pub(super) fn index(kind: Kind) -> usize {
    usize::from(kind == Kind::Group)
}

impl Conditions {
    pub(super) fn parse(call: &Call<'_>, only: Option<Kind>) -> Result<Self, GraphError> {
        let kinds: Vec<Kind> = only.map_or_else(|| Kind::ALL.to_vec(), |kind| vec![kind]);
        let mut conditions = Self {
            only,
            filters: [None, None],
            searches: [None, None],
            filtered: false,
            searched: false,
        };
        if let Some(text) = call.options.get("$filter") {
            conditions.filtered = true;
            let parsed = each(&kinds, |kind| Filter::parse(kind, text))?;
            for (kind, filter) in parsed {
                check_advanced(call, filter.advanced)?;
                conditions.filters[index(kind)] = Some(filter);
            }
        }
        if let Some(text) = call.options.get("$search") {
            conditions.searched = true;
            if !call.eventual() {
                return Err(GraphError::unsupported(
                    "Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'",
                ));
            }
            for (kind, search) in each(&kinds, |kind| Search::parse(kind, text))? {
                conditions.searches[index(kind)] = Some(search);
            }
        }
        Ok(conditions)
    }

    pub(super) fn accept(&self, found: &Found<'_>) -> bool {
        let at = index(found.kind);
        self.only.is_none_or(|only| only == found.kind)
            && (!self.filtered
                || self.filters[at]
                    .as_ref()
                    .is_some_and(|filter| filter.accepts(&found.view)))
            && (!self.searched
                || self.searches[at]
                    .as_ref()
                    .is_some_and(|search| search.accepts(&found.view)))
    }

    /// A short list of objects that can pass, when the filter gives one away.
    pub(super) fn shortcut<'t>(
        &self,
        source: &Source<'t>,
        tenant: &'t Tenant,
    ) -> Option<Finds<'t>> {
        let kind = self.only?;
        let filter = self.filters[index(kind)].as_ref()?;
        if let Some(ids) = filter.ids() {
            return source.by_ids(tenant, &ids);
        }
        let slot = tenant.users.by_upn(filter.upn(kind)?);
        let id = slot
            .and_then(|slot| tenant.users.view(slot))
            .map(|view| view.id());
        source.by_ids(tenant, id.as_slice())
    }
}

/// Reads something for each kind; fails only when no kind can read it.
fn each<T>(
    kinds: &[Kind],
    parse: impl Fn(Kind) -> Result<T, GraphError>,
) -> Result<Vec<(Kind, T)>, GraphError> {
    let mut read = Vec::new();
    let mut failure = None;
    for kind in kinds {
        match parse(*kind) {
            Ok(parsed) => read.push((*kind, parsed)),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if read.is_empty() => Err(error),
        _ => Ok(read),
    }
}

/// # Errors
/// 400 when an operator needs the advanced query parameters and they are missing.
pub(super) fn check_advanced(call: &Call<'_>, operator: Option<&str>) -> Result<(), GraphError> {
    match operator {
        Some(operator) if !call.advanced() => Err(GraphError::unsupported(format!(
            "Operator '{operator}' is not supported because the required parameters might be missing. Try adding $count=true \
             query parameter and ConsistencyLevel:eventual header. Refer to https://aka.ms/graph-docs/advanced-queries for more information"
        ))),
        _ => Ok(()),
    }
}
