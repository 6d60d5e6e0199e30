//! `/healthz`, `/readyz`, `/metrics`, and what every answer carries.

use http::{Method, StatusCode};
use serde_json::json;

use crate::world::{World, bare};

#[tokio::test]
async fn a_server_with_its_database_is_alive_and_ready() {
    let world = World::new().await;
    let alive = world.send(bare(Method::GET, "/healthz")).await;
    assert_eq!(alive.is(StatusCode::OK).body["status"], "ok");
    let ready = world.send(bare(Method::GET, "/readyz")).await;
    assert_eq!(ready.is(StatusCode::OK).body["status"], "ready");
}

#[tokio::test]
async fn without_its_schema_the_server_is_not_ready_and_says_why() {
    let world = World::new().await;
    let empty = store::Db::open(&store::Options::new("sqlite::memory:")).await;
    let world = world.over_database(empty.unwrap());
    let ready = world.send(bare(Method::GET, "/readyz")).await;
    ready.is(StatusCode::SERVICE_UNAVAILABLE);
    assert!(ready.text.contains("migrat"), "{}", ready.text);
    // Alive all the same: restarting would mend nothing.
    world
        .send(bare(Method::GET, "/healthz"))
        .await
        .is(StatusCode::OK);
}

#[tokio::test]
async fn measurements_are_named_rollcall_and_name_nobody() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let metrics = world.send(bare(Method::GET, "/metrics")).await;
    metrics.is(StatusCode::OK);
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
    let names = metrics.text.lines().filter(|line| !line.starts_with('#'));
    for line in names.filter(|line| !line.is_empty()) {
        assert!(line.starts_with("rollcall_"), "{line}");
    }
    for wanted in [
        "rollcall_connections{status=\"connected\"} 1",
        "rollcall_connection_age_seconds{",
        "rollcall_review_items_open 0",
        "rollcall_jobs{",
    ] {
        assert!(metrics.text.contains(wanted), "{wanted}\n{}", metrics.text);
    }
    assert!(!metrics.text.contains("ada"));
}

#[tokio::test]
async fn every_answer_carries_its_id_and_the_browsers_guards() {
    let world = World::new().await;
    for path in ["/healthz", "/sign-in", "/api/v1/me", "/nothing-here"] {
        let reply = world.send(bare(Method::GET, path)).await;
        assert!(reply.header("x-request-id").is_some(), "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("x-frame-options"), Some("DENY"));
        assert!(
            reply
                .header("content-security-policy")
                .unwrap()
                .contains("default-src 'self'")
        );
    }
}

#[tokio::test]
async fn another_sites_page_changes_nothing_with_somebodys_session() {
    let world = World::new().await;
    let session = world.sign_in("root", crate::world::PASSWORD).await;
    let cookie = session.cookie("rollcall_session").unwrap();
    let post = || {
        bare(Method::POST, "/api/v1/accounts")
            .cookie(&cookie)
            .json(json!({ "name": "Northwind" }))
    };
    for (header, value) in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ] {
        let reply = world.send(post().header(header, value)).await;
        reply.is_problem(StatusCode::FORBIDDEN, "cross_site");
    }
    let reply = world
        .send(post().header("sec-fetch-site", "same-origin"))
        .await;
    reply.is(StatusCode::CREATED);
    // Nor does it sign somebody in, or choose the first password, without one.
    for path in ["/sign-in", "/sign-in/code", "/set-up"] {
        let call = bare(Method::POST, path).header("sec-fetch-site", "cross-site");
        let reply = world.send(call).await;
        reply.is_problem(StatusCode::FORBIDDEN, "cross_site");
    }
}

#[tokio::test]
async fn a_lost_database_is_a_clear_503_everywhere_and_the_process_lives() {
    let world = World::new().await;
    world.engine.db().close().await;
    world
        .send(bare(Method::GET, "/healthz"))
        .await
        .is(StatusCode::OK);
    let ready = world.send(bare(Method::GET, "/readyz")).await;
    ready.is(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.body["status"], "not_ready");
    let employees = world.get("/api/v1/employees").await;
    employees.is_problem(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable");
    assert!(employees.header("retry-after").is_some());
    assert!(employees.body["cure"].is_string(), "{}", employees.text);
}

#[tokio::test]
async fn a_full_disk_is_a_clear_503_and_nothing_is_half_done() {
    let world = World::new().await;
    let mut tx = world.engine.db().begin().await.unwrap();
    // The database may not grow any more: the same failure as a full disk.
    let full = "PRAGMA max_page_count = 1";
    tx.execute(full, vec![]).await.unwrap();
    tx.commit().await.unwrap();
    let large = json!({ "title": "Printer", "description": "x".repeat(500_000) });
    let refused = world.post("/api/v1/tickets", large).await;
    refused.is_problem(StatusCode::SERVICE_UNAVAILABLE, "disk_full");
    let cure = refused.body["cure"].as_str().unwrap();
    assert!(cure.contains("Free disk space"), "{cure}");
    assert!(world.get("/api/v1/tickets").await.items().is_empty());
}

#[tokio::test]
async fn over_https_cookies_say_that_this_host_alone_set_them() {
    let world = World::with(|options| {
        options.public_url = url::Url::parse("https://psa.example").unwrap();
    })
    .await;
    let reply = world.sign_in("root", crate::world::PASSWORD).await;
    let cookie = reply.header("set-cookie").unwrap().to_owned();
    assert!(cookie.starts_with("__Host-rollcall_session="), "{cookie}");
    for part in ["; Path=/;", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    let pair = cookie.split(';').next().unwrap();
    let me = bare(Method::GET, "/api/v1/me").cookie(pair);
    world.send(me).await.is(StatusCode::OK);
    // The name without the prefix, which anybody may set, is not looked at.
    let plain = pair.trim_start_matches("__Host-");
    let me = bare(Method::GET, "/api/v1/me").cookie(plain);
    world.send(me).await.is(StatusCode::UNAUTHORIZED);
}
