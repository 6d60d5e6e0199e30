//! Subscriptions: the handshake, limits, renewing, whose they are.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::notifications::Listener;
use crate::world::{APP, World, id};

pub(crate) fn request(world: &World, resource: &str, seconds: i64) -> Value {
    json!({
        "changeType": "updated,deleted", "notificationUrl": "https://listener.example/hook?c=42", "resource": resource,
        "expirationDateTime": world.in_seconds(seconds), "clientState": "only-graph-knows",
    })
}

fn with(mut base: Value, name: &str, value: Value) -> Value {
    base[name] = value;
    base
}

#[tokio::test]
async fn a_subscription_is_made_shown_renewed_and_removed() {
    let world = World::new().await;
    let listener = Listener::attach(&world);
    let made = world
        .write(
            Method::POST,
            "subscriptions",
            request(&world, "users", 3600),
        )
        .await;
    assert_eq!(
        (&made["applicationId"], &made["resource"]),
        (&json!(APP), &json!("users"))
    );
    assert!(
        made["@odata.context"]
            .as_str()
            .unwrap()
            .ends_with("$metadata#subscriptions/$entity")
    );
    assert_eq!(listener.validations(), 1);
    let path = format!("subscriptions/{}", id(&made));
    assert_eq!(
        world.read("subscriptions").await["value"][0]["id"],
        made["id"]
    );
    let until = world.in_seconds(7200);
    let renewed = world
        .write(Method::PATCH, &path, json!({"expirationDateTime": until}))
        .await;
    assert_ne!(renewed["expirationDateTime"], made["expirationDateTime"]);
    let answer = world
        .try_write(Method::POST, &format!("{path}/reauthorize"), Value::Null)
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(
        world.read(&path).await["expirationDateTime"],
        renewed["expirationDateTime"]
    );
    assert_eq!(
        world
            .try_write(Method::DELETE, &path, Value::Null)
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(world.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn bad_subscriptions_are_refused() {
    let world = World::new().await;
    Listener::attach(&world);
    let good = || request(&world, "users", 3600);
    for (body, status) in [
        (with(good(), "changeType", json!("created")), 400),
        (with(good(), "changeType", json!("updated,moved")), 400),
        (with(good(), "resource", json!("me/messages")), 400),
        (
            with(
                good(),
                "notificationUrl",
                json!("http://listener.example/hook"),
            ),
            400,
        ),
        (with(good(), "notificationUrl", json!("hook")), 400),
        (
            with(
                good(),
                "lifecycleNotificationUrl",
                json!("http://x.example"),
            ),
            400,
        ),
        (with(good(), "clientState", json!("x".repeat(129))), 400),
        (with(good(), "latestSupportedTlsVersion", json!("v9")), 400),
        (with(good(), "includeResourceData", json!(true)), 400),
        (with(good(), "colour", json!("red")), 400),
        (request(&world, "users", -1), 400),
        (request(&world, "users", 41_762 * 60), 400),
        (request(&world, "users", 41_760 * 60), 201),
        (
            with(
                request(&world, "groups", 60),
                "notificationUrl",
                json!("http://127.0.0.1:9/hook"),
            ),
            201,
        ),
    ] {
        let answer = world
            .try_write(Method::POST, "subscriptions", body.clone())
            .await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text);
    }
}

#[tokio::test]
async fn the_same_subscription_twice_is_a_conflict_that_names_the_first() {
    let world = World::new().await;
    Listener::attach(&world);
    let first = world
        .write(Method::POST, "subscriptions", request(&world, "users", 60))
        .await;
    let again = with(
        request(&world, "/users", 60),
        "changeType",
        json!("deleted, updated"),
    );
    let answer = world.try_write(Method::POST, "subscriptions", again).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (409, "Conflict")
    );
    assert!(answer.text.contains(&id(&first)));
    world.advance(61);
    world
        .write(Method::POST, "subscriptions", request(&world, "users", 60))
        .await;
}

#[tokio::test]
async fn an_application_has_a_hundred_per_tenant() {
    let world = World::new().await;
    Listener::attach(&world);
    for number in 0..100 {
        let resource = format!("users/{}", Uuid::from_u128(number));
        world
            .write(
                Method::POST,
                "subscriptions",
                request(&world, &resource, 60),
            )
            .await;
    }
    let answer = world
        .try_write(Method::POST, "subscriptions", request(&world, "users", 60))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (403, "ExtensionError")
    );
}

#[tokio::test]
async fn an_address_that_does_not_echo_is_refused() {
    let world = World::new().await;
    for (behaviour, part) in [
        ("encoded", "decoded"),
        ("json", "text/plain"),
        ("403", "Forbidden"),
        ("gone", "failed"),
    ] {
        let listener = Listener::attach(&world);
        listener.behave(behaviour);
        let answer = world
            .try_write(Method::POST, "subscriptions", request(&world, "users", 60))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "ValidationError"),
            "{behaviour}"
        );
        assert!(answer.text.contains(part), "{behaviour}: {}", answer.text);
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_has_ten_seconds() {
    let world = World::new().await;
    let listener = Listener::attach(&world);
    for (seconds, status) in [(9, 201), (11, 400)] {
        listener.delay(seconds);
        let resource = if seconds == 9 { "users" } else { "groups" };
        let answer = world
            .try_write(Method::POST, "subscriptions", request(&world, resource, 60))
            .await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{seconds} s: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn both_addresses_are_asked() {
    let world = World::new().await;
    let listener = Listener::attach(&world);
    let body = with(
        request(&world, "users", 60),
        "lifecycleNotificationUrl",
        json!("https://listener.example/life"),
    );
    world.write(Method::POST, "subscriptions", body).await;
    assert_eq!(listener.validations(), 2);
}

#[tokio::test]
async fn others_do_not_see_them() {
    let world = World::new().await;
    Listener::attach(&world);
    let made = world
        .write(Method::POST, "subscriptions", request(&world, "users", 60))
        .await;
    let other = world
        .app_token(Uuid::from_u128(5), &["User.Read.All"])
        .await;
    let list = world
        .call(Method::GET, "subscriptions", &other, &[], Value::Null)
        .await
        .json();
    assert_eq!(list["value"], json!([]));
    let path = format!("subscriptions/{}", id(&made));
    assert_eq!(
        world
            .call(Method::DELETE, &path, &other, &[], Value::Null)
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    let groups = world
        .call(
            Method::POST,
            "subscriptions",
            &other,
            &[],
            request(&world, "groups", 60),
        )
        .await;
    assert_eq!(groups.status, StatusCode::FORBIDDEN);
}
