//! What earlier decisions of the same plan have taken: usernames and addresses
//! that the database does not show yet.
//!
//! Keeps 64-bit hashes, so that a million people cost tens of megabytes. Two
//! names that hash alike would make one of them carry a suffix it did not
//! need, once in some ten million plans of a million people.

use std::collections::HashSet;

use crate::ids::RecordId;

/// Names and addresses claimed by this plan.
#[derive(Debug, Default)]
pub struct Claims {
    usernames: HashSet<u64>,
    emails: HashSet<u64>,
    records: HashSet<RecordId>,
    readdressed: HashSet<RecordId>,
    /// Administrators this plan takes away so far.
    pub administrators_lost: u64,
}

fn short(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    hash.as_bytes()[..8]
        .try_into()
        .map_or(0, u64::from_le_bytes)
}

impl Claims {
    /// Whether the folded username is claimed.
    pub fn has_username(&self, folded: &str) -> bool {
        self.usernames.contains(&short(folded))
    }

    /// Claims a folded username.
    pub fn claim_username(&mut self, folded: &str) {
        self.usernames.insert(short(folded));
    }

    /// Whether the address key is claimed.
    pub fn has_email(&self, key: &str) -> bool {
        self.emails.contains(&short(key))
    }

    /// Claims an address key.
    pub fn claim_email(&mut self, key: &str) {
        self.emails.insert(short(key));
    }

    /// Whether somebody of this plan is merged into the record.
    pub fn has_record(&self, id: RecordId) -> bool {
        self.records.contains(&id)
    }

    /// Claims a record for one person.
    pub fn claim_record(&mut self, id: RecordId) {
        self.records.insert(id);
    }

    /// Whether this plan gives the record another address.
    pub fn is_readdressed(&self, id: RecordId) -> bool {
        self.readdressed.contains(&id)
    }

    /// Notes that the record gives its address up.
    pub fn note_readdressed(&mut self, id: RecordId) {
        self.readdressed.insert(id);
    }
}
