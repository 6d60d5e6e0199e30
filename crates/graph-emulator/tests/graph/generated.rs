//! Generated tenants: everything follows from the seed, names are unique, everybody is in a group.

use std::collections::BTreeSet;

use http::Method;
use serde_json::json;

use crate::world::{World, id};

#[tokio::test]
async fn the_same_seed_makes_the_same_people() {
    let world = World::new().await;
    let made = world.generate(100, 4, 25).await;
    assert_eq!((&made["people"], &made["groups"]), (&json!(100), &json!(4)));
    let first = world.state().await;
    let again = World::new().await;
    assert_eq!(
        again.generate(100, 4, 25).await["group_ids"],
        made["group_ids"]
    );
    assert_eq!(again.state().await["people"], first["people"]);
}

#[tokio::test]
async fn names_are_unique_and_in_the_default_domain() {
    let world = World::new().await;
    world.generate(500, 0, 0).await;
    world.generate(500, 0, 0).await;
    let state = world.state().await;
    let people = state["people"].as_array().unwrap();
    let names: BTreeSet<_> = people
        .iter()
        .map(|person| person["userPrincipalName"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 1000);
    assert!(
        names
            .iter()
            .all(|name| name.ends_with("@contoso.com") && name.is_ascii())
    );
    let person = &people[7];
    let name = person["userPrincipalName"].as_str().unwrap();
    assert_eq!(
        id(&world.read(&format!("users/{}", name.to_uppercase())).await),
        id(person)
    );
}

#[tokio::test]
async fn everybody_is_in_a_group_when_there_is_room() {
    let world = World::new().await;
    let made = world.generate(100, 3, 40).await;
    let state = world.state().await;
    let mut covered = BTreeSet::new();
    for group in state["groups"].as_array().unwrap() {
        let members = group["members"].as_array().unwrap();
        assert_eq!(members.len(), 40);
        covered.extend(
            members
                .iter()
                .map(|member| member.as_str().unwrap().to_owned()),
        );
        assert!(made["group_ids"].as_array().unwrap().contains(&group["id"]));
    }
    assert_eq!(covered.len(), 100);
}

#[tokio::test]
async fn a_changed_person_keeps_everything_else() {
    let world = World::new().await;
    world.generate(20, 1, 20).await;
    let before = world.state().await["people"][3].clone();
    let path = format!("users/{}", id(&before));
    world
        .write(
            Method::PATCH,
            &path,
            json!({"jobTitle": "Chief", "mobilePhone": null}),
        )
        .await;
    let after = world.state().await["people"][3].clone();
    let mut expected = before;
    expected["jobTitle"] = "Chief".into();
    if expected.get("mobilePhone").is_some() {
        expected["mobilePhone"] = serde_json::Value::Null;
    }
    assert_eq!(after, expected);
}

#[tokio::test]
async fn generation_after_a_delta_link_is_told_by_it() {
    let world = World::new().await;
    let (_, users) = world.round("users/delta").await;
    let (_, groups) = world.round("groups/delta").await;
    world.generate(450, 2, 300).await;
    assert_eq!(world.round(&users).await.0.len(), 450);
    let (entries, _) = world.round(&groups).await;
    let members: usize = entries
        .iter()
        .map(|group| group["members@delta"].as_array().map_or(0, Vec::len))
        .sum();
    assert_eq!(members, 600);
}
