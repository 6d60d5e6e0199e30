//! The directory: tenants, their people, groups and memberships, and the log of what changed.
//! Knows nothing of HTTP, tokens or who may see what.

pub(crate) mod changes;
pub(crate) mod edit;
pub(crate) mod generate;
pub(crate) mod identity;
pub(crate) mod membership;
pub(crate) mod names;
pub(crate) mod objects;
pub(crate) mod people;
pub(crate) mod record;
pub(crate) mod tenant;
pub(crate) mod world;
