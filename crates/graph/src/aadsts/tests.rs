//! Unit tests of `aadsts`.

use super::*;

#[test]
fn every_code_is_listed_once() {
    let mut codes: Vec<u32> = TABLE.iter().map(|row| row.0).collect();
    codes.sort_unstable();
    let before = codes.len();
    codes.dedup();
    assert_eq!(codes.len(), before);
    assert!(before >= 70);
}

#[test]
fn known_codes_have_their_kind() {
    for (code, kind) in [
        (50173, Kind::NeedsReconnect),
        (65001, Kind::ConsentMissing),
        (53003, Kind::ConditionalAccess),
        (700_016, Kind::AppUnknown),
        (7_000_215, Kind::WrongSecret),
        (7_000_222, Kind::SecretExpired),
        (90002, Kind::TenantUnknown),
        (90038, Kind::WrongCloud),
    ] {
        assert_eq!(lookup(code).map(|row| row.0), Some(kind), "{code}");
    }
    assert_eq!(lookup(1), None);
}

#[test]
fn finds_the_code_in_a_description() {
    assert_eq!(code_in("AADSTS50173: gone\r\nTrace"), Some(50173));
    assert_eq!(code_in("x AADSTS7000222"), Some(7_000_222));
    assert_eq!(code_in("AADSTS"), None);
    assert_eq!(code_in("AADSTS99999999999999"), None);
    assert_eq!(code_in("nothing"), None);
}
