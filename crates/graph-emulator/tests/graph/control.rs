//! The control surface: tenants, objects, purge, clock, log, reset, and what it refuses.

use std::io::Read as _;

use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::world::{World, entry, id};

#[tokio::test]
async fn bad_input_is_named() {
    let world = World::new().await;
    let tenant = world.tenant;
    for (path, body, part) in [
        (
            "tenants".to_owned(),
            json!({"domain": "x.onmicrosoft.com", "nme": "x"}),
            "nme",
        ),
        ("tenants".to_owned(), json!({"display_name": "x"}), "domain"),
        (
            "tenants".to_owned(),
            json!({"domain": "no domain"}),
            "domain",
        ),
        (
            format!("tenants/{tenant}/generate"),
            json!({"peple": 1}),
            "peple",
        ),
        (
            format!("tenants/{tenant}/generate"),
            json!({"people": 99_000_000}),
            "people",
        ),
        (
            "faults".to_owned(),
            json!({"effect": {"stats": 1}}),
            "stats",
        ),
        (
            "clock/advance".to_owned(),
            json!({"seconds": -1}),
            "seconds",
        ),
    ] {
        let answer = world.try_control(Method::POST, &path, body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {body}");
        assert!(
            answer.json()["error"]["message"]
                .as_str()
                .unwrap()
                .contains(part),
            "{}",
            answer.text
        );
    }
    for (body, part) in [
        (json!({"throtling": false}), "throtling"),
        (json!({"delta_page_users": 0}), "delta_page_users"),
    ] {
        let answer = world.try_control(Method::PATCH, "switches", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.text.contains(part), "{}", answer.text);
    }
    let taken = json!({"domain": "contoso.onmicrosoft.com"});
    assert_eq!(
        world
            .try_control(Method::POST, "tenants", taken)
            .await
            .status,
        StatusCode::CONFLICT
    );
    let nobody = format!("tenants/{}/state", uuid::Uuid::nil());
    assert_eq!(
        world
            .try_control(Method::GET, &nobody, Value::Null)
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn the_state_is_the_whole_truth() {
    let world = World::new().await;
    let (amy, bob, sales) = (
        world.add_person("amy").await,
        world.add_person("bob").await,
        world.add_group("sales").await,
    );
    world.add_member(&sales, &amy).await;
    world
        .write(Method::DELETE, &format!("users/{bob}"), Value::Null)
        .await;
    let state = world.state().await;
    let people = state["people"].as_array().unwrap();
    assert_eq!(entry(people, &amy)["userPrincipalName"], "amy@contoso.com");
    assert_eq!(people.len(), 1);
    assert_eq!(state["groups"][0]["members"], json!([amy]));
    assert_eq!(state["deleted_people"][0]["id"], bob);
}

#[tokio::test]
async fn a_large_state_is_whole_too() {
    let world = World::new().await;
    world.generate(11_000, 3, 4_000).await;
    let state = world.state().await;
    assert_eq!(state["people"].as_array().unwrap().len(), 11_000);
    assert_eq!(state["groups"].as_array().unwrap().len(), 3);
    let path = format!("tenants/{}/state", world.tenant);
    let packed = http::Request::get(format!("{}/emulator/v1/{path}", crate::world::HOST))
        .header("accept-encoding", "gzip")
        .body(axum::body::Body::empty())
        .unwrap();
    let packed = world.router().oneshot(packed).await.unwrap();
    let bytes = packed.into_body().collect().await.unwrap().to_bytes();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), state);
}

#[tokio::test]
async fn objects_change_as_time_or_a_synchronisation_would_change_them() {
    let world = World::new().await;
    let (amy, bob, sales) = (
        world.add_person("amy").await,
        world.add_person("bob").await,
        world.add_group("sales").await,
    );
    let (_, link) = world
        .round("users/delta?$select=onPremisesSyncEnabled,createdDateTime,manager")
        .await;
    let patch = |id: &str, body: Value| {
        let (world, path) = (&world, format!("tenants/{}/objects/{id}", world.tenant));
        async move { world.try_control(Method::PATCH, &path, body).await }
    };
    let body = json!({"onPremisesSyncEnabled": true, "createdDateTime": "2020-01-01T00:00:00Z", "manager": bob});
    let answer = patch(&amy, body).await;
    assert_eq!(answer.json()["onPremisesSyncEnabled"], true);
    let (entries, _) = world.round(&link).await;
    assert_eq!(entries[0]["createdDateTime"], "2020-01-01T00:00:00Z");
    assert_eq!(entries[0]["manager@delta"][0]["id"], bob);
    assert_eq!(
        patch("amy@contoso.com", json!({"department": "Sales"}))
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        patch(&sales, json!({"mailEnabled": true})).await.json()["mailEnabled"],
        true
    );
    assert_eq!(
        patch(&amy, json!({"shoeSize": 39})).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        patch(&uuid::Uuid::nil().to_string(), json!({}))
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn purge_takes_the_bin_or_the_objects_named() {
    let world = World::new().await;
    let (amy, bob, cleo) = (
        world.add_person("amy").await,
        world.add_person("bob").await,
        world.add_person("cleo").await,
    );
    for id in [&amy, &bob] {
        world
            .write(Method::DELETE, &format!("users/{id}"), Value::Null)
            .await;
    }
    let path = format!("tenants/{}/purge", world.tenant);
    assert_eq!(
        world
            .control(Method::POST, &path, json!({"ids": [amy, cleo]}))
            .await["purged"],
        2
    );
    assert_eq!(
        world.get(&format!("users/{cleo}")).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        world.control(Method::POST, &path, Value::Null).await["purged"],
        1
    );
    assert_eq!(world.state().await["deleted_people"], json!([]));
}

#[tokio::test]
async fn the_log_remembers_what_was_asked_and_no_secret() {
    let world = World::new().await;
    world.control(Method::DELETE, "requests", Value::Null).await;
    world.read("users?$select=id").await;
    world.get("users/nobody@contoso.com").await;
    let log = world.control(Method::GET, "requests", Value::Null).await;
    let items = log["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(
        (&items[0]["path"], &items[0]["status"]),
        (&json!("/v1.0/users"), &json!(200))
    );
    assert_eq!(items[0]["tenant_id"], world.tenant.to_string());
    assert_eq!(items[1]["status"], 404);
    assert_eq!(log["resource_units"], 2);
    let later = world
        .control(
            Method::GET,
            &format!("requests?since={}", items[0]["seq"]),
            Value::Null,
        )
        .await;
    assert_eq!(later["items"].as_array().unwrap().len(), 1);
    let instant = world.in_seconds(60);
    let none = world
        .control(
            Method::GET,
            &format!("requests?since={instant}"),
            Value::Null,
        )
        .await;
    assert_eq!(none["items"], json!([]));
    assert!(!log.to_string().contains(&world.token));
    assert_eq!(
        world
            .try_control(Method::GET, "requests?since=soon", Value::Null)
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_reset_leaves_nothing() {
    let world = World::new().await;
    world.generate(10, 1, 10).await;
    let (_, link) = world.round("users/delta").await;
    world.switch(|switches| switches.throttling = false);
    world.fault(json!({}), json!({"status": 500}), 5).await;
    world.advance(3600);
    world.control(Method::POST, "reset", Value::Null).await;
    assert_eq!(
        world.control(Method::GET, "tenants", Value::Null).await["items"],
        json!([])
    );
    assert_eq!(
        world.control(Method::GET, "faults", Value::Null).await["items"],
        json!([])
    );
    assert!(world.emulator.switches().throttling);
    let again = world
        .add_tenant("contoso.onmicrosoft.com", "contoso.com")
        .await;
    assert_eq!(again, world.tenant, "chance starts over");
    assert_eq!(world.get("users").await.status, StatusCode::UNAUTHORIZED);
    let (app, all) = (crate::world::APP, crate::world::ALL);
    let token = world.app_token_in(app, all, again).await;
    let old = world
        .call(Method::GET, &link, &token, &[], Value::Null)
        .await;
    assert_eq!(old.status, StatusCode::BAD_REQUEST, "no link outlives it");
}

#[tokio::test]
async fn an_account_makes_its_person_when_missing() {
    let world = World::new().await;
    let account = json!({"tenant_id": world.tenant, "user_principal_name": "ada.lovelace@contoso.com", "auto_consent": true});
    world.control(Method::POST, "accounts", account).await;
    let ada = world.read("users/ada.lovelace@contoso.com").await;
    assert_eq!(ada["displayName"], "Ada Lovelace");
    assert_eq!(id(&ada).len(), 36);
}
