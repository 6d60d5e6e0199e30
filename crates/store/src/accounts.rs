//! Accounts: the companies in CRM that contacts, tickets and invoices belong to.

use jiff::Timestamp;
use provisioning::ids::AccountId;

use crate::args;
use crate::db::{Source, Tx};
use crate::error::Result;
use crate::keys::{fold, key, prefix_end};
use crate::page::{NameKey, Page, Query, guarded, refused};
use crate::references::{self, Reference};
use crate::sql::{Arg, Row};

/// A company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Ours.
    pub id: AccountId,
    /// Its name, unique regardless of letter case.
    pub name: String,
    /// Whether it may be chosen.
    pub is_active: bool,
    /// Counts changes.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// Which accounts a list shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountFilter {
    /// The beginning of the name.
    pub search: Option<String>,
    /// The name, in any letter case.
    pub name: Option<String>,
    /// Active or not.
    pub is_active: Option<bool>,
}

fn read(row: &Row) -> Result<Account> {
    Ok(Account {
        id: row.get("id")?,
        name: row.get("name")?,
        is_active: row.get("is_active")?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

const SELECT: &str =
    "SELECT id, name, is_active, version, created_at, updated_at FROM accounts WHERE ";

/// Adds an account at version 1. A taken name is a conflict,
/// `accounts_name_key`.
pub async fn insert(tx: &mut Tx, account: &Account) -> Result<()> {
    let text = "INSERT INTO accounts
            (id, name, name_key, is_active, version, created_at, updated_at)
        VALUES ($1, $2, $3, $4, 1, $5, $6)";
    let args = args![
        account.id,
        &account.name,
        fold(&account.name),
        account.is_active,
        account.created_at,
        account.updated_at,
    ];
    tx.execute(text, args).await?;
    Ok(())
}

/// The accounts with these ids, in any order; missing ones are left out.
pub async fn get(on: impl Into<Source<'_>>, ids: &[AccountId]) -> Result<Vec<Account>> {
    let mut query = Query::new(SELECT);
    query.push("id IN (?)", [Arg::from(ids)]);
    query.rows(&mut on.into()).await?.iter().map(read).collect()
}

/// Accounts by name.
pub async fn list(
    on: impl Into<Source<'_>>,
    filter: &AccountFilter,
    after: Option<&NameKey>,
    limit: i64,
) -> Result<Page<Account, NameKey>> {
    let mut query = Query::new(SELECT);
    query
        .push("TRUE", [])
        .maybe(" AND name_key = ?", key(filter.name.as_deref()));
    if let Some(prefix) = key(filter.search.as_deref()) {
        let range = args![&prefix, prefix_end(&prefix)];
        query.push(" AND name_key >= ? AND name_key < ?", range);
    }
    query.maybe(" AND is_active = ?", filter.is_active);
    if let Some(after) = after {
        query.push(" AND (name_key, id) > (?, ?)", args![&after.name, after.id]);
    }
    query.push(" ORDER BY name_key, id", []);
    let place = |account: &Account| NameKey {
        name: fold(&account.name),
        id: account.id.0,
    };
    query.page(on, limit, read, place).await
}

/// Changes name and activity, if the account is still at the expected version;
/// the new version. A taken name is a conflict, `accounts_name_key`.
pub async fn update(
    tx: &mut Tx,
    account: &Account,
    expected_version: i64,
    now: Timestamp,
) -> Result<i64> {
    let text = "UPDATE accounts SET name = $3, name_key = $4, is_active = $5,
            version = version + 1, updated_at = $6
        WHERE id = $1 AND version = $2";
    let args = args![
        account.id,
        expected_version,
        &account.name,
        fold(&account.name),
        account.is_active,
        now,
    ];
    let changed = tx.execute(text, args).await?;
    guard(tx, changed, account.id).await?;
    Ok(expected_version + 1)
}

/// Removes an account that nothing refers to; else a conflict `account_in_use`.
pub async fn delete(tx: &mut Tx, id: AccountId, expected_version: i64) -> Result<()> {
    if !references(&mut *tx, id, 1).await?.is_empty() {
        return Err(refused("account_in_use", "records refer to the account"));
    }
    let text = "DELETE FROM accounts WHERE id = $1 AND version = $2";
    let changed = tx.execute(text, args![id, expected_version]).await?;
    guard(tx, changed, id).await
}

/// What refers to an account: contacts, mapping rules, tickets and invoices, of
/// each kind at most `limit`.
pub async fn references(
    on: impl Into<Source<'_>>,
    id: AccountId,
    limit: i64,
) -> Result<Vec<Reference>> {
    references::of_account(on, id, limit).await
}

async fn guard(tx: &mut Tx, changed: u64, id: AccountId) -> Result<()> {
    let exists = "SELECT 1 AS one FROM accounts WHERE id = $1";
    guarded(tx, changed, "account", exists, id).await
}
