//! Deleting, the recycle bin, restoring, and the end after thirty days.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{World, ids, person};

const DAY: u64 = 86_400;

async fn deleted(world: &World, kind: &str) -> Vec<String> {
    let page = world
        .read(&format!("directory/deletedItems/microsoft.graph.{kind}"))
        .await;
    ids(page["value"].as_array().unwrap())
}

#[tokio::test]
async fn a_deleted_person_can_be_seen_and_restored_with_all_memberships() {
    let world = World::new().await;
    let (amy, sales) = (
        world.add_person("amy").await,
        world.add_group("sales").await,
    );
    world.add_member(&sales, &amy).await;
    let path = format!("users/{amy}");
    assert_eq!(
        world
            .try_write(Method::DELETE, &path, Value::Null)
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(world.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.read("users").await["value"], json!([]));
    assert_eq!(
        world.read(&format!("groups/{sales}/members")).await["value"],
        json!([])
    );
    assert_eq!(deleted(&world, "user").await, [amy.clone()]);
    let seen = world.read(&format!("directory/deletedItems/{amy}")).await;
    assert_eq!(seen["deletedDateTime"], "2026-03-02T09:00:00Z");
    assert!(
        seen["userPrincipalName"]
            .as_str()
            .unwrap()
            .ends_with("amy@contoso.com")
    );

    let restored = world
        .write(
            Method::POST,
            &format!("directory/deletedItems/{amy}/restore"),
            Value::Null,
        )
        .await;
    assert_eq!(restored["id"], amy);
    assert_eq!(
        world.read(&path).await["userPrincipalName"],
        "amy@contoso.com"
    );
    assert_eq!(
        world.read(&format!("groups/{sales}/members")).await["value"][0]["id"],
        amy
    );
    assert_eq!(deleted(&world, "user").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_name_taken_meanwhile_stands_in_the_way_of_restoring() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    world
        .write(Method::DELETE, &format!("users/{amy}"), Value::Null)
        .await;
    let second = world.write(Method::POST, "users", person("amy")).await;
    let restore = format!("directory/deletedItems/{amy}/restore");
    let answer = world.try_write(Method::POST, &restore, Value::Null).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    world
        .write(
            Method::DELETE,
            &format!("users/{}", second["id"].as_str().unwrap()),
            Value::Null,
        )
        .await;
    world.write(Method::POST, &restore, Value::Null).await;
}

#[tokio::test]
async fn purging_is_for_good() {
    let world = World::new().await;
    let (amy, sales) = (
        world.add_person("amy").await,
        world.add_group("sales").await,
    );
    world.add_member(&sales, &amy).await;
    world
        .write(Method::DELETE, &format!("users/{amy}"), Value::Null)
        .await;
    let path = format!("directory/deletedItems/{amy}");
    world.write(Method::DELETE, &path, Value::Null).await;
    assert_eq!(world.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        world
            .try_write(Method::POST, &format!("{path}/restore"), Value::Null)
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(world.state().await["deleted_people"], json!([]));
}

#[tokio::test]
async fn after_thirty_days_the_bin_empties_itself() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    world
        .write(Method::DELETE, &format!("users/{amy}"), Value::Null)
        .await;
    world.advance(29 * DAY);
    assert_eq!(world.state().await["deleted_people"][0]["id"], amy);
    world.advance(2 * DAY);
    assert_eq!(world.state().await["deleted_people"], json!([]));
}

#[tokio::test]
async fn security_groups_go_to_the_bin_unless_the_switch_says_otherwise() {
    let world = World::new().await;
    for (restorable, expected) in [(true, 1), (false, 0)] {
        world
            .control(
                Method::POST,
                &format!("tenants/{}/purge", world.tenant),
                json!({}),
            )
            .await;
        world.switch(|switches| switches.security_groups_restorable = restorable);
        let group = world.add_group("sales").await;
        world
            .write(Method::DELETE, &format!("groups/{group}"), Value::Null)
            .await;
        assert_eq!(
            deleted(&world, "group").await.len(),
            expected,
            "{restorable}"
        );
    }
}
