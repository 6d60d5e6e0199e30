//! Enterprise applications: made by consent, found by application id, with people and groups assigned.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{APP, World, id};

#[tokio::test]
async fn consent_makes_an_enterprise_application() {
    let world = World::new().await;
    let page = world
        .read(&format!(
            "servicePrincipals?$filter=appId eq '{APP}'&$select=id,appId,displayName"
        ))
        .await;
    let principal = &page["value"][0];
    assert_eq!(principal["displayName"], "Tester");
    let by_key = world
        .read(&format!("servicePrincipals(appId='{APP}')"))
        .await;
    assert_eq!(by_key["id"], principal["id"]);
    assert_eq!(by_key["appRoleAssignmentRequired"], false);
    let none = world
        .read(&format!(
            "servicePrincipals?$filter=appId eq '{}'",
            Uuid::from_u128(1)
        ))
        .await;
    assert_eq!(none["value"], json!([]));
}

#[tokio::test]
async fn people_and_groups_are_assigned_and_unassigned() {
    let world = World::new().await;
    let (amy, sales) = (
        world.add_person("amy").await,
        world.add_group("sales").await,
    );
    let principal = id(&world
        .read(&format!("servicePrincipals(appId='{APP}')"))
        .await);
    let path = format!("servicePrincipals/{principal}/appRoleAssignedTo");
    let assign =
        |who: &str| json!({"principalId": who, "resourceId": principal, "appRoleId": Uuid::nil()});
    let made = world.write(Method::POST, &path, assign(&sales)).await;
    assert_eq!(
        (&made["principalType"], &made["principalDisplayName"]),
        (&json!("Group"), &json!("sales"))
    );
    world.write(Method::POST, &path, assign(&amy)).await;
    assert_eq!(
        world
            .try_write(Method::POST, &path, assign(&amy))
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
    let (pages, _) = world.walk(&format!("{path}?$top=1")).await;
    assert_eq!(pages.len(), 2);
    world
        .write(
            Method::DELETE,
            &format!("{path}/{}", id(&made)),
            Value::Null,
        )
        .await;
    let expanded = world
        .read(&format!(
            "servicePrincipals/{principal}?$select=id&$expand=appRoleAssignedTo"
        ))
        .await;
    assert_eq!(expanded["appRoleAssignedTo"][0]["principalId"], amy);
    assert!(expanded.get("displayName").is_none());
    let left = world.read(&path).await;
    assert_eq!(left["value"][0]["principalId"], amy);
}
