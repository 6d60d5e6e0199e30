//! Delta rounds: every change appears, and links that are of no use any more
//! are told apart from everything else.

use std::collections::BTreeSet;

use graph::error::Kind;
use graph::{
    DeltaStart, GraphClient, GroupChange, GroupDeltaQuery, Link, MemberChange, Next, Reason,
    UserChange,
};
use graph_emulator::Switches;
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::World;

/// A whole round of people, and where the next one starts.
async fn people(client: &GraphClient, mut start: DeltaStart) -> (Vec<UserChange>, Link) {
    let mut all = Vec::new();
    loop {
        let page = client.users_delta(&start).await.unwrap();
        all.extend(page.changes);
        match page.next {
            Next::Page(link) => start = DeltaStart::Link(link),
            Next::Done(link) => return (all, link),
        }
    }
}

async fn groups(
    client: &GraphClient,
    query: &GroupDeltaQuery,
    mut start: DeltaStart,
) -> (Vec<GroupChange>, Link) {
    let mut all = Vec::new();
    loop {
        let page = client.groups_delta(query, &start).await.unwrap();
        all.extend(page.changes);
        match page.next {
            Next::Page(link) => start = DeltaStart::Link(link),
            Next::Done(link) => return (all, link),
        }
    }
}

fn about(changes: &[UserChange], id: Uuid) -> Option<&UserChange> {
    changes.iter().rfind(|change| change.id() == id)
}

/// Who is a member when all parts have come.
fn merged(parts: &[GroupChange]) -> BTreeSet<Uuid> {
    let mut all = BTreeSet::new();
    for part in parts {
        let GroupChange::Changed { members, .. } = part else {
            continue;
        };
        for change in members {
            match change {
                MemberChange::Added(member) => all.insert(member.id),
                MemberChange::Removed(member) => all.remove(&member.id),
            };
        }
    }
    all
}

#[tokio::test(start_paused = true)]
async fn changes_of_people_appear_in_the_next_round() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    let client = world.client();
    let (all, link) = people(&client, DeltaStart::Initial).await;
    assert!(matches!(about(&all, amy), Some(UserChange::Changed(_))));

    let (quiet, link) = people(&client, DeltaStart::Link(link)).await;
    assert_eq!(quiet, []);

    let change = json!({"surname": "Pond", "jobTitle": "Nurse"});
    world
        .write(Method::PATCH, &format!("users/{amy}"), change)
        .await;
    let bob = world.add_person("bob").await;
    let (changed, link) = people(&client, DeltaStart::Link(link)).await;
    let Some(UserChange::Changed(user)) = about(&changed, amy) else {
        panic!("amy changed: {changed:?}");
    };
    assert_eq!(user.surname.as_deref(), Some("Pond"));
    assert!(about(&changed, bob).is_some());

    world
        .write(Method::DELETE, &format!("users/{amy}"), Value::Null)
        .await;
    let (removed, link) = people(&client, DeltaStart::Link(link)).await;
    let soft = UserChange::Removed {
        id: amy,
        reason: Reason::Changed,
    };
    assert_eq!(about(&removed, amy), Some(&soft));

    let path = format!("directory/deletedItems/{amy}/restore");
    world.write(Method::POST, &path, Value::Null).await;
    let (restored, link) = people(&client, DeltaStart::Link(link)).await;
    assert!(matches!(
        about(&restored, amy),
        Some(UserChange::Changed(_))
    ));

    world
        .write(Method::DELETE, &format!("users/{bob}"), Value::Null)
        .await;
    world
        .write(
            Method::DELETE,
            &format!("directory/deletedItems/{bob}"),
            Value::Null,
        )
        .await;
    let (purged, _) = people(&client, DeltaStart::Link(link)).await;
    let hard = UserChange::Removed {
        id: bob,
        reason: Reason::Deleted,
    };
    assert_eq!(about(&purged, bob), Some(&hard));
}

#[tokio::test(start_paused = true)]
async fn an_unmapped_property_changes_the_fingerprint() {
    let world = World::new().await;
    let amy = world.add_person("amy").await;
    let client = world.client();
    let (all, link) = people(&client, DeltaStart::Initial).await;
    let Some(UserChange::Changed(mut known)) = about(&all, amy).cloned() else {
        panic!("amy is there");
    };
    let full = client.user(amy).await.unwrap();
    assert_eq!(known.fingerprint(), full.fingerprint());
    world
        .write(
            Method::PATCH,
            &format!("users/{amy}"),
            json!({"city": "Leadworth"}),
        )
        .await;
    let (changed, _) = people(&client, DeltaStart::Link(link)).await;
    let Some(UserChange::Changed(newer)) = about(&changed, amy).cloned() else {
        panic!("amy changed");
    };
    known.overlay(newer);
    assert_ne!(known.fingerprint(), full.fingerprint());
    let again = client.user(amy).await.unwrap();
    assert_eq!(known.fingerprint(), again.fingerprint());
}

#[tokio::test(start_paused = true)]
async fn a_round_from_now_tells_only_what_comes_after() {
    let world = World::new().await;
    world.add_person("amy").await;
    let client = world.client();
    let (nothing, link) = people(&client, DeltaStart::Latest).await;
    assert_eq!(nothing, []);
    let bob = world.add_person("bob").await;
    let (changed, _) = people(&client, DeltaStart::Link(link)).await;
    assert_eq!(
        changed.iter().map(UserChange::id).collect::<Vec<_>>(),
        [bob]
    );
}

#[tokio::test(start_paused = true)]
async fn memberships_come_and_go_in_the_groups_asked_for() {
    let world = World::new().await;
    let (amy, sales, west) = (
        world.add_person("amy").await,
        world.add_group("sales").await,
        world.add_group("west").await,
    );
    let client = world.client();
    let query = GroupDeltaQuery {
        groups: vec![sales],
        members: true,
    };
    let (_, link) = groups(&client, &query, DeltaStart::Initial).await;
    world.add_member(sales, amy).await;
    world.add_member(west, amy).await;
    let (added, link) = groups(&client, &query, DeltaStart::Link(link)).await;
    let [GroupChange::Changed { group, members }] = &added[..] else {
        panic!("one group changed: {added:?}");
    };
    assert_eq!(group.id, sales);
    assert!(matches!(members[..], [MemberChange::Added(member)] if member.id == amy));
    world.remove_member(sales, amy).await;
    let (removed, link) = groups(&client, &query, DeltaStart::Link(link)).await;
    let [GroupChange::Changed { members, .. }] = &removed[..] else {
        panic!("one group changed: {removed:?}");
    };
    assert!(matches!(members[..], [MemberChange::Removed(member)] if member.id == amy));
    world
        .write(Method::DELETE, &format!("groups/{sales}"), Value::Null)
        .await;
    let (gone, _) = groups(&client, &query, DeltaStart::Link(link)).await;
    assert!(matches!(gone[..], [GroupChange::Removed { id, .. }] if id == sales));
}

#[tokio::test(start_paused = true)]
async fn a_large_group_comes_whole_in_parts() {
    let world = World::new().await;
    let path = format!("tenants/{}/generate", world.tenant);
    let size = json!({"people": 1500, "groups": 1, "members_per_group": 1500, "seed": 3});
    world.control(Method::POST, &path, size).await;
    let client = world.client();
    let query = GroupDeltaQuery {
        groups: Vec::new(),
        members: true,
    };
    let (all, _) = groups(&client, &query, DeltaStart::Initial).await;
    assert_eq!(merged(&all).len(), 1500);
}

#[tokio::test(start_paused = true)]
async fn oddities_of_the_service_change_nothing_in_the_end() {
    let world = World::new().await;
    world.emulator.set_switches(Switches {
        delta_page_users: 2,
        delta_page_members: 3,
        delta_empty_pages: true,
        delta_duplicates: true,
        delta_replay: 2,
        delta_removed_at_first: true,
        delta_wrong_context: true,
        ..Switches::default()
    });
    let mut all = BTreeSet::new();
    let sales = world.add_group("sales").await;
    for number in 0..7 {
        let person = world.add_person(&format!("person{number}")).await;
        world.add_member(sales, person).await;
        all.insert(person);
    }
    let client = world.client();
    let (first, link) = people(&client, DeltaStart::Initial).await;
    for person in &all {
        assert!(matches!(
            about(&first, *person),
            Some(UserChange::Changed(_))
        ));
    }
    let bob = world.add_person("bob").await;
    let (second, _) = people(&client, DeltaStart::Link(link)).await;
    assert!(about(&second, bob).is_some());
    let query = GroupDeltaQuery {
        groups: vec![sales],
        members: true,
    };
    let (parts, _) = groups(&client, &query, DeltaStart::Initial).await;
    assert_eq!(merged(&parts), all);
}

#[tokio::test(start_paused = true)]
async fn an_old_or_garbled_link_means_a_resync() {
    let world = World::new().await;
    let client = world.client();
    let (_, link) = people(&client, DeltaStart::Latest).await;
    let garbled = client.link(&format!("{}x", link.as_str())).unwrap();
    let error = client
        .users_delta(&DeltaStart::Link(garbled))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), &Kind::ResyncRequired);
    world.advance(8 * 24 * 3600).await;
    let error = client
        .users_delta(&DeltaStart::Link(link))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), &Kind::ResyncRequired);
}
