//! A decision as it is stored: without what its row says, or it itself says
//! elsewhere. A first sync stores one for every person, in which each value
//! would stand three times and the rule and the record twice: half the bytes.
//!
//! What is left out is `true`, or in a list of values the bare name of the field:
//! as the actions before it say. A decision stored in full is read as well.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use provisioning::action::{Action, ActionKind, Decision, LinkWrite, ReviewWrite};
use provisioning::field::{Field, FieldChange, Value};
use provisioning::ids::{ObjectId, RecordId, RuleId, TenantId};
use provisioning::link::{Applied, Basis, LinkRole};
use serde::de::value::{SeqAccessDeserializer, StrDeserializer};
use serde::de::{IntoDeserializer as _, SeqAccess, Visitor};
use serde::ser::SerializeTuple as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Result, StoreError};
use crate::json;

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    name: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<Known<Cow<'a, str>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<Known<Cow<'a, str>>>,
    actions: Cow<'a, [Action]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<StoredLink<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    review: Option<Cow<'a, ReviewWrite>>,
}

#[derive(Serialize, Deserialize)]
struct StoredLink<'a> {
    role: LinkRole,
    record_id: Known<RecordId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    archived_id: Option<RecordId>,
    applied: StoredApplied<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suppressed: Option<Cow<'a, Basis>>,
}

#[derive(Serialize, Deserialize)]
struct StoredApplied<'a> {
    person_version: i64,
    stance: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule_id: Option<Known<RuleId>>,
    #[serde(default)]
    rule_version: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<Applying<'a>>,
}

/// A value, or that it is the one the actions give.
enum Known<T> {
    FromActions,
    Is(T),
}

impl<T> Known<T> {
    fn of(value: T, is_from_actions: bool) -> Self {
        match is_from_actions {
            true => Self::FromActions,
            false => Self::Is(value),
        }
    }

    fn or(self, what: &str, actions: impl FnOnce() -> Option<T>) -> Result<T> {
        match self {
            Self::Is(value) => Ok(value),
            Self::FromActions => actions().ok_or_else(|| missing(what)),
        }
    }
}

impl<T: Serialize> Serialize for Known<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::FromActions => serializer.serialize_bool(true),
            Self::Is(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Known<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KnownVisitor(PhantomData))
    }
}

struct KnownVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for KnownVisitor<T> {
    type Value = Known<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, or true")
    }

    fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<Self::Value, E> {
        match flag {
            true => Ok(Known::FromActions),
            false => Err(E::custom("false means nothing here")),
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let text: StrDeserializer<'_, E> = text.into_deserializer();
        T::deserialize(text).map(Known::Is)
    }
}

/// What is applied to one field: `[field, value]`, or the field alone when the
/// actions give the value.
enum Applying<'a> {
    FromActions(Field),
    Is(Field, Cow<'a, Option<Value>>),
}

impl Serialize for Applying<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::FromActions(field) => field.serialize(serializer),
            Self::Is(field, value) => {
                let mut pair = serializer.serialize_tuple(2)?;
                pair.serialize_element(field)?;
                pair.serialize_element(value)?;
                pair.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Applying<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ApplyingVisitor(PhantomData))
    }
}

struct ApplyingVisitor<'a>(PhantomData<&'a ()>);

impl<'de, 'a> Visitor<'de> for ApplyingVisitor<'a> {
    type Value = Applying<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field, or a field and its value")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        let field = Field::from_name(name);
        let field = field.ok_or_else(|| E::custom(format!("{name} is not a field")))?;
        Ok(Applying::FromActions(field))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        let pair = SeqAccessDeserializer::new(list);
        let (field, value) = <(Field, Option<Value>)>::deserialize(pair)?;
        let value = value.map(|value| value.typed(field));
        Ok(Applying::Is(field, Cow::Owned(value)))
    }
}

fn missing(what: &str) -> StoreError {
    let message = format!("a decision whose actions give no {what}");
    StoreError::unreadable("a decision", message)
}

/// What the actions make of a field, the last that says.
fn given(actions: &[Action], field: Field) -> Option<&Option<Value>> {
    let changes = actions.iter().rev().flat_map(|action| &action.changes);
    let mut of_field = changes.filter(|change| change.field == field);
    of_field.next().map(|change: &FieldChange| &change.new)
}

fn given_text(actions: &[Action], field: Field) -> Option<&str> {
    given(actions, field)?.as_ref()?.as_text()
}

/// The record the person is after the actions: of the last that does not close
/// one of the other kind.
fn record(actions: &[Action]) -> Option<RecordId> {
    let mut others = actions.iter().rev();
    let stays = others.find(|action| action.kind != ActionKind::Archive);
    stays.and_then(|action| action.record_id)
}

fn rule(actions: &[Action]) -> Option<RuleId> {
    actions.last().and_then(|action| action.reason.rule_id)
}

/// The body of a decision's row.
pub(crate) fn write(decision: &Decision) -> Result<String> {
    let actions = decision.actions.as_slice();
    json::text(&Stored {
        name: Cow::Borrowed(&decision.name),
        email: write_text(decision.email.as_deref(), actions, Field::Email),
        username: write_text(decision.username.as_deref(), actions, Field::Username),
        actions: Cow::Borrowed(actions),
        link: decision.link.as_ref().map(|link| write_link(link, actions)),
        review: decision.review.as_ref().map(Cow::Borrowed),
    })
}

fn write_text<'a>(
    text: Option<&'a str>,
    actions: &[Action],
    field: Field,
) -> Option<Known<Cow<'a, str>>> {
    text.map(|text| {
        Known::of(
            Cow::Borrowed(text),
            given_text(actions, field) == Some(text),
        )
    })
}

fn write_link<'a>(link: &'a LinkWrite, actions: &[Action]) -> StoredLink<'a> {
    let applied = &link.applied;
    let value = |(field, value): &'a (Field, Option<Value>)| match given(actions, *field) {
        Some(known) if known == value => Applying::FromActions(*field),
        _ => Applying::Is(*field, Cow::Borrowed(value)),
    };
    StoredLink {
        role: link.role,
        record_id: Known::of(link.record_id, record(actions) == Some(link.record_id)),
        archived_id: link.archived_id,
        applied: StoredApplied {
            person_version: applied.basis.person_version,
            stance: Cow::Borrowed(&applied.basis.stance),
            rule_id: applied
                .rule_id
                .map(|id| Known::of(id, rule(actions) == Some(id))),
            rule_version: applied.rule_version,
            values: applied.values.iter().map(value).collect(),
        },
        suppressed: link.suppressed.as_ref().map(Cow::Borrowed),
    }
}

/// The decision about a person from the body of its row.
pub(crate) fn read(tenant_id: TenantId, object_id: ObjectId, body: &str) -> Result<Decision> {
    let stored: Stored<'_> = json::parse("a decision", body)?;
    let actions = stored.actions.into_owned();
    let text = |known: Option<Known<Cow<'_, str>>>, field: Field| {
        let given = || given_text(&actions, field).map(Cow::Borrowed);
        let text = known.map(|known| known.or(field.name(), given));
        Ok::<_, StoreError>(text.transpose()?.map(Cow::into_owned))
    };
    let (email, username) = (
        text(stored.email, Field::Email)?,
        text(stored.username, Field::Username)?,
    );
    let link = stored.link.map(|link| read_link(link, &actions));
    Ok(Decision {
        tenant_id,
        object_id,
        name: stored.name.into_owned(),
        email,
        username,
        link: link.transpose()?,
        actions,
        review: stored.review.map(Cow::into_owned),
    })
}

fn read_link(link: StoredLink<'_>, actions: &[Action]) -> Result<LinkWrite> {
    let applied = link.applied;
    let value = |value: Applying<'_>| match value {
        Applying::Is(field, value) => Ok((field, value.into_owned())),
        Applying::FromActions(field) => {
            let known = given(actions, field).ok_or_else(|| missing(field.name()))?;
            Ok((field, known.clone()))
        }
    };
    let rule_id = applied.rule_id.map(|id| id.or("rule", || rule(actions)));
    let values: Result<Vec<_>> = applied.values.into_iter().map(value).collect();
    Ok(LinkWrite {
        role: link.role,
        record_id: link.record_id.or("record", || record(actions))?,
        archived_id: link.archived_id,
        applied: Applied {
            basis: Basis {
                person_version: applied.person_version,
                stance: applied.stance.into_owned(),
            },
            rule_id: rule_id.transpose()?,
            rule_version: applied.rule_version,
            values: values?,
        },
        suppressed: link.suppressed.map(Cow::into_owned),
    })
}

#[cfg(test)]
mod tests {
    use provisioning::psa::Kind;
    use provisioning::reason::{Cause, Reason, ReviewReason};
    use uuid::Uuid;

    use super::*;

    const TENANT: TenantId = TenantId(Uuid::from_u128(1));
    const PERSON: ObjectId = ObjectId(Uuid::from_u128(2));
    const RULE: RuleId = RuleId(Uuid::from_u128(3));
    const GUID: &str = "550e8400-e29b-41d4-a716-446655440000";

    fn action(kind: ActionKind, record: u128, changes: &[(Field, &str)]) -> Action {
        let change = |(field, new): &(Field, &str)| FieldChange {
            field: *field,
            old: None,
            new: Some(Value::from(*new)),
        };
        Action {
            kind,
            record_kind: Kind::Employee,
            record_id: (record > 0).then_some(RecordId(Uuid::from_u128(record))),
            precondition: 0,
            changes: changes.iter().map(change).collect(),
            reason: Reason {
                cause: Cause::NewInGroup,
                rule_id: Some(RULE),
                group_path: Vec::new(),
                loss: None,
            },
        }
    }

    fn decision(actions: Vec<Action>, record: u128, values: &[(Field, &str)]) -> Decision {
        let values = values.iter();
        let values = values.map(|(field, value)| (*field, Some(Value::from(*value))));
        Decision {
            tenant_id: TENANT,
            object_id: PERSON,
            name: "Adele Vance".to_owned(),
            email: Some("adele@contoso.com".to_owned()),
            username: Some("adele".to_owned()),
            actions,
            link: Some(LinkWrite {
                role: LinkRole::Primary,
                record_id: RecordId(Uuid::from_u128(record)),
                archived_id: None,
                applied: Applied {
                    basis: Basis {
                        person_version: 4,
                        stance: "88f1".to_owned(),
                    },
                    rule_id: Some(RULE),
                    rule_version: 2,
                    values: values.collect(),
                },
                suppressed: None,
            }),
            review: None,
        }
    }

    #[test]
    fn a_creation_says_each_thing_once() {
        let changes = [
            (Field::LastName, "Vance"),
            (Field::Username, "adele"),
            (Field::Email, "adele@contoso.com"),
            (Field::EmployeeId, GUID),
        ];
        // In an order of its own.
        let values = [changes[2], changes[3], changes[0]];
        let create = action(ActionKind::Create, 9, &changes);
        let decision = decision(vec![create], 9, &values);
        let text = write(&decision).unwrap();
        for once in ["Vance\"]", "adele@contoso.com", GUID, "0009\"", "0003\""] {
            assert_eq!(text.matches(once).count(), 1, "{once} in {text}");
        }
        assert!(!text.contains(&PERSON.to_string()), "{text}");
        assert_eq!(read(TENANT, PERSON, &text).unwrap(), decision);
    }

    #[test]
    fn what_the_actions_do_not_say_is_kept() {
        let update = action(ActionKind::Update, 9, &[(Field::LastName, "Vance")]);
        let archive = action(ActionKind::Archive, 7, &[(Field::Username, "adele.old")]);
        let review = action(ActionKind::Review, 0, &[]);
        let values = [
            (Field::LastName, "Other"),
            (Field::EmployeeId, GUID),
            (Field::Email, "a@b"),
        ];
        let mut cleared = update.clone();
        cleared.changes[0].old = cleared.changes[0].new.take();
        for actions in [
            vec![update.clone()],
            vec![archive.clone()],
            vec![update, archive],
            vec![review],
            vec![cleared],
            vec![],
        ] {
            let mut decision = decision(actions, 8, &values);
            decision.review = Some(ReviewWrite {
                reason: ReviewReason::SeveralMatches,
                kind: Kind::Contact,
                candidates: vec![RecordId(Uuid::from_u128(5))],
                fingerprint: "f".to_owned(),
            });
            let text = write(&decision).unwrap();
            assert_eq!(read(TENANT, PERSON, &text).unwrap(), decision, "{text}");
            decision.email = None;
            decision.link = None;
            let text = write(&decision).unwrap();
            assert_eq!(read(TENANT, PERSON, &text).unwrap(), decision, "{text}");
        }
    }

    #[test]
    fn a_decision_stored_in_full_is_read() {
        let create = action(ActionKind::Create, 9, &[(Field::LastName, "Vance")]);
        let decision = decision(vec![create], 9, &[(Field::LastName, "Vance")]);
        let text = serde_json::to_string(&decision).unwrap();
        assert_eq!(read(TENANT, PERSON, &text).unwrap(), decision);
    }

    #[test]
    fn what_nothing_says_is_not_guessed() {
        for body in [
            r#"{"name":"A","email":true,"actions":[]}"#,
            r#"{"name":"A","email":false,"actions":[]}"#,
            r#"{"name":"A","actions":[],"link":{"role":"primary","record_id":true,
                "applied":{"person_version":1,"stance":""}}}"#,
            r#"{"name":"A","actions":[],"link":{"role":"primary","record_id":
                "00000000-0000-0000-0000-000000000009",
                "applied":{"person_version":1,"stance":"","rule_id":true}}}"#,
            r#"{"name":"A","actions":[],"link":{"role":"primary","record_id":
                "00000000-0000-0000-0000-000000000009",
                "applied":{"person_version":1,"stance":"","values":["last_name"]}}}"#,
        ] {
            assert!(read(TENANT, PERSON, body).is_err(), "{body}");
        }
    }
}
