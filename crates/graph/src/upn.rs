//! The user principal name of people whose home is another tenant.
//!
//! Knows the encoding only; whether somebody is a guest is told by other
//! properties, since external members carry the same form.

const MARK: &str = "#EXT#";

/// The home address inside `alias_domain#EXT#@host`: `alias@domain`.
///
/// The left part is split at its last underscore, since host names hold none
/// and aliases may. `None` when the name is not of this form.
pub fn decode_external_upn(upn: &str) -> Option<String> {
    let at = find_mark(upn)?;
    if !upn[at + MARK.len()..].starts_with('@') {
        return None;
    }
    let (alias, domain) = upn[..at].rsplit_once('_')?;
    let usable = !alias.is_empty()
        && !alias.contains('@')
        && domain.contains('.')
        && domain.split('.').all(is_label);
    usable.then(|| format!("{alias}@{domain}"))
}

fn find_mark(upn: &str) -> Option<usize> {
    upn.as_bytes()
        .windows(MARK.len())
        .rposition(|window| window.eq_ignore_ascii_case(MARK.as_bytes()))
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests;
