//! Page and delta tokens: opaque to clients, and refused when a client altered them.
//! A token is its content followed by a keyed BLAKE3 hash, in base64url.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

const SEAL: usize = 16;

/// Makes and opens tokens.
pub(crate) struct Signer {
    key: [u8; 32],
    /// Grows with every reset, so that no token outlives one.
    epoch: AtomicU64,
}

impl Signer {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            key: blake3::derive_key("graph-emulator page tokens", &seed.to_le_bytes()),
            epoch: AtomicU64::new(0),
        }
    }

    /// Every token made so far is refused from now on.
    pub(crate) fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }

    fn seal(&self, content: &[u8]) -> [u8; SEAL] {
        let hash = blake3::Hasher::new_keyed(&self.key)
            .update(&self.epoch.load(Ordering::Relaxed).to_le_bytes())
            .update(content)
            .finalize();
        let mut seal = [0; SEAL];
        seal.copy_from_slice(&hash.as_bytes()[..SEAL]);
        seal
    }

    pub(crate) fn sign(&self, content: &impl Serialize) -> String {
        // The contents are structs of numbers and texts, which always serialize.
        let mut token = serde_json::to_vec(content).unwrap_or_default();
        let seal = self.seal(&token);
        token.extend_from_slice(&seal);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The content of a token; `None` for anything this emulator did not make.
    pub(crate) fn open<T: DeserializeOwned>(&self, token: &str) -> Option<T> {
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (content, seal) = token.split_at(token.len().checked_sub(SEAL)?);
        (self.seal(content) == seal).then(|| serde_json::from_slice(content).ok())?
    }

    /// A short fingerprint of a request's options, to bind a token to them.
    pub(crate) fn fingerprint(&self, parts: &[&str]) -> u64 {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in parts {
            hasher
                .update(&(part.len() as u64).to_le_bytes())
                .update(part.as_bytes());
        }
        let mut number = [0; 8];
        number.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        u64::from_le_bytes(number)
    }
}
