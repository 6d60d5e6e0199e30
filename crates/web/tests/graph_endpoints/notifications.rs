//! `/graph/notifications` and `/graph/lifecycle`: what Microsoft posts, and what
//! somebody else does in its name.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{World, bare};

const BOTH: [&str; 2] = ["/graph/notifications", "/graph/lifecycle"];

/// How many jobs wait: what a believed notification leaves behind.
async fn waiting(world: &World) -> u64 {
    let counts = store::jobs::counts(world.engine.db()).await.unwrap();
    counts.iter().map(|(_, waiting, _)| *waiting).sum()
}

fn batch(state: &str) -> Value {
    json!({ "value": [{
        "subscriptionId": "11111111-1111-4111-8111-111111111111", "clientState": state,
        "changeType": "updated", "resource": "Users/22222222-2222-4222-8222-222222222222",
        "subscriptionExpirationDateTime": "2030-01-01T00:00:00Z",
        "tenantId": "33333333-3333-4333-8333-333333333333",
        "resourceData": { "@odata.type": "#Microsoft.Graph.User",
            "id": "22222222-2222-4222-8222-222222222222" },
    }] })
}

#[tokio::test]
async fn the_handshake_gives_the_token_back_decoded_as_plain_text() {
    let world = World::new().await;
    for path in BOTH {
        let path = format!("{path}?validationToken=Validation%3A+Testing+%3Cb%3E+%C3%A9");
        let reply = world.send(bare(Method::POST, &path)).await;
        reply.is(StatusCode::OK);
        assert_eq!(reply.text, "Validation: Testing <b> é");
        assert!(
            reply
                .header("content-type")
                .unwrap()
                .starts_with("text/plain")
        );
    }
}

#[tokio::test]
async fn an_endless_validation_token_is_not_given_back() {
    let world = World::new().await;
    let path = format!("/graph/notifications?validationToken={}", "a".repeat(5000));
    world
        .send(bare(Method::POST, &path))
        .await
        .is(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn forged_and_broken_notifications_get_the_same_answer_and_wake_nothing() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let before = waiting(&world).await;
    let unknown = batch("wrong").to_string();
    for path in BOTH {
        for body in [
            unknown.as_str(),
            "",
            "{",
            "[]",
            "{\"value\":[{}]}",
            "\u{0}\u{1}",
        ] {
            let call = bare(Method::POST, path).body("application/json", body);
            world.send(call).await.is(StatusCode::ACCEPTED);
        }
    }
    assert_eq!(waiting(&world).await, before);
}

#[tokio::test]
async fn an_oversized_notification_is_refused_unread() {
    let world = World::new().await;
    let body = "x".repeat((4 << 20) + 1);
    let call = bare(Method::POST, "/graph/notifications").body("application/json", &body);
    world.send(call).await.is(StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn only_post_is_taken() {
    let world = World::new().await;
    for path in BOTH {
        world
            .send(bare(Method::GET, path))
            .await
            .is(StatusCode::METHOD_NOT_ALLOWED);
    }
}
