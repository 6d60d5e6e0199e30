//! A property read into its hash alone: a text, or an object of texts.
//!
//! Does not know which property it is.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::field::Field;
use crate::watched::hash;
use crate::wire::Text;

/// The hash of a value; `None` for an object in which everything is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hashed(Option<u64>);

impl Hashed {
    /// An object in which everything is empty counts as an empty property.
    pub(crate) fn field(property: Field<Self>) -> Field<u64> {
        match property {
            Field::Absent => Field::Absent,
            Field::Null | Field::Value(Self(None)) => Field::Null,
            Field::Value(Self(Some(hash))) => Field::Value(hash),
        }
    }
}

impl<'de> Deserialize<'de> for Hashed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HashVisitor)
    }
}

struct HashVisitor;

impl<'de> Visitor<'de> for HashVisitor {
    type Value = Hashed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or an object of texts")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Hashed, E> {
        Ok(Hashed(Some(hash(text))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Hashed, A::Error> {
        let mut sum: Option<u64> = None;
        while let Some((name, value)) = map.next_entry::<Text<'de>, Option<Text<'de>>>()? {
            let Some(value) = value else { continue };
            // A sum does not depend on the order of the properties; the name
            // is mixed in so that values cannot change places unnoticed.
            let part = hash(name.as_str()).rotate_left(29) ^ hash(value.as_str());
            sum = Some(sum.unwrap_or(0).wrapping_add(hash(&part.to_string())));
        }
        Ok(Hashed(sum))
    }
}

#[cfg(test)]
mod tests;
