//! How the application proves who it is: a secret, or a certificate whose key
//! signs a client assertion.
//!
//! Does not know where either is stored. Sources: RFC 7523,
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rsa;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::certificate_dates;
use crate::environment::{Environment, later};

/// Clocks may differ by this much.
const SKEW: Duration = Duration::from_secs(300);
const ASSERTION_LIVES: Duration = Duration::from_secs(600);
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The application's proof. Shown by `Debug` without its secrets.
#[derive(Debug, Clone)]
pub enum Credential {
    /// The value of a client secret: the Application Key.
    Secret(SecretString),
    /// A certificate registered with the application, and its private key.
    Certificate(ClientCertificate),
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// No certificate in the text, or a broken one.
    #[error("the text holds no readable PEM certificate")]
    NoCertificate,
    /// No private key in the text, or an encrypted or broken one.
    #[error("the text holds no readable, unencrypted PEM private key")]
    NoKey,
    /// Not RSA, or too short or long.
    #[error("the private key is not an RSA key of 2048 to 8192 bits")]
    NotRsa,
    /// Key and certificate belong to different pairs.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
}

/// A certificate and its RSA key.
#[derive(Clone)]
pub struct ClientCertificate {
    thumbprint: String,
    not_after: Timestamp,
    key: Arc<EncodingKey>,
}

impl ClientCertificate {
    /// Reads a PEM text that holds the certificate and its private key
    /// (PKCS #8 or PKCS #1), in any order. The first certificate counts.
    pub fn from_pem(pem: &str) -> Result<Self, CredentialError> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| CredentialError::NoCertificate)?;
        let key =
            PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| CredentialError::NoKey)?;
        let (pair, encoding_key) = match &key {
            PrivateKeyDer::Pkcs8(der) => (
                rsa::KeyPair::from_pkcs8(der.secret_pkcs8_der()),
                EncodingKey::from_rsa_pem(section(pem, "PRIVATE KEY").as_bytes()),
            ),
            PrivateKeyDer::Pkcs1(der) => (
                rsa::KeyPair::from_der(der.secret_pkcs1_der()),
                Ok(EncodingKey::from_rsa_der(der.secret_pkcs1_der())),
            ),
            _ => return Err(CredentialError::NotRsa),
        };
        let pair = pair.map_err(|_| CredentialError::NotRsa)?;
        let encoding_key = encoding_key.map_err(|_| CredentialError::NotRsa)?;
        if !holds(
            &certificate,
            aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref(),
        ) {
            return Err(CredentialError::Mismatch);
        }
        let not_after =
            certificate_dates::not_after(&certificate).ok_or(CredentialError::NoCertificate)?;
        Ok(Self {
            thumbprint: URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)),
            not_after,
            key: Arc::new(encoding_key),
        })
    }

    /// The SHA-256 thumbprint, base64url.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// When the certificate runs out.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// A signed assertion for one token request to `endpoint`.
    fn assertion(
        &self,
        environment: &Environment,
        application_id: Uuid,
        endpoint: &str,
    ) -> Result<SecretString, jsonwebtoken::errors::Error> {
        let now = environment.now();
        let application_id = application_id.to_string();
        let claims = Claims {
            aud: endpoint,
            iss: &application_id,
            sub: &application_id,
            jti: environment.uuid().to_string(),
            nbf: now.as_second() - SKEW.as_secs().cast_signed(),
            iat: now.as_second(),
            exp: later(now, ASSERTION_LIVES).as_second(),
        };
        let mut header = Header::new(Algorithm::PS256);
        header.x5t_s256 = Some(self.thumbprint.clone());
        jsonwebtoken::encode(&header, &claims, &self.key).map(SecretString::from)
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: i64,
    iat: i64,
    exp: i64,
}

/// The part of a PEM text under `label`; the library reads the first part only.
fn section<'a>(pem: &'a str, label: &str) -> &'a str {
    let begin = format!("-----BEGIN {label}-----");
    pem.find(&begin).map_or("", |start| &pem[start..])
}

/// The public key stands byte for byte inside the certificate that is for it.
fn holds(certificate: &[u8], public_key: &[u8]) -> bool {
    !public_key.is_empty()
        && certificate
            .windows(public_key.len())
            .any(|window| window == public_key)
}

impl Credential {
    /// The form fields that prove who asks `endpoint`.
    pub(crate) fn form(
        &self,
        environment: &Environment,
        application_id: Uuid,
        endpoint: &str,
    ) -> Result<Vec<(&'static str, SecretString)>, jsonwebtoken::errors::Error> {
        Ok(match self {
            Self::Secret(secret) => vec![("client_secret", secret.clone())],
            Self::Certificate(certificate) => {
                let assertion = certificate.assertion(environment, application_id, endpoint)?;
                vec![
                    ("client_assertion_type", ASSERTION_TYPE.into()),
                    ("client_assertion", assertion),
                ]
            }
        })
    }
}

impl PartialEq for Credential {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Secret(one), Self::Secret(two)) => one.expose_secret() == two.expose_secret(),
            (Self::Certificate(one), Self::Certificate(two)) => one.thumbprint == two.thumbprint,
            _ => false,
        }
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("thumbprint", &self.thumbprint)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
