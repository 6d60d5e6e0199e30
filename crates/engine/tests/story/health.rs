//! What is told before it hurts.

use engine::{ConnectionChange, Severity};
use jiff::SignedDuration;
use provisioning::ids::ConnectionId;
use store::psa_ids::WebhookId;
use store::webhook_deliveries;
use store::webhooks::{self, Webhook, WebhookEvent};

use crate::database::both;
use crate::world::{World, actor};

impl World {
    async fn listener(&self) -> WebhookId {
        let now = self.engine.now();
        let webhook = Webhook {
            id: WebhookId(self.engine.new_id()),
            url: "https://ops.example/hook".to_owned(),
            description: String::new(),
            events: vec![WebhookEvent::ConnectionUnhealthy],
            enabled: true,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.engine.db().begin().await.unwrap();
        webhooks::insert(&mut tx, &webhook).await.unwrap();
        tx.commit().await.unwrap();
        webhook.id
    }

    async fn secret_ends_in(&self, connection: ConnectionId, days: i64) {
        let ends = self.engine.now() + SignedDuration::from_hours(days * 24 + 1);
        let change = ConnectionChange {
            secret_expires_at: Some(Some(ends)),
            ..ConnectionChange::default()
        };
        self.engine
            .update_connection(connection, change, None, &actor())
            .await
            .unwrap();
    }

    /// How often the listener was told, when it is looked again.
    async fn told(&self, listener: WebhookId) -> usize {
        self.engine.warn_of_ends().await.unwrap();
        let db = self.engine.db();
        let sent = webhook_deliveries::list(db, listener, None, None, 50)
            .await
            .unwrap();
        sent.items.len()
    }
}

both! {
async fn the_end_of_a_secret_is_told_once_for_each_threshold() {
    let world = World::new().await;
    let connection = world.connect().await;
    let listener = world.listener().await;
    world.secret_ends_in(connection, 90).await;
    assert_eq!(world.told(listener).await, 0);
    world.secret_ends_in(connection, 20).await;
    assert_eq!(world.told(listener).await, 1);
    // Nothing new is not told again, whichever process looks.
    let other = world.beside("other").await;
    other.warn_of_ends().await.unwrap();
    assert_eq!(world.told(listener).await, 1);
    world.secret_ends_in(connection, 0).await;
    assert_eq!(world.told(listener).await, 2);
    let known = store::overview::of(world.engine.db(), connection).await.unwrap();
    let lines = world.engine.health(&known.unwrap());
    let secret = lines.iter().find(|line| line.subject == "secret").unwrap();
    assert_eq!(secret.severity, Severity::Critical);
    assert!(secret.cure.is_some());
}
}

both! {
async fn what_has_had_its_time_goes_and_the_rest_stays() {
    let world = World::new().await;
    let (db, now) = (world.engine.db(), world.engine.now());
    let mut tx = db.begin().await.unwrap();
    let hour = SignedDuration::from_hours(1);
    for (key, at) in [("old", now - hour * 25), ("new", now - hour)] {
        store::sign_in_attempts::tried(&mut tx, key, at, hour).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(world.engine.sweep().await.unwrap(), 1);
    assert_eq!(world.engine.sweep().await.unwrap(), 0);
}
}
