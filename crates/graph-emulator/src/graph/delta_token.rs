//! Delta tokens: whose they are, what is tracked, and how far the round has come.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::directory::changes::Sequence;
use crate::odata::page::Cursor;
use crate::schema::PropertySet;

/// How far a round has come.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) enum Phase {
    /// Everything there is, by id; what changes meanwhile comes with the next round.
    Initial {
        after: Option<Uuid>,
        /// Position of the log when the round began.
        head: Sequence,
        slice: Option<Slice>,
    },
    /// Changes in `(from, to]`, next the one at `at`.
    Changes {
        from: Sequence,
        to: Sequence,
        at: Sequence,
        slice: Option<Slice>,
    },
    /// The round is over; the next begins after `from`.
    Ready { from: Sequence },
}

/// A group whose members go on on the next page.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Slice {
    pub group: Uuid,
    pub after: Cursor,
}

/// The content of a token.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct DeltaToken {
    pub tenant: Uuid,
    pub app: Uuid,
    /// `users` or `groups`.
    pub set: String,
    /// Selected properties, as a hexadecimal set.
    select: String,
    /// Without `$select`: the default properties.
    pub default: bool,
    /// Only these objects.
    pub ids: Option<Vec<Uuid>>,
    pub phase: Phase,
    /// The empty page at the beginning has been given.
    pub begun: bool,
    /// The first object of the page is the last one of the page before.
    pub repeats: bool,
    pub issued: i64,
    /// Makes every token another text.
    pub nonce: u64,
}

/// What is tracked: the same through a round, and from round to round.
#[derive(Clone, Debug)]
pub(super) struct Tracked {
    pub select: PropertySet,
    pub default: bool,
    pub ids: Option<Vec<Uuid>>,
}

impl DeltaToken {
    pub(super) fn new(tenant: Uuid, app: Uuid, set: &str, tracked: &Tracked, phase: Phase) -> Self {
        Self {
            tenant,
            app,
            set: set.to_owned(),
            select: format!("{:x}", tracked.select.0),
            default: tracked.default,
            ids: tracked.ids.clone(),
            phase,
            begun: true,
            repeats: false,
            issued: 0,
            nonce: 0,
        }
    }

    pub(super) fn tracked(&self) -> Tracked {
        Tracked {
            select: PropertySet(u128::from_str_radix(&self.select, 16).unwrap_or_default()),
            default: self.default,
            ids: self.ids.clone(),
        }
    }
}
