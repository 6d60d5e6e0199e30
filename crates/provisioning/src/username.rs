//! Usernames: the part of the UPN before `@`, made unique among all records.
//!
//! Never used for matching. Compared regardless of case. Employees and
//! contacts share one pool; archived ones free their name by the suffix.

use crate::address::{Address, fold, is_external_upn};
use crate::directory::Person;

/// Names nobody gets from a directory.
const RESERVED: [&str; 4] = ["root", "admin", "administrator", "system"];

/// How many numbered forms are tried before a person decides.
const NUMBERED: u32 = 50;

/// The name a person would have if nobody else had it.
pub fn wanted(person: &Person, email: Option<&Address>) -> String {
    let upn = person.upn.as_deref().filter(|upn| !is_external_upn(upn));
    let of_upn = upn
        .and_then(|upn| upn.split_once('@'))
        .map(|(local, _)| local);
    let local = of_upn.or_else(|| email.map(Address::local));
    local
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .unwrap_or("person")
        .to_owned()
}

/// Every form the name may take, best first: `sam`, `sam-fabrikam`,
/// `sam-fabrikam2` and so on.
pub fn forms(wanted: &str, email: Option<&Address>) -> impl Iterator<Item = String> {
    let plain = (!is_reserved(wanted)).then(|| wanted.to_owned());
    let label = email.map_or("person", |email| email.domain().first_label());
    let with_domain = format!("{wanted}-{label}");
    let numbered = with_domain.clone();
    plain
        .into_iter()
        .chain(std::iter::once(with_domain))
        .chain((2..NUMBERED).map(move |n| format!("{numbered}{n}")))
}

/// Whether the name is reserved.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&fold(name).as_str())
}

/// The archived form of a name or address that is free: `_Archived`,
/// `_Archived2` and so on.
pub fn archived(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let plain = format!("{name}_Archived");
    if !is_taken(&fold(&plain)) {
        return plain;
    }
    let numbered = (2..u32::MAX).map(|n| format!("{name}_Archived{n}"));
    numbered
        .into_iter()
        .find(|form| !is_taken(&fold(form)))
        .unwrap_or(plain)
}
