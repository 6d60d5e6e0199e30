//! The hash of what was read of a person: equal as long as nothing changed.
//!
//! Does not know which properties there are.

use jiff::Timestamp;
use uuid::Uuid;

use crate::person::Identity;

/// What is hashed, gathered first: hashing once is faster than piece by piece.
pub(crate) struct Fingerprint(Vec<u8>);

impl Fingerprint {
    pub(crate) fn new(id: Uuid) -> Self {
        let mut gathered = Vec::with_capacity(1024);
        gathered.extend_from_slice(id.as_bytes());
        Self(gathered)
    }

    pub(crate) fn property(&mut self, name: &str, value: &impl Printed) {
        if value.is_blank() {
            return;
        }
        self.bytes(name.as_bytes());
        value.print(self);
    }

    pub(crate) fn finish(&self) -> [u8; 32] {
        blake3::hash(&self.0).into()
    }

    // The length goes first, so that no two lists of texts look alike. In one
    // byte where it can: most people are hashed in one chunk of 1,024 then, at
    // half the cost of two.
    fn bytes(&mut self, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(length) if length < u8::MAX => self.0.push(length),
            _ => {
                self.0.push(u8::MAX);
                self.0
                    .extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            }
        }
        self.0.extend_from_slice(bytes);
    }
}

/// A value that can be part of a fingerprint.
pub(crate) trait Printed {
    /// Whether it says no more than null does.
    fn is_blank(&self) -> bool {
        false
    }

    fn print(&self, print: &mut Fingerprint);
}

impl Printed for String {
    fn print(&self, print: &mut Fingerprint) {
        print.bytes(self.as_bytes());
    }
}

impl Printed for bool {
    fn print(&self, print: &mut Fingerprint) {
        print.bytes(&[u8::from(*self)]);
    }
}

impl Printed for u64 {
    fn print(&self, print: &mut Fingerprint) {
        print.bytes(&self.to_le_bytes());
    }
}

impl Printed for Uuid {
    fn print(&self, print: &mut Fingerprint) {
        print.bytes(self.as_bytes());
    }
}

impl Printed for Timestamp {
    fn print(&self, print: &mut Fingerprint) {
        print.bytes(&self.as_nanosecond().to_le_bytes());
    }
}

impl Printed for Identity {
    fn print(&self, print: &mut Fingerprint) {
        for part in [&self.sign_in_type, &self.issuer, &self.issuer_assigned_id] {
            print.bytes(&[u8::from(part.is_some())]);
            print.bytes(part.as_deref().unwrap_or_default().as_bytes());
        }
    }
}

impl<T: Printed + Ord> Printed for Vec<T> {
    fn is_blank(&self) -> bool {
        self.is_empty()
    }

    fn print(&self, print: &mut Fingerprint) {
        let mut sorted: Vec<&T> = self.iter().collect();
        sorted.sort_unstable();
        print.bytes(&(sorted.len() as u64).to_le_bytes());
        for item in sorted {
            item.print(print);
        }
    }
}
