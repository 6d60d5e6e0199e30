//! The tabs of a person's page: which of them somebody may open, and what each
//! shows.

use provisioning::ids::RecordId;
use provisioning::psa::Kind;
use store::invoices::{self, InvoiceFilter};
use store::records::RecordRow;
use store::rights::{Module, Right};
use store::tickets::{self, Assignee, TicketFilter};
use store::{journal, sessions};

use super::super::admin::{Line, effective};
use super::super::frame::{ago, at, needs, query, word};
use super::super::invoices::{Bill, bills};
use super::super::tickets::{Slip, linked_slips};
use super::Value;
use super::timeline::{Happened, story};
use super::why::{Reason, Undecided};
use crate::AppState;
use crate::api::{finance, tickets as desk};
use crate::auth::CurrentUser;
use crate::error::Result;

const TIMELINE: u32 = 50;
const ROWS: i64 = 50;

/// What a tab shows.
pub(super) enum Tab {
    Profile(Vec<Value>),
    Why(Reason),
    Undecided(Undecided),
    Timeline(Vec<Happened>, Option<String>),
    Tickets(Vec<Slip>),
    Invoices(Vec<Bill>),
    Rights(Vec<Line>),
    Sessions(Vec<Session>),
}

/// A place where somebody is signed in.
pub(super) struct Session {
    pub(super) by: String,
    pub(super) from: String,
    pub(super) since: String,
    pub(super) seen: String,
}

/// The tabs somebody may open: key, label, whether it is this one.
pub(super) fn tabs(
    user: &CurrentUser,
    kind: Kind,
    tab: &Tab,
) -> Vec<(&'static str, &'static str, bool)> {
    let here = match tab {
        Tab::Profile(_) => "",
        Tab::Why(_) | Tab::Undecided(_) => "why",
        Tab::Timeline(..) => "timeline",
        Tab::Tickets(_) => "tickets",
        Tab::Invoices(_) => "invoices",
        Tab::Rights(_) => "rights",
        Tab::Sessions(_) => "sessions",
    };
    let mut all = vec![("", "Profile"), ("why", "Why"), ("timeline", "Timeline")];
    if user.rights.allows(Module::ServiceDesk, Right::View) {
        all.push(("tickets", "Tickets"));
    }
    if kind == Kind::Contact && user.rights.allows(Module::Finance, Right::View) {
        all.push(("invoices", "Invoices"));
    }
    if needs(user, Module::Admin, Right::View).is_ok() {
        all.push(("rights", "Rights"));
    }
    if needs(user, Module::Admin, Right::Edit).is_ok() {
        all.push(("sessions", "Sessions"));
    }
    let tabs = all.into_iter();
    tabs.map(|(key, label)| (key, label, key == here)).collect()
}

/// A tab that is not the explanation.
pub(super) async fn tab(
    state: &AppState,
    user: &CurrentUser,
    row: &RecordRow,
    wanted: &str,
    after: Option<i64>,
    lines: Vec<Value>,
) -> Result<Tab> {
    let (db, id, kind) = (state.engine.db(), row.record.id, row.record.kind);
    Ok(match wanted {
        "timeline" => {
            let entries = journal::by_record(db, id, after, TIMELINE).await?;
            let is_full = entries.len() >= TIMELINE as usize;
            let last = entries.last().filter(|_| is_full);
            let older = last.map(|entry| entry.seq.to_string());
            let older = older.map(|seq| query(&[("tab", "timeline"), ("after", &seq)]));
            let takes_back = needs(user, Module::Admin, Right::Edit).is_ok();
            Tab::Timeline(story(db, entries, kind, id, takes_back).await?, older)
        }
        "tickets" => Tab::Tickets(their_tickets(state, user, row).await?),
        "invoices" => Tab::Invoices(their_invoices(state, user, row).await?),
        "rights" => {
            needs(user, Module::Admin, Right::View)?;
            Tab::Rights(effective(state, row).await?)
        }
        "sessions" => {
            needs(user, Module::Admin, Right::Edit)?;
            Tab::Sessions(their_sessions(state, id).await?)
        }
        _ => Tab::Profile(lines),
    })
}

async fn their_tickets(state: &AppState, user: &CurrentUser, row: &RecordRow) -> Result<Vec<Slip>> {
    let reach = user.reach(Module::ServiceDesk, Right::View)?;
    let mut filter = TicketFilter::default();
    match row.record.kind {
        Kind::Contact => filter.contact_id = Some(row.record.id),
        Kind::Employee => filter.assignee = Some(Assignee::Employee(row.record.id)),
    }
    let db = state.engine.db();
    let found = tickets::list(db, &filter, None, ROWS).await?.items;
    let found = found
        .into_iter()
        .filter(|ticket| reach.covers(desk::belongs(ticket)));
    linked_slips(state, user, found.collect()).await
}

async fn their_invoices(
    state: &AppState,
    user: &CurrentUser,
    row: &RecordRow,
) -> Result<Vec<Bill>> {
    let reach = user.reach(Module::Finance, Right::View)?;
    let mut filter = InvoiceFilter {
        contact_id: Some(row.record.id),
        ..InvoiceFilter::default()
    };
    finance::within(&mut filter, reach);
    let found = invoices::list(state.engine.db(), &filter, None, ROWS).await?;
    bills(state, user, found.items).await
}

async fn their_sessions(state: &AppState, id: RecordId) -> Result<Vec<Session>> {
    let now = state.engine.now();
    let all = sessions::of_record(state.engine.db(), id, now).await?;
    let one = |session: sessions::Session| Session {
        by: word(&session.method),
        from: [session.ip, session.user_agent]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", "),
        since: at(session.created_at),
        seen: ago(Some(session.last_seen_at), now),
    };
    Ok(all.into_iter().map(one).collect())
}
