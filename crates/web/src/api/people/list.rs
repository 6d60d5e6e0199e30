//! Lists of records, and one record.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use provisioning::ids::{AccountId, RecordId, RuleId, TenantId};
use provisioning::psa::{Kind, Status};
use serde::Deserialize;
use serde_json::Value;
use store::record_list::{self, Order, Position, RecordFilter, Sort};
use store::rights::Right::View;

use super::{found, module, view};
use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{Id, Query, bad_cursor, list as answer, page_size};

/// Filters are named like fields.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Filter {
    status: Option<Status>,
    access: Option<String>,
    has_client_portal_access: Option<bool>,
    email: Option<String>,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    job_title: Option<String>,
    department: Option<String>,
    location: Option<String>,
    account_id: Option<AccountId>,
    is_poc: Option<bool>,
    pinned: Option<bool>,
    tenant_id: Option<TenantId>,
    rule_id: Option<RuleId>,
    search: Option<String>,
    sort: Option<String>,
    limit: Option<i64>,
    after: Option<String>,
}

impl Filter {
    /// How it is sorted.
    pub(super) fn sort(&self) -> Option<&str> {
        self.sort.as_deref()
    }

    pub(super) fn wanted(self, kind: Kind) -> Result<RecordFilter> {
        let access = match self.access.as_deref() {
            None => self.has_client_portal_access,
            Some("granted") => Some(true),
            Some("none") => Some(false),
            Some(other) => {
                let detail = format!("access: `{other}` is neither granted nor none");
                return Err(Problem::invalid(detail));
            }
        };
        let mut wanted = RecordFilter::new(kind);
        wanted.status = self.status;
        wanted.access = access;
        wanted.email = self.email;
        wanted.username = self.username;
        wanted.first_name = self.first_name;
        wanted.last_name = self.last_name;
        wanted.account_id = self.account_id;
        wanted.job_title = self.job_title;
        wanted.department = self.department;
        wanted.location = self.location;
        wanted.is_poc = self.is_poc;
        wanted.pinned = self.pinned;
        wanted.tenant_id = self.tenant_id;
        wanted.rule_id = self.rule_id;
        wanted.search = self.search;
        Ok(wanted)
    }
}

/// `sort=name`, `-name` for the other way round.
pub(super) fn order(text: Option<&str>) -> Result<Order> {
    let text = text.unwrap_or("name");
    let (name, descending) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (text, false),
    };
    let sort = match name {
        "name" => Sort::Name,
        "username" => Sort::Username,
        "email" => Sort::Email,
        "created_at" => Sort::Created,
        other => {
            let detail = format!("sort: `{other}` is none of name, username, email, created_at");
            return Err(Problem::invalid(detail));
        }
    };
    Ok(Order { sort, descending })
}

/// `GET /employees`, `GET /contacts`
pub(super) async fn list(
    kind: Kind,
    State(state): State<AppState>,
    caller: Caller,
    Query(mut filter): Query<Filter>,
) -> Result<Json<Value>> {
    caller.may(module(kind), View)?;
    let limit = page_size(filter.limit);
    let order = order(filter.sort.as_deref())?;
    let after = filter.after.take();
    let wanted = filter.wanted(kind)?;
    let after = after
        .map(|text| Position::parse(&text, &wanted, order))
        .transpose();
    let after = after.map_err(|_| bad_cursor())?;
    let db = state.engine.db();
    let page = record_list::list(db, &wanted, order, after.as_ref(), limit).await?;
    let next = page.cursor();
    Ok(answer(view::people(db, &page.items).await?, next))
}

/// `GET /employees/{id}`, `GET /contacts/{id}`
pub(super) async fn show(
    kind: Kind,
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<RecordId>,
) -> Result<Response> {
    caller.may(module(kind), View)?;
    shown(&state, kind, id, StatusCode::OK).await
}

/// A record with its version as `ETag`.
pub(super) async fn shown(
    state: &AppState,
    kind: Kind,
    id: RecordId,
    status: StatusCode,
) -> Result<Response> {
    let db = state.engine.db();
    let row = found(db, kind, id).await?;
    let tag = [(header::ETAG, format!("\"{}\"", row.record.version))];
    let body = view::people(db, std::slice::from_ref(&row)).await?.pop();
    Ok((status, tag, Json(body)).into_response())
}
