//! Unit tests of `wire_user`.

use serde_json::{Value, json};

use super::*;
use crate::selection::Selection;
use crate::watched::WATCHED;
use crate::wire::{Item, parse};

fn change(item: &Value) -> Result<UserChange, Malformed> {
    parse::<Item<UserChange>>(item.to_string().as_bytes()).map(|item| item.0)
}

fn user(item: &Value) -> Result<DirectoryUser, Malformed> {
    parse::<Item<DirectoryUser>>(item.to_string().as_bytes()).map(|item| item.0)
}

const ID: &str = "87d349ed-44d7-43e1-9a83-5f2406dee5bd";

#[test]
fn exactly_what_is_selected_is_read() {
    let mut selected: Vec<&str> = Selection::default().names().to_vec();
    let mut read = READ.to_vec();
    selected.sort_unstable();
    read.sort_unstable();
    assert_eq!(selected, read);
    assert_eq!(WATCHED_HERE, WATCHED);
}

#[test]
fn absent_null_and_value_are_kept_apart() {
    let amy = user(&json!({
        "id": ID, "@odata.type": USER_TYPE, "givenName": "Amy", "surname": null,
        "businessPhones": ["+1 425"], "accountEnabled": false, "city": "Paris",
        "assignedLicenses": [{"skuId": ID, "disabledPlans": []}],
        "identities": [{"signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": null}],
        "createdDateTime": "2026-01-01T00:00:00.1234567Z", "unknown": {"deep": [1]},
    }))
    .unwrap();
    assert_eq!(amy.id.to_string(), ID);
    assert_eq!(amy.given_name.as_deref(), Some("Amy"));
    assert_eq!(amy.surname, Field::Null);
    assert_eq!(amy.mail, Field::Absent);
    assert_eq!(amy.account_enabled, Field::Value(false));
    assert_eq!(amy.business_phones.value().unwrap(), &["+1 425"]);
    assert_eq!(amy.assigned_licenses.value().unwrap(), &[amy.id]);
    assert_eq!(amy.identities.value().unwrap()[0].issuer_assigned_id, None);
    assert!(!format!("{:?}", amy.watched).contains("Paris"));
    assert_eq!(
        amy.created.value().unwrap().subsec_nanosecond(),
        123_456_700
    );
}

#[test]
fn removals_tell_their_reason() {
    for (removed, reason) in [
        (json!({"reason": "changed"}), Reason::Changed),
        (json!({"reason": "deleted"}), Reason::Deleted),
        (json!({"reason": "evaporated"}), Reason::Changed),
        (json!({}), Reason::Changed),
    ] {
        let id = Uuid::try_parse(ID).unwrap();
        let found = change(&json!({"id": ID, "@removed": removed}));
        assert_eq!(found, Ok(UserChange::Removed { id, reason }));
    }
    assert!(user(&json!({"id": ID, "@removed": {}})).is_err());
}

#[test]
fn the_managers_delta_is_understood() {
    let other = "00000000-0000-0000-0000-000000000002";
    for (entries, expected) in [
        (
            json!([{"id": ID}]),
            Field::Value(Uuid::try_parse(ID).unwrap()),
        ),
        (
            json!([{"id": other, "@removed": {"reason": "deleted"}}]),
            Field::Null,
        ),
        (
            json!([{"id": ID}, {"id": other, "@removed": {"reason": "deleted"}}]),
            Field::Value(Uuid::try_parse(ID).unwrap()),
        ),
    ] {
        let found = user(&json!({"id": ID, "manager@delta": entries})).unwrap();
        assert_eq!(found.manager, expected);
    }
}

#[test]
fn an_item_of_the_wrong_form_is_malformed() {
    for bad in [
        json!({}),
        json!({"id": "amy"}),
        json!({"id": null}),
        json!({"id": ID, "givenName": 7}),
        json!({"id": ID, "accountEnabled": "true"}),
        json!({"id": ID, "businessPhones": "+1"}),
        json!({"id": ID, "businessPhones": [null]}),
        json!({"id": ID, "createdDateTime": "yesterday"}),
        json!({"id": ID, "assignedLicenses": [{"skuId": "x"}]}),
        json!({"id": ID, "@odata.type": "#microsoft.graph.group"}),
    ] {
        assert!(user(&bad).is_err(), "{bad}");
    }
}

fn three_people() -> String {
    let person = |number: u8| {
        json!({
            "id": Uuid::from_u128(u128::from(number)), "givenName": "A \"b\" \\ é", "mail": null,
            "businessPhones": ["1", "2"], "accountEnabled": true,
        })
    };
    json!({"@odata.context": "c", "value": [person(1), person(2), person(3)]}).to_string()
}

proptest::proptest! {
    #[test]
    fn a_damaged_page_is_an_error_or_as_long_as_before(at in 0_usize..10_000, byte in 0_u8..=255) {
        let mut page = three_people().into_bytes();
        let at = at % page.len();
        page[at] = byte;
        if let Ok(read) = parse::<crate::wire::WirePage<'_, UserChange>>(&page) {
            proptest::prop_assert_eq!(read.into_items().len(), 3);
        }
    }
}
