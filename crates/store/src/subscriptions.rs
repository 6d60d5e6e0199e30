//! Change notification subscriptions at Microsoft, one row for each.

use jiff::Timestamp;
use provisioning::ids::ConnectionId;
use uuid::Uuid;

use crate::args;
use crate::db::{Source, Tx};
use crate::error::Result;
use crate::sql::Row;

/// A subscription as Microsoft has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Microsoft's id.
    pub id: Uuid,
    /// The connection.
    pub connection_id: ConnectionId,
    /// What is watched.
    pub resource: String,
    /// Hash of the client state every notification must carry.
    pub client_state_hash: Vec<u8>,
    /// Where notifications go.
    pub notification_url: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When to renew it.
    pub renew_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

fn read(row: &Row) -> Result<Subscription> {
    Ok(Subscription {
        id: row.get("id")?,
        connection_id: row.get("connection_id")?,
        resource: row.get("resource")?,
        client_state_hash: row.get("client_state_hash")?,
        notification_url: row.get("notification_url")?,
        expires_at: row.get("expires_at")?,
        renew_at: row.get("renew_at")?,
        created_at: row.get("created_at")?,
    })
}

/// Remembers a subscription, or its renewal.
pub async fn put(tx: &mut Tx, subscription: &Subscription) -> Result<()> {
    let text = "INSERT INTO subscriptions (id, connection_id, resource, client_state_hash,
            notification_url, expires_at, renew_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at,
            renew_at = excluded.renew_at, notification_url = excluded.notification_url,
            client_state_hash = excluded.client_state_hash";
    let args = args![
        subscription.id,
        subscription.connection_id,
        &subscription.resource,
        &subscription.client_state_hash[..],
        &subscription.notification_url,
        subscription.expires_at,
        subscription.renew_at,
        subscription.created_at,
    ];
    tx.execute(text, args).await?;
    Ok(())
}

/// One subscription.
pub async fn get(on: impl Into<Source<'_>>, id: Uuid) -> Result<Option<Subscription>> {
    let text = "SELECT * FROM subscriptions WHERE id = $1";
    let row = on.into().row(text, args![id]).await?;
    row.as_ref().map(read).transpose()
}

/// The subscriptions of a connection.
pub async fn list(
    on: impl Into<Source<'_>>,
    connection_id: ConnectionId,
) -> Result<Vec<Subscription>> {
    let text = "SELECT * FROM subscriptions WHERE connection_id = $1 ORDER BY created_at, id";
    let rows = on.into().rows(text, args![connection_id]).await?;
    rows.iter().map(read).collect()
}

/// Every subscription that must be renewed by now.
pub async fn due(on: impl Into<Source<'_>>, now: Timestamp) -> Result<Vec<Subscription>> {
    let text = "SELECT * FROM subscriptions WHERE renew_at <= $1 ORDER BY renew_at, id";
    let rows = on.into().rows(text, args![now]).await?;
    rows.iter().map(read).collect()
}

/// Forgets a subscription; whether there was one.
pub async fn delete(tx: &mut Tx, id: Uuid) -> Result<bool> {
    let text = "DELETE FROM subscriptions WHERE id = $1";
    Ok(tx.execute(text, args![id]).await? > 0)
}
