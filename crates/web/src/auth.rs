//! Who is asking: API tokens, sessions of browsers, passwords, how far rights
//! reach, limits on guessing, and the first user.

mod bootstrap;
mod caller;
mod client;
mod cookie;
mod password;
pub(crate) mod rate;
mod reach;
pub(crate) mod second_factor;
mod session;
pub(crate) mod token;

pub(crate) use bootstrap::{CODE_IS_WHERE, asks_for_code, check_set_up_code};
pub use bootstrap::{
    Refused, awaited_set_up_code, bootstrap, make_token, reset_password, reset_second_factor,
    set_up_code,
};
pub(crate) use bootstrap::{create_root, needs_root};
pub(crate) use caller::{Caller, authenticate};
pub(crate) use client::Client;
pub(crate) use cookie::Cookie;
pub use password::SHORTEST as SHORTEST_PASSWORD;
pub(crate) use password::{change as change_password, reset as set_password};
pub(crate) use reach::{Belongs, Reach};
pub(crate) use session::{
    CurrentUser, SignIn, SignedIn, current, end_others, sign_in, sign_in_with_code, sign_out,
    start_session,
};
