//! Ids of what only the PSA's side has, each its own type. Ids that provisioning
//! knows are in `provisioning::ids`.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Result;
use crate::sql::{Arg, FromColumn};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<$name> for Arg {
            fn from(id: $name) -> Self {
                Self::Uuid(Some(id.0))
            }
        }

        impl FromColumn for $name {
            type Wire = Uuid;
            fn from_column(id: Uuid) -> Result<Self> {
                Ok(Self(id))
            }
        }
    )*};
}

ids! {
    /// An entry of a lookup table.
    LookupId;
    /// A ticket.
    TicketId;
    /// A comment on a ticket.
    CommentId;
    /// An invoice.
    InvoiceId;
    /// An API token.
    ApiTokenId;
    /// An outgoing webhook.
    WebhookId;
}
