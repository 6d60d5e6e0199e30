//! Planned faults, called in process.

use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::world::{HOST, World, ids};

async fn fired(world: &World) -> Vec<u64> {
    let faults = world.control(Method::GET, "faults", Value::Null).await;
    faults["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["fired"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_status_comes_with_the_body_and_headers_of_the_service() {
    let world = World::new().await;
    for (effect, code) in [
        (
            json!({"status": 429, "retry_after": 2.5}),
            "TooManyRequests",
        ),
        (json!({"status": 503}), "serviceNotAvailable"),
        (json!({"status": 403}), "Authorization_RequestDenied"),
        (json!({"status": 401}), "InvalidAuthenticationToken"),
        (json!({"status": 410}), "resyncRequired"),
        (
            json!({"status": 400, "body": {"error": {"code": "syncStateNotFound"}}}),
            "syncStateNotFound",
        ),
    ] {
        world
            .fault(
                json!({"method": "GET", "path": "/v1.0/users/**"}),
                effect.clone(),
                1,
            )
            .await;
        let answer = world.get("users/delta").await;
        assert_eq!(answer.status.as_u16(), effect["status"], "{effect}");
        assert_eq!(answer.code(), code);
        let retry_after = effect["retry_after"]
            .as_f64()
            .map(|seconds| seconds.to_string());
        assert_eq!(answer.header("retry-after").map(str::to_owned), retry_after);
        if effect["status"] == 410 {
            assert!(
                answer
                    .header("location")
                    .unwrap()
                    .ends_with("/v1.0/users/delta?$deltatoken=")
            );
        }
        assert_eq!(
            world.get("users/delta").await.status,
            StatusCode::OK,
            "once"
        );
    }
    assert_eq!(fired(&world).await, [1; 6]);
    let start = world.get("users/delta?$deltatoken=").await;
    assert_eq!(
        start.status,
        StatusCode::OK,
        "what a 410 points to is a new round"
    );
}

#[tokio::test]
async fn faults_choose_their_requests() {
    let world = World::new().await;
    let other = world
        .add_tenant("fabrikam.onmicrosoft.com", "fabrikam.com")
        .await;
    world
        .fault(json!({"tenant": "fabrikam.com"}), json!({"status": 500}), 5)
        .await;
    assert_eq!(world.get("users").await.status, StatusCode::OK);
    world.control(Method::DELETE, "faults", Value::Null).await;
    let token = world
        .app_token_in(uuid::Uuid::from_u128(5), crate::world::ALL, other)
        .await;
    world
        .fault(
            json!({"tenant": other, "nth": 2}),
            json!({"status": 500}),
            1,
        )
        .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(
            world
                .call(Method::GET, "users", &token, &[], Value::Null)
                .await
                .status
                .as_u16(),
        );
    }
    assert_eq!(statuses, [200, 500, 200]);
    let refused = world
        .try_control(
            Method::POST,
            "faults",
            json!({"effect": {"status": 500}, "match": {"tenant": "nobody.com"}}),
        )
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_identity_platform_fails_as_planned_too() {
    let world = World::new().await;
    world
        .fault(
            json!({"path": "/*/oauth2/v2.0/token"}),
            json!({"status": 503}),
            1,
        )
        .await;
    let request = Request::post(format!("{HOST}/{}/oauth2/v2.0/token", world.tenant))
        .body("".into())
        .unwrap();
    let answer = world.send(request).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
}

#[tokio::test]
async fn a_list_repeats_its_items() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    for path in ["users", "users/delta"] {
        world
            .fault(
                json!({"path": format!("/v1.0/{path}")}),
                json!({"duplicate": true}),
                1,
            )
            .await;
        let page = world.read(path).await;
        assert_eq!(
            ids(page["value"].as_array().unwrap()),
            [amy.clone(), amy.clone()],
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_error() {
    let world = World::new().await;
    for effect in [json!({"truncate": true}), json!({"drop": true})] {
        world.fault(json!({}), effect.clone(), 1).await;
        let request = Request::get(format!("{HOST}/v1.0/users"))
            .header("authorization", format!("Bearer {}", world.token))
            .body(axum::body::Body::empty())
            .unwrap();
        let response = world.router().oneshot(request).await.unwrap();
        assert!(response.into_body().collect().await.is_err(), "{effect}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_takes_its_time() {
    let world = World::new().await;
    world
        .fault(json!({"path": "/v1.0/users"}), json!({"delay": 20}), 1)
        .await;
    let before = world.emulator.now();
    world.read("users").await;
    assert_eq!(world.emulator.now().duration_since(before).as_secs(), 20);
}
