//! Unit tests of `certificate_dates`.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

#[test]
fn reads_both_forms_of_time() {
    let key = KeyPair::generate().unwrap();
    for (year, expected) in [
        (2031, "2031-02-03T00:00:00Z"),
        (2055, "2055-02-03T00:00:00Z"),
    ] {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 2, 3);
        let certificate = params.self_signed(&key).unwrap();
        let found = not_after(certificate.der()).unwrap();
        assert_eq!(found.to_string(), expected);
        for end in 0..certificate.der().len() {
            assert_eq!(not_after(&certificate.der()[..end]), None);
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let _ = not_after(&bytes);
    }
}
