//! Unit tests of `credential`.

use jsonwebtoken::{DecodingKey, Validation};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};

use super::*;
use crate::scripted;

fn pair() -> (String, KeyPair) {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.not_after = rcgen::date_time_ymd(2031, 5, 6);
    (params.self_signed(&key).unwrap().pem(), key)
}

#[test]
fn an_assertion_is_signed_by_the_certificates_key() {
    let (certificate, key) = pair();
    let private = key.serialize_pem();
    for pem in [
        format!("{private}{certificate}"),
        format!("{certificate}{private}"),
        format!("{certificate}{private}").replace('\n', "\r\n"),
    ] {
        check_assertion(&pem, &key);
    }
}

fn check_assertion(pem: &str, key: &KeyPair) {
    let certificate = ClientCertificate::from_pem(pem).unwrap();
    assert_eq!(certificate.not_after().to_string(), "2031-05-06T00:00:00Z");

    let (environment, _) = scripted::environment(Vec::new());
    let application = Uuid::from_u128(9);
    let endpoint = "https://login.example/token";
    let form = Credential::Certificate(certificate.clone())
        .form(&environment, application, endpoint)
        .unwrap();
    assert_eq!(form[0].1.expose_secret(), ASSERTION_TYPE);
    let mut validation = Validation::new(Algorithm::PS256);
    validation.set_audience(&[endpoint]);
    validation.validate_exp = false;
    let key = DecodingKey::from_rsa_pem(key.public_key_pem().as_bytes()).unwrap();
    let token =
        jsonwebtoken::decode::<serde_json::Value>(form[1].1.expose_secret(), &key, &validation)
            .unwrap();
    assert_eq!(
        token.header.x5t_s256.as_deref(),
        Some(certificate.thumbprint())
    );
    assert_eq!(token.claims["sub"], application.to_string());
    assert_eq!(token.claims["exp"], 1_767_226_200);
}

#[test]
fn unusable_texts_are_refused_for_their_reason() {
    let (certificate, key) = pair();
    let (other, _) = pair();
    let curve = KeyPair::generate().unwrap();
    let pem = |certificate: &str, key: &str| format!("{certificate}{key}");
    let key = key.serialize_pem();
    for (text, reason) in [
        (String::new(), "no readable PEM certificate"),
        (pem("", &key), "no readable PEM certificate"),
        (pem(&certificate, ""), "PEM private key"),
        (pem(&other, &key), "does not belong"),
        (pem(&certificate, &curve.serialize_pem()), "not an RSA key"),
    ] {
        let error = ClientCertificate::from_pem(&text).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn nothing_secret_is_shown() {
    let (certificate, key) = pair();
    let key = key.serialize_pem();
    let certificate = ClientCertificate::from_pem(&format!("{certificate}{key}")).unwrap();
    let shown = format!(
        "{:?} {:?}",
        Credential::Certificate(certificate),
        Credential::Secret("hush".into())
    );
    assert!(!shown.contains("hush") && !shown.contains("PRIVATE"));
}
