//! Walking people, groups and members page by page: everything that is there,
//! and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use graph::error::Kind;
use graph::{GraphClient, Link, MemberKind, PageGuard};
use graph_emulator::Switches;
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{World, id};

async fn members(client: &GraphClient, group: Uuid) -> Vec<Uuid> {
    let mut all = Vec::new();
    let mut guard = PageGuard::default();
    let mut from: Option<Link> = None;
    loop {
        let page = client.members_page(group, from.as_ref()).await.unwrap();
        all.extend(page.members.iter().map(|member| member.id));
        let Some(next) = page.next else { return all };
        guard.follow(&next).unwrap();
        from = Some(next);
    }
}

#[tokio::test(start_paused = true)]
async fn a_generated_tenant_is_read_whole() {
    let world = World::new().await;
    let path = format!("tenants/{}/generate", world.tenant);
    let size = json!({"people": 2500, "groups": 4, "members_per_group": 1200, "seed": 1});
    world.control(Method::POST, &path, size).await;
    let state = world
        .control(
            Method::GET,
            &format!("tenants/{}/state", world.tenant),
            Value::Null,
        )
        .await;
    let client = world.client();

    let mut people = BTreeSet::new();
    let mut pages = 0;
    let mut from: Option<Link> = None;
    loop {
        let page = client.users_page(from.as_ref()).await.unwrap();
        pages += 1;
        for user in page.users {
            assert!(user.user_principal_name.value().is_some());
            assert!(people.insert(user.id), "everybody comes once");
        }
        let Some(next) = page.next else { break };
        from = Some(next);
    }
    assert_eq!(people, ids(&state, "people"));
    assert_eq!(pages, people.len().div_ceil(999));

    let groups = client.groups_page(None, None).await.unwrap();
    let found: BTreeSet<Uuid> = groups.groups.iter().map(|group| group.id).collect();
    assert_eq!(found, ids(&state, "groups"));
    let truth = direct_members(&state);
    for group in found {
        let read = members(&client, group).await;
        let set: BTreeSet<Uuid> = read.iter().copied().collect();
        assert_eq!(read.len(), set.len());
        assert_eq!(set, truth[&group]);
    }
}

fn list<'a>(state: &'a Value, name: &str) -> &'a Vec<Value> {
    state[name].as_array().unwrap()
}

fn ids(state: &Value, name: &str) -> BTreeSet<Uuid> {
    list(state, name).iter().map(id).collect()
}

fn direct_members(state: &Value) -> BTreeMap<Uuid, BTreeSet<Uuid>> {
    let member = |value: &Value| match value.as_str() {
        Some(text) => text.parse().unwrap(),
        None => id(value),
    };
    list(state, "groups")
        .iter()
        .map(|group| {
            let members = group["members"].as_array().unwrap();
            (id(group), members.iter().map(member).collect())
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn members_are_told_apart_by_kind() {
    let world = World::new().await;
    let (amy, sales, west) = (
        world.add_person("amy").await,
        world.add_group("sales").await,
        world.add_group("west").await,
    );
    world.add_member(sales, amy).await;
    world.add_member(sales, west).await;
    let client = world.client();
    assert_eq!(members(&client, sales).await, [amy]);
    assert!(members(&client, west).await.is_empty());
    let nested = client.nested_groups_page(sales, None).await.unwrap();
    assert_eq!(nested.groups[0].id, west);
    assert_eq!(nested.groups[0].display_name.as_deref(), Some("west"));
    let refs = client.member_refs_page(sales, None).await.unwrap();
    let mut kinds: Vec<_> = refs
        .members
        .iter()
        .map(|member| (member.id, member.kind))
        .collect();
    kinds.sort_by_key(|(id, _)| *id != amy);
    assert_eq!(kinds, [(amy, MemberKind::User), (west, MemberKind::Group)]);
    let of_amy = client.groups_of_page(amy, None).await.unwrap();
    assert_eq!(of_amy.members[0].id, sales);
}

#[tokio::test(start_paused = true)]
async fn people_are_found_by_id_and_among_the_deleted() {
    let world = World::new().await;
    let (amy, bob, sales) = (
        world.add_person("amy").await,
        world.add_person("bob").await,
        world.add_group("sales").await,
    );
    world.add_member(sales, amy).await;
    let client = world.client();
    assert_eq!(
        client.user(amy).await.unwrap().given_name.as_deref(),
        Some("amy")
    );
    let both = client
        .users_by_ids(&[amy, bob, Uuid::from_u128(1)])
        .await
        .unwrap();
    assert_eq!(both.len(), 2);
    assert!(
        both.iter()
            .all(|user| user.account_enabled.value() == Some(&true))
    );
    assert_eq!(
        client.check_member_groups(amy, &[sales]).await.unwrap(),
        [sales]
    );
    assert!(client.member_groups(bob).await.unwrap().is_empty());

    assert_eq!(client.find_deleted_user(bob).await.unwrap(), None);
    world
        .write(Method::DELETE, &format!("users/{bob}"), Value::Null)
        .await;
    assert_eq!(client.find_user(bob).await.unwrap(), None);
    let deleted = client.find_deleted_user(bob).await.unwrap().unwrap();
    assert_eq!(deleted.id, bob);
    assert!(deleted.deleted.is_some());
    assert_eq!(client.find_user(Uuid::from_u128(1)).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn groups_are_searched_by_name() {
    let world = World::new().await;
    let sales = world.add_group("sales").await;
    world.add_group("west").await;
    let client = world.client();
    let page = client.groups_page(Some("sal"), None).await.unwrap();
    assert_eq!(
        page.groups.iter().map(|group| group.id).collect::<Vec<_>>(),
        [sales]
    );
    assert_eq!(
        client.group(sales).await.unwrap().security_enabled.value(),
        Some(&true)
    );
    let error = client.group(Uuid::from_u128(1)).await.unwrap_err();
    assert_eq!(error.kind(), &Kind::NotFound);
    let error = client
        .members_page(Uuid::from_u128(1), None)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), &Kind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn assignments_of_the_application_are_listed() {
    let world = World::new().await;
    let sales = world.add_group("sales").await;
    let client = world.client();
    let principal = client.service_principal().await.unwrap();
    let assignment = json!({
        "principalId": sales, "resourceId": principal.id, "appRoleId": Uuid::nil(),
    });
    let path = format!("servicePrincipals/{}/appRoleAssignedTo", principal.id);
    world.write(Method::POST, &path, assignment).await;
    let page = client.assignments_page(principal.id, None).await.unwrap();
    assert_eq!(page.assignments[0].principal_id, sales);
    assert_eq!(
        page.assignments[0].principal_type,
        graph::PrincipalType::Group
    );
}

#[tokio::test(start_paused = true)]
async fn an_expired_page_link_is_told_apart() {
    let world = World::new().await;
    world.emulator.set_switches(Switches {
        page_token_lifetime_seconds: Some(60),
        ..Switches::default()
    });
    let path = format!("tenants/{}/generate", world.tenant);
    let size = json!({"people": 1100, "groups": 0, "members_per_group": 0, "seed": 1});
    world.control(Method::POST, &path, size).await;
    let client = world.client();
    let page = client.users_page(None).await.unwrap();
    world.advance(120).await;
    let error = client.users_page(page.next.as_ref()).await.unwrap_err();
    assert_eq!(error.kind(), &Kind::PageExpired);
}

#[tokio::test(start_paused = true)]
async fn the_whole_selection_is_supported() {
    let world = World::new().await;
    let selection = world.client().probe_selection().await.unwrap();
    assert_eq!(selection, graph::Selection::default());
}
