//! `/OAuth/IntegrationCallback.aspx`: consenting, and signing in with Microsoft.

use http::{Method, StatusCode};
use serde_json::json;

use crate::world::{ADMIN, PUBLIC, Reply, World, bare, call};

impl World {
    /// Signs somebody in with Microsoft; the answer of the callback.
    pub(crate) async fn microsoft(&self, upn: &str) -> Reply {
        let account = json!({
            "tenant_id": self.tenant, "user_principal_name": upn,
            "auto_consent": true, "admin": false,
        });
        self.control(Method::POST, "accounts", account).await;
        let begun = self
            .send(bare(
                Method::GET,
                "/sign-in/microsoft?return_to=/hr/employees",
            ))
            .await;
        begun.is(StatusCode::SEE_OTHER);
        let binding = begun.cookie(web::BINDING_COOKIE).expect("a binding");
        let mut url: url::Url = begun.header("location").unwrap().parse().unwrap();
        url.query_pairs_mut().append_pair("login_hint", upn);
        let back = self.follow(url).await;
        let path = back.as_str().strip_prefix(PUBLIC).unwrap();
        self.send(bare(Method::GET, path).cookie(&binding)).await
    }
}

#[tokio::test]
async fn consent_connects_and_is_seen_at_once() {
    let world = World::new().await;
    let id = world.connect().await;
    let connection = world.get(&format!("/api/v1/connections/{id}")).await;
    assert_eq!(connection.body["status"], "connected");
    assert_eq!(connection.body["consented_by"], ADMIN);
    assert_eq!(connection.body["tenant_id"], world.tenant.to_string());
}

#[tokio::test]
async fn the_path_counts_letter_by_letter() {
    let world = World::new().await;
    for path in [
        "/oauth/integrationcallback.aspx",
        "/OAuth/IntegrationCallback",
    ] {
        let reply = world.send(bare(Method::GET, path)).await;
        reply.is_problem(StatusCode::NOT_FOUND, "not_found");
    }
}

#[tokio::test]
async fn a_state_nobody_gave_is_refused() {
    let world = World::new().await;
    for query in ["", "?state=forged&code=x", "?error=access_denied"] {
        let path = format!("/OAuth/IntegrationCallback.aspx{query}");
        let reply = world.send(bare(Method::GET, &path)).await;
        reply.is_problem(StatusCode::BAD_REQUEST, "unknown_state");
    }
}

#[tokio::test]
async fn a_state_works_once_and_in_its_own_browser_alone() {
    let world = World::new().await;
    let id = world
        .made("/api/v1/connections", World::connection(json!({})))
        .await;
    let path = format!("/api/v1/connections/{id}/connect");
    let begun = world.send(call(Method::POST, &path)).await;
    let cookie = begun.cookie(web::BINDING_COOKIE).unwrap();
    let url = begun.body["authorize_url"].as_str().unwrap();
    let back = world.follow(url.parse().unwrap()).await;
    let back = back.as_str().strip_prefix(PUBLIC).unwrap();
    let reply = world.send(bare(Method::GET, back)).await;
    reply.is_problem(StatusCode::FORBIDDEN, "other_browser");
    // The state is used up: the right browser comes too late as well.
    let reply = world.send(bare(Method::GET, back).cookie(&cookie)).await;
    reply.is_problem(StatusCode::BAD_REQUEST, "unknown_state");
    let connection = world.get(&format!("/api/v1/connections/{id}")).await;
    assert_ne!(connection.body["status"], "connected");
}

#[tokio::test]
async fn declining_leaves_the_connection_waiting_and_says_how_to_go_on() {
    let world = World::new().await;
    let id = world
        .made("/api/v1/connections", World::connection(json!({})))
        .await;
    let path = format!("/api/v1/connections/{id}/connect");
    let begun = world.send(call(Method::POST, &path)).await;
    let cookie = begun.cookie(web::BINDING_COOKIE).unwrap();
    let url: url::Url = begun.body["authorize_url"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let state = url
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    let back = format!(
        "/OAuth/IntegrationCallback.aspx?error=access_denied&error_description=AADSTS65004%3A+declined&state={state}"
    );
    let reply = world.send(bare(Method::GET, &back).cookie(&cookie)).await;
    assert!(!reply.status.is_success() && reply.status != StatusCode::SEE_OTHER);
    assert_eq!(reply.body["code"], "consent_declined", "{}", reply.text);
    assert!(reply.body["cure"].is_string(), "{}", reply.text);
    let connection = world.get(&format!("/api/v1/connections/{id}")).await;
    assert_eq!(connection.body["status"], "awaiting_consent");
}

#[tokio::test]
async fn a_synced_person_signs_in_with_microsoft_and_comes_back_to_the_page_asked_for() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let reply = world.microsoft("ada@contoso.com").await;
    reply.is(StatusCode::SEE_OTHER);
    assert_eq!(reply.header("location"), Some("/hr/employees"));
    let session = reply.cookie("rollcall_session").expect("a session");
    let me = world
        .send(bare(Method::GET, "/api/v1/me").cookie(&session))
        .await;
    assert_eq!(me.is(StatusCode::OK).body["name"], "ada");
}

#[tokio::test]
async fn somebody_without_access_is_told_whom_to_ask() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    world.add_person("eve").await;
    let reply = world.microsoft("eve@contoso.com").await;
    reply.is_problem(StatusCode::FORBIDDEN, "no_access");
    assert!(reply.cookie("rollcall_session").is_none());
    assert!(
        reply.body["cure"]
            .as_str()
            .unwrap()
            .contains("administrator")
    );
}

#[tokio::test]
async fn leaving_the_group_ends_the_session_at_once() {
    let world = World::new().await;
    let connection = world.connect().await;
    let group = world.add_group("Staff").await;
    let ada = world.add_person("ada").await;
    world.add_member(group, ada).await;
    world.employees_of(group).await;
    world.sync(&connection).await;
    let session = world.microsoft("ada@contoso.com").await;
    let session = session.cookie("rollcall_session").unwrap();
    let me = || bare(Method::GET, "/api/v1/me").cookie(&session);
    world.send(me()).await.is(StatusCode::OK);
    world.remove_member(group, ada).await;
    let path = format!("/api/v1/connections/{connection}/sync");
    let started = world.post(&path, json!({ "mode": "delta" })).await;
    let run = world.finished(&started.body["run_id"]).await;
    assert_eq!(run["status"], "done", "{run}");
    world
        .send(me())
        .await
        .is_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
}

#[tokio::test]
async fn a_secondary_identity_opens_nobodys_account() {
    let world = World::new().await;
    world.staffed(&["ada"]).await;
    let reply = world.microsoft("ada@contoso.com").await;
    reply.is(StatusCode::SEE_OTHER);
    // As a guest of hers in a client's tenant is linked: known, and no way in.
    let db = world.engine.db();
    let found = store::connections::list(db).await.unwrap().pop().unwrap();
    let mut tx = db.begin().await.unwrap();
    let mut rows = store::links::page(&mut tx, found.id, None, 10)
        .await
        .unwrap();
    let row = rows.iter_mut().next().unwrap();
    row.link.role = provisioning::link::LinkRole::Secondary;
    store::links::write(&mut tx, std::slice::from_ref(row))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let reply = world.microsoft("ada@contoso.com").await;
    reply.is_problem(StatusCode::FORBIDDEN, "secondary_identity");
    assert!(reply.cookie("rollcall_session").is_none());
}
