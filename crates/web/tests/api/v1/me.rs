//! `/me`, and the sessions of whoever calls.

use http::{Method, StatusCode};
use serde_json::json;

use crate::world::{PASSWORD, TOKEN, World, bare, call};

#[tokio::test]
async fn a_token_sees_its_scopes() {
    let world = World::new().await;
    let me = world.get("/api/v1/me").await;
    assert_eq!(me.body["kind"], "token");
    assert_eq!(
        me.body["scopes"],
        json!(["read", "people", "provisioning", "admin"])
    );
    let token = world.token(&["people"]).await;
    let me = world
        .send(call(Method::GET, "/api/v1/me").token(&token))
        .await;
    assert_eq!(me.body["scopes"], json!(["read", "people"]));
    assert!(!me.text.contains(&token) && !me.text.contains(TOKEN));
}

#[tokio::test]
async fn a_session_sees_itself_its_rights_and_ends_others_of_its_own() {
    let world = World::new().await;
    let mut cookies = Vec::new();
    for _ in 0..2 {
        let reply = world.sign_in("root", PASSWORD).await;
        cookies.push(reply.cookie("rollcall_session").expect("signed in"));
    }
    let as_root = |method, path: &str| bare(method, path).cookie(&cookies[0]);
    let me = world.send(as_root(Method::GET, "/api/v1/me")).await;
    assert_eq!(me.body["kind"], "session");
    assert_eq!(me.body["name"], "root");
    assert_eq!(me.body["rights"]["admin"]["edit"], "all");
    let sessions = world
        .send(as_root(Method::GET, "/api/v1/me/sessions"))
        .await;
    assert_eq!(sessions.items().len(), 2);
    let other = sessions
        .items()
        .iter()
        .find(|one| one["is_current"] == false)
        .unwrap();
    let path = format!("/api/v1/me/sessions/{}", other["id"].as_str().unwrap());
    world
        .send(as_root(Method::DELETE, &path))
        .await
        .is(StatusCode::NO_CONTENT);
    let gone = world
        .send(bare(Method::GET, "/api/v1/me").cookie(&cookies[1]))
        .await;
    gone.is(StatusCode::UNAUTHORIZED);
    world
        .send(as_root(Method::GET, "/api/v1/me"))
        .await
        .is(StatusCode::OK);
    world
        .send(as_root(Method::DELETE, &path))
        .await
        .is(StatusCode::NOT_FOUND);
    world
        .get("/api/v1/me/sessions")
        .await
        .is_problem(StatusCode::CONFLICT, "not_a_session");
}

#[tokio::test]
async fn an_administrator_signs_somebody_out_everywhere() {
    let world = World::new().await;
    let session = world.sign_in("root", PASSWORD).await;
    let cookie = session.cookie("rollcall_session").unwrap();
    let root = world.get("/api/v1/employees?username=root").await;
    let path = format!("/api/v1/employees/{}/sessions", root.each("id")[0]);
    assert_eq!(world.get(&path).await.items().len(), 1);
    world.delete(&path).await.is(StatusCode::NO_CONTENT);
    let gone = world
        .send(bare(Method::GET, "/api/v1/me").cookie(&cookie))
        .await;
    gone.is(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down_and_says_for_how_long() {
    let world = World::new().await;
    for _ in 0..8 {
        world
            .sign_in("root", "not the password")
            .await
            .is(StatusCode::UNAUTHORIZED);
    }
    let reply = world.sign_in("root", PASSWORD).await;
    reply.is(StatusCode::TOO_MANY_REQUESTS);
    assert!(reply.cookie("rollcall_session").is_none());
}

#[tokio::test]
async fn guesses_made_at_once_are_all_counted() {
    let world = World::new().await;
    let tries = (0..30).map(|_| world.sign_in("root", "not the password"));
    let replies = futures::future::join_all(tries).await;
    let refused = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.count(), 22, "eight are looked at");
}

#[tokio::test]
async fn what_is_right_does_not_count_and_is_written_down() {
    let world = World::new().await;
    for _ in 0..12 {
        world
            .sign_in("root", PASSWORD)
            .await
            .is(StatusCode::SEE_OTHER);
    }
    let acts = async |action: &str| {
        world
            .get(&format!("/api/v1/audit?action={action}"))
            .await
            .items()
            .len()
    };
    assert_eq!(acts("signed_in").await, 12);
    world
        .sign_in("root", "wrong")
        .await
        .is(StatusCode::UNAUTHORIZED);
    world
        .sign_in("nobody", "wrong")
        .await
        .is(StatusCode::UNAUTHORIZED);
    assert_eq!(acts("sign_in_failed").await, 1, "of those who exist");
}
