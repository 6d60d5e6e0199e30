//! `/tickets/export`: the list as CSV, with the same filters, streamed page by
//! page.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};
use store::rights::Module::ServiceDesk;
use store::rights::Right::View;
use store::tickets::{self, Ticket};

use super::{Filter, within};
use crate::AppState;
use crate::api::sheet::rows;
use crate::auth::Caller;
use crate::error::Result;
use crate::extract::Query;
use crate::pages::{account_names, record_names};
use crate::stream::{Download, streamed};

/// Rows of a block.
const BLOCK: i64 = 1_000;

const COLUMNS: &[&str] = &[
    "number",
    "title",
    "status",
    "priority",
    "account",
    "contact",
    "assignee",
    "created_at",
    "updated_at",
    "closed_at",
    "id",
    "account_id",
    "contact_id",
    "assignee_id",
];

/// `GET /tickets/export`
pub(crate) async fn export(
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Result<Response> {
    let reach = caller.reach(ServiceDesk, View)?;
    let wanted = within(filter.wanted()?, reach, &caller);
    let file = Download {
        kind: "text/csv; charset=utf-8",
        name: "tickets.csv",
    };
    Ok(streamed(file, None, move |after: Option<i64>| {
        let (state, wanted) = (state.clone(), wanted.clone());
        async move {
            let db = state.engine.db();
            let page = tickets::list(db, &wanted, after.as_ref(), BLOCK).await?;
            let next = page.next.map(Some);
            let items = named(&state, page.items).await?;
            Ok((rows(COLUMNS, after.is_none(), &items)?, next))
        }
    }))
}

/// Tickets with the names of those they concern.
async fn named(state: &AppState, all: Vec<Ticket>) -> Result<Vec<Value>> {
    let db = state.engine.db();
    let people = all.iter().flat_map(|one| [one.contact_id, one.assignee_id]);
    let people = record_names(db, people.flatten().collect()).await?;
    let accounts = all.iter().filter_map(|one| one.account_id).collect();
    let accounts = account_names(db, accounts).await?;
    let one = |ticket: &Ticket| {
        let mut item = super::view(ticket);
        item["account"] = json!(ticket.account_id.and_then(|id| accounts.get(&id)));
        item["contact"] = json!(ticket.contact_id.and_then(|id| people.get(&id)));
        item["assignee"] = json!(ticket.assignee_id.and_then(|id| people.get(&id)));
        item
    };
    Ok(all.iter().map(one).collect())
}
