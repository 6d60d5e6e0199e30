//! What all resources have in common: who may, unknown fields, problems,
//! paging, versions, doing once.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{TOKEN, World, bare, call};

/// Lists, each with a filter it has.
const LISTS: [(&str, &str); 19] = [
    ("connections", "status=connected"),
    ("mapping-rules", "kind=employee"),
    ("sync-runs", "status=done"),
    ("review-items", "status=open"),
    ("employees", "status=active"),
    ("contacts", "status=active"),
    ("accounts", "name=Northwind"),
    ("security-roles", "type=internal"),
    ("departments", "is_active=true"),
    ("locations", "is_active=true"),
    ("job-titles", "is_active=true"),
    ("employment-types", "is_active=true"),
    ("employee-roles", "is_active=true"),
    ("tickets", "status=open"),
    ("invoices", "status=draft"),
    ("audit", "origin=api"),
    ("api-tokens", ""),
    ("webhooks", ""),
    ("sync-runs", "status=held"),
];

#[tokio::test]
async fn every_list_has_items_and_next_takes_its_filters_and_refuses_unknown_ones() {
    let world = World::new().await;
    for (list, filter) in LISTS {
        let path = format!("/api/v1/{list}");
        let reply = world.get(&path).await;
        reply.items();
        assert!(
            reply.body.as_object().unwrap().contains_key("next"),
            "{list}"
        );
        world.get(&format!("{path}?{filter}&limit=2")).await.items();
        let reply = world.get(&format!("{path}?no_such_filter=1")).await;
        reply.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "unknown_field");
        assert_eq!(reply.body["field"], "no_such_filter", "{list}");
        let reply = world.get(&format!("{path}?after=nonsense!")).await;
        reply.is_problem(StatusCode::BAD_REQUEST, "bad_cursor");
        let reply = world.get(&format!("{path}?limit=many")).await;
        reply.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_or_repeats() {
    let world = World::new().await;
    let mut made = Vec::new();
    for number in 0..7 {
        let body = json!({ "name": format!("Account {number}") });
        made.push(world.made("/api/v1/accounts", body).await);
    }
    let mut seen: Vec<String> = Vec::new();
    let mut path = "/api/v1/accounts?limit=3".to_owned();
    loop {
        let page = world.get(&path).await;
        assert!(page.items().len() <= 3);
        seen.extend(page.each("id").into_iter().map(str::to_owned));
        match page.body["next"].as_str() {
            Some(next) => path = format!("/api/v1/accounts?limit=3&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, made, "by name, each once");
    let roles = world.get("/api/v1/security-roles?limit=5").await;
    assert_eq!(roles.items().len(), 5);
    let next = roles.body["next"].as_str().unwrap();
    let rest = world
        .get(&format!("/api/v1/security-roles?after={next}"))
        .await;
    assert_eq!(rest.items().len(), 3);
    assert_eq!(rest.body["next"], Value::Null);
}

#[tokio::test]
async fn whoever_is_not_known_gets_401_with_the_way_in() {
    let world = World::new().await;
    let nobody = world.send(bare(Method::GET, "/api/v1/employees")).await;
    nobody.is_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
    assert!(
        nobody
            .header("www-authenticate")
            .unwrap()
            .starts_with("Bearer")
    );
    assert!(nobody.body["cure"].is_string());
    for header in ["Bearer wrong", "Basic cm9vdDpyb290", "Bearer", TOKEN] {
        let call = bare(Method::GET, "/api/v1/employees").header("authorization", header);
        let reply = world.send(call).await;
        reply.is_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
    }
}

#[tokio::test]
async fn a_token_does_what_its_scopes_say_and_no_more() {
    let world = World::new().await;
    let tokens = [
        ("read", world.token(&["read"]).await),
        ("people", world.token(&["people"]).await),
        ("provisioning", world.token(&["provisioning"]).await),
        ("admin", world.token(&["admin"]).await),
    ];
    let tries: [(Method, &str, Value, &[&str]); 6] = [
        (
            Method::GET,
            "employees",
            Value::Null,
            &["read", "people", "provisioning", "admin"],
        ),
        (
            Method::POST,
            "accounts",
            json!({ "name": "X" }),
            &["people", "admin"],
        ),
        (
            Method::PUT,
            "employee-defaults",
            json!({}),
            &["provisioning", "admin"],
        ),
        (Method::GET, "audit", Value::Null, &["admin"]),
        (Method::GET, "api-tokens", Value::Null, &["admin"]),
        (
            Method::POST,
            "security-roles",
            json!({ "name": "Y", "type": "internal" }),
            &["admin"],
        ),
    ];
    for (scope, token) in &tokens {
        for (method, path, body, allowed) in &tries {
            let mut call = call(method.clone(), &format!("/api/v1/{path}")).token(token);
            if !body.is_null() {
                call = call.json(body.clone());
            }
            let reply = world.send(call).await;
            let is_refused = reply.status == StatusCode::FORBIDDEN;
            assert_eq!(
                is_refused,
                !allowed.contains(scope),
                "{scope}: {method} {path} {}",
                reply.text
            );
            if is_refused {
                assert_eq!(reply.body["code"], "insufficient_scope");
                assert!(reply.body["scope"].is_string());
            }
        }
    }
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let world = World::new().await;
    let post = |kind: &str, text: &str| call(Method::POST, "/api/v1/accounts").body(kind, text);
    let unknown = world
        .send(post("application/json", r#"{"name":"A","colour":"red"}"#))
        .await;
    unknown.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "unknown_field");
    assert_eq!(unknown.body["field"], "colour");
    let broken = world.send(post("application/json", r#"{"name":"#)).await;
    broken.is_problem(StatusCode::BAD_REQUEST, "malformed_json");
    let wrong = world.send(post("application/json", r#"{"name":7}"#)).await;
    wrong.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
    let form = world
        .send(post("application/x-www-form-urlencoded", "name=A"))
        .await;
    form.is_problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type");
    let large = format!(r#"{{"name":"{}"}}"#, "a".repeat(2 << 20));
    let large = world.send(post("application/json", &large)).await;
    large.is_problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
    let charset = post("application/json; charset=utf-8", r#"{"name":"A"}"#);
    world.send(charset).await.is(StatusCode::CREATED);
}

#[tokio::test]
async fn what_is_not_there_is_404_and_what_is_not_done_there_405() {
    let world = World::new().await;
    let nobody = "00000000-0000-4000-8000-000000000000";
    for path in [
        format!("/api/v1/employees/{nobody}"),
        "/api/v1/employees/not-an-id".to_owned(),
        format!("/api/v1/connections/{nobody}"),
        "/api/v1/nothing".to_owned(),
        format!("/api/v1/plans/{nobody}"),
    ] {
        world
            .get(&path)
            .await
            .is_problem(StatusCode::NOT_FOUND, "not_found");
    }
    let reply = world.send(call(Method::PUT, "/api/v1/accounts")).await;
    reply.is_problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    assert!(reply.header("allow").unwrap().contains("POST"));
}

#[tokio::test]
async fn of_two_writers_the_second_gets_412() {
    let world = World::new().await;
    let account = json!({ "name": "Northwind" });
    let id = world.made("/api/v1/accounts", account).await;
    let ticket = json!({ "title": "Printer" });
    let ticket = world.made("/api/v1/tickets", ticket).await;
    let person = json!({ "first_name": "Ada", "last_name": "Tester" });
    let person = world.made("/api/v1/employees", person).await;
    let department = world
        .made("/api/v1/departments", json!({ "name": "Lab" }))
        .await;
    for (path, first, second) in [
        (
            format!("/api/v1/accounts/{id}"),
            json!({ "name": "A" }),
            json!({ "name": "B" }),
        ),
        (
            format!("/api/v1/tickets/{ticket}"),
            json!({ "title": "A" }),
            json!({ "title": "B" }),
        ),
        (
            format!("/api/v1/employees/{person}"),
            json!({ "phone": "1" }),
            json!({ "phone": "2" }),
        ),
        (
            format!("/api/v1/departments/{department}"),
            json!({ "name": "A" }),
            json!({ "name": "B" }),
        ),
    ] {
        let read = world.get(&path).await;
        let tag = read.header("etag").expect("a version").to_owned();
        let patch = |body: Value| {
            call(Method::PATCH, &path)
                .header("if-match", &tag)
                .json(body)
        };
        let won = world.send(patch(first)).await;
        won.is(StatusCode::OK);
        assert_ne!(won.header("etag"), Some(tag.as_str()));
        let lost = world.send(patch(second)).await;
        lost.is_problem(StatusCode::PRECONDITION_FAILED, "stale");
        let late = world
            .send(call(Method::DELETE, &path).header("if-match", &tag))
            .await;
        late.is_problem(StatusCode::PRECONDITION_FAILED, "stale");
        let any = world
            .send(call(Method::DELETE, &path).header("if-match", "*"))
            .await;
        any.is(StatusCode::NO_CONTENT);
        world.get(&path).await.is(StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_post_with_a_key_is_done_once() {
    let world = World::new().await;
    let post = |body: Value| {
        call(Method::POST, "/api/v1/tickets")
            .header("idempotency-key", "once")
            .json(body)
    };
    let first = world.send(post(json!({ "title": "Printer" }))).await;
    first.is(StatusCode::CREATED);
    let again = world.send(post(json!({ "title": "Printer" }))).await;
    again.is(StatusCode::CREATED);
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("etag"), first.header("etag"));
    let other = world.send(post(json!({ "title": "Scanner" }))).await;
    other.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_mismatch");
    assert_eq!(world.get("/api/v1/tickets").await.items().len(), 1);
    // Another caller's key is another key.
    let token = world.token(&["people"]).await;
    let other = world
        .send(post(json!({ "title": "Scanner" })).token(&token))
        .await;
    other.is(StatusCode::CREATED);
}

#[tokio::test]
async fn a_secret_shown_once_is_replayed_but_never_stored_readably() {
    let world = World::new().await;
    let post = || {
        call(Method::POST, "/api/v1/api-tokens")
            .header("idempotency-key", "token")
            .json(json!({ "name": "t", "scopes": ["read"] }))
    };
    let first = world.send(post()).await;
    let again = world.send(post()).await;
    assert_eq!(first.body["token"], again.body["token"]);
    assert!(
        first.body["token"]
            .as_str()
            .unwrap()
            .starts_with("rollcall_")
    );
}
