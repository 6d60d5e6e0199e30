//! Unit tests of `id_token`.

use jsonwebtoken::{DecodingKey, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

use super::*;

const TENANT: Uuid = Uuid::from_u128(1);
const TEMPLATE: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

struct Signer {
    private: EncodingKey,
    public: SigningKey,
}

fn signer() -> Signer {
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    Signer {
        private: EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap(),
        public: SigningKey {
            id: "k".to_owned(),
            issuer: Some(TEMPLATE.to_owned()),
            key: DecodingKey::from_rsa_pem(pair.public_key_pem().as_bytes()).unwrap(),
        },
    }
}

fn claims() -> Value {
    json!({
        "aud": Uuid::from_u128(5), "iss": TEMPLATE.replace(PLACEHOLDER, &TENANT.to_string()),
        "iat": 1000, "nbf": 1000, "exp": 4600, "nonce": "n", "tid": TENANT,
        "oid": Uuid::from_u128(7), "sub": "s", "name": "Amy",
    })
}

fn check(signer: &Signer, claims: &Value, now: i64) -> Result<IdClaims, Kind> {
    let header = Header::new(Algorithm::RS256);
    let token = jsonwebtoken::encode(&header, claims, &signer.private).unwrap();
    let expected = Expected {
        application_id: Uuid::from_u128(5),
        issuer: TEMPLATE,
        nonce: "n",
        tenant_id: Some(TENANT),
        now: Timestamp::from_second(now).unwrap(),
    };
    verify(&token.into(), &signer.public, &expected)
}

#[test]
fn a_good_token_tells_who_signed_in() {
    let person = check(&signer(), &claims(), 2000).unwrap();
    assert_eq!(
        (person.tenant_id, person.object_id),
        (TENANT, Uuid::from_u128(7))
    );
    assert_eq!(person.name.as_deref(), Some("Amy"));
}

#[test]
fn every_wrong_claim_is_refused_for_its_reason() {
    let signer = signer();
    let other = Uuid::from_u128(2);
    let other_issuer = TEMPLATE.replace(PLACEHOLDER, &other.to_string());
    for (claim, value, reason) in [
        ("aud", json!(other), "it is for another application"),
        ("iss", json!(other_issuer), "another issuer made it"),
        ("iss", json!(TEMPLATE), "another issuer made it"),
        ("tid", json!(other), "another issuer made it"),
        ("tid", Value::Null, "it names no tenant"),
        ("oid", Value::Null, "it names no person"),
        ("nonce", json!("m"), "it answers another sign-in"),
        ("nonce", Value::Null, "it answers another sign-in"),
        ("exp", json!(1000), "it has expired"),
        ("nbf", json!(3000), "it is not valid yet"),
        ("exp", json!("soon"), "its claims cannot be read"),
    ] {
        let mut claims = claims();
        claims[claim] = value;
        let expected = Err(Kind::IdTokenInvalid { reason });
        assert_eq!(check(&signer, &claims, 2000), expected, "{claim}");
    }
    assert!(check(&signer, &claims(), 4600 + LEEWAY).is_err());
    assert!(check(&signer, &claims(), 4599 + LEEWAY).is_ok());
}

#[test]
fn a_person_of_another_tenant_is_told_apart() {
    let other = Uuid::from_u128(2);
    let mut claims = claims();
    claims["tid"] = json!(other);
    claims["iss"] = json!(TEMPLATE.replace(PLACEHOLDER, &other.to_string()));
    assert_eq!(check(&signer(), &claims, 2000), Err(Kind::WrongTenant));
}

#[test]
fn another_key_another_issuers_key_and_other_algorithms_are_refused() {
    let (one, two) = (signer(), signer());
    let mixed = Signer {
        private: one.private.clone(),
        public: two.public,
    };
    let wrong = Err(Kind::IdTokenInvalid {
        reason: "the signature is wrong",
    });
    assert_eq!(check(&mixed, &claims(), 2000), wrong);

    let mut bound = signer();
    bound.public.issuer = Some("https://login.microsoftonline.com/9188/v2.0".to_owned());
    assert!(check(&bound, &claims(), 2000).is_err());

    let header = Header::new(Algorithm::HS256);
    let secret = EncodingKey::from_secret(b"x");
    let forged = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
    let expected = Expected {
        application_id: Uuid::from_u128(5),
        issuer: TEMPLATE,
        nonce: "n",
        tenant_id: None,
        now: Timestamp::UNIX_EPOCH,
    };
    assert!(verify(&forged.into(), &one.public, &expected).is_err());
    assert!(key_id(&"a.b".into()).is_err());
}
