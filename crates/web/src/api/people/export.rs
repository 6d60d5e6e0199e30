//! `/employees/export` and `/contacts/export`: the list as CSV, with the same
//! filters, streamed page by page.

use axum::extract::State;
use axum::response::Response;
use provisioning::psa::Kind;
use store::record_list::{self, Position};
use store::rights::Right::View;

use super::list::{Filter, order};
use super::{module, view};
use crate::AppState;
use crate::api::sheet::rows;
use crate::auth::Caller;
use crate::error::Result;
use crate::extract::{Query, bad_cursor};
use crate::stream::{Download, streamed};

/// Rows of a block.
const BLOCK: i64 = 1_000;

const EMPLOYEE: &[&str] = &[
    "id",
    "username",
    "first_name",
    "last_name",
    "email",
    "phone",
    "mobile_phone",
    "job_title",
    "department",
    "location",
    "manager_id",
    "employment_type",
    "employee_id",
    "security_roles",
    "employee_roles",
    "status",
    "access",
    "access_reason",
    "created_at",
    "updated_at",
];
const CONTACT: &[&str] = &[
    "id",
    "account_id",
    "username",
    "first_name",
    "last_name",
    "email",
    "phone",
    "mobile_phone",
    "job_title",
    "security_roles",
    "status",
    "access",
    "access_reason",
    "is_poc",
    "receive_invoices",
    "created_at",
    "updated_at",
];

/// `GET /employees/export`, `GET /contacts/export`
pub(super) async fn export(
    kind: Kind,
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Result<Response> {
    caller.may(module(kind), View)?;
    let order = order(filter.sort())?;
    let wanted = filter.wanted(kind)?;
    let (columns, name) = match kind {
        Kind::Employee => (EMPLOYEE, "employees.csv"),
        Kind::Contact => (CONTACT, "contacts.csv"),
    };
    let file = Download {
        kind: "text/csv; charset=utf-8",
        name,
    };
    Ok(streamed(file, None, move |after: Option<String>| {
        let (state, wanted) = (state.clone(), wanted.clone());
        async move {
            let position = after
                .as_deref()
                .map(|text| Position::parse(text, &wanted, order))
                .transpose();
            let position = position.map_err(|_| bad_cursor())?;
            let db = state.engine.db();
            let page = record_list::list(db, &wanted, order, position.as_ref(), BLOCK).await?;
            let people = view::people(db, &page.items).await?;
            let block = rows(columns, after.is_none(), &people)?;
            Ok((block, page.cursor().map(Some)))
        }
    }))
}
