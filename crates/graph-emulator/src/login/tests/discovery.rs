//! Discovery, keys and signing out.

use std::collections::BTreeSet;

use super::{APP, NORTHWIND, REDIRECT, World};
use serde_json::Value;

fn ids(jwks: &Value) -> BTreeSet<String> {
    jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn documents_name_the_host_the_client_used() {
    let world = World::new().await;
    let tenant = NORTHWIND.to_string();
    let template = "{tenantid}";
    let cases = [
        ("northwind.example", tenant.as_str(), tenant.as_str()),
        ("common", template, "common"),
        ("organizations", template, "organizations"),
    ];
    for scheme in ["http", "https"] {
        world.login.set_scheme(scheme);
        for (path, issuer, at) in cases {
            let document = world
                .get(&format!("/{path}/v2.0/.well-known/openid-configuration"))
                .await
                .json();
            let base = format!("{scheme}://login.test:8943");
            assert_eq!(document["issuer"], format!("{base}/{issuer}/v2.0"));
            assert_eq!(
                document["authorization_endpoint"],
                format!("{base}/{at}/oauth2/v2.0/authorize")
            );
            assert_eq!(
                document["token_endpoint"],
                format!("{base}/{at}/oauth2/v2.0/token")
            );
            assert_eq!(
                document["jwks_uri"],
                format!("{base}/{at}/discovery/v2.0/keys")
            );
            assert_eq!(
                document["end_session_endpoint"],
                format!("{base}/{at}/oauth2/v2.0/logout")
            );
            assert_eq!(document["subject_types_supported"][0], "pairwise");
        }
    }
    let v1 = world
        .get("/northwind.example/.well-known/openid-configuration")
        .await
        .json();
    assert!(
        v1["token_endpoint"]
            .as_str()
            .unwrap()
            .ends_with("/oauth2/token")
    );
    assert_eq!(
        world
            .get("/nosuch.example/v2.0/.well-known/openid-configuration")
            .await
            .aadsts(),
        90002
    );
}

#[tokio::test]
async fn instance_discovery_says_the_host_is_a_cloud_of_its_own() {
    let world = World::new().await;
    let endpoint = "http%3A%2F%2Flogin.test%3A8943%2Fnorthwind.example%2Foauth2%2Fv2.0%2Fauthorize";
    let answer = world
        .get(&format!(
            "/common/discovery/instance?api-version=1.1&authorization_endpoint={endpoint}"
        ))
        .await
        .json();
    assert_eq!(
        answer["tenant_discovery_endpoint"],
        "http://login.test:8943/northwind.example/v2.0/.well-known/openid-configuration"
    );
    assert_eq!(answer["metadata"][0]["aliases"][0], "login.test:8943");
}

#[tokio::test]
async fn every_key_is_bound_to_the_issuer_and_the_order_is_not_to_be_trusted() {
    let world = World::new().await;
    let jwks = world
        .get("/northwind.example/discovery/v2.0/keys")
        .await
        .json();
    assert!(ids(&jwks).len() >= 2);
    for key in jwks["keys"].as_array().unwrap() {
        assert_eq!(
            key["issuer"],
            format!("http://login.test:8943/{NORTHWIND}/v2.0")
        );
        assert_eq!(
            (key["kty"].as_str(), key["use"].as_str()),
            (Some("RSA"), Some("sig"))
        );
    }
    let common = world.get("/common/discovery/keys").await.json();
    assert_eq!(
        common["keys"][0]["issuer"],
        "http://login.test:8943/{tenantid}/v2.0"
    );
    let mut first = BTreeSet::new();
    for _ in 0..32 {
        let jwks = world.get("/common/discovery/v2.0/keys").await.json();
        first.insert(jwks["keys"][0]["kid"].as_str().unwrap().to_owned());
    }
    assert!(first.len() > 1, "the order varies");
}

#[tokio::test]
async fn a_roll_signs_with_a_key_no_client_has_seen_and_keeps_the_old_one() {
    let world = World::new().await;
    let token = world.sign_in("northwind.example", &[]).await["id_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let before = ids(&world.get("/common/discovery/v2.0/keys").await.json());
    assert_eq!(
        world
            .send("POST", "/emulator/v1/keys/roll", &[], "", String::new())
            .await
            .status,
        204
    );
    super::token::verified(&world, "northwind.example", &token).await;
    let fresh = world.sign_in("northwind.example", &[]).await["id_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let kid = jsonwebtoken::decode_header(&fresh).unwrap().kid.unwrap();
    assert!(!before.contains(&kid));
    super::token::verified(&world, "northwind.example", &fresh).await;
}

#[tokio::test]
async fn signing_out_goes_on_to_registered_addresses_alone() {
    let world = World::new().await;
    let path = "/common/oauth2/v2.0/logout";
    let known = world
        .get(&format!("{path}?post_logout_redirect_uri={REDIRECT}"))
        .await;
    assert_eq!((known.status, known.header("location")), (302, REDIRECT));
    let posted = world
        .form(
            path,
            &[("post_logout_redirect_uri", REDIRECT), ("state", "s")],
        )
        .await;
    assert_eq!(posted.header("location"), format!("{REDIRECT}?state=s"));
    for query in ["", "?post_logout_redirect_uri=https://evil.example/"] {
        let page = world.get(&format!("{path}{query}")).await;
        assert!(
            page.status == 200 && page.text.contains("You signed out"),
            "{query}"
        );
    }
}

#[tokio::test]
async fn signing_out_leaves_refresh_tokens_alive() {
    let world = World::new().await;
    let answer = world.sign_in("northwind.example", &[]).await;
    world.get("/common/oauth2/v2.0/logout").await;
    assert_eq!(
        world
            .refresh(
                "northwind.example",
                answer["refresh_token"].as_str().unwrap()
            )
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn the_assets_of_the_pages_are_served() {
    let world = World::new().await;
    for (path, kind) in [
        ("/login/style.css", "text/css"),
        ("/login/form-post.js", "text/javascript"),
        ("/error?code=50076", "text/html"),
    ] {
        let reply = world.get(path).await;
        assert!(
            reply.status == 200 && reply.header("content-type").starts_with(kind),
            "{path}"
        );
    }
    assert!(
        world
            .get(&format!("/error?code={APP}"))
            .await
            .text
            .contains("AADSTS0")
    );
}
