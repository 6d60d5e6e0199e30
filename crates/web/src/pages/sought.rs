//! Lines among many, as of tenants or rules: found by a word, a page at a time.

use provisioning::address::fold;
use serde::Deserialize;

/// What somebody looks for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Sought {
    /// Part of one of [`Listed::names`].
    search: String,
    /// Which page, from 1.
    page: usize,
}

/// A line that somebody may look for.
pub(crate) trait Listed {
    /// What is looked for.
    const WHAT: &'static str = "Tenant";
    /// By what.
    const HINT: &'static str = "Name, domain or id";
    /// The tab of the page they are on, if it is not the first.
    const TAB: &'static str = "";

    /// What it is called.
    fn names(&self) -> [&str; 3];
}

/// Those of a page.
pub(crate) struct Found<T> {
    pub(crate) these: Vec<T>,
    pub(crate) search: String,
    /// [`Listed::WHAT`], [`Listed::HINT`] and [`Listed::TAB`].
    pub(crate) what: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) tab: &'static str,
    /// Whether there are so many that one looks for them.
    pub(crate) is_searched: bool,
    /// Which page this is, from 1.
    pub(crate) page: usize,
    /// Which of how many these are, where there are more.
    pub(crate) which: Option<String>,
    /// The pages before and after this one.
    pub(crate) previous: Option<usize>,
    pub(crate) next: Option<usize>,
}

impl Sought {
    /// So many of those that were meant, on the page that was asked for.
    pub(crate) fn among<T: Listed>(&self, mut all: Vec<T>, each: usize) -> Found<T> {
        let sought = fold(self.search.trim());
        let is_searched = all.len() > each || !sought.is_empty();
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
            what: T::WHAT,
            hint: T::HINT,
            tab: T::TAB,
            is_searched,
            page,
            these,
        }
    }
}
