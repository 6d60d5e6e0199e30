//! Outgoing webhooks: who is told about what. What is sent is in
//! [`crate::webhook_deliveries`], the signing secrets in `secrets`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::db::{Source, Tx};
use crate::error::Result;
use crate::page::guarded;
use crate::psa_ids::WebhookId;
use crate::sql::Row;
use crate::{args, json};

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// Something a webhook can tell about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum WebhookEvent {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl WebhookEvent {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in JSON.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

events! {
    /// A record was made.
    PersonCreated "person.created",
    /// Fields of a record changed.
    PersonUpdated "person.updated",
    /// A record was archived.
    PersonArchived "person.archived",
    /// An archived record came back.
    PersonRestored "person.restored",
    /// A record was made inactive.
    PersonDeactivated "person.deactivated",
    /// An inactive record became active.
    PersonReactivated "person.reactivated",
    /// A person may sign in.
    PersonAccessGranted "person.access_granted",
    /// A person may no longer sign in.
    PersonAccessRevoked "person.access_revoked",
    /// A run ended.
    RunFinished "run.finished",
    /// A run waits for a person.
    RunHeld "run.held",
    /// The review queue has a new item.
    ReviewOpened "review.opened",
    /// A connection does not work.
    ConnectionUnhealthy "connection.unhealthy",
    /// A connection works again.
    ConnectionRecovered "connection.recovered",
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Ours; the owner of the signing secret.
    pub id: WebhookId,
    /// Where to.
    pub url: String,
    /// For people; may be empty.
    pub description: String,
    /// What about, sorted.
    pub events: Vec<WebhookEvent>,
    /// Whether it is told anything.
    pub enabled: bool,
    /// Counts changes.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

fn read(row: &Row) -> Result<Webhook> {
    Ok(Webhook {
        id: row.get("id")?,
        url: row.get("url")?,
        description: row.get("description")?,
        events: row.json("events")?,
        enabled: row.get("enabled")?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

/// Adds a webhook at version 1.
pub async fn insert(tx: &mut Tx, webhook: &Webhook) -> Result<()> {
    let text = "INSERT INTO webhooks
            (id, url, description, events, enabled, version, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, 1, $6, $7)";
    let args = args![
        webhook.id,
        &webhook.url,
        &webhook.description,
        json::text(&sorted(&webhook.events))?,
        webhook.enabled,
        webhook.created_at,
        webhook.updated_at,
    ];
    tx.execute(text, args).await?;
    Ok(())
}

/// One webhook.
pub async fn get(on: impl Into<Source<'_>>, id: WebhookId) -> Result<Option<Webhook>> {
    let row = on
        .into()
        .row("SELECT * FROM webhooks WHERE id = $1", args![id])
        .await?;
    row.as_ref().map(read).transpose()
}

/// All webhooks, oldest first.
pub async fn list(on: impl Into<Source<'_>>) -> Result<Vec<Webhook>> {
    let rows = on
        .into()
        .rows("SELECT * FROM webhooks ORDER BY created_at, id", args![])
        .await?;
    rows.iter().map(read).collect()
}

/// What any enabled webhook listens to: nothing else needs to be put in words.
pub async fn wanted(on: impl Into<Source<'_>>) -> Result<BTreeSet<WebhookEvent>> {
    let rows = on
        .into()
        .rows("SELECT events FROM webhooks WHERE enabled", args![])
        .await?;
    let mut wanted = BTreeSet::new();
    for row in &rows {
        wanted.extend(row.json::<Vec<WebhookEvent>>("events")?);
    }
    Ok(wanted)
}

/// Changes address, description, events and whether it is enabled, if the
/// webhook is still at the expected version; the new version.
pub async fn update(
    tx: &mut Tx,
    webhook: &Webhook,
    expected_version: i64,
    now: Timestamp,
) -> Result<i64> {
    let text = "UPDATE webhooks SET url = $3, description = $4, events = $5, enabled = $6,
            version = version + 1, updated_at = $7
        WHERE id = $1 AND version = $2";
    let args = args![
        webhook.id,
        expected_version,
        &webhook.url,
        &webhook.description,
        json::text(&sorted(&webhook.events))?,
        webhook.enabled,
        now,
    ];
    let changed = tx.execute(text, args).await?;
    guard(tx, changed, webhook.id).await?;
    Ok(expected_version + 1)
}

/// Removes a webhook with its deliveries. Its secret is the caller's to remove.
pub async fn delete(tx: &mut Tx, id: WebhookId, expected_version: i64) -> Result<()> {
    let text = "DELETE FROM webhooks WHERE id = $1 AND version = $2";
    let changed = tx.execute(text, args![id, expected_version]).await?;
    guard(tx, changed, id).await
}

fn sorted(events: &[WebhookEvent]) -> BTreeSet<WebhookEvent> {
    events.iter().copied().collect()
}

async fn guard(tx: &mut Tx, changed: u64, id: WebhookId) -> Result<()> {
    let exists = "SELECT 1 AS one FROM webhooks WHERE id = $1";
    guarded(tx, changed, "webhook", exists, id).await
}
