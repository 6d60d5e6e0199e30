//! Comparable forms of names and addresses, kept beside the originals so that
//! an index can find them.

use provisioning::address::Address;
pub use provisioning::address::fold;

/// The key of a name; `None` for blank text.
pub fn key(text: Option<&str>) -> Option<String> {
    text.map(fold).filter(|key| !key.is_empty())
}

/// The key of an email address: the address's normal form, or the folded text
/// when it is no address (an archived one, for example).
pub fn email(text: Option<&str>) -> Option<String> {
    let parsed = text.and_then(Address::parse);
    parsed.map_or_else(|| key(text), |address| Some(address.key().to_owned()))
}

/// The end of the range that begins with `prefix`: every key that starts with
/// it is less, in byte order.
pub fn prefix_end(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}
