//! Every identifier of the product, each its own type.
//!
//! Ids of the directory and ids of ours are never parsed into one another:
//! there is no conversion between these types.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! typed_id {
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
    )*};
}

typed_id! {
    /// An Entra tenant (`tid`).
    TenantId;
    /// A person or other object in a directory (`oid`); unique in its tenant only.
    ObjectId;
    /// A group in a directory.
    GroupId;
    /// One tenant with its credentials and settings.
    ConnectionId;
    /// A mapping rule.
    RuleId;
    /// An employee or contact of the PSA.
    RecordId;
    /// A company in CRM.
    AccountId;
    /// A plan.
    PlanId;
    /// A sync run.
    RunId;
    /// An item of the review queue.
    ReviewId;
    /// One full read of a tenant.
    GenerationId;
}
