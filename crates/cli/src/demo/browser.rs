//! A browser without a window: follows redirects and keeps cookies by host.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use graph::{Answer, Transport};
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, Request};
use url::Url;

use super::api::LONGEST;

/// More redirects than any sign-in has.
const HOPS: usize = 12;

/// Cookies, and the way out.
pub(super) struct Browser {
    transport: Arc<dyn Transport>,
    cookies: HashMap<String, BTreeMap<String, String>>,
}

impl Browser {
    /// A browser that was never used.
    pub(super) fn new(transport: Arc<dyn Transport>) -> Self {
        let cookies = HashMap::new();
        Self { transport, cookies }
    }

    /// Keeps the cookies an answer from `url` sets.
    pub(super) fn keep(&mut self, url: &Url, headers: &HeaderMap) {
        let jar = self.cookies.entry(url.authority().to_owned()).or_default();
        for header in headers.get_all(SET_COOKIE) {
            let pair = header.to_str().ok().and_then(|text| text.split(';').next());
            if let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) {
                jar.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }

    fn cookies(&self, url: &Url) -> String {
        let jar = self.cookies.get(url.authority());
        let pairs = jar
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// Follows redirects from `url` until a page at `end` has answered, and
    /// gives that answer, redirect or not.
    pub(super) async fn follow(&mut self, url: Url, end: &str) -> Result<Answer> {
        let mut url = url;
        for _ in 0..HOPS {
            let mut request = Request::get(url.as_str());
            let cookies = self.cookies(&url);
            if !cookies.is_empty() {
                request = request.header(COOKIE, cookies);
            }
            let answer = self
                .transport
                .send(request.body(Bytes::new())?, LONGEST)
                .await?;
            self.keep(&url, &answer.headers);
            if url.path() == end {
                return Ok(answer);
            }
            let Some(to) = answer.headers.get(LOCATION) else {
                let page = String::from_utf8_lossy(&answer.body);
                let page: String = page.chars().take(400).collect();
                bail!(
                    "{} answered {} and led nowhere: {page}",
                    url.path(),
                    answer.status
                );
            };
            url = url.join(to.to_str()?).context("a redirect to no address")?;
        }
        bail!("the sign-in went in circles")
    }
}
