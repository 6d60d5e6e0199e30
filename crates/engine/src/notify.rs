//! What Microsoft posts to us. It only wakes a collect: nothing in it is
//! believed but that something may have changed.

use graph::{LifecycleEvent, NotificationBatch, ResourceKind};
use jiff::Timestamp;
use provisioning::ids::{ConnectionId, ObjectId};
use store::{connections, jobs, mirror, pending, subscriptions};
use subtle::ConstantTimeEq;

use crate::engine::{Engine, digest};
use crate::error::{EngineError, Result};
use crate::model::Woken;
use crate::run::SYNC_JOB;

/// What a notification that was recognised says.
struct Named {
    connection: ConnectionId,
    person: Option<ObjectId>,
    happened_at: Option<Timestamp>,
}

impl Engine {
    /// A change notification's body.
    pub async fn notification(&self, body: &[u8]) -> Result<Woken> {
        self.post(body).await
    }

    /// A lifecycle notification's body.
    pub async fn lifecycle(&self, body: &[u8]) -> Result<Woken> {
        self.post(body).await
    }

    async fn post(&self, body: &[u8]) -> Result<Woken> {
        let batch = NotificationBatch::parse(body).map_err(|error| {
            EngineError::invalid(format!("the notification is not what Graph sends: {error}"))
        })?;
        let mut woken = Woken {
            refused: batch.unreadable,
            ..Woken::default()
        };
        let mut named: Vec<Named> = Vec::new();
        for item in &batch.notifications {
            let state = item.client_state.as_deref();
            match self
                .subscriber(item.subscription_id, state, item.tenant_id)
                .await?
            {
                Some(connection) => {
                    let person = (item.kind == ResourceKind::User)
                        .then_some(item.object_id)
                        .flatten();
                    named.push(Named {
                        connection,
                        person: person.map(ObjectId),
                        happened_at: item.event_time,
                    });
                }
                None => woken.refused += 1,
            }
        }
        for item in &batch.lifecycle {
            let state = item.client_state.as_deref();
            match self
                .subscriber(item.subscription_id, state, item.tenant_id)
                .await?
            {
                Some(connection) => {
                    if item.event == LifecycleEvent::ReauthorizationRequired {
                        self.renew_soon(item.subscription_id).await?;
                    }
                    named.push(Named {
                        connection,
                        person: None,
                        happened_at: None,
                    });
                }
                None => woken.refused += 1,
            }
        }
        woken.accepted = named.len();
        self.wake_all(&named).await?;
        Ok(woken)
    }

    /// The connection a notification is for, when everything in it fits.
    async fn subscriber(
        &self,
        id: uuid::Uuid,
        client_state: Option<&str>,
        tenant: Option<uuid::Uuid>,
    ) -> Result<Option<ConnectionId>> {
        let Some(known) = subscriptions::get(self.db(), id).await? else {
            return Ok(None);
        };
        let given = digest(client_state.unwrap_or_default());
        if !bool::from(given.as_slice().ct_eq(known.client_state_hash.as_slice())) {
            return Ok(None);
        }
        let connection = self.connection(known.connection_id).await?;
        let fits = tenant.is_none_or(|tenant| connection.tenant_id.is_some_and(|t| t.0 == tenant));
        Ok(fits.then_some(known.connection_id))
    }

    /// Queues the connections' jobs; a notification that names a person counts
    /// as a change of that person.
    async fn wake_all(&self, named: &[Named]) -> Result<()> {
        if named.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let mut tx = self.begin().await?;
        let mut ids: Vec<ConnectionId> = named.iter().map(|named| named.connection).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let of_connection = || named.iter().filter(|named| named.connection == id);
            let people: Vec<ObjectId> = of_connection().filter_map(|named| named.person).collect();
            // Clocks differ: what has not happened yet is not believed.
            let times = of_connection().filter_map(|named| named.happened_at);
            if let Some(at) = times.filter(|at| *at <= now).max() {
                let delay = milliseconds(at, now);
                connections::record_microsoft_delay(&mut tx, id, at, delay).await?;
            }
            let touched = mirror::touch(&mut tx, id, &people, now).await?;
            pending::add(&mut tx, id, &touched, now).await?;
            jobs::enqueue(&mut tx, SYNC_JOB, &id.to_string(), Some(id), now, now).await?;
        }
        tx.commit().await?;
        self.0.wake.notify_one();
        Ok(())
    }

    async fn renew_soon(&self, id: uuid::Uuid) -> Result<()> {
        let mut tx = self.begin().await?;
        if let Some(mut known) = subscriptions::get(&mut tx, id).await? {
            known.renew_at = self.now();
            subscriptions::put(&mut tx, &known).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// From one moment to a later one; never negative.
pub(crate) fn milliseconds(from: jiff::Timestamp, to: jiff::Timestamp) -> i64 {
    let passed = to.duration_since(from).as_millis().max(0);
    i64::try_from(passed).unwrap_or(i64::MAX)
}
