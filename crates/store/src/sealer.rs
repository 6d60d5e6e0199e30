//! Sealing of secrets: XChaCha20-Poly1305 with the purpose and the owner as
//! associated data, so that a ciphertext copied to another row does not open.
//!
//! The master key only wraps data keys; data keys seal secrets. Randomness is
//! a parameter. Nothing here shows a key in `Debug`.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretBox, SecretSlice};
use uuid::Uuid;

use crate::error::{Result, StoreError};

const NONCE: usize = 24;

/// A source of randomness fit for keys.
pub trait Random: Send + Sync {
    /// Fills the whole buffer.
    fn fill(&self, buffer: &mut [u8]);
}

impl<F: Fn(&mut [u8]) + Send + Sync> Random for F {
    fn fill(&self, buffer: &mut [u8]) {
        self(buffer);
    }
}

/// Holds the master key.
pub struct Sealer {
    master: SecretBox<[u8; 32]>,
    key_id: String,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({})", self.key_id)
    }
}

/// A data key in the open, for as long as one secret is handled.
pub(crate) struct DataKey(SecretBox<[u8; 32]>);

/// What is stored of a secret.
pub(crate) struct Sealed {
    pub(crate) nonce: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
}

impl Sealer {
    /// A sealer with this master key.
    pub fn new(master: SecretBox<[u8; 32]>) -> Self {
        let digest = blake3::derive_key("rollcall master key id", master.expose_secret());
        let key_id = digest[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self { master, key_id }
    }

    /// Tells master keys apart without giving them away.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// A code that only holders of the master key can make, the same in all
    /// their processes: 80 bits as four groups of letters and digits.
    pub fn code(&self, purpose: &str) -> String {
        // Crockford's alphabet: nothing in it is taken for something else.
        const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let key = self.derived("rollcall codes for people");
        let hash = blake3::keyed_hash(key.0.expose_secret(), purpose.as_bytes());
        let letters = hash.as_bytes()[..16].iter().map(|byte| {
            let letter = LETTERS[usize::from(byte % 32)];
            char::from(letter)
        });
        let letters: Vec<char> = letters.collect();
        let groups = letters.chunks(4).map(|group| group.iter().collect());
        groups.collect::<Vec<String>>().join("-")
    }

    /// Seals something short-lived under the master key itself.
    pub fn seal(
        &self,
        random: &impl Random,
        purpose: &str,
        owner: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>> {
        let sealed = self.direct().seal(random, purpose, owner, plain)?;
        Ok([sealed.nonce, sealed.ciphertext].concat())
    }

    /// Opens what [`Sealer::seal`] made.
    pub fn open(&self, purpose: &str, owner: &[u8], sealed: &[u8]) -> Result<SecretSlice<u8>> {
        let (nonce, ciphertext) = split(sealed)?;
        self.direct().open(purpose, owner, nonce, ciphertext)
    }

    /// A new data key, and its wrapped form.
    pub(crate) fn make_data_key(
        &self,
        random: &impl Random,
        id: Uuid,
    ) -> Result<(DataKey, Vec<u8>)> {
        let mut key = DataKey(SecretBox::new(Box::new([0; 32])));
        random.fill(secrecy::ExposeSecretMut::expose_secret_mut(&mut key.0));
        let wrapped = self.wrap(random, id, &key)?;
        Ok((key, wrapped))
    }

    /// The stored form of a data key.
    pub(crate) fn wrap(&self, random: &impl Random, id: Uuid, key: &DataKey) -> Result<Vec<u8>> {
        let plain = key.0.expose_secret();
        let sealed = self
            .wrapping()
            .seal(random, "data key", id.as_bytes(), plain)?;
        Ok([sealed.nonce, sealed.ciphertext].concat())
    }

    /// A data key in the open.
    pub(crate) fn unwrap(&self, id: Uuid, key_id: &str, wrapped: &[u8]) -> Result<DataKey> {
        if key_id != self.key_id {
            return Err(StoreError::Sealed("it was sealed under another master key"));
        }
        let (nonce, ciphertext) = split(wrapped)?;
        let wrapping = self.wrapping();
        let plain = wrapping.open("data key", id.as_bytes(), nonce, ciphertext)?;
        let mut key = [0; 32];
        if plain.expose_secret().len() != key.len() {
            return Err(StoreError::Sealed("its data key has a wrong length"));
        }
        key.copy_from_slice(plain.expose_secret());
        Ok(DataKey(SecretBox::new(Box::new(key))))
    }

    fn direct(&self) -> DataKey {
        self.derived("rollcall sealing of short-lived payloads")
    }

    fn wrapping(&self) -> DataKey {
        self.derived("rollcall wrapping of data keys")
    }

    fn derived(&self, context: &str) -> DataKey {
        let key = blake3::derive_key(context, self.master.expose_secret());
        DataKey(SecretBox::new(Box::new(key)))
    }
}

impl DataKey {
    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.0.expose_secret()))
    }

    pub(crate) fn seal(
        &self,
        random: &impl Random,
        purpose: &str,
        owner: &[u8],
        plain: &[u8],
    ) -> Result<Sealed> {
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce);
        let aad = associated(purpose, owner);
        let payload = Payload {
            msg: plain,
            aad: &aad,
        };
        let ciphertext = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| StoreError::Sealed("it cannot be sealed"))?;
        Ok(Sealed {
            nonce: nonce.to_vec(),
            ciphertext,
        })
    }

    pub(crate) fn open(
        &self,
        purpose: &str,
        owner: &[u8],
        nonce: &[u8],
        ciphertext: &[u8],
    ) -> Result<SecretSlice<u8>> {
        let nonce: [u8; NONCE] = nonce
            .try_into()
            .map_err(|_| StoreError::Sealed("its nonce has a wrong length"))?;
        let aad = associated(purpose, owner);
        let payload = Payload {
            msg: ciphertext,
            aad: &aad,
        };
        let plain = self.cipher().decrypt(&XNonce::from(nonce), payload);
        plain.map(SecretSlice::from).map_err(|_| {
            StoreError::Sealed("it does not belong here, was changed, or the master key is wrong")
        })
    }
}

/// Purposes hold no NUL, so the two parts cannot be shifted into one another.
fn associated(purpose: &str, owner: &[u8]) -> Vec<u8> {
    [purpose.as_bytes(), &[0], owner].concat()
}

fn split(sealed: &[u8]) -> Result<(&[u8], &[u8])> {
    sealed
        .split_at_checked(NONCE)
        .ok_or(StoreError::Sealed("it is too short"))
}
