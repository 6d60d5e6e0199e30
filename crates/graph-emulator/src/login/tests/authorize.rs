//! Authorization requests: refusals, sign-in, consent.

use super::{CONTOSO, Changes, NORTHWIND, REDIRECT, World, between};
use serde_json::json;

const ADMIN: &str = "admin@northwind.example";

const STRANGER: &str = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";

const UNTRUSTED: [(&str, Changes, u32); 13] = [
    ("northwind.example", &[("client_id", "")], 900_144),
    ("northwind.example", &[("client_id", STRANGER)], 700_016),
    ("northwind.example", &[("client_id", "not-a-guid")], 700_016),
    ("northwind.example", &[("redirect_uri", "")], 50011),
    (
        "northwind.example",
        &[("redirect_uri", "https://evil.example/")],
        50011,
    ),
    (
        "northwind.example",
        &[(
            "redirect_uri",
            "https://rollcall.example/oauth/integrationcallback.aspx",
        )],
        50011,
    ),
    (
        "northwind.example",
        &[(
            "redirect_uri",
            "https://rollcall.example/OAuth/IntegrationCallback.aspx/",
        )],
        50011,
    ),
    (
        "northwind.example",
        &[(
            "redirect_uri",
            "https://rollcall.example:444/OAuth/IntegrationCallback.aspx",
        )],
        50011,
    ),
    ("consumers", &[], 700_016),
    ("9188040d-6c67-4c5b-b112-36a304b66dad", &[], 700_016),
    ("nosuch.example", &[], 90002),
    ("33333333-3333-4333-8333-333333333333", &[], 90002),
    ("nonsense", &[], 900_023),
];

#[tokio::test]
async fn what_cannot_be_trusted_is_refused_on_a_page() {
    let world = World::new().await;
    for (tenant, changes, code) in UNTRUSTED {
        let reply = world.authorize(tenant, changes).await;
        assert_eq!(
            (reply.status, reply.aadsts()),
            (400, code),
            "{tenant} {changes:?}"
        );
        assert!(
            reply
                .header("content-security-policy")
                .contains("default-src 'none'")
        );
    }
}

const WRONG: [(Changes, &str, u32); 14] = [
    (&[("response_type", "")], "invalid_request", 900_144),
    (
        &[("response_type", "code id_token")],
        "unsupported_response_type",
        700_054,
    ),
    (
        &[("response_type", "token")],
        "unsupported_response_type",
        700_051,
    ),
    (&[("response_type", "codes")], "invalid_request", 90023),
    (
        &[("response_mode", "web_message")],
        "invalid_request",
        90023,
    ),
    (&[("scope", "")], "invalid_request", 900_144),
    (
        &[("scope", "https://graph.microsoft.com/.default User.Read")],
        "invalid_scope",
        70011,
    ),
    (&[("scope", "User.Reed")], "invalid_client", 650_053),
    (
        &[("scope", "api://other/.default")],
        "invalid_resource",
        500_011,
    ),
    (&[("prompt", "admin_consent")], "invalid_request", 90023),
    (&[("code_challenge", "short")], "invalid_request", 50147),
    (&[("code_challenge", "")], "invalid_request", 900_144),
    (
        &[("code_challenge_method", "S512")],
        "invalid_request",
        50149,
    ),
    (
        &[
            ("prompt", "none"),
            ("login_hint", "nobody@northwind.example"),
        ],
        "login_required",
        50058,
    ),
];

#[tokio::test]
async fn what_the_client_got_wrong_is_sent_back_with_its_state() {
    let world = World::new().await;
    for (changes, error, code) in WRONG {
        let reply = world.authorize("northwind.example", changes).await;
        let parameters = reply.parameters();
        assert_eq!(
            (parameters["error"].as_str(), reply.aadsts()),
            (error, code),
            "{changes:?}"
        );
        assert_eq!(parameters["state"], "st&te");
        assert!(
            reply
                .header("location")
                .starts_with(&format!("{REDIRECT}?error="))
        );
    }
}

#[tokio::test]
async fn an_auto_consent_account_goes_straight_back_with_a_code() {
    let world = World::new().await;
    for tenant in [
        "northwind.example",
        "NORTHWIND.onmicrosoft.com",
        &NORTHWIND.to_string(),
        "common",
        "organizations",
    ] {
        let reply = world.authorize(tenant, &[]).await;
        let parameters = reply.parameters();
        assert!(
            reply
                .header("location")
                .starts_with(&format!("{REDIRECT}?code=")),
            "{tenant}"
        );
        assert_eq!(parameters["state"], "st&te");
        assert!(parameters["code"].len() >= 40);
    }
}

#[tokio::test]
async fn the_port_of_a_loopback_address_does_not_matter_and_the_rest_does() {
    let world = World::new().await;
    world.app(json!({ "redirect_uris": ["http://localhost:5000/Callback", "http://127.0.0.1/Callback"] })).await;
    let cases = [
        ("http://localhost:61234/Callback", true),
        ("http://localhost/Callback", true),
        ("http://127.0.0.1:8080/Callback", true),
        ("http://localhost:61234/callback", false),
        ("https://localhost:61234/Callback", false),
        ("http://localhost.evil.example/Callback", false),
        ("http://localhost:5000@evil.example/Callback", false),
    ];
    for (uri, accepted) in cases {
        let reply = world
            .authorize("northwind.example", &[("redirect_uri", uri)])
            .await;
        assert_eq!(reply.status == 302, accepted, "{uri}");
        if accepted {
            assert!(reply.header("location").starts_with(&format!("{uri}?")));
        }
    }
}

#[tokio::test]
async fn the_answer_goes_where_response_mode_says() {
    let world = World::new().await;
    world.app(json!({ "redirect_uris": [REDIRECT, "https://bare.example", "https://q.example/cb?a=1"] })).await;
    let fragment = world
        .authorize("northwind.example", &[("response_mode", "fragment")])
        .await;
    assert!(
        fragment
            .header("location")
            .starts_with(&format!("{REDIRECT}#code="))
    );
    let bare = world
        .authorize(
            "northwind.example",
            &[("redirect_uri", "https://bare.example")],
        )
        .await;
    assert!(
        bare.header("location")
            .starts_with("https://bare.example/?code=")
    );
    let query = world
        .authorize(
            "northwind.example",
            &[("redirect_uri", "https://q.example/cb?a=1")],
        )
        .await;
    assert!(
        query
            .header("location")
            .starts_with("https://q.example/cb?a=1&code=")
    );
    let post = world
        .authorize(
            "northwind.example",
            &[("response_mode", "form_post"), ("state", "\"><b>x")],
        )
        .await;
    assert_eq!(post.status, 200);
    assert!(post.text.contains(&format!("action=\"{REDIRECT}\"")));
    assert!(
        post.text.contains("name=\"code\"") && !post.text.contains("<b>"),
        "{}",
        post.text
    );
}

#[tokio::test]
async fn the_hint_picks_the_account_and_without_one_the_newest_signs_in() {
    let world = World::new().await;
    world
        .account(
            NORTHWIND,
            "second@northwind.example",
            json!({ "auto_consent": true }),
        )
        .await;
    world
        .account(NORTHWIND, "third@northwind.example", json!({}))
        .await;
    let upn = |answer: &serde_json::Value| {
        let user = world.caller(answer).user_id.unwrap();
        use super::super::Principals as _;
        world
            .directory
            .user(NORTHWIND, &user.to_string())
            .unwrap()
            .upn
    };
    assert_eq!(
        upn(&world.sign_in("organizations", &[]).await),
        "second@northwind.example"
    );
    assert_eq!(
        upn(&world
            .sign_in(
                "organizations",
                &[("login_hint", "ADMIN@northwind.example")]
            )
            .await),
        ADMIN
    );
    for hint in ["third@northwind.example", "nobody@northwind.example"] {
        let page = world
            .authorize("organizations", &[("login_hint", hint)])
            .await;
        assert!(
            page.status == 200 && page.text.contains("Pick an account") && page.text.contains(hint),
            "{hint}"
        );
    }
    // Posting an account again makes it the newest.
    world
        .account(NORTHWIND, ADMIN, json!({ "auto_consent": true }))
        .await;
    assert_eq!(upn(&world.sign_in("organizations", &[]).await), ADMIN);
}

#[tokio::test]
async fn a_person_signs_in_and_consents_on_the_pages() {
    let world = World::empty();
    world.app(json!({ "tenants": [] })).await;
    world.account(NORTHWIND, ADMIN, json!({})).await;
    let path = world.authorize_path("northwind.example", &[]);
    let page = world.get(&path).await;
    assert!(page.text.contains(ADMIN) && page.text.contains("Name of admin"));
    assert!(!page.text.contains("<script") && !page.text.contains("style="));
    let account = between(&page.text, "name=\"account\" value=\"", "\"").to_owned();

    let consent = world.form(&path, &[("account", &account)]).await;
    assert_eq!(consent.status, 200);
    for expected in [
        "Permissions requested",
        "Read all users&#39; full profiles",
        "Consent on behalf of your organization",
    ] {
        assert!(
            consent.text.contains(expected),
            "{expected}: {}",
            consent.text
        );
    }
    let cancelled = world
        .form(&path, &[("account", &account), ("decision", "cancel")])
        .await;
    assert_eq!(
        (cancelled.parameters()["error"].as_str(), cancelled.aadsts()),
        ("access_denied", 65004)
    );
    assert!(world.directory.enterprise_apps.lock().unwrap().is_empty());

    let accepted = world
        .form(
            &path,
            &[
                ("account", &account),
                ("decision", "accept"),
                ("organization", "1"),
            ],
        )
        .await;
    assert!(!accepted.code().is_empty());
    assert_eq!(
        *world.directory.enterprise_apps.lock().unwrap(),
        [(NORTHWIND, super::APP, "Rollcall".to_owned())]
    );
    // Another person of the organisation is not asked again, and the browser stays signed in.
    world
        .account(
            NORTHWIND,
            "user@northwind.example",
            json!({ "admin": false, "auto_consent": true }),
        )
        .await;
    assert_eq!(world.authorize("northwind.example", &[]).await.status, 302);
    let cookie = accepted
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let none = world.authorize_path(
        "northwind.example",
        &[("prompt", "none"), ("login_hint", ADMIN)],
    );
    assert_eq!(world.get(&none).await.aadsts(), 50058);
    let silent = world
        .send("GET", &none, &[("cookie", &cookie)], "", String::new())
        .await;
    assert!(!silent.code().is_empty());
}

#[tokio::test]
async fn only_prompt_consent_makes_an_administrator_consent_for_everyone() {
    for (prompt, for_everyone) in [("", false), ("select_account", false), ("consent", true)] {
        let world = World::new().await;
        world.app(json!({ "tenants": [] })).await;
        assert_eq!(
            world
                .authorize("northwind.example", &[("prompt", prompt)])
                .await
                .status,
            302
        );
        world
            .account(
                NORTHWIND,
                "user@northwind.example",
                json!({ "admin": false, "auto_consent": true }),
            )
            .await;
        let other = world.authorize("northwind.example", &[]).await;
        assert_eq!(other.status == 302, for_everyone, "{prompt}");
        if !for_everyone {
            assert_eq!(other.aadsts(), 90094);
        }
    }
}

#[tokio::test]
async fn people_may_consent_to_what_is_their_own() {
    let cases = [
        ("openid", true),
        ("openid User.Read", true),
        ("User.Read.All", false),
        ("https://graph.microsoft.com/.default", false),
    ];
    for (scope, allowed) in cases {
        let world = World::empty();
        world.app(json!({ "tenants": [] })).await;
        world
            .account(
                NORTHWIND,
                "user@northwind.example",
                json!({ "admin": false, "auto_consent": true }),
            )
            .await;
        let reply = world
            .authorize("northwind.example", &[("scope", scope)])
            .await;
        assert_eq!(reply.status == 302, allowed, "{scope}");
    }
}

#[tokio::test]
async fn silence_fails_where_a_person_would_be_asked() {
    let world = World::new().await;
    world.app(json!({ "tenants": [] })).await;
    let reply = world
        .authorize("northwind.example", &[("prompt", "none")])
        .await;
    assert_eq!(
        (reply.parameters()["error"].as_str(), reply.aadsts()),
        ("interaction_required", 65001)
    );
    let nobody = world
        .authorize("contoso.example", &[("prompt", "none")])
        .await;
    assert_eq!(nobody.parameters()["error"], "login_required");
}

#[tokio::test]
async fn disabled_people_and_disabled_applications_get_no_further() {
    let world = World::new().await;
    world.directory.change(ADMIN, |user| user.enabled = false);
    assert_eq!(
        world.authorize("northwind.example", &[]).await.aadsts(),
        50057
    );
    world.directory.change(ADMIN, |user| user.enabled = true);
    let path = format!("/emulator/v1/apps/{}", super::APP);
    world
        .send(
            "PATCH",
            &path,
            &[],
            "application/json",
            json!({ "disabled": true }).to_string(),
        )
        .await;
    assert_eq!(
        world.authorize("northwind.example", &[]).await.aadsts(),
        7_000_112
    );
}

#[tokio::test]
async fn a_single_tenant_application_serves_its_home_alone() {
    let world = World::new().await;
    world
        .app(json!({ "home_tenant": "northwind.example", "single_tenant": true }))
        .await;
    assert_eq!(world.authorize("northwind.example", &[]).await.status, 302);
    assert_eq!(world.authorize("common", &[]).await.aadsts(), 50194);
    assert_eq!(
        world.authorize("contoso.example", &[]).await.aadsts(),
        700_016
    );
}

#[tokio::test]
async fn a_guest_signs_in_to_the_tenant_named_in_the_path() {
    use super::super::Principals as _;
    let world = World::new().await;
    world.app(json!({ "tenants": [CONTOSO] })).await;
    assert_eq!(
        world
            .authorize("contoso.example", &[("login_hint", ADMIN)])
            .await
            .status,
        200,
        "no guest yet"
    );
    let guest_upn = "admin_northwind.example#EXT#@contoso.onmicrosoft.com";
    let guest = world
        .directory
        .ensure_user(CONTOSO, guest_upn, world.directory.now());
    let answer = world
        .sign_in("contoso.example", &[("login_hint", ADMIN)])
        .await;
    let caller = world.caller(&answer);
    assert_eq!(
        (caller.tenant_id, caller.user_id, caller.is_admin),
        (CONTOSO, Some(guest.id), false)
    );
}
