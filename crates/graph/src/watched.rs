//! Properties of a person that are read only to notice that they changed.
//!
//! Keeps hashes, no values: what nobody uses is not kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::field::Field;

/// Properties read only to notice that they changed, by their names in Graph.
pub(crate) const WATCHED: [&str; 17] = [
    "city",
    "state",
    "country",
    "postalCode",
    "streetAddress",
    "mailNickname",
    "employeeHireDate",
    "externalUserStateChangeDateTime",
    "onPremisesUserPrincipalName",
    "onPremisesDomainName",
    "onPremisesDistinguishedName",
    "faxNumber",
    "ageGroup",
    "consentProvidedForMinor",
    "passwordPolicies",
    "employeeOrgData",
    "onPremisesExtensionAttributes",
];

/// Hashes of properties that are read only to notice that they changed; their
/// values are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, u64>", into = "BTreeMap<String, u64>")]
pub struct Watched([Option<u64>; WATCHED.len()]);

impl Watched {
    /// The hash of an empty property; `None` is one that was not told.
    const NULL: u64 = 0;

    /// From the hashes of the properties, in the order of [`WATCHED`].
    pub(crate) fn of(hashes: [Field<u64>; WATCHED.len()]) -> Self {
        Self(hashes.map(|hash| match hash {
            Field::Absent => None,
            Field::Null => Some(Self::NULL),
            Field::Value(hash) => Some(hash),
        }))
    }

    pub(crate) fn overlay(&mut self, newer: Self) {
        for (known, newer) in self.0.iter_mut().zip(newer.0) {
            *known = newer.or(*known);
        }
    }

    /// Names and hashes of the properties that are not empty.
    pub(crate) fn present(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.known().filter(|(_, hash)| *hash != Self::NULL)
    }

    fn known(&self) -> impl Iterator<Item = (&'static str, u64)> {
        WATCHED
            .into_iter()
            .zip(self.0)
            .filter_map(|(name, hash)| Some((name, hash?)))
    }
}

/// FNV-1a: quick for short texts, and the same in every version and machine.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

impl From<BTreeMap<String, u64>> for Watched {
    fn from(stored: BTreeMap<String, u64>) -> Self {
        Self(WATCHED.map(|name| stored.get(name).copied()))
    }
}

impl From<Watched> for BTreeMap<String, u64> {
    fn from(watched: Watched) -> Self {
        watched
            .known()
            .map(|(name, hash)| (name.to_owned(), hash))
            .collect()
    }
}
