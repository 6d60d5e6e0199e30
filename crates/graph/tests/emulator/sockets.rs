//! The production transport against the emulator on a real socket: what only
//! a network can do.

use std::sync::Arc;

use axum::Router;
use graph::error::Kind;
use graph::{DeltaStart, ReqwestTransport, RetryPolicy, TransportOptions};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::world::{World, emulator};

/// A world behind a socket; the server ends with it.
struct Served {
    world: World,
    server: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn served() -> Served {
    let emulator = emulator();
    let (address, server) = serve(emulator.router()).await;
    let transport = ReqwestTransport::new(TransportOptions::default()).unwrap();
    let world = World::made(emulator, Arc::new(transport), &address).await;
    Served { world, server }
}

async fn serve(router: Router) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        axum::serve(listener, router).await.unwrap();
    });
    (address, server)
}

#[tokio::test]
async fn pages_links_and_broken_answers_over_a_socket() {
    let served = served().await;
    let world = &served.world;
    let path = format!("tenants/{}/generate", world.tenant);
    let size = json!({"people": 1200, "groups": 1, "members_per_group": 1100, "seed": 1});
    let made = world.control(http::Method::POST, &path, size).await;
    let group = made["group_ids"][0].as_str().unwrap().parse().unwrap();
    let client = world.client();
    for effect in [
        json!({"truncate": true}),
        json!({"drop": true}),
        json!({"status": 503}),
    ] {
        world.fault("/v1.0/groups/*/members/**", effect, 1).await;
        let first = client.members_page(group, None).await.unwrap();
        let second = client
            .members_page(group, first.next.as_ref())
            .await
            .unwrap();
        assert_eq!(first.members.len() + second.members.len(), 1100);
        assert_eq!(second.next, None);
    }
    client.users_delta(&DeltaStart::Latest).await.unwrap();
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_a_passing_failure() {
    let served = served().await;
    let world = &served.world;
    let mut environment = world.environment.clone();
    environment.transport = Arc::new(ReqwestTransport::new(TransportOptions::default()).unwrap());
    let nowhere = graph::Cloud::custom("http://127.0.0.1:9", "http://127.0.0.1:9").unwrap();
    let platform = graph::IdentityPlatform::new(environment, nowhere).with_retry(RetryPolicy {
        max_tries: 1,
        ..RetryPolicy::default()
    });
    let error = platform.tenant_id("contoso.com").await.unwrap_err();
    assert_eq!(error.kind(), &Kind::Transient);
    assert!(error.is_passing());
}
