//! One page of a collection: items and the link to the next.
//!
//! Does not know what the items are.

use crate::call::Call;
use crate::client::GraphClient;
use crate::error::GraphError;
use crate::graph_code;
use crate::link::Link;
use crate::transport::Answer;
use crate::wire::{self, FromWire, Malformed, Text, WirePage};

/// The largest `$top` of people, groups and members.
pub(crate) const LARGEST: &str = "999";

/// A page of a list that ends without a delta link.
pub(crate) struct ListPage<T> {
    pub(crate) items: Vec<T>,
    pub(crate) count: Option<u64>,
    pub(crate) next: Option<Link>,
}

/// The call for the page at `from`, or for the first.
pub(crate) fn call(
    from: Option<&Link>,
    doing: &str,
    permission: &'static str,
    first: impl FnOnce() -> Call,
) -> Call {
    match from {
        Some(link) => Call::link(doing, permission, link),
        None => first(),
    }
}

/// A page as it was read, its links not yet checked.
pub(crate) struct RawPage<T> {
    pub(crate) items: Vec<T>,
    pub(crate) count: Option<u64>,
    pub(crate) next_link: Option<String>,
    pub(crate) delta_link: Option<String>,
    request_id: Option<String>,
}

impl GraphClient {
    /// A page of a plain list.
    pub(crate) async fn list_page<T>(&self, call: &Call) -> Result<ListPage<T>, GraphError>
    where
        T: for<'a> FromWire<'a>,
    {
        let raw = self.raw_page(call).await?;
        if raw.delta_link.is_some() {
            let error = call.malformed("a delta link outside of a delta");
            return Err(error.with_request_id(raw.request_id));
        }
        let next = raw.next_link.map(|text| self.checked_link(call, &text));
        Ok(ListPage {
            items: raw.items,
            count: raw.count,
            next: next.transpose()?,
        })
    }

    pub(crate) async fn raw_page<T>(&self, call: &Call) -> Result<RawPage<T>, GraphError>
    where
        T: for<'a> FromWire<'a>,
    {
        self.read(call, read_page).await
    }

    pub(crate) fn checked_link(&self, call: &Call, text: &str) -> Result<Link, GraphError> {
        Link::parse(self.cloud(), text, &call.doing)
    }
}

fn read_page<T>(answer: &Answer) -> Result<RawPage<T>, Malformed>
where
    T: for<'a> FromWire<'a>,
{
    let page: WirePage<'_, T> = wire::parse(&answer.body)?;
    let text = |link: &Option<Text<'_>>| link.as_ref().map(|link| link.as_str().to_owned());
    Ok(RawPage {
        count: page.count,
        next_link: text(&page.next_link),
        delta_link: text(&page.delta_link),
        request_id: graph_code::request_id(answer),
        items: page.into_items(),
    })
}
