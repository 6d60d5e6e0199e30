//! Page tokens: where the next page begins, bound to tenant, address and options.
//! A link a client changed is refused; one it took apart and put together again is not.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::options::Options;
use crate::error::GraphError;
use crate::sign::Signer;

/// Where a page begins.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum Cursor {
    /// After the object with this id.
    Id(Uuid),
    /// After the entry with this number.
    Number(u32),
    /// After the object with this sort key and id.
    Sorted(String, Uuid),
}

#[derive(Deserialize, Serialize)]
struct PageToken {
    tenant: Uuid,
    request: u64,
    after: Cursor,
    issued: i64,
}

/// What a token is bound to.
pub(crate) struct Binding<'a> {
    pub signer: &'a Signer,
    pub tenant_id: Uuid,
    pub path: &'a str,
    pub options: &'a Options,
}

impl Binding<'_> {
    fn request(&self) -> u64 {
        let canonical = self.options.canonical();
        let mut parts = vec![self.path];
        parts.extend(canonical.iter().map(String::as_str));
        self.signer.fingerprint(&parts)
    }

    /// Where the page asked for begins; `None` for the first one.
    ///
    /// # Errors
    /// 400 for a token that was not made for this request, or that is too old.
    pub(crate) fn cursor(
        &self,
        lifetime_seconds: Option<u64>,
        now: Timestamp,
    ) -> Result<Option<Cursor>, GraphError> {
        let Some(token) = self.options.get("$skiptoken") else {
            return Ok(None);
        };
        let token: Option<PageToken> = self.signer.open(token);
        let token =
            token.filter(|token| token.tenant == self.tenant_id && token.request == self.request());
        let token = token.ok_or_else(|| {
            GraphError::bad_request(
                "Invalid $skiptoken: the page token does not belong to this request.",
            )
        })?;
        let age = now.as_second().saturating_sub(token.issued);
        let expired =
            lifetime_seconds.is_some_and(|limit| u64::try_from(age).is_ok_and(|age| age > limit));
        if expired {
            return Err(GraphError::page_expired());
        }
        Ok(Some(token.after))
    }

    /// The query string that leads to the page after `after`.
    pub(crate) fn next(&self, after: Cursor, now: Timestamp) -> String {
        let token = self.signer.sign(&PageToken {
            tenant: self.tenant_id,
            request: self.request(),
            after,
            issued: now.as_second(),
        });
        self.options.with_token(&token)
    }
}
