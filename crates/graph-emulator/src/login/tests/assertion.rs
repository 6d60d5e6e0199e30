//! Client assertions signed with a registered certificate.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::{APP, NORTHWIND, World};

/// A certificate with its private key, and the assertions it can sign.
struct Signer {
    pem: String,
    der: Vec<u8>,
    key: EncodingKey,
}

impl Signer {
    fn new() -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::default()
            .self_signed(&pair)
            .unwrap();
        let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        Self {
            pem: certificate.pem(),
            der: certificate.der().to_vec(),
            key,
        }
    }

    fn header(&self, algorithm: Algorithm) -> Header {
        use sha2::Digest as _;
        let mut header = Header::new(algorithm);
        header.x5t_s256 = Some(URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(&self.der)));
        header
    }

    fn x5t(&self) -> String {
        let digest = &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;
        URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(digest, &self.der))
    }

    fn sign(&self, header: &Header, changes: &Value) -> String {
        let now = super::START.parse::<jiff::Timestamp>().unwrap().as_second();
        let mut claims = json!({
            "aud": "http://login.test:8943/northwind.example/oauth2/v2.0/token",
            "iss": APP, "sub": APP, "jti": "1", "nbf": now, "exp": now + 600,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            }
        }
        jsonwebtoken::encode(header, &claims, &self.key).unwrap()
    }
}

async fn with_assertion(world: &World, assertion: &str) -> super::Reply {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let fields = [
        ("grant_type", "client_credentials"),
        ("scope", ".default"),
        ("client_secret", ""),
        ("client_assertion_type", kind),
        ("client_assertion", assertion),
    ];
    world.token("northwind.example", &fields).await
}

async fn registered(signer: &Signer) -> World {
    let world = World::new().await;
    let changes = json!({ "secret": null, "certificates": [signer.pem] });
    world.app(changes).await;
    world
}

/// Tries each assertion; code 0 stands for success.
async fn judge(world: &World, cases: impl IntoIterator<Item = (&str, String, u32)>) {
    for (name, assertion, code) in cases {
        let reply = with_assertion(world, &assertion).await;
        let got = if reply.status == 200 {
            0
        } else {
            reply.aadsts()
        };
        assert_eq!(got, code, "{name}: {}", reply.text);
        assert!(code == 0 || reply.status == 401, "{name}");
    }
}

#[tokio::test]
async fn a_registered_certificate_proves_the_application() {
    let signer = Signer::new();
    let world = registered(&signer).await;
    let none = json!({});
    let rs256 = signer.header(Algorithm::RS256);
    let ps256 = signer.header(Algorithm::PS256);
    let mut sha1 = Header::new(Algorithm::RS256);
    sha1.x5t = Some(signer.x5t());
    let tenant_id = format!("https://login.microsoftonline.com/{NORTHWIND}/v2.0");
    let now = super::START.parse::<jiff::Timestamp>().unwrap().as_second();
    #[allow(clippy::cast_precision_loss)]
    let fraction = json!({ "exp": now as f64 + 599.25 });
    let elsewhere = json!({ "aud": tenant_id });
    let cases = [
        ("RS256 by SHA-256 thumbprint", signer.sign(&rs256, &none), 0),
        ("PS256", signer.sign(&ps256, &none), 0),
        ("RS256 by SHA-1 thumbprint", signer.sign(&sha1, &none), 0),
        ("public host, by id", signer.sign(&rs256, &elsewhere), 0),
        ("times with a fraction", signer.sign(&rs256, &fraction), 0),
    ];
    judge(&world, cases).await;
    let secret = [("grant_type", "client_credentials"), ("scope", ".default")];
    let reply = world.token("northwind.example", &secret).await;
    assert_eq!(reply.aadsts(), 7_000_215, "there is no secret");
}

#[tokio::test]
async fn the_key_must_be_the_registered_one_and_named() {
    let (signer, stranger) = (Signer::new(), Signer::new());
    let world = registered(&signer).await;
    let none = json!({});
    let rs256 = signer.header(Algorithm::RS256);
    let rs512 = signer.header(Algorithm::RS512);
    let unnamed = Header::new(Algorithm::RS256);
    let mut both = rs256.clone();
    both.x5t = Some("bm90IGl0".to_owned());
    let strangers = stranger.header(Algorithm::RS256);
    let cases = [
        ("RS512", signer.sign(&rs512, &none), 50027),
        ("no thumbprint", signer.sign(&unnamed, &none), 50027),
        ("not a JWT", "abc".to_owned(), 50027),
        ("two that disagree", signer.sign(&both, &none), 700_027),
        ("unregistered", stranger.sign(&strangers, &none), 700_027),
        ("our thumbprint", stranger.sign(&rs256, &none), 700_027),
    ];
    judge(&world, cases).await;
}

#[tokio::test]
async fn the_claims_must_be_for_this_client_tenant_and_time() {
    let signer = Signer::new();
    let world = registered(&signer).await;
    let rs256 = signer.header(Algorithm::RS256);
    let now = super::START.parse::<jiff::Timestamp>().unwrap().as_second();
    let host = "https://evil.example/northwind.example/oauth2/v2.0/token";
    let tenant = "http://login.test:8943/contoso.example/oauth2/v2.0/token";
    let cases = [
        ("no jti", json!({ "jti": null }), 50027),
        ("times in words", json!({ "exp": "soon" }), 50027),
        ("another issuer", json!({ "iss": "someone" }), 700_021),
        ("another subject", json!({ "sub": "someone" }), 700_021),
        ("expired", json!({ "exp": now - 301 }), 700_024),
        ("no expiry", json!({ "exp": null }), 700_024),
        ("not yet valid", json!({ "nbf": now + 301 }), 700_024),
        ("another host", json!({ "aud": host }), 700_023),
        ("another tenant", json!({ "aud": tenant }), 700_023),
        ("no audience", json!({ "aud": null }), 700_023),
    ];
    judge(
        &world,
        cases.map(|(name, claims, code)| (name, signer.sign(&rs256, &claims), code)),
    )
    .await;
}
