//! A plan as a whole: its hash and its counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::action::{ActionKind, Decision};

/// How many people each kind of action touches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts(pub BTreeMap<ActionKind, u64>);

impl Counts {
    /// How many of one kind.
    pub fn of(&self, kind: ActionKind) -> u64 {
        self.0.get(&kind).copied().unwrap_or(0)
    }

    /// Everything.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// How often something is taken away: a record closed, access withdrawn.
    pub fn losses(&self) -> u64 {
        let losses = self.0.iter().filter(|(kind, _)| kind.is_loss());
        losses.map(|(_, count)| count).sum()
    }

    /// Counts one decision.
    pub fn add(&mut self, decision: &Decision) {
        for action in &decision.actions {
            *self.0.entry(action.kind).or_default() += 1;
        }
    }
}

/// Builds a plan's hash and counts while its decisions stream by. The hash is
/// a sum over decisions, so it does not depend on their order.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Counts by action.
    pub counts: Counts,
    /// Decisions with at least one action.
    pub people: u64,
    /// Of these, those who keep their access and lose a security role.
    pub roles_lost: u64,
    sum: [u64; 4],
}

impl Tally {
    /// Takes one decision in.
    pub fn add(&mut self, decision: &Decision) {
        if !decision.is_visible() {
            return;
        }
        self.counts.add(decision);
        self.people += 1;
        self.roles_lost += u64::from(decision.loses_roles());
        let hash = decision.hash();
        for (word, chunk) in self.sum.iter_mut().zip(hash.as_bytes().chunks_exact(8)) {
            let chunk = chunk.try_into().map_or(0, u64::from_le_bytes);
            *word = word.wrapping_add(chunk);
        }
    }

    /// How many people lose something: access, the record's being active, or a
    /// security role.
    pub fn losses(&self) -> u64 {
        self.counts.losses() + self.roles_lost
    }

    /// The plan's hash, in hex. A plan that does nothing has one too.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.people.to_le_bytes());
        for word in self.sum {
            hasher.update(&word.to_le_bytes());
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }
}
