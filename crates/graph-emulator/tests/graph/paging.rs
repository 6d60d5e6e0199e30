//! Page links: whole walks, what they carry, and what is refused.

use std::collections::BTreeSet;

use http::StatusCode;

use crate::world::{World, ids};

#[tokio::test]
async fn a_walk_meets_everybody_once() {
    let world = World::new().await;
    world.generate(250, 3, 100).await;
    for (path, pages) in [
        ("users", 3),
        ("users?$top=100", 3),
        ("users?$top=999", 1),
        ("users?$top=7&$select=id", 36),
        ("users?$orderby=displayName&$top=60", 5),
        ("users?$orderby=displayName desc&$top=60", 5),
    ] {
        let (found, _) = world.walk(path).await;
        assert_eq!(found.len(), pages, "{path}");
        let all = ids(&found.concat());
        assert_eq!(all.len(), 250, "{path}");
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 250, "{path}");
    }
}

#[tokio::test]
async fn people_who_come_and_go_do_not_disturb_a_walk() {
    let world = World::new().await;
    world.generate(120, 0, 0).await;
    let first = world.read("users?$top=50").await;
    let shown = ids(first["value"].as_array().unwrap());
    world
        .write(
            http::Method::DELETE,
            &format!("users/{}", shown[0]),
            serde_json::Value::Null,
        )
        .await;
    world.add_person("late").await;
    let (rest, _) = world.walk(first["@odata.nextLink"].as_str().unwrap()).await;
    let rest: BTreeSet<_> = ids(&rest.concat()).into_iter().collect();
    assert!(rest.len() >= 70);
    assert!(shown.iter().all(|id| !rest.contains(id)));
}

#[tokio::test]
async fn the_next_link_is_absolute_and_bound_to_its_request() {
    let world = World::new().await;
    world.generate(30, 2, 15).await;
    let page = world.read("users?$select=id,mail&$top=10").await;
    let next = page["@odata.nextLink"].as_str().unwrap();
    assert!(next.starts_with("http://graph.example/v1.0/users?"));
    let token = next.split("$skiptoken=").nth(1).unwrap();
    for (path, status) in [
        (next.to_owned(), 200),
        (
            format!("users?$top=10&$select=id,mail&$skiptoken={token}"),
            200,
        ),
        (
            format!("users?%24skiptoken={token}&$select=id%2Cmail&$top=10"),
            200,
        ),
        (
            format!("users?$top=11&$select=id,mail&$skiptoken={token}"),
            400,
        ),
        (format!("users?$select=id,mail&$skiptoken={token}"), 400),
        (
            format!("users?$top=10&$select=id,mail&$skiptoken={token}x"),
            400,
        ),
        (
            format!("groups?$top=10&$select=id,mail&$skiptoken={token}"),
            400,
        ),
        ("users?$skiptoken=made-up".to_owned(), 400),
    ] {
        let answer = world.get(&path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
    }
    let plain = world.generate(200, 0, 0).await;
    assert_eq!(plain["people"], 200);
    let page = world.read("users").await;
    let token = page["@odata.nextLink"]
        .as_str()
        .unwrap()
        .split("$skiptoken=")
        .nth(1)
        .unwrap()
        .to_owned();
    let alone = world.get(&format!("users?$skiptoken={token}")).await;
    assert_eq!(
        alone.status,
        StatusCode::OK,
        "a client may take the token alone when there was nothing else"
    );
}

#[tokio::test]
async fn a_token_of_another_tenant_is_refused() {
    let world = World::new().await;
    world.generate(30, 0, 0).await;
    let page = world.read("users?$top=10").await;
    let next = page["@odata.nextLink"].as_str().unwrap();
    let other = world
        .add_tenant("fabrikam.onmicrosoft.com", "fabrikam.com")
        .await;
    let token = world
        .app_token_in(uuid::Uuid::from_u128(5), crate::world::ALL, other)
        .await;
    let answer = world
        .call(
            http::Method::GET,
            next,
            &token,
            &[],
            serde_json::Value::Null,
        )
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn headers_are_not_carried_by_the_link() {
    let world = World::new().await;
    world.generate(30, 0, 0).await;
    let first = world
        .eventual("users?$count=true&$filter=displayName ne 'x'&$top=10")
        .await
        .json();
    assert_eq!(first["@odata.count"], 30);
    let next = first["@odata.nextLink"].as_str().unwrap();
    assert_eq!(world.get(next).await.status, StatusCode::BAD_REQUEST);
    let second = world.eventual(next).await.json();
    assert_eq!(second["value"].as_array().unwrap().len(), 10);
    assert_eq!(
        second["@odata.count"],
        serde_json::Value::Null,
        "the count is on the first page only"
    );
}

#[tokio::test]
async fn links_expire_when_the_switch_says_so() {
    let world = World::new().await;
    world.generate(30, 0, 0).await;
    world.switch(|switches| switches.page_token_lifetime_seconds = Some(120));
    let page = world.read("users?$top=10").await;
    let next = page["@odata.nextLink"].as_str().unwrap();
    world.advance(100);
    assert_eq!(world.get(next).await.status, StatusCode::OK);
    world.advance(100);
    let answer = world.get(next).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "Directory_ExpiredPageToken")
    );
}
