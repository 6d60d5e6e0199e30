//! Unit tests of `notification`.

use serde_json::json;

use super::*;

const SUBSCRIPTION: Uuid = Uuid::from_u128(1);
const TENANT: Uuid = Uuid::from_u128(2);
const AMY: Uuid = Uuid::from_u128(3);

fn parse(items: &Value) -> NotificationBatch {
    NotificationBatch::parse(json!({"value": items}).to_string().as_bytes()).unwrap()
}

#[test]
fn a_change_is_read_as_documented() {
    let batch = parse(&json!([{
        "subscriptionId": SUBSCRIPTION, "clientState": "s", "changeType": "updated",
        "tenantId": TENANT, "resource": format!("Users/{AMY}"),
        "subscriptionExpirationDateTime": "2026-03-20T11:00:00+00:00",
        "resourceData": {
            "@odata.type": "#Microsoft.Graph.User", "id": AMY, "organizationId": TENANT,
            "eventTime": "2026-01-22T01:47:00.2455823Z", "sequenceNumber": 636_784_480_202_455_800_u64,
        },
    }]));
    let [change] = &batch.notifications[..] else {
        panic!("one change")
    };
    assert_eq!(change.subscription_id, SUBSCRIPTION);
    assert_eq!(
        (change.kind, change.change),
        (ResourceKind::User, ChangeKind::Updated)
    );
    assert_eq!(
        (change.object_id, change.tenant_id),
        (Some(AMY), Some(TENANT))
    );
    assert!(change.event_time.is_some());
    assert!(change.client_state_is("s") && !change.client_state_is("t"));
    assert!(!change.client_state_is(""));
}

#[test]
fn resources_come_in_many_spellings() {
    for (resource, kind, id) in [
        (format!("users/{AMY}"), ResourceKind::User, Some(AMY)),
        (format!("/USERS/{AMY}"), ResourceKind::User, Some(AMY)),
        (format!("Groups/{AMY}"), ResourceKind::Group, Some(AMY)),
        (
            format!("groups/{AMY}/members"),
            ResourceKind::Group,
            Some(AMY),
        ),
        ("users".to_owned(), ResourceKind::User, None),
        (format!("devices/{AMY}"), ResourceKind::Other, None),
        (String::new(), ResourceKind::Other, None),
    ] {
        let batch = parse(&json!([{"subscriptionId": SUBSCRIPTION, "resource": resource}]));
        let change = &batch.notifications[0];
        assert_eq!((change.kind, change.object_id), (kind, id), "{resource}");
    }
    let batch = parse(&json!([{
        "SubscriptionID": SUBSCRIPTION, "ChangeType": "DELETED",
        "ResourceData": {"@odata.type": "#Microsoft.Graph.Group", "ID": AMY},
    }]));
    let change = &batch.notifications[0];
    assert_eq!(
        (change.kind, change.object_id),
        (ResourceKind::Group, Some(AMY))
    );
    assert_eq!(change.change, ChangeKind::Deleted);
}

#[test]
fn news_about_subscriptions_are_told_apart() {
    let item = |event: &str| json!({"subscriptionId": SUBSCRIPTION, "lifecycleEvent": event});
    let batch = parse(&json!([
        item("reauthorizationRequired"),
        item("subscriptionRemoved"),
        item("missed"),
        item("new"),
    ]));
    let events: Vec<_> = batch.lifecycle.into_iter().map(|item| item.event).collect();
    assert_eq!(
        events,
        [
            LifecycleEvent::ReauthorizationRequired,
            LifecycleEvent::SubscriptionRemoved,
            LifecycleEvent::Missed,
            LifecycleEvent::Other("new".to_owned()),
        ]
    );
    assert!(batch.notifications.is_empty());
}

#[test]
fn what_cannot_be_used_is_counted_and_the_rest_is_kept() {
    let batch = parse(&json!([
        null, 7, {}, {"subscriptionId": "x"}, {"subscriptionId": SUBSCRIPTION},
    ]));
    assert_eq!((batch.unreadable, batch.notifications.len()), (4, 1));
    for bad in ["", "[]", "{}", r#"{"value":{}}"#, r#"{"value":["#] {
        assert!(NotificationBatch::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = NotificationBatch::parse(&bytes);
    }

    #[test]
    fn any_item_is_survived(text in "\\PC{0,40}", number in proptest::num::i64::ANY) {
        let batch = parse(&json!([{"subscriptionId": SUBSCRIPTION, "resource": text,
            "resourceData": number, "changeType": number, "lifecycleEvent": number}]));
        proptest::prop_assert_eq!(batch.notifications.len(), 1);
    }
}
