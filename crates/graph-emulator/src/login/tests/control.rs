//! The control surface.

use serde_json::{Value, json};

use super::{APP, CONTOSO, NORTHWIND, SECRET, World};

/// Posts `body`, which must be refused with a message that holds `expected`.
async fn refused(world: &World, path: &str, body: &Value, expected: &str) {
    let reply = world.control(path, body.clone()).await;
    assert_eq!(reply.status, 400, "{body}");
    let error = &reply.json()["error"];
    assert_eq!(error["code"], "BadRequest");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(expected), "{expected}: {message}");
}

#[tokio::test]
async fn a_bad_registration_is_told_what_and_where() {
    let world = World::new().await;
    let pem = "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----";
    let long = format!("https://a.example/{}", "x".repeat(250));
    let permission = "https://graph.microsoft.com/User.Read";
    let tenants = ["northwind.example", "nosuch.example"];
    let cases = [
        ("secrets", json!([]), "secrets"),
        ("secret_expires_at", json!("soon"), "secret_expires_at"),
        ("app_id", json!("x"), "app_id"),
        (
            "tenants",
            json!(tenants),
            "tenants[1]: no tenant nosuch.example",
        ),
        ("home_tenant", json!("nosuch.example"), "home_tenant"),
        ("single_tenant", json!(true), "home_tenant"),
        (
            "redirect_uris",
            json!(["http://rollcall.example/"]),
            "redirect_uris[0]",
        ),
        ("redirect_uris", json!(["https://a.example/*"]), "wildcard"),
        ("redirect_uris", json!(["https://a.example/#x"]), "fragment"),
        (
            "redirect_uris",
            json!(["https://a.example/(x)"]),
            "may not contain (",
        ),
        ("redirect_uris", json!([long]), "256"),
        ("redirect_uris", json!(["/relative"]), "redirect_uris[0]"),
        (
            "certificates",
            json!(["nonsense"]),
            "certificates[0]: no BEGIN CERTIFICATE",
        ),
        ("certificates", json!([pem]), "certificates[0]"),
        ("delegated", json!([permission]), "delegated[0]"),
    ];
    for (field, value, expected) in cases {
        let mut spec = json!({ "app_id": APP });
        spec[field] = value;
        refused(&world, "/emulator/v1/apps", &spec, expected).await;
    }
}

#[tokio::test]
async fn other_bad_input_is_told_what_and_where() {
    let world = World::new().await;
    let person =
        |tenant: &str, upn: &str| json!({ "tenant_id": tenant, "user_principal_name": upn });
    let cases = [
        (
            "accounts",
            person("nosuch.example", "a@nosuch.example"),
            "tenant_id",
        ),
        (
            "accounts",
            person("northwind.example", "no-domain"),
            "user_principal_name",
        ),
        (
            "accounts/revoke",
            person("northwind.example", "x@y"),
            "user_principal_name",
        ),
        (
            "conditional-access",
            json!({ "tenant_id": NORTHWIND }),
            "app_id",
        ),
    ];
    for (path, body, expected) in cases {
        refused(&world, &format!("/emulator/v1/{path}"), &body, expected).await;
    }
}

#[tokio::test]
async fn registrations_are_listed_without_their_secret() {
    let world = World::new().await;
    let list = world.get("/emulator/v1/apps").await;
    let app = &list.json()["items"][0];
    assert_eq!(
        (app["app_id"].as_str(), app["has_secret"].as_bool()),
        (Some(APP.to_string().as_str()), Some(true))
    );
    assert_eq!(app["tenants"], json!([NORTHWIND]));
    assert!(!list.text.contains(SECRET));
    assert_eq!(
        world
            .get(&format!("/emulator/v1/apps/{CONTOSO}"))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn tenants_of_a_registration_have_the_enterprise_application() {
    let world = World::empty();
    world
        .app(json!({ "tenants": ["northwind.example", CONTOSO] }))
        .await;
    let expected = [NORTHWIND, CONTOSO].map(|tenant| (tenant, APP, "Rollcall".to_owned()));
    assert_eq!(*world.directory.enterprise_apps.lock().unwrap(), expected);
}

#[tokio::test]
async fn an_account_makes_its_person_once() {
    let world = World::empty();
    let first = world
        .account(NORTHWIND, "admin@northwind.example", json!({}))
        .await;
    let again = world
        .account(
            NORTHWIND,
            "ADMIN@northwind.example",
            json!({ "admin": false }),
        )
        .await;
    assert_eq!(first["id"], again["id"]);
    assert_eq!(
        (first["admin"].as_bool(), again["admin"].as_bool()),
        (Some(true), Some(false))
    );
    assert_eq!(
        (
            first["tenant_id"].as_str(),
            first["user_principal_name"].as_str()
        ),
        (
            Some(NORTHWIND.to_string().as_str()),
            Some("admin@northwind.example")
        )
    );
    assert_eq!(
        world.get("/emulator/v1/accounts").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn withdrawing_consent_stops_the_application_itself() {
    let world = World::new().await;
    let fields = [("grant_type", "client_credentials"), ("scope", ".default")];
    assert_eq!(world.token("northwind.example", &fields).await.status, 200);
    let path = format!("/emulator/v1/apps/{APP}/withdraw");
    let body = json!({ "tenant_id": "northwind.example" });
    assert_eq!(
        world
            .send("DELETE", &path, &[], "application/json", body.to_string())
            .await
            .status,
        204
    );
    assert_eq!(
        world.token("northwind.example", &fields).await.aadsts(),
        700_016
    );
    assert_eq!(world.control(&path, body).await.status, 404);
}
