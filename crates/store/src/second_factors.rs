//! The second factor of local sign-in: a secret shared with an authenticator
//! app (RFC 6238), kept among the secrets, and recovery codes. A time step and
//! a recovery code are used once.

use jiff::Timestamp;
use provisioning::ids::RecordId;

use crate::args;
use crate::db::{Source, Tx};
use crate::error::{Result, StoreError};

/// What a secret of this kind is called among the secrets.
pub const PURPOSE: &str = "totp";

/// Somebody's second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// When it was begun.
    pub created_at: Timestamp,
    /// Since when it is asked for; not before a first code proved it.
    pub confirmed_at: Option<Timestamp>,
    /// How many recovery codes are left.
    pub recovery_codes: u64,
}

/// Somebody's second factor, if they have one or have begun to.
pub async fn get(on: impl Into<Source<'_>>, record_id: RecordId) -> Result<Option<SecondFactor>> {
    let text = "SELECT created_at, confirmed_at, (SELECT COUNT(*) FROM recovery_codes
            WHERE recovery_codes.record_id = second_factors.record_id) AS recovery_codes
        FROM second_factors WHERE record_id = $1";
    let Some(row) = on.into().row(text, args![record_id]).await? else {
        return Ok(None);
    };
    Ok(Some(SecondFactor {
        created_at: row.get("created_at")?,
        confirmed_at: row.maybe("confirmed_at")?,
        recovery_codes: row.get("recovery_codes")?,
    }))
}

/// Begins anew; [`StoreError::Stale`] when one is in force.
pub async fn begin(tx: &mut Tx, record_id: RecordId, now: Timestamp) -> Result<()> {
    let text = "INSERT INTO second_factors (record_id, created_at, last_step) VALUES ($1, $2, 0)
        ON CONFLICT (record_id) DO UPDATE SET created_at = excluded.created_at, last_step = 0
            WHERE second_factors.confirmed_at IS NULL";
    match tx.execute(text, args![record_id, now]).await? {
        0 => Err(StoreError::Stale {
            what: "second factor",
        }),
        _ => Ok(()),
    }
}

/// Puts it in force, with the digests of its recovery codes. The step that
/// proved it is used up. False when there is none to confirm.
pub async fn confirm(
    tx: &mut Tx,
    record_id: RecordId,
    step: u64,
    recovery_codes: &[[u8; 32]],
    now: Timestamp,
) -> Result<bool> {
    let text = "UPDATE second_factors SET confirmed_at = $2, last_step = $3
        WHERE record_id = $1 AND confirmed_at IS NULL";
    if tx.execute(text, args![record_id, now, step]).await? == 0 {
        return Ok(false);
    }
    for digest in recovery_codes {
        let text = "INSERT INTO recovery_codes (record_id, digest) VALUES ($1, $2)";
        tx.execute(text, args![record_id, &digest[..]]).await?;
    }
    Ok(true)
}

/// Uses up a time step of one that is in force; false when it, or a later one,
/// was used before.
pub async fn use_step(tx: &mut Tx, record_id: RecordId, step: u64) -> Result<bool> {
    let text = "UPDATE second_factors SET last_step = $2
        WHERE record_id = $1 AND last_step < $2 AND confirmed_at IS NOT NULL";
    Ok(tx.execute(text, args![record_id, step]).await? > 0)
}

/// Uses up a recovery code; false when there is no such code.
pub async fn use_recovery_code(
    tx: &mut Tx,
    record_id: RecordId,
    digest: &[u8; 32],
) -> Result<bool> {
    let text = "DELETE FROM recovery_codes WHERE record_id = $1 AND digest = $2";
    Ok(tx.execute(text, args![record_id, &digest[..]]).await? > 0)
}

/// Forgets it, its secret and its recovery codes; false when there was none.
pub async fn delete(tx: &mut Tx, record_id: RecordId) -> Result<bool> {
    crate::secrets::delete(tx, record_id.0, PURPOSE).await?;
    let text = "DELETE FROM second_factors WHERE record_id = $1";
    Ok(tx.execute(text, args![record_id]).await? > 0)
}
