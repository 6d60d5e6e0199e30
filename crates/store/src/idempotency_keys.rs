//! Requests that may be sent again: the answer to the first is kept, and given
//! to the second. <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>

use jiff::Timestamp;

use crate::db::Tx;
use crate::error::{Result, StoreError};
use crate::{args, json};

/// A kept answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Its HTTP status.
    pub status: i64,
    /// Headers that belong to it.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

/// What a key means for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// It is the first: go ahead.
    New,
    /// The first is not finished yet.
    InProgress,
    /// The key was used for another request.
    Mismatch,
    /// The answer.
    Replay(Replay),
}

/// Takes a key for a principal's request. What has been in progress since before
/// `abandoned_before` counts as never begun.
pub async fn begin(
    tx: &mut Tx,
    principal: &str,
    key: &str,
    request_hash: &[u8; 32],
    now: Timestamp,
    abandoned_before: Timestamp,
) -> Result<Begin> {
    // The conflict locks the row, so that of two requests one waits.
    let text = "INSERT INTO idempotency_keys (principal, key, request_hash, created_at)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (principal, key) DO UPDATE
            SET request_hash = $3, created_at = $4
            WHERE idempotency_keys.status IS NULL AND idempotency_keys.created_at < $5";
    let hash = &request_hash[..];
    let taken = tx
        .execute(text, args![principal, key, hash, now, abandoned_before])
        .await?;
    if taken > 0 {
        return Ok(Begin::New);
    }
    let text = "SELECT request_hash, status, headers, body FROM idempotency_keys
        WHERE principal = $1 AND key = $2";
    let Some(row) = tx.row(text, args![principal, key]).await? else {
        return Err(StoreError::corrupt("a taken idempotency key is not there"));
    };
    if row.get::<Vec<u8>>("request_hash")? != hash {
        return Ok(Begin::Mismatch);
    }
    Ok(match row.maybe("status")? {
        None => Begin::InProgress,
        Some(status) => Begin::Replay(Replay {
            status,
            headers: row.maybe_json("headers")?.unwrap_or_default(),
            body: row.maybe("body")?.unwrap_or_default(),
        }),
    })
}

/// Keeps the answer.
pub async fn finish(tx: &mut Tx, principal: &str, key: &str, answer: &Replay) -> Result<()> {
    let text = "UPDATE idempotency_keys SET status = $3, headers = $4, body = $5
        WHERE principal = $1 AND key = $2";
    let headers = json::text(&answer.headers)?;
    let args = args![principal, key, answer.status, headers, &answer.body];
    match tx.execute(text, args).await? {
        0 => Err(StoreError::NotFound {
            what: "idempotency key",
        }),
        _ => Ok(()),
    }
}

/// Gives every kept body to `change`, which makes another of it from principal,
/// key and body, or `None` where it stays. How many were changed.
pub async fn change_bodies(
    tx: &mut Tx,
    mut change: impl FnMut(&str, &str, &str) -> Option<String>,
) -> Result<u64> {
    let text = "SELECT principal, key, body FROM idempotency_keys WHERE body IS NOT NULL";
    let mut changed = 0;
    for row in tx.rows(text, args![]).await? {
        let (principal, key): (String, String) = (row.get("principal")?, row.get("key")?);
        let Some(body) = change(&principal, &key, &row.get::<String>("body")?) else {
            continue;
        };
        let text = "UPDATE idempotency_keys SET body = $3 WHERE principal = $1 AND key = $2";
        changed += tx.execute(text, args![principal, key, body]).await?;
    }
    Ok(changed)
}

/// Gives a key back: the request came to nothing.
pub async fn forget(tx: &mut Tx, principal: &str, key: &str) -> Result<()> {
    let text = "DELETE FROM idempotency_keys WHERE principal = $1 AND key = $2";
    tx.execute(text, args![principal, key]).await?;
    Ok(())
}

/// Removes keys taken before a time; how many there were.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    tx.execute(
        "DELETE FROM idempotency_keys WHERE created_at < $1",
        args![before],
    )
    .await
}
