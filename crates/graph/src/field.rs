//! A property as Graph reports it: absent, null, or a value.
//!
//! A delta answer leaves out what was never set or is not told; `null` says
//! that the property is empty now. The two are never mixed up here. Knows
//! nothing of which properties exist.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One property. Use with `#[serde(default, skip_serializing_if = "Field::is_absent")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Field<T> {
    /// The answer did not mention it: nothing is known.
    #[default]
    Absent,
    /// It is empty.
    Null,
    /// It has this value.
    Value(T),
}

impl<T> Field<T> {
    /// The value, when there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The value, when there is one.
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Whether the answer did not mention the property.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The same state with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Self::Absent => Field::Absent,
            Self::Null => Field::Null,
            Self::Value(value) => Field::Value(change(value)),
        }
    }

    /// The same state with another value, or the error of making it.
    pub fn try_map<U, E>(self, change: impl FnOnce(T) -> Result<U, E>) -> Result<Field<U>, E> {
        Ok(match self {
            Self::Absent => Field::Absent,
            Self::Null => Field::Null,
            Self::Value(value) => Field::Value(change(value)?),
        })
    }

    /// Takes over what `newer` knows; an absent property changes nothing.
    pub fn overlay(&mut self, newer: Self) {
        if !newer.is_absent() {
            *self = newer;
        }
    }
}

impl<T: std::ops::Deref> Field<T> {
    /// The value borrowed as what it points to, when there is one.
    pub fn as_deref(&self) -> Option<&T::Target> {
        self.value().map(T::deref)
    }
}

impl<T> From<Option<T>> for Field<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::from)
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
