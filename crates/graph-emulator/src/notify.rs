//! Change notifications: who subscribed to what, what waits to be delivered, and its delivery.
//! Source: "Receive change notifications through webhooks" and "lifecycle events" of the Graph documentation.

mod deliver;
mod endpoint;
mod queue;
mod sender;
mod subscription;

pub(crate) use deliver::{ensure_running, validate};
pub(crate) use queue::Subscriptions;
pub(crate) use sender::HttpSender;
pub use sender::{SendError, SendFuture, Sender, ServiceSender};
pub(crate) use subscription::{Resource, Subscription, change_words};
