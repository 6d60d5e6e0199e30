//! The authorization code grant, id_tokens, and the shape of answers.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use super::{APP, CONTOSO, Changes, NORTHWIND, REDIRECT, SECRET, World};

const GRAPH: &str = "https://graph.microsoft.com";

/// Checks an id_token as a client would: by the key its header names in the JWKS.
pub(super) async fn verified(world: &World, tenant: &str, token: &str) -> Value {
    let header = jsonwebtoken::decode_header(token).unwrap();
    let jwks = world
        .get(&format!("/{tenant}/discovery/v2.0/keys"))
        .await
        .json();
    let keys = jwks["keys"].as_array().unwrap();
    let key = keys
        .iter()
        .find(|key| key["kid"] == json!(header.kid))
        .expect("the key is published");
    let field = |name: &str| key[name].as_str().unwrap();
    let decoding = DecodingKey::from_rsa_components(field("n"), field("e")).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[APP]);
    validation.validate_exp = false; // the clock is virtual
    jsonwebtoken::decode::<Value>(token, &decoding, &validation)
        .unwrap()
        .claims
}

#[tokio::test]
async fn the_whole_flow_gives_tokens_for_the_person() {
    let world = World::new().await;
    let answer = world.sign_in("northwind.example", &[]).await;
    assert_eq!(answer["token_type"], "Bearer");
    let expires_in = answer["expires_in"].as_i64().unwrap();
    assert!((3600..=5400).contains(&expires_in) && answer["ext_expires_in"] == expires_in);
    assert_eq!(
        answer["scope"],
        "Directory.Read.All Group.Read.All User.Read User.Read.All openid profile"
    );

    let caller = world.caller(&answer);
    assert_eq!(
        (caller.tenant_id, caller.app_id, caller.is_admin),
        (NORTHWIND, APP, true)
    );
    assert!(
        caller.permissions.contains("User.Read.All")
            && !caller.permissions.contains("User.ReadWrite.All")
    );

    let claims = verified(
        &world,
        "northwind.example",
        answer["id_token"].as_str().unwrap(),
    )
    .await;
    let now = super::START.parse::<jiff::Timestamp>().unwrap().as_second();
    let expected = [
        ("aud", json!(APP)),
        (
            "iss",
            json!(format!("http://login.test:8943/{NORTHWIND}/v2.0")),
        ),
        ("tid", json!(NORTHWIND)),
        ("oid", json!(caller.user_id)),
        ("ver", json!("2.0")),
        ("nonce", json!("n0nce")),
        ("name", json!("Name of admin@northwind.example")),
        ("preferred_username", json!("admin@northwind.example")),
        ("iat", json!(now)),
        ("nbf", json!(now)),
        ("exp", json!(now + 3600)),
        ("email", Value::Null),
    ];
    for (name, value) in expected {
        assert_eq!(claims[name], value, "{name}");
    }
    for name in ["sub", "uti", "sid"] {
        assert!(claims[name].is_string(), "{name}");
    }
}

#[tokio::test]
async fn claims_follow_scopes_and_guests_show_their_mail() {
    let world = World::new().await;
    let claims = async |scope: &str| {
        let answer = world
            .sign_in("northwind.example", &[("scope", scope)])
            .await;
        verified(
            &world,
            "northwind.example",
            answer["id_token"].as_str().unwrap(),
        )
        .await
    };
    let bare = claims("openid User.Read").await;
    assert!(
        bare.get("oid").is_none()
            && bare.get("preferred_username").is_none()
            && bare.get("email").is_none()
    );
    assert_eq!(
        claims("openid email User.Read").await["email"],
        "admin@northwind.example"
    );
    world
        .account(
            NORTHWIND,
            "kim_contoso.example#EXT#@northwind.onmicrosoft.com",
            json!({ "auto_consent": true }),
        )
        .await;
    let guest = claims("openid profile User.Read").await;
    assert_eq!(guest["email"], "kim@contoso.example");
    assert_eq!(guest["preferred_username"], "kim@contoso.example");
}

#[tokio::test]
async fn the_subject_differs_between_applications() {
    let world = World::new().await;
    let other = "cccccccc-cccc-4ccc-8ccc-cccccccccccc";
    let mut subjects = Vec::new();
    for app in [APP.to_string(), other.to_owned()] {
        world.app(json!({ "app_id": app })).await;
        let code = world
            .authorize("northwind.example", &[("client_id", &app)])
            .await
            .code();
        let answer = world
            .redeem("northwind.example", &code, &[("client_id", &app)])
            .await
            .json();
        let claims =
            jsonwebtoken::dangerous::insecure_decode::<Value>(answer["id_token"].as_str().unwrap())
                .unwrap()
                .claims;
        subjects.push(claims["sub"].clone());
    }
    assert_ne!(subjects[0], subjects[1]);
}

#[tokio::test]
async fn refresh_and_id_tokens_come_only_when_asked_for() {
    let world = World::new().await;
    let cases = [
        ("User.Read", false, false),
        ("openid User.Read", false, true),
        ("offline_access User.Read", true, false),
    ];
    for (scope, refresh, id) in cases {
        let answer = world
            .sign_in("northwind.example", &[("scope", scope)])
            .await;
        assert_eq!(
            (
                answer["refresh_token"].is_string(),
                answer["id_token"].is_string()
            ),
            (refresh, id),
            "{scope}"
        );
    }
}

#[tokio::test]
async fn scopes_come_back_in_the_form_they_were_asked_in() {
    let world = World::new().await;
    let answer = world
        .sign_in(
            "northwind.example",
            &[("scope", "https://graph.microsoft.com/User.Read")],
        )
        .await;
    assert!(
        answer["scope"]
            .as_str()
            .unwrap()
            .contains(&format!("{GRAPH}/User.Read.All"))
    );
    let code = world.authorize("northwind.example", &[]).await.code();
    let narrowed = world
        .redeem(
            "northwind.example",
            &code,
            &[("scope", "https://graph.microsoft.com/.default")],
        )
        .await;
    assert!(
        narrowed.json()["scope"]
            .as_str()
            .unwrap()
            .starts_with(GRAPH)
    );
}

/// Signed in at, redeemed at, changes, seconds between, code, error.
type CodeCase = (&'static str, &'static str, Changes, i64, u32, &'static str);

const CODES: [CodeCase; 17] = [
    (
        "northwind.example",
        "northwind.example",
        &[("code", "nonsense")],
        0,
        70000,
        "invalid_grant",
    ),
    (
        "northwind.example",
        "northwind.example",
        &[("code", "")],
        0,
        900_144,
        "invalid_request",
    ),
    (
        "northwind.example",
        "northwind.example",
        &[("redirect_uri", "")],
        0,
        900_144,
        "invalid_request",
    ),
    (
        "northwind.example",
        "northwind.example",
        &[("redirect_uri", "https://other.example/")],
        0,
        500_112,
        "invalid_client",
    ),
    (
        "northwind.example",
        "northwind.example",
        &[("code_verifier", "")],
        0,
        50148,
        "invalid_grant",
    ),
    (
        "northwind.example",
        "northwind.example",
        &[("code_verifier", "wrong")],
        0,
        501_481,
        "invalid_grant",
    ),
    (
        "northwind.example",
        "northwind.example",
        &[],
        600,
        70008,
        "invalid_grant",
    ),
    (
        "northwind.example",
        "northwind.example",
        &[("scope", "User.ReadWrite.All")],
        0,
        65001,
        "invalid_grant",
    ),
    (
        "northwind.example",
        "northwind.example",
        &[("scope", "User.Read api://x/y")],
        0,
        70011,
        "invalid_scope",
    ),
    (
        "northwind.example",
        "northwind.example",
        &[("scope", "api://x/.default")],
        0,
        500_011,
        "invalid_resource",
    ),
    (
        "northwind.example",
        "northwind.example",
        &[("scope", ".default User.Read")],
        0,
        70011,
        "invalid_scope",
    ),
    (
        "northwind.example",
        "contoso.example",
        &[],
        0,
        700_005,
        "invalid_grant",
    ),
    (
        "northwind.example",
        "organizations",
        &[],
        0,
        700_005,
        "invalid_grant",
    ),
    (
        "organizations",
        "northwind.example",
        &[],
        0,
        700_005,
        "invalid_grant",
    ),
    ("organizations", "common", &[], 0, 700_005, "invalid_grant"),
    (
        "northwind.example",
        "consumers",
        &[],
        0,
        9_001_023,
        "invalid_request",
    ),
    (
        "northwind.example",
        "nosuch.example",
        &[],
        0,
        90002,
        "invalid_request",
    ),
];

#[tokio::test]
async fn a_code_is_good_once_in_time_and_where_it_was_issued() {
    for (at, redeemed_at, changes, wait, code, error) in CODES {
        let world = World::new().await;
        let text = world.authorize(at, &[]).await.code();
        world.directory.advance(wait);
        let reply = world.redeem(redeemed_at, &text, changes).await;
        assert_eq!(
            (reply.aadsts(), reply.json()["error"].as_str()),
            (code, Some(error)),
            "{at} {redeemed_at} {changes:?}"
        );
        assert_eq!(reply.json()["error_codes"], json!([code]));
    }
}

#[tokio::test]
async fn a_code_is_redeemed_once_and_a_failed_try_does_not_spend_it() {
    let world = World::new().await;
    let code = world.authorize("organizations", &[]).await.code();
    world.directory.advance(599);
    assert_eq!(
        world
            .redeem("organizations", &code, &[("client_secret", "wrong")])
            .await
            .aadsts(),
        7_000_215
    );
    assert_eq!(
        world
            .redeem("organizations", &code, &[("code_verifier", "wrong")])
            .await
            .aadsts(),
        501_481
    );
    assert_eq!(world.redeem("organizations", &code, &[]).await.status, 200);
    assert_eq!(
        world.redeem("organizations", &code, &[]).await.aadsts(),
        54005
    );
}

#[tokio::test]
async fn a_code_belongs_to_the_application_it_was_issued_to() {
    let world = World::new().await;
    let other = "cccccccc-cccc-4ccc-8ccc-cccccccccccc";
    world.app(json!({ "app_id": other })).await;
    let code = world.authorize("northwind.example", &[]).await.code();
    assert_eq!(
        world
            .redeem("northwind.example", &code, &[("client_id", other)])
            .await
            .aadsts(),
        70000
    );
}

#[tokio::test]
async fn pkce_is_checked_in_both_methods_and_only_when_begun() {
    let world = World::new().await;
    let plain = world
        .authorize(
            "northwind.example",
            &[
                ("code_challenge", super::VERIFIER),
                ("code_challenge_method", ""),
            ],
        )
        .await;
    assert_eq!(
        world
            .redeem("northwind.example", &plain.code(), &[])
            .await
            .status,
        200
    );
    let none = [("code_challenge", ""), ("code_challenge_method", "")];
    let code = world.authorize("northwind.example", &none).await.code();
    assert_eq!(
        world.redeem("northwind.example", &code, &[]).await.aadsts(),
        501_481
    );
    assert_eq!(
        world
            .redeem("northwind.example", &code, &[("code_verifier", "")])
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn errors_have_every_field_of_the_contract() {
    let world = World::new().await;
    let correlation = "01234567-89ab-4cde-8f01-23456789abcd";
    let body = super::encoded(&[
        ("grant_type", "client_credentials"),
        ("client_id", &APP.to_string()),
        ("client_secret", "wrong"),
        ("scope", ".default"),
    ]);
    let kind = "application/x-www-form-urlencoded; charset=utf-8";
    let headers = [("client-request-id", correlation)];
    let reply = world
        .send(
            "POST",
            "/northwind.example/oauth2/v2.0/token",
            &headers,
            kind,
            body,
        )
        .await;
    assert_eq!(reply.status, 401);
    assert!(reply.header("cache-control").contains("no-store"));
    let body = reply.json();
    let trace = body["trace_id"].as_str().unwrap();
    assert!(uuid::Uuid::parse_str(trace).is_ok());
    assert_eq!(body["correlation_id"], correlation);
    assert_eq!(body["timestamp"], "2026-01-09 02:02:12Z");
    assert_eq!(body["error"], "invalid_client");
    assert_eq!(body["error_codes"], json!([7_000_215]));
    assert_eq!(
        body["error_uri"],
        "http://login.test:8943/error?code=7000215"
    );
    let description = body["error_description"].as_str().unwrap();
    let expected = format!(
        "\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: 2026-01-09 02:02:12Z"
    );
    assert!(
        description.starts_with("AADSTS7000215: Invalid client secret provided.")
            && description.ends_with(&expected),
        "{description}"
    );
}

#[tokio::test]
async fn requests_that_are_no_token_requests_are_refused() {
    let world = World::new().await;
    let get = world.get("/northwind.example/oauth2/v2.0/token").await;
    assert_eq!(
        (get.aadsts(), get.json()["error"].as_str()),
        (900_561, Some("invalid_request"))
    );
    let json =
        json!({ "grant_type": "client_credentials", "client_id": APP, "client_secret": SECRET })
            .to_string();
    for kind in ["application/json", "", "text/plain"] {
        let reply = world
            .send(
                "POST",
                "/northwind.example/oauth2/v2.0/token",
                &[],
                kind,
                json.clone(),
            )
            .await;
        assert_eq!(reply.aadsts(), 900_144, "{kind}");
    }
    assert_eq!(
        world.token("northwind.example", &[]).await.aadsts(),
        900_144
    );
    let password = world
        .token("northwind.example", &[("grant_type", "password")])
        .await;
    assert_eq!(
        (password.aadsts(), password.json()["error"].as_str()),
        (70003, Some("unsupported_grant_type"))
    );
}

#[tokio::test]
async fn fields_client_libraries_add_are_accepted() {
    let world = World::new().await;
    let code = world
        .authorize(
            "northwind.example",
            &[
                ("claims", "{}"),
                ("client_info", "1"),
                ("x-client-SKU", "MSAL"),
            ],
        )
        .await
        .code();
    let extra = [
        (
            "claims",
            r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#,
        ),
        ("client_info", "1"),
        ("x-client-SKU", "msal.js.node"),
        ("x-ms-lib-capability", "retry-after, h429"),
    ];
    assert_eq!(
        world
            .redeem("northwind.example", &code, &extra)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_conditional_access_fault_stops_tokens_of_that_tenant_and_application() {
    let world = World::new().await;
    world
        .account(
            CONTOSO,
            "admin@contoso.example",
            json!({ "auto_consent": true }),
        )
        .await;
    let fault = |code: Value| json!({ "tenant_id": NORTHWIND, "app_id": APP, "code": code });
    let cases = [
        (50076, 400, "invalid_grant", Some("basic_action")),
        (53003, 400, "invalid_grant", Some("message_only")),
        (90033, 503, "temporarily_unavailable", None),
    ];
    for (code, status, error, suberror) in cases {
        assert_eq!(
            world
                .control("/emulator/v1/conditional-access", fault(json!(code)))
                .await
                .status,
            204
        );
        let text = world.authorize("northwind.example", &[]).await.code();
        let reply = world.redeem("northwind.example", &text, &[]).await;
        assert_eq!((reply.status, reply.aadsts()), (status, code));
        assert_eq!(
            (
                reply.json()["error"].as_str(),
                reply.json()["suberror"].as_str()
            ),
            (Some(error), suberror)
        );
    }
    world
        .control("/emulator/v1/conditional-access", fault(Value::Null))
        .await;
    world.sign_in("northwind.example", &[]).await;
}

#[tokio::test]
async fn access_tokens_end_and_others_are_not_taken() {
    use super::super::AuthFailure::{Expired, Malformed, Missing, Unknown};
    let world = World::new().await;
    let answer = world.sign_in("northwind.example", &[]).await;
    let good = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let refresh = format!("Bearer {}", answer["refresh_token"].as_str().unwrap());
    let mut forged = good.clone().into_bytes();
    forged[12] = if forged[12] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let cases = [
        (None, Missing),
        (Some("Bearer"), Malformed),
        (Some("Basic abc"), Malformed),
        (Some("Bearer x.y.z"), Malformed),
        (Some(refresh.as_str()), Unknown),
        (Some(forged.as_str()), Unknown),
    ];
    for (header, failure) in cases {
        assert_eq!(
            world.login.authenticate(header).unwrap_err(),
            failure,
            "{header:?}"
        );
    }
    world
        .directory
        .advance(answer["expires_in"].as_i64().unwrap() - 1);
    assert!(world.login.authenticate(Some(&good)).is_ok());
    world.directory.advance(1);
    assert_eq!(world.login.authenticate(Some(&good)).unwrap_err(), Expired);
}

#[tokio::test]
async fn a_reset_ends_every_token_even_when_chance_is_rewound() {
    let world = World::new().await;
    let answer = world.sign_in("northwind.example", &[]).await;
    world.directory.rewind_chance();
    world.login.reset();
    world.app(json!({})).await;
    let admin = "admin@northwind.example";
    world
        .account(NORTHWIND, admin, json!({ "auto_consent": true }))
        .await;
    world.sign_in("northwind.example", &[]).await;
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    assert_eq!(
        world.login.authenticate(Some(&bearer)).unwrap_err(),
        super::super::AuthFailure::Unknown
    );
    let held = answer["refresh_token"].as_str().unwrap();
    assert_eq!(
        world.refresh("northwind.example", held).await.aadsts(),
        70000
    );
}

#[tokio::test]
async fn the_userinfo_endpoint_names_the_same_subject() {
    let world = World::new().await;
    let answer = world
        .sign_in(
            "northwind.example",
            &[("scope", "openid profile email User.Read")],
        )
        .await;
    let claims = verified(
        &world,
        "northwind.example",
        answer["id_token"].as_str().unwrap(),
    )
    .await;
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let info = world
        .send(
            "GET",
            "/oidc/userinfo",
            &[("authorization", &bearer)],
            "",
            String::new(),
        )
        .await
        .json();
    assert_eq!(
        (&info["sub"], &info["name"], &info["email"]),
        (&claims["sub"], &claims["name"], &claims["email"])
    );
    assert_eq!(world.get("/oidc/userinfo").await.status, 401);
}

#[tokio::test]
async fn the_redirect_uri_is_the_one_of_the_request_even_with_a_loopback_port() {
    let world = World::new().await;
    world
        .app(json!({ "redirect_uris": ["http://localhost/cb", REDIRECT] }))
        .await;
    let code = world
        .authorize(
            "northwind.example",
            &[("redirect_uri", "http://localhost:4000/cb")],
        )
        .await
        .code();
    assert_eq!(
        world
            .redeem(
                "northwind.example",
                &code,
                &[("redirect_uri", "http://localhost/cb")]
            )
            .await
            .aadsts(),
        500_112
    );
    assert_eq!(
        world
            .redeem(
                "northwind.example",
                &code,
                &[("redirect_uri", "http://localhost:4000/cb")]
            )
            .await
            .status,
        200
    );
}
