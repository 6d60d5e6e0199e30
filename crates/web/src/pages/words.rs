//! Fields, values and reasons as the forms call them, for timelines, plans and
//! explanations: labels, names instead of ids, codes as sentences. Looks names
//! up; decides nothing.

use std::collections::HashMap;

use provisioning::field::{Field, FieldChange, Value};
use provisioning::ids::{AccountId, RecordId};
use provisioning::psa::Kind;
use provisioning::reason::{AccessReason, Cause};
use store::Db;

use super::people::account_names;
use super::tickets::record_names;
use crate::error::Result;

/// A field's change in words; blank is none.
pub(crate) struct Changed {
    pub(crate) label: &'static str,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
}

/// What changed, and what is said about it in sentences.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) changes: Vec<Changed>,
    pub(crate) notes: Vec<String>,
}

/// The names of those whom fields refer to.
#[derive(Default)]
pub(crate) struct Names {
    people: HashMap<RecordId, String>,
    accounts: HashMap<AccountId, String>,
}

impl Names {
    /// Of everybody whom these values name.
    pub(crate) async fn of<'a>(
        db: &Db,
        values: impl Iterator<Item = (Field, &'a Value)>,
    ) -> Result<Self> {
        let (mut people, mut accounts) = (Vec::new(), Vec::new());
        for (field, value) in values {
            match (field, value) {
                (Field::Manager, Value::Id(id)) => people.push(RecordId(*id)),
                (Field::Account, Value::Id(id)) => accounts.push(AccountId(*id)),
                _ => {}
            }
        }
        Ok(Self {
            people: record_names(db, people).await?,
            accounts: account_names(db, accounts).await?,
        })
    }

    /// A value as a person reads it. Who is gone by now has no name any more.
    pub(crate) fn show(&self, field: Field, value: &Value) -> String {
        let known = match (field, value) {
            (Field::Manager, Value::Id(id)) => self.people.get(&RecordId(*id)),
            (Field::Account, Value::Id(id)) => self.accounts.get(&AccountId(*id)),
            _ => return value.show(),
        };
        known.cloned().unwrap_or_else(|| "deleted since".to_owned())
    }
}

/// The values that changes name, before and after.
pub(crate) fn values(changes: &[FieldChange]) -> impl Iterator<Item = (Field, &Value)> {
    let both = changes
        .iter()
        .flat_map(|change| [(change.field, &change.old), (change.field, &change.new)]);
    both.filter_map(|(field, value)| Some((field, value.as_ref()?)))
}

/// Changes in words. What only the sync needs to know is left out.
pub(crate) fn told(kind: Kind, changes: &[FieldChange], names: &Names) -> Told {
    let mut told = Told::default();
    for FieldChange { field, old, new } in changes {
        let show = |value: &Option<Value>| value.as_ref().map(|value| names.show(*field, value));
        match field {
            Field::OriginalUsername | Field::OriginalEmail | Field::DeactivatedBySync => {}
            Field::AccessReason => {
                let code = new.as_ref().and_then(Value::as_text);
                told.notes.extend(code.map(no_access));
            }
            field => told.changes.push(Changed {
                label: label(*field, kind),
                old: show(old),
                new: show(new),
            }),
        }
    }
    told
}

impl Told {
    /// Without what the reason of the decision says already.
    #[must_use]
    pub(crate) fn beside(mut self, cause: &Cause) -> Self {
        let says = match cause {
            Cause::NoRule => AccessReason::NoRule,
            Cause::Disabled => AccessReason::Disabled,
            Cause::Deleted => AccessReason::Deleted,
            Cause::ConnectionRemoved => AccessReason::ConnectionRemoved,
            Cause::Undone => AccessReason::Undone,
            _ => return self,
        };
        let said = no_access(says.code());
        self.notes.retain(|note| *note != said);
        self
    }
}

/// A field's name, as the forms have it.
pub(crate) fn label(field: Field, kind: Kind) -> &'static str {
    match field {
        Field::FirstName => "First name",
        Field::LastName => "Last name",
        Field::Username => "Username",
        Field::Email => "Email",
        Field::Phone => "Phone",
        Field::MobilePhone => "Mobile phone",
        Field::JobTitle => "Job title",
        Field::Department => "Department",
        Field::Location => "Location",
        Field::Manager => "Manager",
        Field::EmploymentType => "Employment type",
        Field::EmployeeId => "Employee ID",
        Field::EmployeeRoles => "Employee roles",
        Field::SecurityRoles => "Security roles",
        Field::Account => "Account",
        Field::Status => "Status",
        Field::Access if kind == Kind::Contact => "Client portal access",
        Field::Access => "Sign-in",
        Field::AccessReason => "Why no access",
        Field::DeactivatedBySync => "Deactivated by the sync",
        Field::OriginalUsername => "Username before archiving",
        Field::OriginalEmail => "Email before archiving",
    }
}

/// The field that the API's path names.
pub(crate) fn field_at(path: &str, kind: Kind) -> Option<Field> {
    let all = Field::ALL.into_iter();
    let mut fitting = all.filter(|field| field.path(kind) == path || field.name() == path);
    fitting.next()
}

/// Why somebody has no access, as a sentence; a code we do not know is shown.
pub(crate) fn no_access(code: &str) -> String {
    let known = serde_json::from_value(code.into()).ok();
    let why = match known {
        Some(AccessReason::NoRule) => "no mapping rule applies",
        Some(AccessReason::Disabled) => "the account is disabled in the directory",
        Some(AccessReason::Deleted) => "the account was deleted in the directory",
        Some(AccessReason::Archived) => "a record of the other kind took its place",
        Some(AccessReason::ByHand) => "it was taken away by hand",
        Some(AccessReason::ConnectionRemoved) => "the connection was removed",
        Some(AccessReason::Undone) => "the change that gave it was undone",
        None => code,
    };
    format!("No access: {why}.")
}

/// Text with names in quotation marks instead of backticks.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::new();
    for (place, part) in text.split('`').enumerate() {
        if place > 0 {
            out.push(if place % 2 == 1 { '“' } else { '”' });
        }
        out.push_str(part);
    }
    out
}

/// Text with a capital at its beginning.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_sync_needs_is_not_told_and_codes_are_sentences() {
        let change = |field, old: Option<&str>, new: Option<&str>| FieldChange {
            field,
            old: old.map(Value::from),
            new: new.map(Value::from),
        };
        let changes = [
            change(Field::OriginalEmail, None, Some("ada@contoso.com")),
            change(Field::AccessReason, None, Some("by_hand")),
            change(Field::AccessReason, Some("by_hand"), None),
            change(Field::JobTitle, Some("Engineer"), None),
        ];
        let told = told(Kind::Employee, &changes, &Names::default());
        assert_eq!(told.notes, ["No access: it was taken away by hand."]);
        assert_eq!(told.changes.len(), 1);
        let one = &told.changes[0];
        assert_eq!((one.label, one.new.as_deref()), ("Job title", None));
        let told = told.beside(&Cause::NoRule);
        assert_eq!(told.notes.len(), 1);
        let no_rule = [change(Field::AccessReason, None, Some("no_rule"))];
        let told = super::told(Kind::Employee, &no_rule, &Names::default());
        assert!(told.beside(&Cause::NoRule).notes.is_empty());
    }

    #[test]
    fn every_path_of_the_journal_names_its_field() {
        for kind in [Kind::Employee, Kind::Contact] {
            for field in Field::ALL {
                assert_eq!(field_at(field.path(kind), kind), Some(field));
            }
        }
        assert_eq!(field_at("shoe_size", Kind::Contact), None);
    }

    #[test]
    fn names_stand_in_quotation_marks() {
        assert_eq!(
            quoted("In the group of `A`: `B` decides"),
            "In the group of “A”: “B” decides"
        );
    }
}
