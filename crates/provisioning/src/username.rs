//! Usernames: the part of the UPN before `@`, made unique among all records.
//!
//! Never used for matching. Compared regardless of case. Employees and
//! contacts share one pool; archived ones free their name by the suffix.

use crate::address::{Address, fold, is_external_upn};
use crate::directory::Person;
use uuid::Uuid;

/// Names nobody gets from a directory.
const RESERVED: [&str; 4] = ["root", "admin", "administrator", "system"];

/// The numbers that are tried one by one. Few, since each one is looked up for
/// everybody; then comes a number of the person's own.
const NUMBERED: std::ops::Range<u32> = 2..4;

/// The numbers of archived names that are tried one by one.
const ARCHIVED: std::ops::Range<u32> = 2..10;

/// A number that hardly anybody else has.
fn own_number(id: Uuid) -> u32 {
    // Below a million, so it fits.
    100_000 + u32::try_from(id.as_u128() % 900_000).unwrap_or_default()
}

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

/// Every form the name of the person with this object id may take, best first:
/// `sam`, `sam-fabrikam`, `sam-fabrikam2` and so on.
pub fn forms(wanted: &str, email: Option<&Address>, id: Uuid) -> impl Iterator<Item = String> {
    let plain = (!is_reserved(wanted)).then(|| wanted.to_owned());
    let label = email.map_or("person", |email| email.domain().first_label());
    let numbers = NUMBERED.chain(std::iter::once_with(move || own_number(id)));
    plain
        .into_iter()
        .chain(std::iter::once_with(move || format!("{wanted}-{label}")))
        .chain(numbers.map(move |n| format!("{wanted}-{label}{n}")))
}

/// Whether the name is reserved, also when it only looks like a reserved one.
pub fn is_reserved(name: &str) -> bool {
    let folded = if name.is_ascii() {
        fold(name)
    } else {
        // IDNA's mapping undoes wide and otherwise compatible letters.
        idna::domain_to_unicode(name.trim()).0
    };
    RESERVED.contains(&folded.as_str())
}

/// The suffixes an archived record's name and address may get, best first:
/// `_Archived`, `_Archived2` and so on.
pub fn archived_suffixes(id: Uuid) -> impl Iterator<Item = String> {
    let numbers = ARCHIVED.chain(std::iter::once_with(move || own_number(id)));
    std::iter::once_with(|| "_Archived".to_owned()).chain(numbers.map(|n| format!("_Archived{n}")))
}
