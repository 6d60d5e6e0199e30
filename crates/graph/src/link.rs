//! Links to further pages, and the guard that a chain of them ends.
//!
//! A link comes from an answer or from storage and is opaque but for its
//! host: it is accepted only for the configured Graph host, so that no token
//! can be sent anywhere else. Does not know what the pages hold.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use url::Url;

use crate::cloud::Cloud;
use crate::error::{GraphError, Kind};

/// Longer than any token seen; keeps a forged answer from filling storage.
const LONGEST: usize = 64 * 1024;

/// A next or delta link of the configured Graph host. Its query holds a token:
/// it may be stored, and is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Link(Url);

impl Link {
    /// Accepts `text` when scheme, host and port are those of `cloud`'s Graph.
    /// Otherwise [`Kind::NotATokenHost`], or [`Kind::Malformed`] when it is no
    /// address at all.
    pub fn parse(cloud: &Cloud, text: &str, during: impl fmt::Display) -> Result<Self, GraphError> {
        let malformed = |what: &str| Kind::Malformed {
            what: what.to_owned(),
        };
        if text.len() > LONGEST {
            return Err(GraphError::new(
                malformed("a link that is too long"),
                during,
            ));
        }
        let Ok(url) = Url::parse(text) else {
            return Err(GraphError::new(
                malformed("a link that is no address"),
                during,
            ));
        };
        if !is_on_graph_host(cloud, &url) {
            let host = url.host_str().unwrap_or("no host").to_owned();
            return Err(GraphError::new(Kind::NotATokenHost, during)
                .with_message(&format!("the link leads to {host}")));
        }
        Ok(Self(url))
    }

    /// The link as text, for storage.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

/// Whether a bearer token may be sent to `url`.
pub(crate) fn is_on_graph_host(cloud: &Cloud, url: &Url) -> bool {
    let graph = cloud.graph_url();
    url.scheme() == graph.scheme()
        && url.host() == graph.host()
        && url.port_or_known_default() == graph.port_or_known_default()
        && url.username().is_empty()
        && url.password().is_none()
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({}?…)", self.0.path())
    }
}

/// Notices a chain of pages that does not end. Make one per round, and show it
/// each link before following it.
#[derive(Debug, Clone)]
pub struct PageGuard {
    left: usize,
    seen: HashSet<u64>,
}

impl Default for PageGuard {
    fn default() -> Self {
        Self::new(100_000)
    }
}

impl PageGuard {
    /// Allows `max_pages` links.
    pub fn new(max_pages: usize) -> Self {
        Self {
            left: max_pages,
            seen: HashSet::new(),
        }
    }

    /// Whether `link` may be followed: [`Kind::EndlessPages`] when it was
    /// followed before or when there were too many.
    pub fn follow(&mut self, link: &Link) -> Result<(), GraphError> {
        let mut hasher = DefaultHasher::new();
        link.hash(&mut hasher);
        let is_new = self.seen.insert(hasher.finish());
        if !is_new || self.left == 0 {
            let reason = if is_new {
                "too many pages"
            } else {
                "a page came twice"
            };
            return Err(
                GraphError::new(Kind::EndlessPages, "following the pages").with_message(reason)
            );
        }
        self.left -= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
