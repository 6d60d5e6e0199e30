//! Addresses, domains and home UPNs from any bytes.

use proptest::prelude::*;
use provisioning::address::{Address, Domain, home_upn};
use provisioning::username;
use uuid::Uuid;

/// Text near an address, and text far from one.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9._@# -]{0,30}",
        "[a-zäöüßİΣ._]{1,12}@[a-zäöü.-]{1,12}",
        "[a-z_]{1,10}_[a-z.]{1,12}(#EXT#|#ext#)@[a-z.]{1,10}",
        "[a-z]{1,250}@[a-z.]{1,80}",
        "\\PC{0,12}@\\PC{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn an_address_is_refused_or_has_a_stable_key(text in texts()) {
        if let Some(address) = Address::parse(&text) {
            prop_assert_eq!(address.key().matches('@').count(), 1);
            prop_assert!(!address.key().chars().any(|c| c.is_control() || c.is_whitespace()));
            let again = Address::parse(address.key());
            prop_assert_eq!(again.as_ref().map(Address::key), Some(address.key()));
            let written = Address::parse(address.written()).unwrap();
            prop_assert_eq!(written.key(), address.key());
            prop_assert!(!address.local().is_empty());
        }
    }

    #[test]
    fn a_domain_is_refused_or_stays_as_it_is(text in texts()) {
        if let Some(domain) = Domain::parse(&text) {
            prop_assert_eq!(Domain::parse(domain.as_str()), Some(domain.clone()));
            prop_assert!(domain.as_str().is_ascii() && !domain.first_label().is_empty());
        }
    }

    #[test]
    fn a_home_upn_has_the_alias_and_a_domain(text in texts()) {
        if let Some(home) = home_upn(&text) {
            let (alias, domain) = home.rsplit_once('@').unwrap();
            prop_assert!(!alias.is_empty() && domain.contains('.') && !domain.contains('_'));
        }
    }

    #[test]
    fn what_was_encoded_decodes(alias in "[a-z0-9._-]{1,20}", domain in "[a-z]{1,9}\\.[a-z]{2,5}") {
        let upn = format!("{alias}_{domain}#EXT#@host.onmicrosoft.com");
        prop_assert_eq!(home_upn(&upn), Some(format!("{alias}@{domain}")));
    }

    #[test]
    fn every_form_of_a_username_is_another_one_and_none_is_reserved(
        text in texts(), id in any::<u128>(),
    ) {
        let forms: Vec<String> = username::forms(&text, None, Uuid::from_u128(id)).collect();
        let mut unique = forms.clone();
        unique.sort();
        unique.dedup();
        prop_assert_eq!(unique.len(), forms.len());
        prop_assert!(forms.iter().all(|form| !username::is_reserved(form)));
    }
}
