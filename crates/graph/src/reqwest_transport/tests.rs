//! Unit tests of `reqwest_transport`.

use super::*;

#[test]
fn a_ca_file_without_certificates_is_refused() {
    let options = TransportOptions {
        extra_ca_pem: Some(b"not a certificate".to_vec()),
        ..TransportOptions::default()
    };
    assert!(matches!(
        ReqwestTransport::new(options),
        Err(TransportSetupError::CaFile(_))
    ));
}
