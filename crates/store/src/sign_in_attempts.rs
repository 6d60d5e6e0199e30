//! Tries to sign in, counted for each name and each address within a window, so
//! that guessing can be slowed down: each is counted before it is looked at, so
//! that many at once are many, and taken back when it was right. Does not know
//! what follows from a count.

use jiff::{SignedDuration, Timestamp};

use crate::args;
use crate::db::Tx;
use crate::error::{Result, StoreError};

fn begin(now: Timestamp, window: SignedDuration) -> Timestamp {
    // A window that reaches beyond the first representable time holds everything.
    now.checked_sub(window).unwrap_or(Timestamp::MIN)
}

/// Counts a try; how many there are in the window, this one included. The
/// window begins with the first.
pub async fn tried(tx: &mut Tx, key: &str, now: Timestamp, window: SignedDuration) -> Result<i64> {
    let text = "INSERT INTO sign_in_attempts (key, failures, first_at, last_at)
        VALUES ($1, 1, $2, $2)
        ON CONFLICT (key) DO UPDATE SET
            failures = CASE WHEN sign_in_attempts.first_at > $3
                THEN sign_in_attempts.failures + 1 ELSE 1 END,
            first_at = CASE WHEN sign_in_attempts.first_at > $3
                THEN sign_in_attempts.first_at ELSE $2 END,
            last_at = $2
        RETURNING failures";
    let row = tx.row(text, args![key, now, begin(now, window)]).await?;
    row.map_or_else(
        || Err(StoreError::corrupt("a counted try is not there")),
        |row| row.get("failures"),
    )
}

/// Takes a try back that was right.
pub async fn was_right(tx: &mut Tx, key: &str) -> Result<()> {
    let text = "UPDATE sign_in_attempts SET failures = failures - 1
        WHERE key = $1 AND failures > 0";
    tx.execute(text, args![key]).await?;
    Ok(())
}

/// Forgets the tries of a name or address.
pub async fn clear(tx: &mut Tx, key: &str) -> Result<()> {
    tx.execute("DELETE FROM sign_in_attempts WHERE key = $1", args![key])
        .await?;
    Ok(())
}

/// Removes what last happened before a time; how much there was.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    tx.execute(
        "DELETE FROM sign_in_attempts WHERE last_at < $1",
        args![before],
    )
    .await
}
