//! `/connections`: adding, reading, changing, looking groups up; and what is
//! wrong with what people type.

use http::{Method, StatusCode};
use serde_json::json;

use crate::world::{ADMIN, APPLICATION, SECRET, World, call};

const PATH: &str = "/api/v1/connections";

#[tokio::test]
async fn a_connection_shows_what_was_set_and_never_its_key() {
    let world = World::new().await;
    let made = world
        .post(PATH, World::connection(json!({ "auto_approve": true })))
        .await;
    made.is(StatusCode::CREATED);
    assert!(made.header("etag").is_some());
    let expected = [
        ("tenant", json!("contoso.com")),
        ("tenant_id", json!(world.tenant)),
        ("application_id", json!(APPLICATION)),
        ("auth", json!("delegated")),
        ("provision_employees", json!(true)),
        ("provision_contacts", json!(true)),
        ("email_source", json!("upn")),
        ("on_disabled", json!("deactivate")),
        ("auto_approve", json!(true)),
        ("status", json!("awaiting_consent")),
        ("status_reason", json!(null)),
        ("as_of", json!(null)),
        ("last_run", json!(null)),
        ("secret_expires_at", json!(null)),
        ("subscription_expires_at", json!(null)),
    ];
    for (field, value) in expected {
        assert_eq!(made.body[field], value, "{field}");
    }
    for path in [
        PATH.to_owned(),
        format!("{PATH}/{}", made.body["id"].as_str().unwrap()),
    ] {
        assert!(!world.get(&path).await.text.contains(SECRET));
    }
    assert!(!made.text.contains(SECRET));
}

#[tokio::test]
async fn after_a_sync_it_says_how_fresh_it_is_and_which_run_was_last() {
    let world = World::new().await;
    let (id, _) = world.staffed(&["ada"]).await;
    let connection = world.get(&format!("{PATH}/{id}")).await;
    assert!(connection.body["as_of"].is_string());
    assert!(connection.body["last_run"].is_string());
    assert!(connection.body["last_success_at"].is_string());
    assert_eq!(connection.body["tenant_domain"], "contoso.com");
}

#[tokio::test]
async fn one_tenant_has_one_connection() {
    let world = World::new().await;
    world.made(PATH, World::connection(json!({}))).await;
    for tenant in [
        json!("contoso.com"),
        json!(world.tenant),
        json!("CONTOSO.COM"),
    ] {
        let again = world
            .post(PATH, World::connection(json!({ "tenant": tenant })))
            .await;
        again.is_problem(StatusCode::CONFLICT, "tenant_already_connected");
        assert!(again.body["cure"].is_string());
    }
    assert_eq!(world.get(PATH).await.items().len(), 1);
}

#[tokio::test]
async fn settings_change_are_cleared_with_null_and_pausing_is_one_of_them() {
    let world = World::new().await;
    let id = world.connect().await;
    let path = format!("{PATH}/{id}");
    let change = json!({
        "secret_expires_at": "2030-01-01T00:00:00Z", "on_disabled": "ignore",
        "limits": { "deactivate": { "count": 3 } }, "paused": true,
    });
    let changed = world.patch(&path, change).await;
    changed.is(StatusCode::OK);
    assert_eq!(changed.body["secret_expires_at"], "2030-01-01T00:00:00Z");
    assert_eq!(changed.body["on_disabled"], "ignore");
    let limit = json!({ "count": 3, "percent": 10.0, "window": "24h" });
    assert_eq!(changed.body["limits"]["deactivate"], limit);
    assert_eq!(changed.body["status"], "paused");
    assert!(changed.body["status_reason"].is_string());
    let cleared = json!({ "secret_expires_at": null, "limits": null, "paused": false });
    let cleared = world.patch(&path, cleared).await;
    assert_eq!(cleared.body["secret_expires_at"], json!(null));
    assert_eq!(cleared.body["limits"], json!(null));
    assert_eq!(cleared.body["status"], "connected");
    assert_eq!(cleared.body["on_disabled"], "ignore");
}

#[tokio::test]
async fn a_removal_says_first_who_goes_along() {
    let world = World::new().await;
    let (id, _) = world.staffed(&["ada", "bob"]).await;
    let path = format!("{PATH}/{id}");
    let kept = world.delete(&format!("{path}?plan_only=true")).await;
    assert_eq!(kept.is(StatusCode::OK).body["counts"]["deactivate"], 0);
    let going = world
        .delete(&format!("{path}?people=deactivate&plan_only=true"))
        .await;
    assert_eq!(going.is(StatusCode::OK).body["counts"]["deactivate"], 2);
    assert_eq!(
        going.body["actions"][0]["action"], "deactivate",
        "{}",
        going.text
    );
    world.get(&path).await.is(StatusCode::OK);
    let removed = world.delete(&format!("{path}?people=deactivate")).await;
    let run = world
        .finished(&removed.is(StatusCode::OK).body["run_id"])
        .await;
    assert_eq!(run["status"], "done", "{run}");
    world.get(&path).await.is(StatusCode::NOT_FOUND);
    let people = world.get("/api/v1/employees?status=inactive").await;
    assert_eq!(people.items().len(), 2);
    assert_eq!(people.items()[0]["access_reason"], "connection_removed");
    // And without people it simply goes.
    let id = world.connect().await;
    world
        .delete(&format!("{PATH}/{id}"))
        .await
        .is(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn of_two_writers_the_second_gets_412() {
    let world = World::new().await;
    let id = world.connect().await;
    let path = format!("{PATH}/{id}");
    let tag = world.get(&path).await.header("etag").unwrap().to_owned();
    let patch = |body| {
        call(Method::PATCH, &path)
            .header("if-match", &tag)
            .json(body)
    };
    world
        .send(patch(json!({ "auto_approve": true })))
        .await
        .is(StatusCode::OK);
    let lost = world.send(patch(json!({ "auto_approve": false }))).await;
    lost.is_problem(StatusCode::PRECONDITION_FAILED, "stale");
}

#[tokio::test]
async fn groups_are_looked_up_by_name() {
    let world = World::new().await;
    let id = world.connect().await;
    let staff = world.add_group("Staff").await;
    world.add_group("Guests").await;
    let found = world.get(&format!("{PATH}/{id}/groups?search=sta")).await;
    assert_eq!(found.each("name"), ["Staff"]);
    assert_eq!(found.items()[0]["id"], json!(staff));
}

#[tokio::test]
async fn the_self_check_goes_line_by_line() {
    let world = World::new().await;
    let id = world.connect().await;
    let check = world.get(&format!("{PATH}/{id}/check")).await;
    assert!(check.items().len() >= 3, "{}", check.text);
    for line in check.items() {
        assert!(line["subject"].is_string());
        assert_ne!(line["ok"], json!(false), "{line}");
    }
}

#[tokio::test]
async fn connecting_binds_the_browser_also_for_a_token() {
    let world = World::new().await;
    let id = world.made(PATH, World::connection(json!({}))).await;
    let begun = world
        .send(call(Method::POST, &format!("{PATH}/{id}/connect")))
        .await;
    begun.is(StatusCode::OK);
    assert!(begun.cookie(web::BINDING_COOKIE).is_some());
    let url = begun.body["authorize_url"].as_str().unwrap();
    assert!(
        url.contains(
            "redirect_uri=http%3A%2F%2Flocalhost%3A9443%2FOAuth%2FIntegrationCallback.aspx"
        ),
        "{url}"
    );
    assert!(url.contains("code_challenge_method=S256"));
}

#[tokio::test]
async fn an_application_connection_needs_no_consent_page() {
    let world = World::new().await;
    let made = world
        .post(PATH, World::connection(json!({ "auth": "application" })))
        .await;
    assert_eq!(made.is(StatusCode::CREATED).body["status"], "connected");
}

// What people get wrong. Each answer says what, where and how to mend it, and
// leaves nothing half-done.

/// Adding fails with this code, its field named or its cure given; nothing stays.
async fn refused(world: &World, change: serde_json::Value, status: StatusCode, code: &str) {
    let reply = world.post(PATH, World::connection(change)).await;
    reply.is_problem(status, code);
    assert!(
        reply.body["cure"]
            .as_str()
            .is_some_and(|cure| cure.len() > 10),
        "{}",
        reply.text
    );
    assert!(!reply.text.contains(SECRET));
    assert!(world.get(PATH).await.items().is_empty());
}

#[tokio::test]
async fn an_unknown_tenant() {
    let world = World::new().await;
    let change = json!({ "tenant": "nosuch.example" });
    refused(
        &world,
        change,
        StatusCode::UNPROCESSABLE_ENTITY,
        "tenant_unknown",
    )
    .await;
    let change = json!({ "tenant": "  " });
    refused(
        &world,
        change,
        StatusCode::UNPROCESSABLE_ENTITY,
        "validation",
    )
    .await;
}

#[tokio::test]
async fn a_missing_key() {
    let world = World::new().await;
    let change = json!({ "application_key": null });
    refused(
        &world,
        change,
        StatusCode::UNPROCESSABLE_ENTITY,
        "validation",
    )
    .await;
}

#[tokio::test]
async fn a_wrong_application_id() {
    let world = World::new().await;
    let change = json!({
        "auth": "application", "application_id": "00000000-0000-4000-8000-00000000dead",
    });
    refused(&world, change, StatusCode::BAD_GATEWAY, "app_unknown").await;
}

#[tokio::test]
async fn a_wrong_secret() {
    let world = World::new().await;
    let change = json!({ "auth": "application", "application_key": "not the secret" });
    refused(&world, change, StatusCode::BAD_GATEWAY, "wrong_secret").await;
}

/// Another registration of the application, and what adds a connection by it.
async fn registered(world: &World, change: serde_json::Value) -> serde_json::Value {
    let id = "00000000-0000-4000-8000-0000000000b0";
    let mut app = change;
    app["app_id"] = json!(id);
    world.register(app).await;
    json!({ "auth": "application", "application_id": id })
}

#[tokio::test]
async fn a_permission_that_is_missing() {
    let world = World::new().await;
    let change = registered(&world, json!({ "application": ["User.Read.All"] })).await;
    refused(
        &world,
        change,
        StatusCode::BAD_GATEWAY,
        "permission_missing",
    )
    .await;
}

#[tokio::test]
async fn consent_that_is_missing() {
    let world = World::new().await;
    let change = registered(&world, json!({ "tenants": [] })).await;
    // Microsoft calls an application nobody consented to unknown in the tenant.
    refused(
        &world,
        change.clone(),
        StatusCode::BAD_GATEWAY,
        "app_unknown",
    )
    .await;
    let reply = world.post(PATH, World::connection(change)).await;
    assert!(
        reply.body["cure"].as_str().unwrap().contains("consented"),
        "{}",
        reply.text
    );
}

#[tokio::test]
async fn an_expired_secret() {
    let world = World::new().await;
    let past = json!({ "secret_expires_at": "2020-01-01T00:00:00Z" });
    let change = registered(&world, past).await;
    refused(&world, change, StatusCode::BAD_GATEWAY, "secret_expired").await;
}

#[tokio::test]
async fn a_wrong_secret_at_consent() {
    let world = World::new().await;
    let id = world
        .made(PATH, World::connection(json!({ "application_key": "old" })))
        .await;
    let reply = world.consent(&id).await;
    reply.is_problem(StatusCode::BAD_GATEWAY, "wrong_secret");
    assert!(reply.body["cure"].is_string());
    let path = format!("{PATH}/{id}");
    assert_eq!(world.get(&path).await.body["status"], "awaiting_consent");
    // Mending it is enough; nothing else is left behind.
    world
        .patch(&path, json!({ "application_key": SECRET }))
        .await
        .is(StatusCode::OK);
    world.consent(&id).await.is(StatusCode::SEE_OTHER);
    assert_eq!(world.get(&path).await.body["status"], "connected");
}

#[tokio::test]
async fn a_tenant_of_another_cloud() {
    let world = World::new().await;
    let elsewhere = json!({
        "match": { "path": "*/openid-configuration" }, "times": 9,
        "effect": { "status": 400, "body": {
            "error": "invalid_request",
            "error_description": "AADSTS90038: Tenant 'contoso.com' request is being redirected to the National Cloud 'partner.microsoftonline.cn'.",
        } },
    });
    world.control(Method::POST, "faults", elsewhere).await;
    refused(&world, json!({}), StatusCode::BAD_GATEWAY, "wrong_cloud").await;
}

#[tokio::test]
async fn a_redirect_uri_that_is_not_registered() {
    let world = World::new().await;
    let elsewhere = json!({ "redirect_uris": ["https://elsewhere.example/back"] });
    let id = registered(&world, elsewhere).await["application_id"].clone();
    let id = world
        .made(PATH, World::connection(json!({ "application_id": id })))
        .await;
    let url = world.authorize_as(&id, ADMIN).await;
    // Microsoft sends nobody to an address it does not know, and says so itself.
    let page = world.microsoft_says(&url).await;
    assert!(page.contains("AADSTS50011"), "{page}");
    // Here it is said what that means, and nothing is half-done.
    let connection = world.get(&format!("{PATH}/{id}")).await;
    assert_eq!(connection.body["status"], "connecting");
    let cure = connection.body["status_cure"].as_str().unwrap();
    assert!(cure.contains("AADSTS50011"), "{cure}");
    assert!(
        cure.contains("http://localhost:9443/OAuth/IntegrationCallback.aspx"),
        "{cure}"
    );
}

#[tokio::test]
async fn consent_by_somebody_who_is_no_administrator() {
    let world = World::new().await;
    let change = registered(&world, json!({ "tenants": [] })).await;
    let change = json!({ "application_id": change["application_id"] });
    let id = world.made(PATH, World::connection(change)).await;
    let url = world.authorize_as(&id, "clerk@contoso.com").await;
    let page = world.microsoft_says(&url).await;
    assert!(page.contains("Need admin approval"), "{page}");
    let connection = world.get(&format!("{PATH}/{id}")).await;
    assert_eq!(connection.body["status"], "connecting");
    let cure = connection.body["status_cure"].as_str().unwrap();
    assert!(cure.contains("Need admin approval"), "{cure}");
}

#[tokio::test]
async fn answers_of_graph_that_make_no_sense_change_nobody() {
    let world = World::new().await;
    let (id, group) = world.staffed(&["ada", "bob"]).await;
    let before = world.get("/api/v1/employees").await.body;
    let members = format!("/v1.0/groups/{group}/members/*");
    let table = [
        (
            "no JSON",
            json!({ "status": 200, "body": "<html>Sign in to the hotel network</html>" }),
        ),
        (
            "no list",
            json!({ "status": 200, "body": { "value": "none" } }),
        ),
        (
            "a person without id",
            json!({ "status": 200, "body": { "value": [{ "displayName": "x" }] } }),
        ),
        (
            "a next page on another host",
            json!({ "status": 200, "body": { "value": [], "@odata.nextLink": "https://evil.example/v1.0/users" } }),
        ),
    ];
    for (what, effect) in table {
        let fault = json!({ "match": { "path": members }, "times": 1_000, "effect": effect });
        world.control(Method::POST, "faults", fault).await;
        let run = world.sync(&id).await;
        assert_eq!(run["status"], "failed", "{what}: {run}");
        for field in ["code", "message", "cure"] {
            assert!(run["error"][field].is_string(), "{what}: {field}: {run}");
        }
        assert_eq!(world.get("/api/v1/employees").await.body, before, "{what}");
        world.control(Method::DELETE, "faults", json!(null)).await;
    }
    let run = world.sync(&id).await;
    assert_eq!(
        (&run["status"], &run["counts"]),
        (&json!("done"), &json!({})),
        "{run}"
    );
}
