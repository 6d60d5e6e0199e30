//! Subscriptions, with an address that Graph validates and notifies.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::post;
use graph::error::Kind;
use graph::{
    ChangeKind, Creation, GraphClient, NotificationBatch, OnConflict, ResourceKind,
    SubscriptionRequest, SubscriptionResource,
};
use graph_emulator::ServiceSender;
use serde::Deserialize;

use crate::world::World;

#[derive(Deserialize)]
struct Handshake {
    #[serde(rename = "validationToken")]
    validation_token: Option<String>,
}

type Received = Arc<Mutex<Vec<NotificationBatch>>>;

const URL: &str = "https://psa.example/graph/notifications";

/// Serves the notification address for the emulator, in this process.
fn endpoint(world: &World) -> Received {
    let received = Received::default();
    let router = Router::new()
        .route("/graph/notifications", post(receive))
        .with_state(received.clone());
    world.emulator.set_sender(Arc::new(ServiceSender(router)));
    received
}

async fn receive(
    State(received): State<Received>,
    Query(handshake): Query<Handshake>,
    body: String,
) -> String {
    if let Some(token) = handshake.validation_token {
        return token;
    }
    let batch = NotificationBatch::parse(body.as_bytes()).unwrap();
    received.lock().unwrap().push(batch);
    String::new()
}

fn request(world: &World, url: &str, hours: i64) -> SubscriptionRequest {
    let now = world.environment.clock.now();
    SubscriptionRequest {
        resource: SubscriptionResource::Users,
        notification_url: url.to_owned(),
        lifecycle_url: Some(url.to_owned()),
        client_state: "only-graph-knows".into(),
        expires: now + jiff::SignedDuration::from_hours(hours),
    }
}

async fn subscribe(client: &GraphClient, request: &SubscriptionRequest) -> Creation {
    let made = client.create_subscription(request, OnConflict::Adopt).await;
    made.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_subscription_lives_and_is_adopted_after_a_lost_answer() {
    let world = World::new().await;
    let _received = endpoint(&world);
    let client = world.client();
    let made = subscribe(&client, &request(&world, URL, 24)).await;
    assert!(matches!(made, Creation::Created(_)));
    let again = subscribe(&client, &request(&world, URL, 48)).await;
    assert!(matches!(again, Creation::Adopted(_)));
    let (made, again) = (made.subscription().clone(), again.subscription().clone());
    assert_eq!(made.id, again.id);
    assert!(again.expires > made.expires);
    client.reauthorize_subscription(made.id).await.unwrap();
    assert_eq!(client.subscriptions().await.unwrap().len(), 1);
    assert!(client.delete_subscription(made.id).await.unwrap());
    assert!(!client.delete_subscription(made.id).await.unwrap());
    let error = client
        .renew_subscription(made.id, again.expires)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), &Kind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_notified_with_the_client_state() {
    let world = World::new().await;
    let received = endpoint(&world);
    let client = world.client();
    let made = subscribe(&client, &request(&world, URL, 24)).await;
    let amy = world.add_person("amy").await;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let batches = received.lock().unwrap().clone();
        let mut all = batches.iter().flat_map(|batch| &batch.notifications);
        if let Some(found) = all.find(|found| found.object_id == Some(amy)) {
            assert_eq!(found.kind, ResourceKind::User);
            assert_eq!(found.change, ChangeKind::Updated);
            assert_eq!(found.subscription_id, made.subscription().id);
            assert_eq!(found.tenant_id, Some(world.tenant));
            assert!(found.client_state_is("only-graph-knows"));
            return;
        }
    }
    panic!("no notification came");
}

#[tokio::test(start_paused = true)]
async fn an_address_that_does_not_answer_is_named_as_the_reason() {
    let world = World::new().await;
    let _received = endpoint(&world);
    let url = "https://psa.example/elsewhere";
    let error = world
        .client()
        .create_subscription(&request(&world, url, 1), OnConflict::Adopt)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), &Kind::NotificationAddress, "{error}");
}
