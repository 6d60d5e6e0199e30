//! Keys that sign id_tokens: at least two published, in no particular order, and rolled without notice.
//! Knows nothing of claims. RSA keys are costly to make, so emulators in one process draw on one pool; which of its keys
//! an emulator uses has no bearing on behaviour, a client sees them as opaque.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// Keys still published after a roll.
const PUBLISHED: usize = 3;

static POOL: Mutex<Vec<Arc<SigningKey>>> = Mutex::new(Vec::new());

/// No key could be made or used.
#[derive(Debug, thiserror::Error)]
#[error("the signing key could not be made or used")]
pub(super) struct KeyError(#[from] Unspecified);

/// A key that signs id_tokens.
pub(super) struct SigningKey {
    id: String,
    modulus: String,
    exponent: String,
    pair: KeyPair,
}

impl SigningKey {
    fn generate() -> Result<Self, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048)?;
        let public = pair.public_key();
        let thumbprint = digest::digest(&digest::SHA256, public.as_ref());
        Ok(Self {
            id: encode(&thumbprint.as_ref()[..20]),
            modulus: encode(public.modulus().big_endian_without_leading_zero()),
            exponent: encode(public.exponent().big_endian_without_leading_zero()),
            pair,
        })
    }

    /// A JWT of `claims`, signed RS256. The parsed key is at hand, so no general JWT encoder is asked to parse it anew
    /// for every token.
    ///
    /// # Errors
    /// When the key cannot be used.
    pub(super) fn sign(&self, claims: Map<String, Value>) -> Result<String, KeyError> {
        let header = json!({ "typ": "JWT", "alg": "RS256", "kid": self.id }).to_string();
        let claims = Value::Object(claims).to_string();
        let message = format!(
            "{}.{}",
            encode(header.as_bytes()),
            encode(claims.as_bytes())
        );
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair.sign(
            &RSA_PKCS1_SHA256,
            &random,
            message.as_bytes(),
            &mut signature,
        )?;
        Ok(format!("{message}.{}", encode(&signature)))
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The keys of one emulator; the first signs.
#[derive(Default)]
pub(super) struct Keys {
    published: Vec<Arc<SigningKey>>,
    drawn: usize,
}

impl Keys {
    /// The key in use.
    ///
    /// # Errors
    /// When no key could be made.
    pub(super) fn current(&mut self) -> Result<Arc<SigningKey>, KeyError> {
        self.fill()?;
        Ok(Arc::clone(&self.published[0]))
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
