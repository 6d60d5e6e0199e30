//! What has had its time goes: sessions that ended by themselves, counted
//! sign-ins, remembered answers, deliveries of webhooks. What happened to people
//! stays in the journal.

use jiff::SignedDuration;
use store::{idempotency_keys, sessions, sign_in_attempts, webhook_deliveries};

use crate::engine::Engine;
use crate::error::Result;

/// How long a counted sign-in is kept; it counts for a quarter of an hour.
const ATTEMPTS: SignedDuration = SignedDuration::from_hours(24);
/// How long the answer to a request with an `Idempotency-Key` is kept.
const ANSWERS: SignedDuration = SignedDuration::from_hours(48);
/// How long settled deliveries can be looked at and sent again.
const DELIVERIES: SignedDuration = SignedDuration::from_hours(24 * 30);

impl Engine {
    /// Removes what is past its time; how many rows there were.
    pub async fn sweep(&self) -> Result<u64> {
        let now = self.now();
        let mut tx = self.db().begin().await?;
        let mut gone = sessions::purge(&mut tx, now).await?;
        gone += sign_in_attempts::purge(&mut tx, now - ATTEMPTS).await?;
        gone += idempotency_keys::purge(&mut tx, now - ANSWERS).await?;
        gone += webhook_deliveries::purge(&mut tx, now - DELIVERIES).await?;
        tx.commit().await?;
        Ok(gone)
    }
}
