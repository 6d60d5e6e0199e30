//! Secrets at rest: sealed under a data key for each connection, which is
//! wrapped by the master key.

use jiff::Timestamp;
use provisioning::ids::ConnectionId;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::args;
use crate::db::{Db, Source, Tx};
use crate::error::{Result, StoreError};
use crate::sealer::{DataKey, Random, Sealer};
use crate::settings;

/// The setting that says which master key the database is sealed under.
const MASTER_KEY_ID: &str = "master_key_id";

/// Whose secret, and what for; both are bound to the ciphertext.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The connection whose data key is used; none for what belongs to no
    /// connection.
    pub connection_id: Option<ConnectionId>,
    /// The owner: a connection, a webhook.
    pub owner: Uuid,
    /// What it is for: `application_key`, `refresh_token`.
    pub purpose: &'a str,
}

/// Stores a secret, replacing what was there. A connection without a data key
/// gets one under `new_key_id`.
pub async fn put(
    tx: &mut Tx,
    sealer: &Sealer,
    random: &impl Random,
    new_key_id: Uuid,
    place: Place<'_>,
    secret: &SecretString,
    now: Timestamp,
) -> Result<()> {
    let (key_id, key) = match data_key(tx, sealer, place.connection_id).await? {
        Some(found) => found,
        None => {
            let (key, wrapped) = sealer.make_data_key(random, new_key_id)?;
            let text = "INSERT INTO data_keys (id, connection_id, key_id, wrapped, created_at)
                VALUES ($1, $2, $3, $4, $5)";
            let args = args![
                new_key_id,
                place.connection_id,
                sealer.key_id(),
                wrapped,
                now
            ];
            tx.execute(text, args).await?;
            (new_key_id, key)
        }
    };
    let plain = secret.expose_secret().as_bytes();
    let sealed = key.seal(random, place.purpose, place.owner.as_bytes(), plain)?;
    let text = "INSERT INTO secrets (owner_id, purpose, data_key_id, nonce, ciphertext, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (owner_id, purpose) DO UPDATE SET data_key_id = excluded.data_key_id,
            nonce = excluded.nonce, ciphertext = excluded.ciphertext,
            updated_at = excluded.updated_at";
    let args = args![
        place.owner,
        place.purpose,
        key_id,
        sealed.nonce,
        sealed.ciphertext,
        now
    ];
    tx.execute(text, args).await?;
    Ok(())
}

/// The newest data key of a connection that this master key opens.
async fn data_key(
    tx: &mut Tx,
    sealer: &Sealer,
    connection_id: Option<ConnectionId>,
) -> Result<Option<(Uuid, DataKey)>> {
    let text = "SELECT id, key_id, wrapped FROM data_keys
        WHERE (connection_id = $1 OR ($2 AND connection_id IS NULL)) AND key_id = $3
        ORDER BY created_at DESC, id LIMIT 1";
    let args = args![connection_id, connection_id.is_none(), sealer.key_id()];
    let Some(row) = tx.row(text, args).await? else {
        return Ok(None);
    };
    let id = row.get("id")?;
    let wrapped: Vec<u8> = row.get("wrapped")?;
    let key = sealer.unwrap(id, &row.get::<String>("key_id")?, &wrapped)?;
    Ok(Some((id, key)))
}

/// A secret in the open, if there is one. [`StoreError::Sealed`] when it does
/// not open: wrong master key, or somebody changed the row.
pub async fn get(
    on: impl Into<Source<'_>>,
    sealer: &Sealer,
    owner: Uuid,
    purpose: &str,
) -> Result<Option<SecretString>> {
    let text = "SELECT secrets.nonce, secrets.ciphertext,
            data_keys.id, data_keys.key_id, data_keys.wrapped
        FROM secrets JOIN data_keys ON data_keys.id = secrets.data_key_id
        WHERE secrets.owner_id = $1 AND secrets.purpose = $2";
    let Some(row) = on.into().row(text, args![owner, purpose]).await? else {
        return Ok(None);
    };
    let wrapped: Vec<u8> = row.get("wrapped")?;
    let key = sealer.unwrap(row.get("id")?, &row.get::<String>("key_id")?, &wrapped)?;
    let (nonce, ciphertext): (Vec<u8>, Vec<u8>) = (row.get("nonce")?, row.get("ciphertext")?);
    let plain = key.open(purpose, owner.as_bytes(), &nonce, &ciphertext)?;
    let text = std::str::from_utf8(plain.expose_secret())
        .map_err(|_| StoreError::Sealed("it is not text"))?;
    Ok(Some(SecretString::from(text)))
}

/// Forgets a secret; whether there was one.
pub async fn delete(tx: &mut Tx, owner: Uuid, purpose: &str) -> Result<bool> {
    let text = "DELETE FROM secrets WHERE owner_id = $1 AND purpose = $2";
    Ok(tx.execute(text, args![owner, purpose]).await? > 0)
}

/// Wraps every data key of the old master key with the new one; how many. The
/// secrets themselves stay as they are.
pub async fn rotate(tx: &mut Tx, old: &Sealer, new: &Sealer, random: &impl Random) -> Result<u64> {
    let text = "SELECT id, key_id, wrapped FROM data_keys WHERE key_id <> $1";
    let rows = tx.rows(text, args![new.key_id()]).await?;
    for row in &rows {
        let id: Uuid = row.get("id")?;
        let wrapped: Vec<u8> = row.get("wrapped")?;
        let key = old.unwrap(id, &row.get::<String>("key_id")?, &wrapped)?;
        let text = "UPDATE data_keys SET key_id = $2, wrapped = $3 WHERE id = $1";
        let args = args![id, new.key_id(), new.wrap(random, id, &key)?];
        tx.execute(text, args).await?;
    }
    Ok(rows.len() as u64)
}

/// Which master key the database is sealed under, by its id; `None` where none
/// was ever changed.
pub async fn master_key_id(on: impl Into<Source<'_>>) -> Result<Option<String>> {
    let kept = settings::get(on, MASTER_KEY_ID).await?;
    Ok(kept.map(|(id, _)| id))
}

/// Says which master key the database is sealed under.
pub async fn set_master_key_id(tx: &mut Tx, id: &str, now: Timestamp) -> Result<()> {
    settings::put(tx, MASTER_KEY_ID, &id, None, now).await?;
    Ok(())
}

/// Opens every data key and every secret; how many secrets.
/// [`StoreError::Sealed`] at the first that does not open.
pub async fn open_all(db: &Db, sealer: &Sealer) -> Result<u64> {
    let mut tx = db.snapshot().await?;
    let text = "SELECT id, key_id, wrapped FROM data_keys";
    for row in tx.rows(text, args![]).await? {
        let wrapped: Vec<u8> = row.get("wrapped")?;
        sealer.unwrap(row.get("id")?, &row.get::<String>("key_id")?, &wrapped)?;
    }
    let rows = tx
        .rows("SELECT owner_id, purpose FROM secrets", args![])
        .await?;
    for row in &rows {
        get(
            &mut tx,
            sealer,
            row.get("owner_id")?,
            &row.get::<String>("purpose")?,
        )
        .await?;
    }
    Ok(rows.len() as u64)
}
