//! Sign-in and Graph together: what the identity platform issues is what Graph takes, and what happens in the directory
//! decides on tokens.
#![allow(clippy::unwrap_used)] // a test fails by it

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use graph_emulator::{Emulator, Options};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

const APP: &str = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
const REDIRECT: &str = "https://rollcall.example/OAuth/IntegrationCallback.aspx";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const DOMAIN: &str = "northwind.onmicrosoft.com";
const ADMIN: &str = "admin@northwind.onmicrosoft.com";
const OTHER_ADMIN: &str = "second@northwind.onmicrosoft.com";

struct World {
    emulator: Emulator,
    tenant_id: String,
}

struct Reply {
    status: u16,
    location: String,
    body: Value,
}

impl Reply {
    fn token(&self, name: &str) -> String {
        let value = self.body[name].as_str();
        value
            .unwrap_or_else(|| panic!("no {name}: {}", self.body))
            .to_owned()
    }

    fn error_code(&self) -> u64 {
        self.body["error_codes"][0]
            .as_u64()
            .unwrap_or_else(|| panic!("no error: {}", self.body))
    }
}

fn encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

impl World {
    async fn new() -> Self {
        let start = "2026-01-09T02:02:12Z".parse().unwrap();
        let emulator = Emulator::new(Options { seed: 1, start });
        let mut world = Self {
            emulator,
            tenant_id: String::new(),
        };
        let tenant = json!({ "domain": DOMAIN, "display_name": "Northwind" });
        world.tenant_id = world.control("tenants", tenant).await.token("tenant_id");
        for upn in [OTHER_ADMIN, ADMIN] {
            let account = json!({ "tenant_id": world.tenant_id, "user_principal_name": upn, "auto_consent": true });
            world.control("accounts", account).await;
        }
        world.register(&[DOMAIN]).await;
        world
    }

    async fn register(&self, tenants: &[&str]) {
        let app = json!({
            "app_id": APP, "display_name": "Rollcall", "secret": "s3cret", "redirect_uris": [REDIRECT],
            "tenants": tenants,
            "delegated": ["User.Read", "User.ReadWrite.All", "Directory.Read.All"],
            "application": ["User.Read.All"],
        });
        self.control("apps", app).await;
    }

    async fn control(&self, path: &str, body: Value) -> Reply {
        let path = format!("/emulator/v1/{path}");
        let reply = self
            .send("POST", &path, "", "application/json", body.to_string())
            .await;
        assert!(reply.status < 300, "{path}: {}", reply.body);
        reply
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        bearer: &str,
        content_type: &str,
        body: String,
    ) -> Reply {
        let mut request = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost:8765");
        if !bearer.is_empty() {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        let request = request.body(Body::from(body)).unwrap();
        let response = self.emulator.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let location = parts.headers.get("location");
        Reply {
            status: parts.status.as_u16(),
            location: location.map_or_else(String::new, |value| value.to_str().unwrap().to_owned()),
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    async fn graph(&self, method: &str, path: &str, bearer: &str, body: Value) -> Reply {
        let (kind, body) = match body {
            Value::Null => ("", String::new()),
            body => ("application/json", body.to_string()),
        };
        self.send(method, &format!("/v1.0{path}"), bearer, kind, body)
            .await
    }

    async fn get(&self, path: &str, bearer: &str) -> Reply {
        self.graph("GET", path, bearer, Value::Null).await
    }

    async fn token(&self, fields: &[(&str, &str)]) -> Reply {
        let mut all = vec![("client_id", APP), ("client_secret", "s3cret")];
        all.extend(fields);
        let path = format!("/{DOMAIN}/oauth2/v2.0/token");
        let kind = "application/x-www-form-urlencoded";
        self.send("POST", &path, "", kind, encoded(&all)).await
    }

    async fn sign_in(&self, hint: &str, scope: &str) -> Reply {
        let query = encoded(&[
            ("client_id", APP),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT),
            ("scope", scope),
            ("state", "s"),
            ("login_hint", hint),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        let path = format!("/{DOMAIN}/oauth2/v2.0/authorize?{query}");
        let back = self.send("GET", &path, "", "", String::new()).await;
        let parameters = parameters(&back.location);
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", &parameters["code"]),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    async fn refresh(&self, token: &str) -> Reply {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.token(&fields).await
    }

    async fn own_token(&self) -> Reply {
        let fields = [("grant_type", "client_credentials"), ("scope", ".default")];
        self.token(&fields).await
    }
}

fn parameters(location: &str) -> BTreeMap<String, String> {
    let (_, query) = location.split_once('?').unwrap();
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

const SCOPE: &str = "openid profile offline_access User.Read User.ReadWrite.All";

#[tokio::test]
async fn graph_knows_who_signed_in_and_what_was_consented_to() {
    let world = World::new().await;
    let person = world.sign_in(ADMIN, SCOPE).await.token("access_token");
    let me = world.get("/me", &person).await;
    assert_eq!(
        (me.status, me.body["userPrincipalName"].as_str()),
        (200, Some(ADMIN))
    );
    let own = world.own_token().await.token("access_token");
    assert_eq!(world.get("/users", &own).await.status, 200);
    let cases = [
        ("no token", "GET", "/users", "", 401),
        ("nonsense", "GET", "/users", "nonsense", 401),
        ("an application has no me", "GET", "/me", &own, 400),
        ("nobody gave it groups", "GET", "/groups", &own, 403),
        ("nobody lets it write", "POST", "/users", &own, 403),
    ];
    for (name, method, path, token, status) in cases {
        let body = if method == "POST" {
            json!({})
        } else {
            Value::Null
        };
        let reply = world.graph(method, path, token, body).await;
        assert_eq!(reply.status, status, "{name}: {}", reply.body);
    }
}

#[tokio::test]
async fn a_token_ends_by_the_clock_and_a_refresh_gives_another() {
    let world = World::new().await;
    let tokens = world.sign_in(ADMIN, SCOPE).await;
    let seconds = tokens.body["expires_in"].as_u64().unwrap();
    let first = tokens.token("access_token");
    world.emulator.advance(Duration::from_secs(seconds - 1));
    assert_eq!(world.get("/me", &first).await.status, 200);
    world.emulator.advance(Duration::from_secs(2));
    let expired = world.get("/me", &first).await;
    assert_eq!(
        (expired.status, expired.body["error"]["code"].as_str()),
        (401, Some("InvalidAuthenticationToken"))
    );
    let renewed = world.refresh(&tokens.token("refresh_token")).await;
    assert_eq!(
        world
            .get("/me", &renewed.token("access_token"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn what_graph_does_to_a_person_ends_the_sign_in() {
    let world = World::new().await;
    let writer = world
        .sign_in(OTHER_ADMIN, SCOPE)
        .await
        .token("access_token");
    let held = world.sign_in(ADMIN, SCOPE).await.token("refresh_token");
    let path = format!("/users/{ADMIN}");
    let disable = json!({ "accountEnabled": false });
    assert_eq!(
        world.graph("PATCH", &path, &writer, disable).await.status,
        204
    );
    assert_eq!(world.refresh(&held).await.error_code(), 50057);
    let enable = json!({ "accountEnabled": true });
    assert_eq!(
        world.graph("PATCH", &path, &writer, enable).await.status,
        204
    );
    assert_eq!(world.refresh(&held).await.status, 200);
    assert_eq!(
        world
            .graph("DELETE", &path, &writer, Value::Null)
            .await
            .status,
        204
    );
    assert_eq!(world.refresh(&held).await.error_code(), 50034);
}

#[tokio::test]
async fn consent_makes_an_enterprise_application_graph_shows() {
    let world = World::new().await;
    world.register(&[]).await;
    assert_eq!(world.own_token().await.error_code(), 700_016);
    let query = encoded(&[
        ("client_id", APP),
        ("redirect_uri", REDIRECT),
        ("scope", "https://graph.microsoft.com/.default"),
        ("state", "s"),
    ]);
    let path = format!("/{DOMAIN}/v2.0/adminconsent?{query}");
    let back = world.send("GET", &path, "", "", String::new()).await;
    let parameters = parameters(&back.location);
    assert_eq!(
        (
            parameters["admin_consent"].as_str(),
            parameters["tenant"].as_str()
        ),
        ("True", world.tenant_id.as_str())
    );
    assert_eq!(world.own_token().await.status, 200);
    let person = world
        .sign_in(ADMIN, "Directory.Read.All")
        .await
        .token("access_token");
    let filter = encoded(&[("$filter", &format!("appId eq '{APP}'"))]);
    let listed = world
        .get(&format!("/servicePrincipals?{filter}"), &person)
        .await;
    assert_eq!(
        listed.body["value"][0]["displayName"], "Rollcall",
        "{}",
        listed.body
    );
}

#[tokio::test]
async fn a_reset_forgets_applications_accounts_and_tokens() {
    let world = World::new().await;
    let tokens = world.sign_in(ADMIN, SCOPE).await;
    world.control("reset", json!({})).await;
    let path = "/emulator/v1/accounts";
    let accounts = world.send("GET", path, "", "", String::new()).await;
    assert_eq!(accounts.body["items"], json!([]));
    assert_eq!(
        world.get("/me", &tokens.token("access_token")).await.status,
        401
    );
    assert_eq!(
        world
            .refresh(&tokens.token("refresh_token"))
            .await
            .error_code(),
        90002
    );
}
