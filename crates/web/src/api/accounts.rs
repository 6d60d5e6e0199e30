//! `/accounts` and `/security-roles`: companies, and the rights there are.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use provisioning::ids::AccountId;
use serde::Deserialize;
use serde_json::{Value, json};
use store::accounts::{self, Account, AccountFilter};
use store::api_tokens::TokenScope::{People, Read};
use store::security_roles;

use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Id, Body, Paging, list as answer};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    name: String,
}

#[derive(Deserialize)]
pub(crate) struct Filter {
    search: Option<String>,
    name: Option<String>,
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
    Query(paging): Query<Paging>,
) -> Result<Json<Value>> {
    caller.needs(Read)?;
    let filter = AccountFilter {
        search: filter.search,
        name: filter.name,
        is_active: None,
    };
    let after = paging.after()?;
    let page = accounts::list(state.engine.db(), &filter, after.as_ref(), paging.limit()).await?;
    let next = page.cursor();
    Ok(answer(page.items.iter().map(view).collect(), next))
}

pub(crate) async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<AccountId>,
) -> Result<Json<Value>> {
    caller.needs(Read)?;
    let found = accounts::get(state.engine.db(), &[id]).await?;
    let account = found.first().ok_or_else(|| Problem::not_found("account"))?;
    Ok(Json(view(account)))
}

pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Body(new): Body<New>,
) -> Result<Response> {
    caller.needs(People)?;
    let name = new.name.trim();
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
    Ok((StatusCode::CREATED, Json(view(&account))).into_response())
}

pub(crate) async fn security_roles(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Value>> {
    caller.needs(Read)?;
    let roles = security_roles::list(state.engine.db()).await?;
    let items = roles.iter().map(|role| {
        json!({
            "name": role.name, "type": role.role_type, "is_system": role.is_system,
            "is_active": role.is_active, "description": role.description, "rights": role.rights,
        })
    });
    Ok(answer(items.collect(), None))
}
