//! API tokens: known by their hash, for the whole installation or for one person.

use jiff::{SignedDuration, Timestamp};
use provisioning::ids::RecordId;
use serde::{Deserialize, Serialize};

use crate::db::{Source, Tx};
use crate::error::Result;
use crate::page::{Page, Query, TimeKey};
use crate::psa_ids::ApiTokenId;
use crate::sql::Row;
use crate::{args, json};

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// Reading. Included in every other scope.
    Read,
    /// Employees, contacts and what belongs to them.
    People,
    /// Connections, mapping rules, plans and runs.
    Provisioning,
    /// Everything.
    Admin,
}

impl TokenScope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::People, Self::Provisioning, Self::Admin];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::People => "people",
            Self::Provisioning => "provisioning",
            Self::Admin => "admin",
        }
    }
}

/// A token, without its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Ours.
    pub id: ApiTokenId,
    /// What an administrator calls it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<TokenScope>,
    /// Whose it is; none: the installation's.
    pub record_id: Option<RecordId>,
    /// Who made it.
    pub created_by: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

impl ApiToken {
    /// Whether it is neither revoked nor expired.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| end > now)
    }

    /// Whether it may be used for this.
    pub fn has(&self, scope: TokenScope) -> bool {
        match scope {
            TokenScope::Read => !self.scopes.is_empty(),
            scope => self.scopes.contains(&scope) || self.scopes.contains(&TokenScope::Admin),
        }
    }

    /// Whether [`used`] has something to note.
    pub fn needs_touch(&self, now: Timestamp) -> bool {
        let minute = SignedDuration::from_secs(60);
        self.last_used_at
            .is_none_or(|last| now.duration_since(last) >= minute)
    }
}

fn read(row: &Row) -> Result<ApiToken> {
    Ok(ApiToken {
        id: row.get("id")?,
        name: row.get("name")?,
        scopes: row.json("scopes")?,
        record_id: row.maybe("record_id")?,
        created_by: row.maybe("created_by")?,
        created_at: row.get("created_at")?,
        expires_at: row.maybe("expires_at")?,
        last_used_at: row.maybe("last_used_at")?,
        revoked_at: row.maybe("revoked_at")?,
    })
}

/// Adds a token.
pub async fn insert(tx: &mut Tx, token: &ApiToken, token_hash: &[u8; 32]) -> Result<()> {
    let text = "INSERT INTO api_tokens
            (id, name, token_hash, scopes, record_id, created_by, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let args = args![
        token.id,
        &token.name,
        &token_hash[..],
        json::text(&token.scopes)?,
        token.record_id,
        token.created_by.clone(),
        token.created_at,
        token.expires_at,
    ];
    tx.execute(text, args).await?;
    Ok(())
}

/// The token with this hash, usable or not.
pub async fn find(on: impl Into<Source<'_>>, token_hash: &[u8; 32]) -> Result<Option<ApiToken>> {
    let text = "SELECT * FROM api_tokens WHERE token_hash = $1";
    let row = on.into().row(text, args![&token_hash[..]]).await?;
    row.as_ref().map(read).transpose()
}

/// One token.
pub async fn get(on: impl Into<Source<'_>>, id: ApiTokenId) -> Result<Option<ApiToken>> {
    let text = "SELECT * FROM api_tokens WHERE id = $1";
    let row = on.into().row(text, args![id]).await?;
    row.as_ref().map(read).transpose()
}

/// Tokens, newest first.
pub async fn list(
    on: impl Into<Source<'_>>,
    after: Option<&TimeKey>,
    limit: i64,
) -> Result<Page<ApiToken, TimeKey>> {
    let mut query = Query::new("SELECT * FROM api_tokens");
    if let Some(after) = after {
        query.push(
            " WHERE (created_at, id) < (?, ?)",
            args![after.at, after.id],
        );
    }
    query.push(" ORDER BY created_at DESC, id DESC", []);
    let place = |token: &ApiToken| TimeKey {
        at: token.created_at,
        id: token.id.0,
    };
    query.page(on, limit, read, place).await
}

/// Notes that a token was used. Ask [`ApiToken::needs_touch`] before, to spare
/// the transaction.
pub async fn used(tx: &mut Tx, id: ApiTokenId, now: Timestamp) -> Result<()> {
    let text = "UPDATE api_tokens SET last_used_at = $2 WHERE id = $1";
    tx.execute(text, args![id, now]).await?;
    Ok(())
}

/// Revokes a token; false when it was revoked before, or is not there.
pub async fn revoke(tx: &mut Tx, id: ApiTokenId, now: Timestamp) -> Result<bool> {
    let text = "UPDATE api_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    Ok(tx.execute(text, args![id, now]).await? > 0)
}

/// Revokes the tokens of these people; how many there were.
pub async fn revoke_of(tx: &mut Tx, records: &[RecordId], now: Timestamp) -> Result<u64> {
    if records.is_empty() {
        return Ok(0);
    }
    let text = "UPDATE api_tokens SET revoked_at = $2
        WHERE record_id IN ($1) AND revoked_at IS NULL";
    tx.execute(text, args![records, now]).await
}
