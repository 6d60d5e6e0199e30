//! Faults: what passes is outlasted, what does not is an error of its kind,
//! and nothing ever looks like a shorter list.

use std::time::Duration;

use graph::error::Kind;
use graph::{DeltaStart, Next};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::world::World;

async fn world_with_members(count: u32) -> (World, Uuid) {
    let world = World::new().await;
    let sales = world.add_group("sales").await;
    for number in 0..count {
        let person = world.add_person(&format!("person{number}")).await;
        world.add_member(sales, person).await;
    }
    (world, sales)
}

#[tokio::test(start_paused = true)]
async fn passing_faults_are_outlasted() {
    for effect in [
        json!({"truncate": true}),
        json!({"status": 429, "retry_after": 3}),
        json!({"status": 429}),
        json!({"status": 503, "retry_after": 2}),
        json!({"status": 503}),
        json!({"status": 502}),
        json!({"status": 504}),
        json!({"status": 401}),
        json!({"drop": true}),
        json!({"delay": 20}),
    ] {
        let (world, sales) = world_with_members(3).await;
        let client = world.client();
        world
            .fault("/v1.0/groups/*/members/**", effect.clone(), 1)
            .await;
        let page = client.members_page(sales, None).await;
        let page = page.unwrap_or_else(|error| panic!("{effect}: {error}"));
        assert_eq!(page.members.len(), 3, "{effect}");
        let faults = world
            .control(http::Method::GET, "faults", json!(null))
            .await;
        assert!(
            faults.to_string().contains("\"fired\":1"),
            "{effect}: {faults}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn lasting_faults_are_errors_of_their_kind() {
    let denied = Kind::PermissionMissing {
        permission: "Group.Read.All",
    };
    for (effect, kind) in [
        (json!({"status": 403}), denied),
        (json!({"status": 404}), Kind::NotFound),
        (json!({"status": 503}), Kind::Transient),
        (json!({"status": 401}), Kind::NeedsReconnect),
    ] {
        let (world, sales) = world_with_members(3).await;
        world
            .fault("/v1.0/groups/*/members/**", effect.clone(), 100)
            .await;
        let error = world.client().members_page(sales, None).await.unwrap_err();
        assert_eq!(error.kind(), &kind, "{effect}");
        assert!(!error.cure().is_empty());
        assert!(error.to_string().contains(&sales.to_string()));
    }
    let (world, sales) = world_with_members(3).await;
    world
        .fault("/v1.0/groups/*/members/**", json!({"truncate": true}), 100)
        .await;
    let error = world.client().members_page(sales, None).await.unwrap_err();
    assert!(!error.needs_a_person(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_429_is_waited_out() {
    let (world, sales) = world_with_members(1).await;
    let client = world.client();
    client.group(sales).await.unwrap();
    let effect = json!({"status": 429, "retry_after": 30});
    world.fault("/v1.0/groups/**", effect, 1).await;
    let start = now();
    client.group(sales).await.unwrap();
    assert!(now() - start >= Duration::from_secs(30));
    assert_eq!(client.cost().throttled, 1);
}

#[tokio::test(start_paused = true)]
async fn a_reset_of_the_delta_means_a_resync() {
    let (world, _) = world_with_members(1).await;
    let client = world.client();
    let page = client.users_delta(&DeltaStart::Latest).await.unwrap();
    let Next::Done(link) = page.next else {
        panic!("a round from now is one page");
    };
    world
        .fault("/v1.0/users/delta*", json!({"status": 410}), 1)
        .await;
    let error = client
        .users_delta(&DeltaStart::Link(link))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), &Kind::ResyncRequired);
}

#[tokio::test(start_paused = true)]
async fn the_cost_is_what_graph_charged() {
    let (world, sales) = world_with_members(2).await;
    let client = world.client();
    let before = client.cost();
    client.members_page(sales, None).await.unwrap();
    client.users_delta(&DeltaStart::Latest).await.unwrap();
    let cost = client.cost().since(before);
    assert_eq!(cost.requests, 2);
    assert_eq!(cost.resource_units, 3);
}

#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}
