//! Client authentication and the client credentials grant.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{APP, Changes, NORTHWIND, SECRET, World};

const SCOPE: &str = "https://graph.microsoft.com/.default";

fn grant<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![("grant_type", "client_credentials"), ("scope", SCOPE)];
    fields.extend(changes);
    fields
}

#[tokio::test]
async fn an_application_gets_a_token_with_its_roles_and_nothing_else() {
    let world = World::new().await;
    let answer = world.token("northwind.example", &grant(&[])).await.json();
    for absent in ["refresh_token", "id_token", "scope"] {
        assert!(answer.get(absent).is_none(), "{absent}");
    }
    let caller = world.caller(&answer);
    assert_eq!(
        (
            caller.tenant_id,
            caller.app_id,
            caller.user_id,
            caller.is_admin
        ),
        (NORTHWIND, APP, None, false)
    );
    assert_eq!(
        caller.permissions.into_iter().collect::<Vec<_>>(),
        ["Group.Read.All", "User.Read.All"]
    );
}

#[tokio::test]
async fn graph_is_named_in_many_ways() {
    let world = World::new().await;
    let own = "https://login.test:8943/.default";
    let scopes = [
        ".default",
        SCOPE,
        own,
        "https://graph.microsoft.com//.default",
        "https://localhost:9/.default",
        "https://graph.microsoft.us/.default",
        "00000003-0000-0000-c000-000000000000/.default",
    ];
    for scope in scopes {
        assert_eq!(
            world
                .token("northwind.example", &grant(&[("scope", scope)]))
                .await
                .status,
            200,
            "{scope}"
        );
    }
}

const WRONG: [(&str, Changes, u16, u32, &str); 15] = [
    (
        "northwind.example",
        &[("client_secret", "wrong")],
        401,
        7_000_215,
        "invalid_client",
    ),
    (
        "northwind.example",
        &[("client_secret", "")],
        401,
        7_000_218,
        "invalid_client",
    ),
    (
        "northwind.example",
        &[("client_id", "")],
        400,
        900_144,
        "invalid_request",
    ),
    (
        "northwind.example",
        &[("client_id", "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb")],
        400,
        700_016,
        "unauthorized_client",
    ),
    ("contoso.example", &[], 400, 700_016, "unauthorized_client"),
    (
        "northwind.example",
        &[("scope", "")],
        400,
        900_144,
        "invalid_request",
    ),
    (
        "northwind.example",
        &[("scope", "User.Read.All")],
        400,
        1_002_012,
        "invalid_scope",
    ),
    (
        "northwind.example",
        &[("scope", "openid https://graph.microsoft.com/.default")],
        400,
        1_002_012,
        "invalid_scope",
    ),
    (
        "northwind.example",
        &[("scope", "https://management.azure.com/.default")],
        400,
        500_011,
        "invalid_resource",
    ),
    (
        "northwind.example",
        &[("scope", ".default https://management.azure.com/.default")],
        400,
        70011,
        "invalid_scope",
    ),
    ("common", &[], 400, 9_001_023, "invalid_request"),
    ("consumers", &[], 400, 9_001_023, "invalid_request"),
    ("organizations", &[], 400, 50059, "invalid_request"),
    ("nosuch.example", &[], 400, 90002, "invalid_request"),
    ("nonsense", &[], 400, 900_023, "invalid_request"),
];

#[tokio::test]
async fn what_is_wrong_with_client_credentials() {
    let world = World::new().await;
    for (tenant, changes, status, code, error) in WRONG {
        let reply = world.token(tenant, &grant(changes)).await;
        assert_eq!(
            (reply.status, reply.aadsts()),
            (status, code),
            "{tenant} {changes:?}"
        );
        assert_eq!(reply.json()["error"], error, "{tenant} {changes:?}");
    }
}

#[tokio::test]
async fn organizations_means_the_home_of_the_application() {
    let world = World::new().await;
    world
        .app(json!({ "home_tenant": "northwind.example" }))
        .await;
    let answer = world.token("organizations", &grant(&[])).await.json();
    assert_eq!(world.caller(&answer).tenant_id, NORTHWIND);
}

#[tokio::test]
async fn a_secret_expires_by_the_virtual_clock_and_a_new_one_helps() {
    let world = World::new().await;
    world
        .app(json!({ "secret_expires_at": "2026-01-09T03:00:00Z" }))
        .await;
    assert_eq!(
        world.token("northwind.example", &grant(&[])).await.status,
        200
    );
    world.directory.advance(3600);
    let reply = world.token("northwind.example", &grant(&[])).await;
    assert_eq!((reply.status, reply.aadsts()), (401, 7_000_222));
    let patch = json!({ "secret": "fresh", "secret_expires_at": null }).to_string();
    let path = format!("/emulator/v1/apps/{APP}");
    assert_eq!(
        world
            .send("PATCH", &path, &[], "application/json", patch)
            .await
            .status,
        200
    );
    assert_eq!(
        world
            .token("northwind.example", &grant(&[("client_secret", "fresh")]))
            .await
            .status,
        200
    );
    assert_eq!(
        world.token("northwind.example", &grant(&[])).await.aadsts(),
        7_000_215
    );
}

#[tokio::test]
async fn http_basic_is_taken_and_a_browser_is_not() {
    let world = World::new().await;
    let path = "/northwind.example/oauth2/v2.0/token";
    let secret: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let basic = format!("Basic {}", STANDARD.encode(format!("{APP}:{secret}")));
    let body = super::encoded(&[("grant_type", "client_credentials"), ("scope", SCOPE)]);
    let kind = "application/x-www-form-urlencoded";
    let reply = world
        .send(
            "POST",
            path,
            &[("authorization", &basic)],
            kind,
            body.clone(),
        )
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let headers = [
        ("authorization", basic.as_str()),
        ("origin", "https://spa.example"),
    ];
    let reply = world.send("POST", path, &headers, kind, body).await;
    assert_eq!((reply.status, reply.aadsts()), (400, 9_002_326));
}

#[tokio::test]
async fn the_v1_endpoint_takes_a_resource_and_answers_with_strings() {
    let world = World::new().await;
    let app = APP.to_string();
    let mut fields = vec![
        ("grant_type", "client_credentials"),
        ("client_id", app.as_str()),
        ("client_secret", SECRET),
    ];
    assert_eq!(
        world
            .form("/northwind.example/oauth2/token", &fields)
            .await
            .aadsts(),
        900_144
    );
    fields.extend([
        ("resource", "https://graph.microsoft.com/"),
        ("scope", SCOPE),
        ("tenant_id", "x"),
    ]);
    let answer = world
        .form("/northwind.example/oauth2/token", &fields)
        .await
        .json();
    for name in ["expires_in", "ext_expires_in", "expires_on", "not_before"] {
        assert!(
            answer[name].as_str().unwrap().parse::<i64>().is_ok(),
            "{name}"
        );
    }
    assert_eq!(answer["resource"], "https://graph.microsoft.com/");
    assert_eq!(world.caller(&answer).user_id, None);
}
