//! The admin consent endpoints.

use serde_json::json;

use super::{APP, NORTHWIND, REDIRECT, World, between, encoded};

fn path(tenant: &str, version: &str, changes: &[(&str, &str)]) -> String {
    let app = APP.to_string();
    let mut fields = vec![
        ("client_id", app.as_str()),
        ("redirect_uri", REDIRECT),
        ("state", "st8"),
    ];
    fields.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    format!("/{tenant}{version}/adminconsent?{}", encoded(&fields))
}

async fn unconsented() -> World {
    let world = World::empty();
    world.app(json!({ "tenants": [] })).await;
    world
        .account(
            NORTHWIND,
            "admin@northwind.example",
            json!({ "auto_consent": true }),
        )
        .await;
    world
}

#[tokio::test]
async fn an_administrator_consents_for_delegated_and_application_permissions() {
    let scope = ("scope", "https://graph.microsoft.com/.default");
    for (version, scope, echoed) in [("/v2.0", scope, Some(scope.1)), ("", ("scope", ""), None)] {
        let world = unconsented().await;
        let reply = world
            .get(&path("northwind.example", version, &[scope]))
            .await;
        let parameters = reply.parameters();
        assert_eq!(parameters["admin_consent"], "True");
        assert_eq!(parameters["tenant"], NORTHWIND.to_string());
        assert_eq!(parameters["state"], "st8");
        assert_eq!(parameters.get("scope").map(String::as_str), echoed);
        let fields = [("grant_type", "client_credentials"), ("scope", ".default")];
        assert_eq!(world.token("northwind.example", &fields).await.status, 200);
        world
            .account(
                NORTHWIND,
                "user@northwind.example",
                json!({ "admin": false, "auto_consent": true }),
            )
            .await;
        assert_eq!(
            world.authorize("northwind.example", &[]).await.status,
            302,
            "people are not asked"
        );
        assert_eq!(world.directory.enterprise_apps.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn named_scopes_give_no_application_permissions() {
    let world = unconsented().await;
    assert_eq!(
        world
            .get(&path(
                "organizations",
                "/v2.0",
                &[("scope", "User.Read.All")]
            ))
            .await
            .status,
        302
    );
    let answer = world
        .token(
            "northwind.example",
            &[("grant_type", "client_credentials"), ("scope", ".default")],
        )
        .await;
    assert!(world.caller(&answer.json()).permissions.is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_shown_on_a_page() {
    let world = unconsented().await;
    let scope = ("scope", ".default");
    let cases = [
        (path("northwind.example", "/v2.0", &[]), 900_144),
        (path("common", "/v2.0", &[scope]), 90023),
        (path("consumers", "/v2.0", &[scope]), 700_016),
        (path("nosuch.example", "/v2.0", &[scope]), 90002),
        (
            format!(
                "/northwind.example/v2.0/adminconsent?client_id={APP}&scope=.default&redirect_uri=https://evil.example/"
            ),
            50011,
        ),
        (
            format!("/northwind.example/v2.0/adminconsent?redirect_uri={REDIRECT}&scope=.default"),
            900_144,
        ),
    ];
    for (path, code) in cases {
        let reply = world.get(&path).await;
        assert_eq!((reply.status, reply.aadsts()), (400, code), "{path}");
    }
}

#[tokio::test]
async fn people_who_are_no_administrators_cannot_consent_for_everyone() {
    let world = unconsented().await;
    world
        .account(
            NORTHWIND,
            "user@northwind.example",
            json!({ "admin": false, "auto_consent": true }),
        )
        .await;
    assert_eq!(
        world
            .get(&path(
                "northwind.example",
                "/v2.0",
                &[("scope", "User.Read")]
            ))
            .await
            .aadsts(),
        90094
    );
}

#[tokio::test]
async fn declining_still_says_admin_consent_true() {
    let world = World::empty();
    world.app(json!({ "tenants": [] })).await;
    world
        .account(NORTHWIND, "admin@northwind.example", json!({}))
        .await;
    let path = path("northwind.example", "/v2.0", &[("scope", ".default")]);
    let page = world.get(&path).await;
    let account = between(&page.text, "name=\"account\" value=\"", "\"").to_owned();
    let consent = world.form(&path, &[("account", &account)]).await;
    assert!(
        consent.text.contains("Permissions requested")
            && consent.text.contains("Directory.Read.All")
    );
    let declined = world
        .form(&path, &[("account", &account), ("decision", "cancel")])
        .await;
    let parameters = declined.parameters();
    assert_eq!(
        (
            parameters["admin_consent"].as_str(),
            parameters["error"].as_str()
        ),
        ("True", "consent_required")
    );
    assert_eq!(
        (declined.aadsts(), parameters["state"].as_str()),
        (65004, "st8")
    );
    let accepted = world
        .form(&path, &[("account", &account), ("decision", "accept")])
        .await;
    assert!(!accepted.parameters().contains_key("error"));
}
