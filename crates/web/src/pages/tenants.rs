//! Tenants among many: found by a word, a page at a time.

use provisioning::address::fold;
use serde::Deserialize;

/// What somebody looks for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Sought {
    /// Part of a name, of a domain or of an id.
    search: String,
    /// Which page, from 1.
    page: usize,
}

/// What is shown of a tenant, which somebody may look for.
pub(crate) trait Tenant {
    /// What it is called.
    fn names(&self) -> [&str; 3];
}

/// Those of a page.
pub(crate) struct Found<T> {
    pub(crate) these: Vec<T>,
    pub(crate) search: String,
    /// Whether there are so many tenants that one looks for them.
    pub(crate) is_searched: bool,
    /// Which of how many these are, where there are more.
    pub(crate) which: Option<String>,
    /// The pages before and after this one.
    pub(crate) previous: Option<usize>,
    pub(crate) next: Option<usize>,
}

impl Sought {
    /// So many of those that were meant, on the page that was asked for.
    pub(crate) fn among<T: Tenant>(&self, mut all: Vec<T>, each: usize) -> Found<T> {
        let is_searched = all.len() > each;
        let sought = fold(self.search.trim());
        all.retain(|one| one.names().iter().any(|name| fold(name).contains(&sought)));
        let total = all.len();
        let pages = total.div_ceil(each).max(1);
        let page = self.page.clamp(1, pages);
        let first = (page - 1) * each;
        let these: Vec<T> = all.into_iter().skip(first).take(each).collect();
        let last = first + these.len();
        Found {
            which: (pages > 1).then(|| format!("{} to {last} of {total}", first + 1)),
            previous: (page > 1).then_some(page - 1),
            next: (page < pages).then_some(page + 1),
            search: self.search.clone(),
            is_searched,
            these,
        }
    }
}
