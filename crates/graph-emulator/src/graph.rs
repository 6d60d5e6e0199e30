//! Graph v1.0: from a request to an answer.
//! One path for everything: token, address, price, permission, then the handler; `$batch` takes it for each item.

mod batch;
mod body;
mod call;
mod cost;
mod deleted_items;
mod delta;
mod delta_changes;
mod delta_entry;
mod delta_initial;
mod delta_query;
mod delta_token;
mod entity;
mod get_by_ids;
mod invitations;
mod list;
mod list_conditions;
mod list_source;
mod member_checks;
mod member_writes;
mod members;
mod objects;
mod organization;
mod relations;
mod route;
mod serve;
mod service_principals;
mod subscriptions;
mod writes;

pub(crate) use body::changes;
pub(crate) use call::{GraphRequest, Reply};
pub(crate) use serve::handle;
