//! Who is signed in. A session is known by the hash of its token; the token
//! itself is with the browser alone.

use jiff::Timestamp;
use provisioning::ids::{ObjectId, RecordId, TenantId};
use serde::{Deserialize, Serialize};

use crate::db::{Source, Tx};
use crate::error::{Result, StoreError};
use crate::sql::Row;
use crate::{api_tokens, args, json};

/// How the person signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Username and password.
    Password,
    /// Sign in with Microsoft.
    Microsoft,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Of the token in the browser's cookie.
    pub token_hash: [u8; 32],
    /// Whose.
    pub record_id: RecordId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to some minutes.
    pub last_seen_at: Timestamp,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
    /// How it began.
    pub method: Method,
    /// The tenant that vouched.
    pub tenant_id: Option<TenantId>,
    /// The account there.
    pub object_id: Option<ObjectId>,
    /// What the browser calls itself.
    pub user_agent: Option<String>,
    /// Where it came from.
    pub ip: Option<String>,
}

fn read(row: &Row) -> Result<Session> {
    let token_hash = <[u8; 32]>::try_from(row.get::<Vec<u8>>("token_hash")?)
        .map_err(|_| StoreError::corrupt("a token's hash of another length"))?;
    Ok(Session {
        token_hash,
        record_id: row.get("record_id")?,
        created_at: row.get("created_at")?,
        last_seen_at: row.get("last_seen_at")?,
        expires_at: row.get("expires_at")?,
        method: row.named("method")?,
        tenant_id: row.maybe("tenant_id")?,
        object_id: row.maybe("object_id")?,
        user_agent: row.maybe("user_agent")?,
        ip: row.maybe("ip")?,
    })
}

/// Begins a session.
pub async fn start(tx: &mut Tx, session: &Session) -> Result<()> {
    let text = "INSERT INTO sessions (token_hash, record_id, created_at, last_seen_at, expires_at,
            method, tenant_id, object_id, user_agent, ip)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let args = args![
        &session.token_hash[..],
        session.record_id,
        session.created_at,
        session.last_seen_at,
        session.expires_at,
        json::name(&session.method)?,
        session.tenant_id,
        session.object_id,
        session.user_agent.clone(),
        session.ip.clone(),
    ];
    tx.execute(text, args).await?;
    Ok(())
}

/// The session of a token, unless it has ended.
pub async fn find(
    on: impl Into<Source<'_>>,
    token_hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Session>> {
    let text = "SELECT * FROM sessions WHERE token_hash = $1 AND expires_at > $2";
    let row = on.into().row(text, args![&token_hash[..], now]).await?;
    row.as_ref().map(read).transpose()
}

/// Notes that a session is in use and lasts until `expires_at`; false when it
/// has ended meanwhile.
pub async fn seen(
    tx: &mut Tx,
    token_hash: &[u8; 32],
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool> {
    let text = "UPDATE sessions SET last_seen_at = $2, expires_at = $3
        WHERE token_hash = $1 AND expires_at > $2";
    Ok(tx
        .execute(text, args![&token_hash[..], now, expires_at])
        .await?
        > 0)
}

/// Ends a session; false when it had ended.
pub async fn end(tx: &mut Tx, token_hash: &[u8; 32]) -> Result<bool> {
    let text = "DELETE FROM sessions WHERE token_hash = $1";
    Ok(tx.execute(text, args![&token_hash[..]]).await? > 0)
}

/// The sessions of a person, newest first.
pub async fn of_record(
    on: impl Into<Source<'_>>,
    record_id: RecordId,
    now: Timestamp,
) -> Result<Vec<Session>> {
    let text = "SELECT * FROM sessions WHERE record_id = $1 AND expires_at > $2
        ORDER BY created_at DESC";
    let rows = on.into().rows(text, args![record_id, now]).await?;
    rows.iter().map(read).collect()
}

/// Ends every session of these people; how many there were.
pub async fn end_sessions(tx: &mut Tx, records: &[RecordId]) -> Result<u64> {
    if records.is_empty() {
        return Ok(0);
    }
    tx.execute(
        "DELETE FROM sessions WHERE record_id IN ($1)",
        args![records],
    )
    .await
}

/// Ends the sessions of one person, but perhaps the one that asks.
pub async fn end_of(tx: &mut Tx, record_id: RecordId, except: Option<&[u8; 32]>) -> Result<u64> {
    let Some(except) = except else {
        return end_sessions(tx, &[record_id]).await;
    };
    let text = "DELETE FROM sessions WHERE record_id = $1 AND token_hash <> $2";
    tx.execute(text, args![record_id, &except[..]]).await
}

/// Removes what has ended by itself; how much there was.
pub async fn purge(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    tx.execute("DELETE FROM sessions WHERE expires_at <= $1", args![now])
        .await
}

/// Shuts these people out: ends their sessions and revokes their API tokens.
/// Belongs into the transaction that takes their access away.
pub async fn end_access(tx: &mut Tx, records: &[RecordId], now: Timestamp) -> Result<()> {
    end_sessions(tx, records).await?;
    api_tokens::revoke_of(tx, records, now).await?;
    Ok(())
}
