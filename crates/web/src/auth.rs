//! Who is asking: API tokens, sessions of browsers, passwords, limits on
//! guessing, and the first user.

mod bootstrap;
mod caller;
mod client;
mod cookie;
mod password;
pub(crate) mod rate;
mod session;
pub(crate) mod token;

pub use bootstrap::bootstrap;
pub(crate) use bootstrap::{create_root, needs_root};
pub(crate) use caller::{Caller, authenticate};
pub(crate) use client::Client;
pub(crate) use cookie::{clear, cookie, set};
pub(crate) use password::checked_hash as hash_password;
pub(crate) use session::{CurrentUser, SignIn, sign_in, sign_out, start_session};
