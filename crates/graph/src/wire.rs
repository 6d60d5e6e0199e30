//! Graph's JSON, as far as the connector reads it.
//!
//! Texts are borrowed from the answer and turned into the connector's own
//! types item by item, so that a page is held once. Whatever does not have the
//! documented outline is refused; unknown properties are skipped. Does not
//! know requests.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use crate::field::Field;

/// What is wrong with an answer: the property, and where. Holds no values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) what: String,
    /// The answer ends too early, so that asking again may help.
    pub(crate) is_cut_short: bool,
}

impl Malformed {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            is_cut_short: false,
        }
    }
}

/// Reads one JSON document.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Malformed> {
    // Checking UTF-8 once over the whole page is faster than per string.
    let text = std::str::from_utf8(body).map_err(|error| Malformed {
        what: format!("it is not UTF-8 at byte {}", error.valid_up_to()),
        is_cut_short: error.error_len().is_none(),
    })?;
    serde_json::from_str(text).map_err(|error| Malformed {
        what: without_values(&error.to_string()),
        is_cut_short: error.is_eof(),
    })
}

/// Values stand in double quotes in serde's messages; names in backticks.
fn without_values(message: &str) -> String {
    let mut parts = message.split('"');
    let first = parts.next().unwrap_or_default().to_owned();
    match parts.next_back() {
        Some(last) => format!("{first}…{last}"),
        None => first,
    }
}

/// A text borrowed from the answer unless it holds escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0.into_owned()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// A type of ours that is made from one JSON item.
pub(crate) trait FromWire<'a>: Sized {
    /// The outline of the item.
    type Wire: Deserialize<'a>;

    /// Ours, or what is wrong with the item.
    fn from_wire(wire: Self::Wire) -> Result<Self, Malformed>;
}

/// An item converted while the page is parsed.
#[derive(Debug)]
pub(crate) struct Item<T>(pub(crate) T);

impl<'de, T: FromWire<'de>> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = T::Wire::deserialize(deserializer)?;
        T::from_wire(wire)
            .map(Item)
            .map_err(|error| D::Error::custom(error.what))
    }
}

/// A collection page. Without a `value` list it is malformed, never empty.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: FromWire<'de>"))]
pub(crate) struct WirePage<'a, T> {
    #[serde(rename = "@odata.nextLink", borrow, default)]
    pub(crate) next_link: Option<Text<'a>>,
    #[serde(rename = "@odata.deltaLink", borrow, default)]
    pub(crate) delta_link: Option<Text<'a>>,
    #[serde(rename = "@odata.count", default)]
    pub(crate) count: Option<u64>,
    value: Vec<Item<T>>,
}

impl<T> WirePage<'_, T> {
    pub(crate) fn into_items(self) -> Vec<T> {
        self.value.into_iter().map(|item| item.0).collect()
    }
}

/// `@removed`.
#[derive(Debug, Deserialize)]
pub(crate) struct WireRemoved<'a> {
    #[serde(borrow, default)]
    pub(crate) reason: Option<Text<'a>>,
}

/// A directory object of which only id and kind matter.
#[derive(Debug, Deserialize)]
pub(crate) struct WireRef<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    #[serde(rename = "@odata.type", borrow, default)]
    pub(crate) odata_type: Option<Text<'a>>,
    #[serde(rename = "@removed", borrow, default)]
    pub(crate) removed: Option<WireRemoved<'a>>,
}

/// An object id, or which property does not hold one.
pub(crate) fn uuid(text: &str, property: &str) -> Result<Uuid, Malformed> {
    Uuid::try_parse(text).map_err(|_| Malformed::new(format!("`{property}` is not a GUID")))
}

/// A moment, or which property does not hold one.
pub(crate) fn timestamp(text: &str, property: &str) -> Result<Timestamp, Malformed> {
    text.parse()
        .map_err(|_| Malformed::new(format!("`{property}` is not a time")))
}

pub(crate) fn owned(field: Field<Text<'_>>) -> Field<String> {
    field.map(Text::into_string)
}

pub(crate) fn owned_list(field: Field<Vec<Text<'_>>>) -> Field<Vec<String>> {
    field.map(|list| list.into_iter().map(Text::into_string).collect())
}

#[cfg(test)]
mod tests;
