//! Members, nesting, member-of, the checks, and the writes to memberships.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{HOST, World, ids};

/// sales holds amy and west; west holds bob.
async fn nested() -> (World, [String; 4]) {
    let world = World::new().await;
    let (amy, bob) = (world.add_person("amy").await, world.add_person("bob").await);
    let (sales, west) = (
        world.add_group("sales").await,
        world.add_group("west").await,
    );
    world.add_member(&sales, &amy).await;
    world.add_member(&sales, &west).await;
    world.add_member(&west, &bob).await;
    (world, [amy, bob, sales, west])
}

async fn listed(world: &World, path: &str) -> Vec<String> {
    let answer = world.eventual(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    let mut ids = ids(answer.json()["value"].as_array().unwrap());
    ids.sort();
    ids
}

#[tokio::test]
async fn direct_and_transitive_members_differ() {
    let (world, [amy, bob, sales, west]) = nested().await;
    for (path, expected) in [
        (format!("groups/{sales}/members"), vec![&amy, &west]),
        (
            format!("groups/{sales}/members/microsoft.graph.user"),
            vec![&amy],
        ),
        (
            format!("groups/{sales}/members/microsoft.graph.group"),
            vec![&west],
        ),
        (
            format!("groups/{sales}/members/microsoft.graph.user?$select=id&$top=999&$count=true"),
            vec![&amy],
        ),
        (
            format!("groups/{sales}/transitiveMembers"),
            vec![&amy, &bob, &west],
        ),
        (
            format!("groups/{sales}/transitiveMembers/microsoft.graph.user?$count=true"),
            vec![&amy, &bob],
        ),
        (format!("users/{bob}/memberOf"), vec![&west]),
        (
            format!("users/{bob}/transitiveMemberOf"),
            vec![&sales, &west],
        ),
        (
            format!("users/{bob}/transitiveMemberOf/microsoft.graph.group?$select=id&$count=true"),
            vec![&sales, &west],
        ),
        (format!("groups/{west}/memberOf"), vec![&sales]),
    ] {
        let mut expected: Vec<String> = expected.into_iter().cloned().collect();
        expected.sort();
        assert_eq!(listed(&world, &path).await, expected, "{path}");
    }
    assert_eq!(
        world
            .eventual(&format!("groups/{sales}/members/$count"))
            .await
            .text,
        "2"
    );
    assert_eq!(
        world
            .eventual(&format!(
                "groups/{sales}/transitiveMembers/microsoft.graph.user/$count"
            ))
            .await
            .text,
        "2"
    );
}

#[tokio::test]
async fn a_cast_with_other_options_is_an_advanced_query() {
    let (world, [_, _, sales, _]) = nested().await;
    let path = format!("groups/{sales}/members/microsoft.graph.user?$select=id");
    assert_eq!(world.get(&path).await.code(), "Request_UnsupportedQuery");
    assert_eq!(
        world.eventual(&path).await.code(),
        "Request_UnsupportedQuery",
        "the count is missing"
    );
    assert_eq!(
        world.eventual(&format!("{path}&$count=true")).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn mixed_lists_name_the_type_of_each_item() {
    let (world, [amy, _, sales, west]) = nested().await;
    let page = world
        .read(&format!(
            "groups/{sales}/members?$select=id,userPrincipalName,securityEnabled"
        ))
        .await;
    let all = page["value"].as_array().unwrap();
    let of = |id: &str| crate::world::entry(all, id).clone();
    assert_eq!(of(&amy)["@odata.type"], "#microsoft.graph.user");
    assert_eq!(of(&amy)["securityEnabled"], Value::Null);
    assert_eq!(of(&west)["@odata.type"], "#microsoft.graph.group");
    assert_eq!(of(&west)["securityEnabled"], true);
}

#[tokio::test]
async fn nesting_in_a_circle_ends() {
    let (world, [amy, bob, sales, west]) = nested().await;
    world.add_member(&west, &sales).await;
    let mut all = vec![amy, bob.clone(), sales.clone(), west.clone()];
    all.sort();
    assert_eq!(
        listed(&world, &format!("groups/{sales}/transitiveMembers")).await,
        all
    );
    let mut both = vec![sales, west];
    both.sort();
    assert_eq!(
        listed(&world, &format!("users/{bob}/transitiveMemberOf")).await,
        both
    );
}

#[tokio::test]
async fn checks_go_through_nesting_and_are_limited() {
    let (world, [_, bob, sales, west]) = nested().await;
    let other = world.add_group("other").await;
    let check = |groups: Value| {
        let (world, bob) = (&world, &bob);
        async move {
            world
                .try_write(
                    Method::POST,
                    &format!("users/{bob}/checkMemberGroups"),
                    json!({"groupIds": groups}),
                )
                .await
        }
    };
    assert_eq!(
        check(json!([sales, other])).await.json()["value"],
        json!([sales])
    );
    let many: Vec<_> = (0..21).map(uuid::Uuid::from_u128).collect();
    assert_eq!(check(json!(many)).await.status, StatusCode::BAD_REQUEST);
    let all = world
        .write(
            Method::POST,
            &format!("users/{bob}/getMemberGroups"),
            json!({"securityEnabledOnly": true}),
        )
        .await;
    let mut found: Vec<_> = all["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap().to_owned())
        .collect();
    found.sort();
    let mut expected = vec![sales, west];
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_member_is_added_once_and_removed_once() {
    let (world, [amy, _, sales, _]) = nested().await;
    let path = format!("groups/{sales}/members/$ref");
    let reference = |id: &str| json!({"@odata.id": format!("{HOST}/v1.0/directoryObjects/{id}")});
    for (target, status) in [
        (reference(&amy), 400),
        (reference(&sales), 400),
        (reference("00000000-0000-0000-0000-00000000dead"), 404),
        (json!({"@odata.id": "nonsense"}), 400),
        (json!({"id": amy}), 400),
    ] {
        let answer = world.try_write(Method::POST, &path, target.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{target}: {}", answer.text);
    }
    world.remove_member(&sales, &amy).await;
    let again = world
        .try_write(
            Method::DELETE,
            &format!("groups/{sales}/members/{amy}/$ref"),
            Value::Null,
        )
        .await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn owners_are_kept_apart_from_members() {
    let (world, [_, bob, sales, _]) = nested().await;
    let reference = json!({"@odata.id": format!("{HOST}/v1.0/users/{bob}")});
    world
        .write(
            Method::POST,
            &format!("groups/{sales}/owners/$ref"),
            reference,
        )
        .await;
    assert_eq!(
        listed(&world, &format!("groups/{sales}/owners")).await,
        [bob.clone()]
    );
    assert!(
        !listed(&world, &format!("groups/{sales}/members"))
            .await
            .contains(&bob)
    );
}

#[tokio::test]
async fn members_come_in_pages_too() {
    let world = World::new().await;
    let made = world.generate(250, 1, 250).await;
    let group = made["group_ids"][0].as_str().unwrap();
    let (pages, _) = world.walk(&format!("groups/{group}/members")).await;
    assert_eq!(
        pages.iter().map(Vec::len).collect::<Vec<_>>(),
        [100, 100, 50]
    );
    let (pages, _) = world
        .walk(&format!("groups/{group}/transitiveMembers?$top=200"))
        .await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [200, 50]);
}
