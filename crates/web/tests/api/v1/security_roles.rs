//! `/security-roles`

use http::StatusCode;
use serde_json::json;

use crate::world::World;

const BUILT_IN: [&str; 8] = [
    "Administrator",
    "CRM Manager",
    "Finance Manager",
    "Project Manager",
    "Service Desk Manager",
    "User",
    "External Manager",
    "External User",
];

#[tokio::test]
async fn the_eight_built_in_roles_are_there_and_stay_as_they_are() {
    let world = World::new().await;
    let roles = world.get("/api/v1/security-roles?is_system=true").await;
    assert_eq!(roles.each("name"), BUILT_IN);
    let external = world.get("/api/v1/security-roles?type=external").await;
    assert_eq!(external.each("name"), &BUILT_IN[6..]);
    for name in BUILT_IN {
        let path = format!("/api/v1/security-roles/{}", name.replace(' ', "%20"));
        let role = world.get(&path).await;
        assert_eq!(role.is(StatusCode::OK).body["is_system"], true);
        assert!(role.body["rights"].is_object());
        let change = world.patch(&path, json!({ "rights": {} })).await;
        change.is_problem(StatusCode::CONFLICT, "system_role");
        world
            .delete(&path)
            .await
            .is_problem(StatusCode::CONFLICT, "system_role");
        assert_eq!(world.get(&path).await.body, role.body);
    }
}

#[tokio::test]
async fn a_role_of_ones_own_is_made_changed_and_deleted() {
    let world = World::new().await;
    let new = json!({
        "name": "Dispatcher", "type": "internal", "description": "Hands tickets out",
        "rights": { "service_desk": { "view": "all", "edit": "all" } },
    });
    let made = world.post("/api/v1/security-roles", new.clone()).await;
    made.is(StatusCode::CREATED);
    assert_eq!(made.body["id"], "Dispatcher");
    assert_eq!(made.body["is_system"], false);
    let twice = world.post("/api/v1/security-roles", new).await;
    twice.is_problem(StatusCode::CONFLICT, "name_taken");
    let path = "/api/v1/security-roles/Dispatcher";
    let change = json!({ "rights": { "crm": { "view": "all" } }, "description": null });
    let changed = world.patch(path, change).await;
    assert_eq!(
        changed.is(StatusCode::OK).body["rights"],
        json!({ "crm": { "view": "all" } })
    );
    assert_eq!(changed.body["description"], "");
    world.delete(path).await.is(StatusCode::NO_CONTENT);
    world.get(path).await.is(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_role_somebody_has_is_not_deleted_and_says_who() {
    let world = World::new().await;
    let role = json!({ "name": "Dispatcher", "type": "internal" });
    world
        .post("/api/v1/security-roles", role)
        .await
        .is(StatusCode::CREATED);
    let sam = json!({ "first_name": "Sam", "username": "sam", "security_roles": ["Dispatcher"] });
    let sam = world.made("/api/v1/employees", sam).await;
    let refused = world.delete("/api/v1/security-roles/Dispatcher").await;
    refused.is_problem(StatusCode::CONFLICT, "record_in_use");
    assert_eq!(refused.body["records"][0]["id"], sam.as_str());
}

#[tokio::test]
async fn an_external_role_never_reaches_beyond_the_account() {
    let world = World::new().await;
    for rights in [
        json!({ "admin": { "view": "own" } }),
        json!({ "service_desk": { "view": "all" } }),
        json!({ "hr": { "edit": "account" } }),
    ] {
        let role = json!({ "name": "Portal", "type": "external", "rights": rights });
        let reply = world.post("/api/v1/security-roles", role).await;
        reply.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
        assert!(reply.body["cure"].is_string());
    }
    let rights = json!({ "service_desk": { "view": "account" } });
    let role = json!({ "name": "Portal", "type": "external", "rights": rights });
    world
        .post("/api/v1/security-roles", role)
        .await
        .is(StatusCode::CREATED);
    let employee = json!({ "first_name": "Sam", "username": "sam", "security_roles": ["Portal"] });
    let reply = world.post("/api/v1/employees", employee).await;
    reply.is_problem(StatusCode::UNPROCESSABLE_ENTITY, "validation");
}
