//! Email addresses and domains, as far as matching people needs them.
//!
//! An address has exactly one `@`; domains compare label by label after IDNA;
//! control characters are refused. No plus or dot tricks are folded.

use serde::{Deserialize, Serialize};

/// A domain in its ASCII form, lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Domain(String);

impl Domain {
    /// The domain written in `text`, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('.');
        let ascii = idna::domain_to_ascii_strict(text).ok()?;
        (!ascii.is_empty() && ascii.split('.').all(|label| !label.is_empty()))
            .then_some(Self(ascii))
    }

    /// The first label, for telling usernames apart.
    pub fn first_label(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    /// The ASCII text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An email address: how it was written, and its normal form for comparing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    written: String,
    key: String,
    local_len: usize,
    domain: Domain,
}

impl Address {
    /// Parses an address.
    pub fn parse(text: &str) -> Option<Self> {
        let written = text.trim();
        if written.len() > 254 || written.chars().any(is_hidden) {
            return None;
        }
        let (local, domain) = written.split_once('@')?;
        if local.is_empty() || domain.contains('@') {
            return None;
        }
        let domain = Domain::parse(domain)?;
        let key = format!("{}@{}", fold(local), domain.as_str());
        Some(Self {
            local_len: local.len(),
            written: written.to_owned(),
            key,
            domain,
        })
    }

    /// As it was written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The normal form: equal keys are the same address.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The part before the `@`, as written.
    pub fn local(&self) -> &str {
        &self.written[..self.local_len]
    }

    /// The part after it.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }
}

/// Characters that do not show: control characters, white space, and Unicode's
/// format characters (soft hyphen, zero width, direction marks).
fn is_hidden(c: char) -> bool {
    let is_format = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    c.is_control() || c.is_whitespace() || is_format
}

/// Case folding for names that compare regardless of case.
pub fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// The home UPN inside an external one: `alias_domain#EXT#@host` splits at the
/// last underscore before `#EXT#`, since host names hold none.
pub fn home_upn(upn: &str) -> Option<String> {
    let marker = upn.to_ascii_uppercase().find("#EXT#")?;
    let (alias, domain) = upn.get(..marker)?.rsplit_once('_')?;
    (!alias.is_empty() && domain.contains('.')).then(|| format!("{alias}@{domain}"))
}

/// Whether a UPN belongs to somebody from outside.
pub fn is_external_upn(upn: &str) -> bool {
    upn.to_ascii_uppercase().contains("#EXT#")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_parse_or_are_refused() {
        for (text, key) in [
            ("Adele@Contoso.com", Some("adele@contoso.com")),
            (" a.b+c@x.example ", Some("a.b+c@x.example")),
            ("jörg@bücher.example", Some("jörg@xn--bcher-kva.example")),
            ("a@evil@corp.com", None),
            ("@corp.com", None),
            ("a@", None),
            ("a@.com", None),
            ("a\u{0}b@corp.com", None),
            ("a b@corp.com", None),
            ("nobody", None),
        ] {
            let found = Address::parse(text);
            assert_eq!(found.as_ref().map(Address::key), key, "{text}");
        }
    }

    #[test]
    fn domains_compare_label_by_label() {
        let corp = Domain::parse("corp.com").unwrap();
        assert_eq!(Domain::parse("CORP.com."), Some(corp.clone()));
        assert_ne!(Domain::parse("exploitcorp.com"), Some(corp.clone()));
        assert_ne!(Domain::parse("sub.corp.com"), Some(corp));
    }

    #[test]
    fn the_home_upn_is_cut_at_the_last_underscore() {
        for (upn, home) in [
            (
                "bob_fabrikam.com#EXT#@host.onmicrosoft.com",
                Some("bob@fabrikam.com"),
            ),
            ("a_b_fabrikam.com#ext#@host", Some("a_b@fabrikam.com")),
            ("bob#EXT#@host", None),
            ("bob_local#EXT#@host", None),
            ("bob@fabrikam.com", None),
        ] {
            assert_eq!(home_upn(upn).as_deref(), home, "{upn}");
        }
    }
}
