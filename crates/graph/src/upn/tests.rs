//! Unit tests of `upn`.

use super::*;

#[test]
fn decodes_at_the_last_underscore() {
    for (upn, home) in [
        (
            "bob_fabrikam.com#EXT#@contoso.onmicrosoft.com",
            Some("bob@fabrikam.com"),
        ),
        (
            "bob_b_fabrikam.co.uk#ext#@contoso.com",
            Some("bob_b@fabrikam.co.uk"),
        ),
        ("Bob_Fabrikam.com#Ext#@c.com", Some("Bob@Fabrikam.com")),
        ("a#EXT#_b.com#EXT#@c.com", Some("a#EXT#@b.com")),
        ("jörg_münchen.de#EXT#@c.com", Some("jörg@münchen.de")),
        ("amy@contoso.com", None),
        ("bobfabrikam.com#EXT#@c.com", None),
        ("_fabrikam.com#EXT#@c.com", None),
        ("bob_#EXT#@c.com", None),
        ("bob_fabrikam#EXT#@c.com", None),
        ("bob_fabri kam.com#EXT#@c.com", None),
        ("b@b_fabrikam.com#EXT#@c.com", None),
        ("bob_fabrikam.com#EXT#", None),
        ("bob_fabrikam..com#EXT#@c.com", None),
        ("", None),
    ] {
        assert_eq!(decode_external_upn(upn).as_deref(), home, "{upn}");
    }
}

proptest::proptest! {
    #[test]
    fn what_was_encoded_is_found_again(alias in "[a-z_.]{1,12}", domain in "[a-z]{1,8}\\.[a-z]{2,3}") {
        let upn = format!("{alias}_{domain}#EXT#@contoso.onmicrosoft.com");
        let home = format!("{alias}@{domain}");
        proptest::prop_assert_eq!(decode_external_upn(&upn), Some(home));
    }

    #[test]
    fn any_text_is_survived(text in "\\PC{0,60}") {
        let _ = decode_external_upn(&text);
    }
}
