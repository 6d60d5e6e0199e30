//! Keys that sign id_tokens: at least two published, in no particular order, and rolled without notice.
//! Knows nothing of claims. RSA keys are costly to make, so emulators in one process draw on one pool; which of its keys
//! an emulator uses has no bearing on behaviour, a client sees them as opaque.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};

/// Keys still published after a roll.
const PUBLISHED: usize = 3;

static POOL: Mutex<Vec<Arc<SigningKey>>> = Mutex::new(Vec::new());

/// Why no key could be made or used.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyError {
    #[error("the RSA key could not be made")]
    Generate(#[from] aws_lc_rs::error::Unspecified),
    #[error("the token could not be signed: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

struct SigningKey {
    id: String,
    modulus: String,
    exponent: String,
    encoding: EncodingKey,
}

impl SigningKey {
    fn generate() -> Result<Self, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048)?;
        let der: Pkcs8V1Der<'_> = pair.as_der()?;
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_ref())
        );
        let public = pair.public_key();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Ok(Self {
            id: encode(
                digest::digest(&digest::SHA256, public.as_ref())
                    .as_ref()
                    .split_at(20)
                    .0,
            ),
            modulus: encode(public.modulus().big_endian_without_leading_zero()),
            exponent: encode(public.exponent().big_endian_without_leading_zero()),
            encoding: EncodingKey::from_rsa_pem(pem.as_bytes())?,
        })
    }
}

/// The keys of one emulator; the first signs.
#[derive(Default)]
pub(super) struct Keys {
    published: Vec<Arc<SigningKey>>,
    drawn: usize,
}

impl Keys {
    /// Signs with the key in use; RS256.
    ///
    /// # Errors
    /// When no key could be made or used.
    pub(super) fn sign(&mut self, claims: &Map<String, Value>) -> Result<String, KeyError> {
        self.fill()?;
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.published[0].id.clone());
        Ok(jsonwebtoken::encode(
            &header,
            claims,
            &self.published[0].encoding,
        )?)
    }

    /// The JWKS; every key is bound to `issuer`, which may hold the template `{tenantid}`.
    ///
    /// # Errors
    /// When no key could be made.
    pub(super) fn jwks(&mut self, issuer: &str, chance: u8) -> Result<Value, KeyError> {
        self.fill()?;
        let mut keys: Vec<_> = self
            .published
            .iter()
            .map(|key| {
                json!({
                    "kty": "RSA", "use": "sig", "kid": key.id, "x5t": key.id,
                    "n": key.modulus, "e": key.exponent, "issuer": issuer,
                })
            })
            .collect();
        let shift = usize::from(chance) % keys.len();
        keys.rotate_left(shift);
        Ok(json!({ "keys": keys }))
    }

    /// A key never published before signs from now on; the last ones stay published.
    ///
    /// # Errors
    /// When no key could be made.
    pub(super) fn roll(&mut self) -> Result<(), KeyError> {
        self.fill()?;
        let fresh = self.draw()?;
        self.published.insert(0, fresh);
        self.published.truncate(PUBLISHED);
        Ok(())
    }

    fn fill(&mut self) -> Result<(), KeyError> {
        while self.published.len() < 2 {
            let key = self.draw()?;
            self.published.push(key);
        }
        Ok(())
    }

    fn draw(&mut self) -> Result<Arc<SigningKey>, KeyError> {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() == self.drawn {
            pool.push(Arc::new(SigningKey::generate()?));
        }
        let key = Arc::clone(&pool[self.drawn]);
        self.drawn += 1;
        Ok(key)
    }
}
