//! Unit tests of `subscription`.

use super::*;
use crate::scripted::{self, Reply};

const ID: Uuid = Uuid::from_u128(0x50b);

fn request() -> SubscriptionRequest {
    SubscriptionRequest {
        resource: SubscriptionResource::Users,
        notification_url: "https://psa.example/graph/notifications".to_owned(),
        lifecycle_url: Some("https://psa.example/graph/lifecycle".to_owned()),
        client_state: "state-secret".into(),
        expires: "2026-01-02T00:00:00Z".parse().unwrap(),
    }
}

fn subscription() -> Reply {
    Reply::json(
        200,
        &json!({
            "id": ID, "resource": "users", "expirationDateTime": "2026-01-02T00:00:00.0000000Z",
            "notificationUrl": "https://psa.example/graph/notifications", "clientState": null,
        }),
    )
}

fn conflict(message: &str) -> Reply {
    Reply::error(409, "Conflict", message)
}

#[tokio::test(start_paused = true)]
async fn subscribes_to_the_whole_tenant() {
    let (client, script) = scripted::client(vec![subscription()]);
    let made = client
        .create_subscription(&request(), OnConflict::Adopt)
        .await
        .unwrap();
    assert!(matches!(&made, Creation::Created(made) if made.id == ID));
    let sent: serde_json::Value = serde_json::from_str(&script.sent()[1].body).unwrap();
    assert_eq!(
        sent,
        json!({
            "changeType": "updated,deleted", "resource": "users",
            "notificationUrl": "https://psa.example/graph/notifications",
            "lifecycleNotificationUrl": "https://psa.example/graph/lifecycle",
            "clientState": "state-secret", "expirationDateTime": "2026-01-02T00:00:00Z",
        })
    );
    assert!(!format!("{:?}", request()).contains("state-secret"));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_adopts_the_existing_one() {
    let named = format!("Subscription Id {ID} already exists for the requested combination");
    let listed = json!({"value": [{
        "id": ID, "resource": "/Users", "expirationDateTime": "2026-01-01T00:00:00Z",
    }]});
    for replies in [
        vec![conflict(&named), subscription()],
        vec![
            conflict("exists"),
            Reply::json(200, &listed),
            subscription(),
        ],
    ] {
        let (client, script) = scripted::client(replies);
        let made = client
            .create_subscription(&request(), OnConflict::Adopt)
            .await
            .unwrap();
        assert!(matches!(&made, Creation::Adopted(made) if made.id == ID));
        let sent = script.sent();
        let last = sent.last().unwrap();
        assert_eq!(last.method, "PATCH");
        assert!(last.url.ends_with(&format!("subscriptions/{ID}")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_can_replace_the_existing_one() {
    let named = format!("Subscription Id {ID} already exists");
    let (client, script) =
        scripted::client(vec![conflict(&named), Reply::text(204, ""), subscription()]);
    let made = client
        .create_subscription(&request(), OnConflict::Replace)
        .await
        .unwrap();
    assert!(matches!(made, Creation::Created(_)));
    let methods: Vec<_> = script
        .sent()
        .iter()
        .map(|sent| sent.method.clone())
        .collect();
    assert_eq!(methods, ["POST", "POST", "DELETE", "POST"]);
}

#[tokio::test(start_paused = true)]
async fn refusals_have_their_kind() {
    let denied = Kind::PermissionMissing {
        permission: "User.Read.All",
    };
    for (status, code, message, kind) in [
        (
            400,
            "InvalidRequest",
            "Subscription validation request failed. Notification endpoint must respond with 200 OK",
            Kind::NotificationAddress,
        ),
        (
            400,
            "ValidationError",
            "timed out",
            Kind::NotificationAddress,
        ),
        (400, "InvalidRequest", "expirationDateTime", Kind::Refused),
        (
            403,
            "ExtensionError",
            "Maximum number of subscriptions",
            Kind::SubscriptionQuota,
        ),
        (403, "Authorization_RequestDenied", "", denied),
        (409, "Conflict", "", Kind::SubscriptionExists { id: None }),
    ] {
        let empty = Reply::json(200, &json!({"value": []}));
        let (client, _) = scripted::client(vec![Reply::error(status, code, message), empty]);
        let error = client
            .create_subscription(&request(), OnConflict::Adopt)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), &kind, "{status} {message}");
    }
}

#[tokio::test(start_paused = true)]
async fn life_goes_on_and_ends() {
    let gone = || Reply::error(404, "ResourceNotFound", "");
    let (client, script) = scripted::client(vec![
        subscription(),
        Reply::text(204, ""),
        Reply::text(204, ""),
        gone(),
        gone(),
    ]);
    let until = "2026-01-03T00:00:00Z".parse().unwrap();
    client.renew_subscription(ID, until).await.unwrap();
    client.reauthorize_subscription(ID).await.unwrap();
    assert!(client.delete_subscription(ID).await.unwrap());
    assert!(!client.delete_subscription(ID).await.unwrap());
    let error = client.renew_subscription(ID, until).await.unwrap_err();
    assert_eq!(error.kind(), &Kind::NotFound);
    assert_eq!(
        script.sent()[1].body,
        r#"{"expirationDateTime":"2026-01-03T00:00:00Z"}"#
    );
}
