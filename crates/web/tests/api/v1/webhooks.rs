//! `/webhooks`

use http::StatusCode;
use serde_json::{Value, json};

use crate::world::World;

const PATH: &str = "/api/v1/webhooks";

fn hook(url: &str) -> Value {
    json!({ "url": url, "events": ["person.created", "run.held"] })
}

#[tokio::test]
async fn a_webhook_shows_its_secret_once() {
    let world = World::new().await;
    let made = world.post(PATH, hook("https://hooks.example.com/in")).await;
    made.is(StatusCode::CREATED);
    let secret = made.body["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"));
    assert_eq!(made.body["events"], json!(["person.created", "run.held"]));
    let path = format!("{PATH}/{}", made.body["id"].as_str().unwrap());
    for path in [PATH, &path] {
        assert!(!world.get(path).await.text.contains(secret));
    }
    let changed = world
        .patch(
            &path,
            json!({ "enabled": false, "events": ["run.finished"] }),
        )
        .await;
    assert_eq!(changed.is(StatusCode::OK).body["enabled"], false);
    assert_eq!(changed.body["events"], json!(["run.finished"]));
    assert!(
        world
            .get(&format!("{path}/deliveries"))
            .await
            .items()
            .is_empty()
    );
    world.delete(&path).await.is(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn private_and_plain_targets_are_refused_unless_allowed() {
    let world = World::new().await;
    for url in [
        "http://hooks.example.com/in",
        "https://localhost/in",
        "https://intranet/in",
        "https://127.0.0.1/in",
        "https://[::1]/in",
        "https://[::ffff:127.0.0.1]/in",
        "https://10.0.0.7/in",
        "https://192.168.1.1/in",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/in",
        "https://0.0.0.0/in",
        "https://2130706433/in",
        "https://[fd00::1]/in",
        "https://[fe80::1]/in",
    ] {
        let reply = world.post(PATH, hook(url)).await;
        reply.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "private_target");
        assert!(
            reply.body["cure"]
                .as_str()
                .unwrap()
                .contains("webhooks.allow_private"),
            "{url}"
        );
    }
    for url in [
        "ftp://example.com",
        "https://user:pw@example.com/",
        "not an address",
    ] {
        let reply = world.post(PATH, hook(url)).await;
        reply.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
    }
    let odd = json!({ "url": "https://hooks.example.com/", "events": ["person.vanished"] });
    world
        .post(PATH, odd)
        .await
        .is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
    let none = json!({ "url": "https://hooks.example.com/", "events": [] });
    world
        .post(PATH, none)
        .await
        .is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
    assert!(world.get(PATH).await.items().is_empty());
}
