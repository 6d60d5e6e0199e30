//! JSON bodies in text columns, and enums by their serde names.

use serde::de::value::{Error as NameError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Serialize};

use crate::error::{Result, StoreError};

/// A body for a text column.
pub fn text(value: &impl Serialize) -> Result<String> {
    // Room for what most rows hold, so that it does not grow on the way.
    let mut text = Vec::with_capacity(640);
    let written = serde_json::to_writer(&mut text, value);
    written.map_err(|error| StoreError::unreadable("a value to store", error))?;
    String::from_utf8(text).map_err(|error| StoreError::unreadable("a value to store", error))
}

/// A body for a text column that may be null.
pub fn maybe_text(value: Option<&impl Serialize>) -> Result<Option<String>> {
    value.map(text).transpose()
}

/// A body read back; `what` names it in the error.
pub fn parse<T: DeserializeOwned>(what: &str, body: &str) -> Result<T> {
    serde_json::from_str(body).map_err(|error| StoreError::unreadable(what, error))
}

/// The serde name of a unit variant: the name in JSON is the name in SQL.
pub fn name(value: &impl Serialize) -> Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        Ok(other) => Err(StoreError::corrupt(format!("{other} is not a name"))),
        Err(error) => Err(StoreError::unreadable("a name to store", error)),
    }
}

/// The unit variant with this serde name.
pub fn from_name<'de, T: Deserialize<'de>>(name: &'de str) -> Result<T> {
    let deserializer: StrDeserializer<'de, NameError> = name.into_deserializer();
    T::deserialize(deserializer).map_err(|error| StoreError::unreadable(name, error))
}
