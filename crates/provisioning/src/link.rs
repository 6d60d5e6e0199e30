//! The bond between a directory person and a record.
//!
//! After the first match a person is known by (tenant id, object id), never by
//! email again. The link also keeps what was applied last, which makes
//! "changed since last applied" a comparison instead of an event.

use serde::{Deserialize, Deserializer, Serialize};

use crate::field::{Field, Value};
use crate::ids::{ObjectId, RecordId, RuleId, TenantId};

/// What a link may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkRole {
    /// Writes the record.
    Primary,
    /// Another account of the same person: signs in, never writes.
    Secondary,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The person's tenant.
    pub tenant_id: TenantId,
    /// The person's object id there.
    pub object_id: ObjectId,
    /// Primary or secondary.
    pub role: LinkRole,
    /// The record the person is now.
    pub record_id: RecordId,
    /// The archived record of the other kind, which can come back.
    pub archived_id: Option<RecordId>,
    /// What was applied last.
    pub applied: Applied,
    /// What an undo took back: not done again while this stays the same.
    pub suppressed: Option<Basis>,
}

/// What a plan was made from: when it is equal, there is nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Basis {
    /// The version of the person in the mirror.
    pub person_version: i64,
    /// A hash over everything else that decides: the winning rule and its
    /// contents, presence, enabled, settings.
    pub stance: String,
}

/// What was applied last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Applied {
    /// From what.
    #[serde(flatten)]
    pub basis: Basis,
    /// The winning rule then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<RuleId>,
    /// Its version then.
    #[serde(default)]
    pub rule_version: i64,
    /// The values the directory gave then: the merge base. A record's field
    /// that differs from it was edited here.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "values"
    )]
    pub values: Vec<(Field, Option<Value>)>,
}

fn values<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(Field, Option<Value>)>, D::Error> {
    let mut values = Vec::<(Field, Option<Value>)>::deserialize(deserializer)?;
    for (field, value) in &mut values {
        *value = value.take().map(|value| value.typed(*field));
    }
    Ok(values)
}

impl Applied {
    /// The value the directory gave for a field then.
    pub fn value(&self, field: Field) -> Option<&Option<Value>> {
        self.values
            .iter()
            .find(|(known, _)| *known == field)
            .map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_looks_like_an_id_comes_back_as_text() {
        let guid = "550e8400-e29b-41d4-a716-446655440000";
        let applied = Applied {
            values: vec![
                (Field::EmployeeId, Some(guid.into())),
                (Field::Manager, Some(Value::Id(guid.parse().unwrap()))),
                (Field::JobTitle, None),
            ],
            ..Applied::default()
        };
        let text = serde_json::to_string(&applied).unwrap();
        assert_eq!(serde_json::from_str::<Applied>(&text).unwrap(), applied);
    }
}
