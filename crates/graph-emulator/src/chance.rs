//! Chance from one seed: the same emulator asked the same things in the same order gives the same ids and tokens.
//! Not for guarding secrets.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// A stream of bytes from a seed.
pub(crate) struct Chance {
    key: [u8; 32],
    drawn: AtomicU64,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            key: blake3::derive_key("graph-emulator chance", &seed.to_le_bytes()),
            drawn: AtomicU64::new(0),
        }
    }

    /// Fills `out` with the next bytes.
    pub(crate) fn fill(&self, out: &mut [u8]) {
        let turn = self.drawn.fetch_add(1, Ordering::Relaxed);
        blake3::Hasher::new_keyed(&self.key)
            .update(&turn.to_le_bytes())
            .finalize_xof()
            .fill(out);
    }

    /// The next random id (RFC 9562 version 4).
    pub(crate) fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Starts over, as after a reset.
    pub(crate) fn rewind(&self) {
        self.drawn.store(0, Ordering::Relaxed);
    }
}
