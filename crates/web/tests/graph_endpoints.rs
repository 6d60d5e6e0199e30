//! `/graph/…`

mod notifications;
