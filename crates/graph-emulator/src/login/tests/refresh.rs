//! Refresh tokens: rotation, life, revocation, and use at another tenant.

use serde_json::{Value, json};

use super::super::Principals as _;
use super::{APP, CONTOSO, NORTHWIND, World};

const ADMIN: &str = "admin@northwind.example";
const DAY: i64 = 86_400;

fn token(answer: &Value) -> String {
    answer["refresh_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_use_gives_a_new_token_and_leaves_the_old_one_alive() {
    let world = World::new().await;
    let first = token(&world.sign_in("northwind.example", &[]).await);
    let answer = world.refresh("northwind.example", &first).await.json();
    let second = token(&answer);
    assert_ne!(first, second);
    assert!(
        answer["id_token"].is_string()
            && world.caller(&answer).permissions.contains("User.Read.All")
    );
    for tenant in ["northwind.example", "organizations", "common"] {
        for token in [&first, &second] {
            assert_eq!(world.refresh(tenant, token).await.status, 200);
        }
    }
}

#[tokio::test]
async fn ninety_days_after_its_issue_a_token_is_dead_and_use_renews() {
    let world = World::new().await;
    let first = token(&world.sign_in("northwind.example", &[]).await);
    world.directory.advance(89 * DAY);
    let second = token(&world.refresh("northwind.example", &first).await.json());
    world.directory.advance(DAY);
    let dead = world.refresh("northwind.example", &first).await;
    assert_eq!(
        (dead.status, dead.aadsts(), dead.json()["error"].as_str()),
        (400, 700_082, Some("invalid_grant"))
    );
    assert_eq!(
        world.refresh("northwind.example", &second).await.status,
        200
    );
}

#[tokio::test]
async fn what_kills_a_refresh_token() {
    let revoke = json!({ "tenant_id": NORTHWIND, "user_principal_name": ADMIN });
    for (event, code) in [
        ("revoke", 50173),
        ("disable", 50057),
        ("delete", 50034),
        ("withdraw", 65001),
        ("reregister", 65001),
    ] {
        let world = World::new().await;
        let held = token(&world.sign_in("northwind.example", &[]).await);
        match event {
            "revoke" => assert_eq!(
                world
                    .control("/emulator/v1/accounts/revoke", revoke.clone())
                    .await
                    .status,
                204
            ),
            "disable" => world.directory.change(ADMIN, |user| user.enabled = false),
            "delete" => world.directory.delete(ADMIN),
            "withdraw" => {
                let path = format!("/emulator/v1/apps/{APP}/withdraw");
                assert_eq!(
                    world
                        .control(&path, json!({ "tenant_id": NORTHWIND }))
                        .await
                        .status,
                    204
                );
            }
            _ => world.app(json!({ "tenants": [] })).await,
        }
        let reply = world.refresh("northwind.example", &held).await;
        assert_eq!(
            (reply.aadsts(), reply.json()["error"].as_str()),
            (code, Some("invalid_grant")),
            "{event}"
        );
    }
}

#[tokio::test]
async fn signing_in_again_after_a_revocation_works_at_the_same_instant() {
    let world = World::new().await;
    world.sign_in("northwind.example", &[]).await;
    world
        .control(
            "/emulator/v1/accounts/revoke",
            json!({ "tenant_id": NORTHWIND, "user_principal_name": ADMIN }),
        )
        .await;
    let again = token(&world.sign_in("northwind.example", &[]).await);
    assert_eq!(world.refresh("northwind.example", &again).await.status, 200);
}

#[tokio::test]
async fn tokens_that_are_not_refresh_tokens_of_this_client_are_refused() {
    let world = World::new().await;
    let answer = world.sign_in("northwind.example", &[]).await;
    let access = answer["access_token"].as_str().unwrap();
    for wrong in ["nonsense", access] {
        assert_eq!(
            world.refresh("northwind.example", wrong).await.aadsts(),
            70000,
            "{wrong}"
        );
    }
    let other = "cccccccc-cccc-4ccc-8ccc-cccccccccccc";
    world.app(json!({ "app_id": other })).await;
    let held = token(&answer);
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", held.as_str()),
        ("client_id", other),
    ];
    assert_eq!(
        world.token("northwind.example", &fields).await.aadsts(),
        70000
    );
    assert_eq!(
        world
            .token("northwind.example", &[("grant_type", "refresh_token")])
            .await
            .aadsts(),
        900_144
    );
}

#[tokio::test]
async fn scopes_of_a_refresh_are_those_consented_to() {
    let world = World::new().await;
    let held = token(&world.sign_in("northwind.example", &[]).await);
    let cases = [
        ("User.Read", 0),
        ("https://graph.microsoft.com/.default offline_access", 0),
        ("User.Read api://second/x", 0),
        ("User.ReadWrite.All", 65001),
        ("api://first/x User.Read", 500_011),
    ];
    for (scope, code) in cases {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", held.as_str()),
            ("scope", scope),
        ];
        let reply = world.token("northwind.example", &fields).await;
        assert_eq!(
            if reply.status == 200 {
                0
            } else {
                reply.aadsts()
            },
            code,
            "{scope}"
        );
    }
}

#[tokio::test]
async fn a_token_works_at_another_tenant_where_the_person_is_a_guest() {
    let world = World::new().await;
    world.app(json!({ "tenants": [NORTHWIND, CONTOSO] })).await;
    let held = token(&world.sign_in("northwind.example", &[]).await);
    assert_eq!(
        world.refresh("contoso.example", &held).await.aadsts(),
        50020
    );
    let upn = "admin_northwind.example#EXT#@contoso.example";
    let guest = world
        .directory
        .ensure_user(CONTOSO, upn, world.directory.now());
    let caller = world.caller(&world.refresh("contoso.example", &held).await.json());
    assert_eq!(
        (caller.tenant_id, caller.user_id, caller.is_admin),
        (CONTOSO, Some(guest.id), false)
    );
    // Revoking the guest there does nothing; revoking at home does.
    for (tenant, upn, status) in [(CONTOSO, upn, 200), (NORTHWIND, ADMIN, 400)] {
        world
            .control(
                "/emulator/v1/accounts/revoke",
                json!({ "tenant_id": tenant, "user_principal_name": upn }),
            )
            .await;
        assert_eq!(
            world.refresh("contoso.example", &held).await.status,
            status,
            "{tenant}"
        );
    }
}
