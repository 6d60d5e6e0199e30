//! Keeps a connection's subscriptions alive: made after it connects, renewed
//! before their lifetime or their token ends. Without them polling goes on.

use std::time::Duration;

use graph::environment::later;
use graph::error::Kind;
use graph::{OnConflict, SubscriptionRequest, SubscriptionResource};
use secrecy::{ExposeSecret, SecretString};
use store::connections::Connection;
use store::subscriptions::{self, Subscription};

use crate::engine::{Engine, Notifications, digest};
use crate::error::Result;

/// A subscription's token dies within the hour: renewing releases what waits.
const RENEW_EVERY: Duration = Duration::from_secs(30 * 60);
const LIFETIME: Duration = Duration::from_secs(2 * 24 * 3600);

impl Engine {
    fn wants_notifications(&self) -> bool {
        let url = &self.options().public_url;
        match self.options().notifications {
            Notifications::Off => false,
            Notifications::On => true,
            // Microsoft posts to public https addresses; an emulator of ours
            // also to this machine.
            Notifications::Auto => {
                let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
                let custom = self.options().cloud.name() == graph::CloudName::Custom;
                (url.scheme() == "https" && !loopback) || (loopback && custom)
            }
        }
    }

    /// Makes and renews what is due; whether notifications come. A failure
    /// leaves polling, and is noted.
    pub(crate) async fn keep_subscribed(&self, connection: &Connection) -> Result<bool> {
        if !self.wants_notifications() || connection.consent.is_none() {
            return Ok(false);
        }
        let mut are_alive = true;
        let known = subscriptions::list(self.db(), connection.id).await?;
        for resource in [SubscriptionResource::Users, SubscriptionResource::Groups] {
            let name = match resource {
                SubscriptionResource::Users => "users",
                SubscriptionResource::Groups => "groups",
            };
            match known
                .iter()
                .find(|subscription| subscription.resource == name)
            {
                Some(subscription) if subscription.renew_at > self.now() => {
                    are_alive &= subscription.expires_at > self.now();
                }
                Some(subscription) => {
                    are_alive = false;
                    self.renew(connection, subscription.clone()).await?;
                }
                None => {
                    are_alive = false;
                    self.subscribe(connection, resource, name).await?;
                }
            }
        }
        Ok(are_alive)
    }

    /// What a self-check subscribes to for a moment; nothing where polling does all the work.
    pub(crate) fn trial_subscription(&self) -> Option<SubscriptionRequest> {
        let client_state = SecretString::from(self.secret());
        self.wants_notifications()
            .then(|| self.subscription_request(SubscriptionResource::Users, client_state))
    }

    fn subscription_request(
        &self,
        resource: SubscriptionResource,
        client_state: SecretString,
    ) -> SubscriptionRequest {
        let base = self.options().public_url.as_str().trim_end_matches('/');
        SubscriptionRequest {
            resource,
            notification_url: format!("{base}/graph/notifications"),
            lifecycle_url: Some(format!("{base}/graph/lifecycle")),
            client_state,
            expires: later(self.now(), LIFETIME),
        }
    }

    async fn subscribe(
        &self,
        connection: &Connection,
        resource: SubscriptionResource,
        name: &str,
    ) -> Result<()> {
        let client = self.client(connection).await?;
        let client_state = SecretString::from(self.secret());
        let now = self.now();
        let request = self.subscription_request(resource, client_state.clone());
        let notification_url = request.notification_url.clone();
        let made = client
            .create_subscription(&request, OnConflict::Replace)
            .await?;
        let made = made.subscription();
        let row = Subscription {
            id: made.id,
            connection_id: connection.id,
            resource: name.to_owned(),
            client_state_hash: digest(client_state.expose_secret()).to_vec(),
            notification_url,
            expires_at: made.expires,
            renew_at: later(now, RENEW_EVERY),
            created_at: now,
        };
        let mut tx = self.begin().await?;
        subscriptions::put(&mut tx, &row).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn renew(&self, connection: &Connection, mut known: Subscription) -> Result<()> {
        let client = self.client(connection).await?;
        let now = self.now();
        let renewed = client
            .renew_subscription(known.id, later(now, LIFETIME))
            .await;
        let mut tx = self.begin().await?;
        match renewed {
            Ok(renewed) => {
                known.expires_at = renewed.expires;
                known.renew_at = later(now, RENEW_EVERY);
                subscriptions::put(&mut tx, &known).await?;
            }
            // Silently gone: the next round makes a new one.
            Err(error) if *error.kind() == Kind::NotFound => {
                subscriptions::delete(&mut tx, known.id).await?;
            }
            Err(error) => return Err(error.into()),
        }
        tx.commit().await?;
        Ok(())
    }
}
