//! The `state` of an authorization that is under way: used once, bound to the
//! browser that began it, gone when it is too old.

use jiff::Timestamp;
use provisioning::ids::ConnectionId;

use crate::args;
use crate::db::Tx;
use crate::error::Result;

/// A state that is given out.
#[derive(Debug, Clone)]
pub struct NewState {
    /// Hash of the state's value: the value itself is only in the address.
    pub state_hash: [u8; 32],
    /// The connection that is being connected, if that is what it is for.
    pub connection_id: Option<ConnectionId>,
    /// What it is for.
    pub purpose: String,
    /// Hash of the browser's binding cookie.
    pub binding_hash: [u8; 32],
    /// What must be known again at the callback, sealed by the caller.
    pub payload: Vec<u8>,
    /// When it was given out.
    pub created_at: Timestamp,
    /// Until when it counts.
    pub expires_at: Timestamp,
}

/// A state that came back.
#[derive(Debug, Clone)]
pub struct OauthState {
    /// The connection.
    pub connection_id: Option<ConnectionId>,
    /// What it is for.
    pub purpose: String,
    /// Hash of the binding cookie; the caller compares.
    pub binding_hash: Vec<u8>,
    /// The sealed payload.
    pub payload: Vec<u8>,
    /// When it was given out.
    pub created_at: Timestamp,
}

/// Remembers a state, and forgets those that are too old.
pub async fn put(tx: &mut Tx, state: &NewState) -> Result<()> {
    let text = "DELETE FROM oauth_states WHERE expires_at <= $1";
    tx.execute(text, args![state.created_at]).await?;
    let text = "INSERT INTO oauth_states (state_hash, connection_id, purpose, binding_hash,
            payload, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let args = args![
        &state.state_hash[..],
        state.connection_id,
        &state.purpose,
        &state.binding_hash[..],
        &state.payload[..],
        state.created_at,
        state.expires_at,
    ];
    tx.execute(text, args).await?;
    Ok(())
}

/// Takes a state out: it never comes back a second time. `None` when it is
/// unknown, used, or too old.
pub async fn take(
    tx: &mut Tx,
    state_hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<OauthState>> {
    let text = "DELETE FROM oauth_states WHERE state_hash = $1
        RETURNING connection_id, purpose, binding_hash, payload, created_at, expires_at";
    let Some(row) = tx.row(text, args![&state_hash[..]]).await? else {
        return Ok(None);
    };
    if row.get::<Timestamp>("expires_at")? <= now {
        return Ok(None);
    }
    Ok(Some(OauthState {
        connection_id: row.maybe("connection_id")?,
        purpose: row.get("purpose")?,
        binding_hash: row.get("binding_hash")?,
        payload: row.get("payload")?,
        created_at: row.get("created_at")?,
    }))
}

/// Forgets every state: what was under way begins again. How many there were.
pub async fn clear(tx: &mut Tx) -> Result<u64> {
    tx.execute("DELETE FROM oauth_states", args![]).await
}
