//! `/employees/export` and `/contacts/export`: the list as CSV, with the same
//! filters, streamed page by page.

use axum::extract::State;
use axum::response::Response;
use provisioning::psa::Kind;
use serde_json::Value;
use store::record_list::{self, Position};
use store::rights::Right::View;

use super::list::{Filter, order};
use super::{module, view};
use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
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

fn rows(columns: &[&str], with_head: bool, people: &[Value]) -> Result<Vec<u8>> {
    let failed = |error: csv::Error| Problem::internal(&error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    if with_head {
        writer.write_record(columns).map_err(failed)?;
    }
    for person in people {
        let cells = columns.iter().map(|column| cell(&person[*column]));
        writer.write_record(cells).map_err(failed)?;
    }
    writer
        .into_inner()
        .map_err(|error| Problem::internal(error.error()))
}

/// A value as text. What a spreadsheet would take for a formula is quoted, but
/// a phone number stays one.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    };
    let is_number = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_digit() || " +-()./".contains(c))
    };
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number(&text) {
        return format!("'{text}");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let table = [
            (json!("=1+1"), "'=1+1"),
            (json!("@SUM(A1)"), "'@SUM(A1)"),
            (json!("-2+cmd|' /C calc'!A0"), "'-2+cmd|' /C calc'!A0"),
            (json!("+1 (555) 01-00"), "+1 (555) 01-00"),
            (json!(null), ""),
            (json!(true), "true"),
            (json!(["User", "CRM Manager"]), "User; CRM Manager"),
        ];
        for (value, expected) in table {
            assert_eq!(cell(&value), expected);
        }
    }
}
