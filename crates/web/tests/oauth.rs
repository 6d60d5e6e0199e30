//! `/OAuth/…`

mod integration_callback;
