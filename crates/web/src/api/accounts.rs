//! `/accounts`: the companies contacts belong to.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use provisioning::ids::AccountId;
use serde::Deserialize;
use serde_json::{Value, json};
use store::Source;
use store::accounts::{self, Account, AccountFilter};
use store::rights::Module::Crm;
use store::rights::Right::{Create, Delete, Edit, View};

use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Body, Id, Paging, Query, expected_version, list as answer};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    pub(crate) name: Option<String>,
    pub(crate) is_active: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Filter {
    search: Option<String>,
    name: Option<String>,
    is_active: Option<bool>,
    limit: Option<i64>,
    after: Option<String>,
}

fn view(account: &Account) -> Value {
    json!({
        "id": account.id, "name": account.name, "is_active": account.is_active,
        "created_at": account.created_at, "updated_at": account.updated_at,
    })
}

pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>> {
    caller.may(Crm, View)?;
    let paging = Paging {
        limit: filter.limit,
        after: filter.after,
    };
    let filter = AccountFilter {
        search: filter.search,
        name: filter.name,
        is_active: filter.is_active,
    };
    let after = paging.after()?;
    let page = accounts::list(state.engine.db(), &filter, after.as_ref(), paging.limit()).await?;
    let next = page.cursor();
    Ok(answer(page.items.iter().map(view).collect(), next))
}

pub(crate) async fn found(on: impl Into<Source<'_>>, id: AccountId) -> Result<Account> {
    let found = accounts::get(on, &[id]).await?.pop();
    found.ok_or_else(|| Problem::not_found("account"))
}

fn tagged(status: StatusCode, version: i64, account: &Account) -> Response {
    (
        status,
        [(header::ETAG, format!("\"{version}\""))],
        Json(view(account)),
    )
        .into_response()
}

pub(crate) async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<AccountId>,
) -> Result<Response> {
    caller.may(Crm, View)?;
    let account = found(state.engine.db(), id).await?;
    Ok(tagged(StatusCode::OK, account.version, &account))
}

pub(crate) async fn update(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<AccountId>,
    headers: HeaderMap,
    Body(draft): Body<Change>,
) -> Result<Response> {
    let seen = expected_version(&headers)?;
    let account = change(&state, &caller, id, seen, draft).await?;
    Ok(tagged(StatusCode::OK, account.version, &account))
}

/// Changes an account that is still at the version `seen`.
pub(crate) async fn change(
    state: &AppState,
    caller: &Caller,
    id: AccountId,
    seen: Option<i64>,
    draft: Change,
) -> Result<Account> {
    caller.may(Crm, Edit)?;
    let mut tx = state.engine.db().begin().await?;
    let mut account = found(&mut tx, id).await?;
    if let Some(name) = draft.name {
        let name = name.trim();
        if name.is_empty() {
            return Err(Problem::invalid("name is empty"));
        }
        account.name = name.to_owned();
    }
    account.is_active = draft.is_active.unwrap_or(account.is_active);
    let expected = seen.unwrap_or(account.version);
    account.version = accounts::update(&mut tx, &account, expected, state.engine.now()).await?;
    tx.commit().await?;
    Ok(account)
}

pub(crate) async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<AccountId>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    let seen = expected_version(&headers)?;
    delete(&state, &caller, id, seen).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes an account that is still at the version `seen` and that nothing
/// refers to.
pub(crate) async fn delete(
    state: &AppState,
    caller: &Caller,
    id: AccountId,
    seen: Option<i64>,
) -> Result<()> {
    caller.may(Crm, Delete)?;
    let mut tx = state.engine.db().begin().await?;
    let account = found(&mut tx, id).await?;
    let held = accounts::references(&mut tx, id, 100).await?;
    if !held.is_empty() {
        let named: Vec<&str> = held.iter().take(5).map(|one| one.label.as_str()).collect();
        return Err(Problem::conflict(
            "record_in_use",
            "the account is not deleted while these refer to it",
        )
        .cure(format!(
            "Give to another account, or delete: {}.",
            named.join(", ")
        ))
        .with("records", super::references(&held)));
    }
    accounts::delete(&mut tx, id, seen.unwrap_or(account.version)).await?;
    tx.commit().await?;
    Ok(())
}

pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Body(new): Body<New>,
) -> Result<Response> {
    let account = open(&state, &caller, &new.name).await?;
    Ok(tagged(StatusCode::CREATED, 1, &account))
}

/// Makes an account.
pub(crate) async fn open(state: &AppState, caller: &Caller, name: &str) -> Result<Account> {
    caller.may(Crm, Create)?;
    let name = name.trim();
    if name.is_empty() {
        return Err(Problem::invalid("name is empty"));
    }
    let now = state.engine.now();
    let account = Account {
        id: AccountId(state.engine.new_id()),
        name: name.to_owned(),
        is_active: true,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let mut tx = state.engine.db().begin().await?;
    accounts::insert(&mut tx, &account).await?;
    tx.commit().await?;
    Ok(account)
}
