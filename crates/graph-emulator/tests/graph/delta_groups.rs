//! `/groups/delta`: members in slices, additions and removals, and what stays untold.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use crate::world::{World, entry, ids, names};

fn member(id: &str) -> Value {
    json!({"@odata.type": "#microsoft.graph.user", "id": id})
}

fn removed(id: &str) -> Value {
    json!({"@odata.type": "#microsoft.graph.user", "id": id, "@removed": {"reason": "deleted"}})
}

#[tokio::test]
async fn a_large_group_comes_again_until_all_members_are_told() {
    let world = World::new().await;
    let made = world.generate(1300, 2, 1300).await;
    let (pages, _) = world.walk("groups/delta?$select=displayName,members").await;
    assert!(pages.len() >= 5);
    for group in made["group_ids"].as_array().unwrap() {
        let mut members = BTreeSet::new();
        let mut slices = 0;
        for page in &pages {
            let told: usize = page
                .iter()
                .map(|item| item["members@delta"].as_array().unwrap().len())
                .sum();
            assert!(told <= 500, "{told}");
            for item in page.iter().filter(|item| item["id"] == *group) {
                slices += 1;
                assert!(
                    item["displayName"].is_string(),
                    "the same properties each time"
                );
                members.extend(ids(item["members@delta"].as_array().unwrap()));
            }
        }
        assert_eq!(members.len(), 1300);
        assert!(slices >= 3);
    }
}

#[tokio::test]
async fn members_who_come_and_go_are_told_as_documented() {
    let world = World::new().await;
    let (amy, bob) = (world.add_person("amy").await, world.add_person("bob").await);
    let (sales, empty) = (
        world.add_group("sales").await,
        world.add_group("empty").await,
    );
    world.add_member(&sales, &amy).await;
    let (entries, link) = world.round("groups/delta").await;
    assert_eq!(
        entry(&entries, &sales)["members@delta"],
        json!([member(&amy)])
    );
    assert_eq!(
        entry(&entries, &empty)["members@delta"],
        Value::Null,
        "no members, no annotation"
    );
    world.add_member(&sales, &bob).await;
    world.remove_member(&sales, &amy).await;
    let (entries, link) = world.round(&link).await;
    assert_eq!(ids(&entries), [sales.clone()]);
    let told = entries[0]["members@delta"].as_array().unwrap();
    assert_eq!(entry(told, &amy), &removed(&amy));
    assert_eq!(entry(told, &bob), &member(&bob));
    world.add_member(&sales, &amy).await;
    world.remove_member(&sales, &amy).await;
    let (entries, _) = world.round(&link).await;
    assert_eq!(
        entries[0]["members@delta"],
        json!([removed(&amy)]),
        "the last word counts"
    );
}

#[tokio::test]
async fn without_members_selected_memberships_are_untold() {
    let world = World::new().await;
    let (amy, sales) = (
        world.add_person("amy").await,
        world.add_group("sales").await,
    );
    let (entries, link) = world.round("groups/delta?$select=displayName").await;
    assert_eq!(names(&entries[0]), ["displayName", "id"]);
    world.add_member(&sales, &amy).await;
    assert_eq!(world.round(&link).await.0, Vec::<Value>::new());
}

#[tokio::test]
async fn a_change_of_name_comes_without_members() {
    let world = World::new().await;
    let (amy, sales) = (
        world.add_person("amy").await,
        world.add_group("sales").await,
    );
    world.add_member(&sales, &amy).await;
    let (_, link) = world
        .round("groups/delta?$select=displayName,members")
        .await;
    world
        .write(
            Method::PATCH,
            &format!("groups/{sales}"),
            json!({"displayName": "Sales!"}),
        )
        .await;
    assert_eq!(
        world.round(&link).await.0,
        [json!({"id": sales, "displayName": "Sales!"})]
    );
}

#[tokio::test]
async fn a_soft_deleted_member_keeps_the_place_and_a_purged_one_leaves() {
    let world = World::new().await;
    let sales = world.add_group("sales").await;
    for (silent, expected) in [(false, true), (true, false)] {
        world.switch(|switches| switches.silent_member_purge = silent);
        let amy = world.add_person("amy").await;
        world.add_member(&sales, &amy).await;
        let (_, link) = world.round("groups/delta").await;
        world
            .write(Method::DELETE, &format!("users/{amy}"), Value::Null)
            .await;
        let (entries, link) = world.round(&link).await;
        assert_eq!(
            entries,
            Vec::<Value>::new(),
            "nothing appears until the purge"
        );
        world
            .write(
                Method::DELETE,
                &format!("directory/deletedItems/{amy}"),
                Value::Null,
            )
            .await;
        let (entries, _) = world.round(&link).await;
        let told = entries
            .iter()
            .any(|group| group["members@delta"] == json!([removed(&amy)]));
        assert_eq!(told, expected, "silent: {silent}");
    }
}

#[tokio::test]
async fn a_change_in_a_nested_group_does_not_show_at_its_parent() {
    let world = World::new().await;
    let (amy, outer, inner) = (
        world.add_person("amy").await,
        world.add_group("outer").await,
        world.add_group("inner").await,
    );
    world.add_member(&outer, &inner).await;
    let (entries, link) = world.round("groups/delta").await;
    let told = &entry(&entries, &outer)["members@delta"][0];
    assert_eq!(
        told,
        &json!({"@odata.type": "#microsoft.graph.group", "id": inner})
    );
    world.add_member(&inner, &amy).await;
    assert_eq!(ids(&world.round(&link).await.0), [inner]);
}

#[tokio::test]
async fn a_restored_group_comes_with_all_its_members() {
    let world = World::new().await;
    let (amy, bob, sales) = (
        world.add_person("amy").await,
        world.add_person("bob").await,
        world.add_group("sales").await,
    );
    world.add_member(&sales, &amy).await;
    world.add_member(&sales, &bob).await;
    let (_, link) = world.round("groups/delta").await;
    world
        .write(Method::DELETE, &format!("groups/{sales}"), Value::Null)
        .await;
    let (entries, link) = world.round(&link).await;
    assert_eq!(
        entries,
        [json!({"id": sales, "@removed": {"reason": "changed"}})]
    );
    world
        .write(
            Method::POST,
            &format!("directory/deletedItems/{sales}/restore"),
            Value::Null,
        )
        .await;
    let (entries, _) = world.round(&link).await;
    assert_eq!(entries[0]["members@delta"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn many_changes_of_one_group_are_sliced_too() {
    let world = World::new().await;
    world.switch(|switches| switches.delta_page_members = 3);
    let sales = world.add_group("sales").await;
    let (_, link) = world.round("groups/delta").await;
    let mut expected = BTreeSet::new();
    for number in 0..8 {
        let id = world.add_person(&format!("person{number}")).await;
        world.add_member(&sales, &id).await;
        expected.insert(id);
    }
    let (pages, _) = world.walk(&link).await;
    assert!(pages.len() >= 3);
    let all = pages.concat();
    let told: BTreeSet<_> = all
        .iter()
        .flat_map(|group| ids(group["members@delta"].as_array().unwrap()))
        .collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn former_members_may_appear_in_a_first_round() {
    let world = World::new().await;
    let (amy, sales) = (
        world.add_person("amy").await,
        world.add_group("sales").await,
    );
    world.add_member(&sales, &amy).await;
    world.remove_member(&sales, &amy).await;
    world.switch(|switches| switches.delta_removed_at_first = true);
    let (entries, _) = world.round("groups/delta").await;
    assert_eq!(
        entry(&entries, &sales)["members@delta"],
        json!([removed(&amy)])
    );
}
