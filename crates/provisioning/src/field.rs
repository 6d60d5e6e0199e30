//! The fields of a PSA record that a plan can change, and their values.
//!
//! One list for create, update, archive, restore and undo: a change is always
//! (field, old, new), so the inverse of a change is its mirror image.

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::ser::{SerializeTuple, Serializer};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::psa::Kind;

/// A field of an employee or contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// First name.
    FirstName,
    /// Last name.
    LastName,
    /// Username, unique among all records.
    Username,
    /// Email; of a contact the default address.
    Email,
    /// Phone; of a contact the number of the default row.
    Phone,
    /// Mobile phone (employees; contacts keep it as a row).
    MobilePhone,
    /// Job title.
    JobTitle,
    /// Department (employees).
    Department,
    /// Location (employees).
    Location,
    /// Manager, a record id (employees).
    #[serde(rename = "manager_id")]
    Manager,
    /// Employment type (employees).
    EmploymentType,
    /// Employee number (employees).
    EmployeeId,
    /// Billing roles (employees).
    EmployeeRoles,
    /// Rights.
    SecurityRoles,
    /// Company (contacts).
    #[serde(rename = "account_id")]
    Account,
    /// Active, inactive or archived.
    Status,
    /// Whether the person may sign in.
    Access,
    /// Why not, in a code.
    AccessReason,
    /// Whether the sync made the record inactive, so that it may undo it.
    DeactivatedBySync,
    /// Username before archiving.
    OriginalUsername,
    /// Email before archiving.
    OriginalEmail,
}

impl Field {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 21] = [
        Self::FirstName,
        Self::LastName,
        Self::Username,
        Self::Email,
        Self::Phone,
        Self::MobilePhone,
        Self::JobTitle,
        Self::Department,
        Self::Location,
        Self::Manager,
        Self::EmploymentType,
        Self::EmployeeId,
        Self::EmployeeRoles,
        Self::SecurityRoles,
        Self::Account,
        Self::Status,
        Self::Access,
        Self::AccessReason,
        Self::DeactivatedBySync,
        Self::OriginalUsername,
        Self::OriginalEmail,
    ];

    /// The name in JSON, SQL and policies.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Username => "username",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::MobilePhone => "mobile_phone",
            Self::JobTitle => "job_title",
            Self::Department => "department",
            Self::Location => "location",
            Self::Manager => "manager_id",
            Self::EmploymentType => "employment_type",
            Self::EmployeeId => "employee_id",
            Self::EmployeeRoles => "employee_roles",
            Self::SecurityRoles => "security_roles",
            Self::Account => "account_id",
            Self::Status => "status",
            Self::Access => "access",
            Self::AccessReason => "access_reason",
            Self::DeactivatedBySync => "deactivated_by_sync",
            Self::OriginalUsername => "original_username",
            Self::OriginalEmail => "original_email",
        }
    }

    /// The path in the API's record of this kind.
    pub fn path(self, kind: Kind) -> &'static str {
        match (kind, self) {
            (Kind::Contact, Self::Phone) => "phones[default].number",
            (Kind::Contact, Self::Email) => "emails[default].address",
            (Kind::Contact, Self::MobilePhone) => "phones[mobile].number",
            (_, field) => field.name(),
        }
    }

    /// The field with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// The value of a field. Blank is no value. In JSON it is the value itself: a
/// boolean, a string, a list of strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// An id of ours.
    Id(Uuid),
    /// Text.
    Text(String),
    /// A set of names, sorted.
    Names(Vec<String>),
}

impl Value {
    /// The value as a person reads it.
    pub fn show(&self) -> String {
        match self {
            Self::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
            Self::Id(id) => id.to_string(),
            Self::Text(text) => text.clone(),
            Self::Names(names) => names.join(", "),
        }
    }

    /// The value as this field has it: a text that looks like an id is read as
    /// one, and only the field tells.
    #[must_use]
    pub fn typed(self, field: Field) -> Self {
        match self {
            Self::Id(id) if !matches!(field, Field::Manager | Field::Account) => {
                Self::Text(id.to_string())
            }
            value => value,
        }
    }

    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Written by hand: derived, each kind would be tried in turn with an error made
/// for each that it is not, for ten values of every person of a first sync.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean, a string or a list of strings")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(id_of(&text).map_or(Value::Text(text), Value::Id))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(Value::Names)
    }
}

/// An id as ids are written here; one written otherwise is text that stays as it
/// is.
fn id_of(text: &str) -> Option<Uuid> {
    if text.len() != Hyphenated::LENGTH {
        return None;
    }
    let id = Uuid::try_parse(text).ok()?;
    let mut written = Uuid::encode_buffer();
    (id.hyphenated().encode_lower(&mut written) == text).then_some(id)
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// One field's change. Stored as `[field, old, new]`, since a first sync
/// stores ten of them for each person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Which field.
    pub field: Field,
    /// Its value before.
    pub old: Option<Value>,
    /// Its value after.
    pub new: Option<Value>,
}

impl FieldChange {
    /// The change that takes this one back.
    #[must_use]
    pub fn inverse(self) -> Self {
        Self {
            field: self.field,
            old: self.new,
            new: self.old,
        }
    }
}

impl Serialize for FieldChange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(3)?;
        tuple.serialize_element(&self.field)?;
        tuple.serialize_element(&self.old)?;
        tuple.serialize_element(&self.new)?;
        tuple.end()
    }
}

impl<'de> Deserialize<'de> for FieldChange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (field, old, new) = <(Field, Option<Value>, Option<Value>)>::deserialize(deserializer)?;
        let (old, new) = (old.map(|v| v.typed(field)), new.map(|v| v.typed(field)));
        if old == new {
            return Err(D::Error::custom("a change from a value to itself"));
        }
        Ok(Self { field, old, new })
    }
}

/// The names of a set, sorted and without repeats; no names is no value.
pub fn names(list: impl IntoIterator<Item = String>) -> Option<Value> {
    let mut names: Vec<String> = list.into_iter().collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then_some(Value::Names(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name() {
        for field in Field::ALL {
            assert_eq!(Field::from_name(field.name()), Some(field));
            assert_eq!(serde_json::to_value(field).unwrap(), field.name());
        }
    }

    #[test]
    fn a_change_is_three_values_in_json() {
        let change = FieldChange {
            field: Field::LastName,
            old: None,
            new: Some("Vance".into()),
        };
        let text = serde_json::to_string(&change).unwrap();
        assert_eq!(text, r#"["last_name",null,"Vance"]"#);
        assert_eq!(serde_json::from_str::<FieldChange>(&text).unwrap(), change);
        assert!(serde_json::from_str::<FieldChange>(r#"["last_name","a","a"]"#).is_err());
    }

    #[test]
    fn a_value_comes_back_as_it_was() {
        let id = "550e8400-e29b-41d4-a716-446655440000";
        let table = [
            (Field::Access, Value::Flag(true)),
            (Field::Manager, Value::Id(id.parse().unwrap())),
            (Field::LastName, Value::from(id)),
            (
                Field::LastName,
                Value::from("550E8400-E29B-41D4-A716-446655440000"),
            ),
            (
                Field::LastName,
                Value::from("550e8400e29b41d4a716446655440000"),
            ),
            (Field::SecurityRoles, Value::Names(vec!["User".to_owned()])),
        ];
        for (field, value) in table {
            let change = FieldChange {
                field,
                old: None,
                new: Some(value),
            };
            let text = serde_json::to_string(&change).unwrap();
            assert_eq!(serde_json::from_str::<FieldChange>(&text).unwrap(), change);
        }
        for wrong in ["1", "{}", "[1]", r#"[["a"]]"#] {
            assert!(serde_json::from_str::<Value>(wrong).is_err(), "{wrong}");
        }
    }
}
