//! Settings by key, each a JSON value with a version.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::db::{Source, Tx};
use crate::error::{Result, StoreError};
use crate::{args, json};

/// A setting and its version, if it was ever saved.
pub async fn get<T: DeserializeOwned>(
    on: impl Into<Source<'_>>,
    key: &str,
) -> Result<Option<(T, i64)>> {
    let text = "SELECT value, version FROM settings WHERE key = $1";
    let Some(row) = on.into().row(text, args![key]).await? else {
        return Ok(None);
    };
    Ok(Some((row.json("value")?, row.get("version")?)))
}

/// Saves a setting; its new version. With `expected`, only if it is still at
/// that version (0: was never saved).
pub async fn put(
    tx: &mut Tx,
    key: &str,
    value: &impl Serialize,
    expected: Option<i64>,
    now: Timestamp,
) -> Result<i64> {
    let text = "INSERT INTO settings (key, value, version, updated_at) VALUES ($1, $2, 1, $3)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value,
            version = settings.version + 1, updated_at = excluded.updated_at
        RETURNING version";
    let args = args![key, json::text(value)?, now];
    let row = tx.row(text, args).await?;
    let version: i64 = row
        .ok_or_else(|| StoreError::corrupt("a setting that was not saved"))?
        .get("version")?;
    match expected {
        // The caller's transaction is given up with this error.
        Some(expected) if expected + 1 != version => Err(StoreError::Stale { what: "setting" }),
        _ => Ok(version),
    }
}
