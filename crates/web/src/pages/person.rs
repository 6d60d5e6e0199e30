//! One employee or contact: the values with where each comes from, why, what
//! happened, tickets and invoices; and what can be done to the record.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use engine::Why;
use provisioning::field::Field;
use provisioning::ids::RecordId;
use provisioning::psa::{Kind, Status};
use serde::Deserialize;
use store::invoices::{self, InvoiceFilter};
use store::journal::{self, Entry};
use store::records::RecordRow;
use store::rights::{Module, Right};
use store::tickets::{self, TicketFilter};
use store::{links, records, second_factors, sessions};

use super::admin::{Line, effective};
use super::frame::{Frame, ago, at, go, needs, page, query, word};
use super::invoices::{Bill, bills};
use super::people::{Where, account_names, full_name, place};
use super::plan::{Changed, changed, shown};
use super::tickets::{Slip, slips};
use crate::AppState;
use crate::api::people::found;
use crate::api::{finance, tickets as desk};
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::extract::Id;

const TIMELINE: u32 = 50;
const ROWS: i64 = 50;

struct Happened {
    at: String,
    who: String,
    what: String,
    reason: String,
    changes: Vec<Changed>,
    run: Option<String>,
    can_be_undone: bool,
}

struct Reason {
    winner: Option<String>,
    losers: Vec<String>,
    path: String,
    what_if: Vec<String>,
}

/// A field, its value, and where that is from.
pub(super) struct Value {
    pub(super) label: String,
    pub(super) value: String,
    from: String,
    pub(super) is_local: bool,
}

/// What a tab shows.
enum Tab {
    Profile(Vec<Value>),
    Why(Option<Reason>),
    Timeline(Vec<Happened>, Option<String>),
    Tickets(Vec<Slip>),
    Invoices(Vec<Bill>),
    Rights(Vec<Line>),
    Sessions(Vec<Session>),
}

/// A place where somebody is signed in.
struct Session {
    by: String,
    from: String,
    since: String,
    seen: String,
}

/// What can be done from here.
#[derive(Default)]
struct Acts {
    edit: bool,
    resync: bool,
    reapply: bool,
    pin: bool,
    unpin: bool,
    deactivate: bool,
    activate: bool,
    restore: bool,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    frame: Frame,
    place: Where,
    id: String,
    status: &'static str,
    access: bool,
    access_reason: Option<String>,
    is_root: bool,
    pinned: bool,
    pin_reason: Option<String>,
    account: Option<(String, String)>,
    roles: String,
    source: Option<String>,
    signed_in: String,
    second_factor: Option<String>,
    suppressed: bool,
    tabs: Vec<(&'static str, &'static str, bool)>,
    tab: Tab,
    acts: Acts,
}

fn happened(entry: Entry, id: RecordId) -> Happened {
    let Entry {
        entry, decision, ..
    } = entry;
    let body = entry.body.as_ref();
    let given = body.and_then(|body| body.get("changes")?.as_array());
    let given = given.into_iter().flatten().filter_map(by_hand);
    let mut changes: Vec<Changed> = given.collect();
    let mut reason = body
        .and_then(|body| body.get("reason")?.as_str())
        .unwrap_or_default()
        .to_owned();
    let acts = decision.iter().flat_map(|decision| &decision.actions);
    for act in acts.filter(|act| act.record_id == Some(id)) {
        changes.extend(changed(&act.changes));
        reason = act.reason.cause.describe();
    }
    Happened {
        at: at(entry.at),
        who: entry.actor.unwrap_or_else(|| word(&entry.origin)),
        what: entry.action.replace('_', " "),
        reason,
        changes,
        run: entry.run_id.map(|run| run.to_string()),
        can_be_undone: false,
    }
}

/// What happened, newest first; a run's last entry offers to take it back.
fn story(entries: Vec<Entry>, id: RecordId, takes_back: bool) -> Vec<Happened> {
    let mut decided = None;
    let one = |entry: Entry| {
        let place = (entry.entry.plan_id, entry.entry.decision_seq);
        let is_decided = entry.decision.is_some();
        let is_new = decided != Some(place);
        decided = Some(place);
        Happened {
            can_be_undone: takes_back && is_decided && is_new,
            ..happened(entry, id)
        }
    };
    entries.into_iter().map(one).collect()
}

/// A change as the journal keeps those made by hand: with the path of the API.
fn by_hand(change: &serde_json::Value) -> Option<Changed> {
    let field = change.get("field")?.as_str()?.replace('_', " ");
    let value = |name: &str| {
        let value = change.get(name).cloned();
        let value = value.and_then(|value| serde_json::from_value(value).ok());
        shown(value.as_ref())
    };
    Some((field, value("old"), value("new")))
}

fn standing(one: &provisioning::why::Standing) -> String {
    match one.lost_by {
        Some(by) => format!("{} (Order {}): lost by {by}", one.name, one.order),
        None => format!("{} (Order {})", one.name, one.order),
    }
}

/// A field's name for people.
pub(crate) fn label(field: Field) -> String {
    let name = match field {
        Field::Manager => "manager",
        other => other.name(),
    };
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => words,
    }
}

pub(super) async fn manager_of(state: &AppState, row: &RecordRow) -> Result<Option<String>> {
    let id: Vec<RecordId> = row.record.manager_id.into_iter().collect();
    let found = records::get(state.engine.db(), &id).await?.pop();
    Ok(found.map(|row| full_name(&row.record)))
}

pub(super) fn profile(
    row: &RecordRow,
    manager: Option<&str>,
    why: Option<&Why>,
    now: jiff::Timestamp,
) -> Vec<Value> {
    let record = &row.record;
    // What the page says elsewhere.
    let elsewhere = [
        Field::Status,
        Field::Access,
        Field::AccessReason,
        Field::DeactivatedBySync,
        Field::Account,
    ];
    let fields = Field::ALL
        .into_iter()
        .filter(|field| !elsewhere.contains(field));
    let lines = fields.filter_map(|field| {
        let value = record.get(field)?;
        let path = field.path(record.kind);
        let origin = why.and_then(|why| why.fields.get(path));
        let from = match origin.map(|origin| (origin.from, origin.at)) {
            Some(("directory", at)) => format!("from Entra, {}", ago(at, now)),
            Some(("local", _)) => "edited here, until the directory changes".to_owned(),
            Some(("rule", _)) => "from the mapping rule".to_owned(),
            Some(("default", _)) => "Employee Default".to_owned(),
            Some((other, _)) => other.to_owned(),
            None => "kept here".to_owned(),
        };
        Some(Value {
            label: label(field),
            value: match (field, manager) {
                (Field::Manager, Some(name)) => name.to_owned(),
                _ => shown(Some(&value)),
            },
            from,
            is_local: origin.is_some_and(|origin| origin.from == "local"),
        })
    });
    lines.collect()
}

pub(super) async fn why_of(state: &AppState, id: RecordId) -> Result<Option<Why>> {
    match state.engine.why(id).await {
        Ok(why) => Ok(Some(why)),
        Err(error) if matches!(error.code, "not_synced" | "not_mirrored" | "not_found") => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn their_tickets(state: &AppState, user: &CurrentUser, row: &RecordRow) -> Result<Vec<Slip>> {
    let reach = user.reach(Module::ServiceDesk, Right::View)?;
    let mut filter = TicketFilter::default();
    match row.record.kind {
        Kind::Contact => filter.contact_id = Some(row.record.id),
        Kind::Employee => filter.assignee_id = Some(row.record.id),
    }
    let db = state.engine.db();
    let found = tickets::list(db, &filter, None, ROWS).await?.items;
    let found = found
        .into_iter()
        .filter(|ticket| reach.covers(desk::belongs(ticket)));
    slips(state, found.collect()).await
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
    bills(state, found.items).await
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

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Wanted {
    tab: String,
    after: Option<i64>,
}

fn acts(user: &CurrentUser, at: &Where, row: &RecordRow, is_linked: bool, local: bool) -> Acts {
    let record = &row.record;
    let edits = needs(user, at.module, Right::Edit).is_ok();
    let syncs = is_linked && needs(user, Module::Admin, Right::Edit).is_ok();
    let is = |status| record.status == status;
    Acts {
        edit: edits && !is(Status::Archived),
        resync: syncs,
        reapply: syncs && local,
        pin: edits && is_linked && !record.pinned,
        unpin: edits && record.pinned,
        deactivate: edits && is(Status::Active) && !record.is_root,
        activate: edits && is(Status::Inactive),
        restore: edits && is(Status::Archived),
    }
}

/// The tabs somebody may open: key, label, whether it is this one.
fn tabs(user: &CurrentUser, kind: Kind, tab: &Tab) -> Vec<(&'static str, &'static str, bool)> {
    let here = match tab {
        Tab::Profile(_) => "",
        Tab::Why(_) => "why",
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

async fn detail(
    state: AppState,
    user: CurrentUser,
    kind: Kind,
    id: RecordId,
    wanted: Wanted,
) -> Result<Response> {
    let place = place(kind);
    needs(&user, place.module, Right::View)?;
    let (db, now) = (state.engine.db(), state.engine.now());
    let row = found(db, kind, id).await?;
    let why = why_of(&state, id).await?;
    let link = links::by_records(db, &[id]).await?.into_iter().next();
    let manager = manager_of(&state, &row).await?;
    let lines = profile(&row, manager.as_deref(), why.as_ref(), now);
    let has_local = lines.iter().any(|line| line.is_local);
    let tab = match wanted.tab.as_str() {
        "why" => Tab::Why(why.map(|why| Reason {
            winner: why.winner.as_ref().map(standing),
            losers: why.losers.iter().map(standing).collect(),
            path: why.group_path.join(" > "),
            what_if: why.what_if,
        })),
        "timeline" => {
            let entries = journal::by_record(db, id, wanted.after, TIMELINE).await?;
            let is_full = entries.len() >= TIMELINE as usize;
            let last = entries.last().filter(|_| is_full);
            let older = last.map(|entry| entry.seq.to_string());
            let older = older.map(|seq| query(&[("tab", "timeline"), ("after", &seq)]));
            let takes_back = needs(&user, Module::Admin, Right::Edit).is_ok();
            Tab::Timeline(story(entries, id, takes_back), older)
        }
        "tickets" => Tab::Tickets(their_tickets(&state, &user, &row).await?),
        "invoices" => Tab::Invoices(their_invoices(&state, &user, &row).await?),
        "rights" => {
            needs(&user, Module::Admin, Right::View)?;
            Tab::Rights(effective(&state, &row).await?)
        }
        "sessions" => {
            needs(&user, Module::Admin, Right::Edit)?;
            Tab::Sessions(their_sessions(&state, id).await?)
        }
        _ => Tab::Profile(lines),
    };
    let tabs = tabs(&user, kind, &tab);
    let names = account_names(db, row.record.account_id.into_iter().collect()).await?;
    let account = row.record.account_id.map(|id| {
        (
            id.to_string(),
            names.get(&id).cloned().unwrap_or_else(|| id.to_string()),
        )
    });
    let source = link.as_ref().map(|link| ago(link.last_applied_at, now));
    let acts = acts(&user, &place, &row, link.is_some(), has_local);
    page(&PersonPage {
        frame: Frame::new(&full_name(&row.record), place.section, Some(&user)),
        id: id.to_string(),
        status: row.record.status.name(),
        access: row.record.access,
        access_reason: row
            .record
            .access_reason
            .clone()
            .map(|code| code.replace('_', " ")),
        is_root: row.record.is_root,
        pinned: row.record.pinned,
        pin_reason: row.details.pin_reason.clone(),
        account,
        roles: row.record.security_roles.join(", "),
        source,
        signed_in: ago(row.last_sign_in_at, now),
        second_factor: second_factor_of(&state, &user, &row).await?,
        suppressed: link.is_some_and(|link| link.link.suppressed.is_some()),
        tabs,
        tab,
        acts,
        place,
    })
}

/// What administrators are told of a local user's second factor.
async fn second_factor_of(
    state: &AppState,
    user: &CurrentUser,
    row: &RecordRow,
) -> Result<Option<String>> {
    if !row.has_password || needs(user, Module::Admin, Right::Edit).is_err() {
        return Ok(None);
    }
    let found = second_factors::get(state.engine.db(), row.record.id).await?;
    let since = found.and_then(|found| found.confirmed_at);
    Ok(Some(since.map_or("off".to_owned(), |since| {
        format!("on since {}", at(since))
    })))
}

pub(crate) async fn employee(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RecordId>,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    detail(state, user, Kind::Employee, id, wanted).await
}

pub(crate) async fn contact(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RecordId>,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    detail(state, user, Kind::Contact, id, wanted).await
}

/// `/people/{id}`: wherever that person is shown.
pub(crate) async fn find(
    State(state): State<AppState>,
    _: CurrentUser,
    Id(id): Id<RecordId>,
) -> Result<Response> {
    let row = records::get(state.engine.db(), &[id]).await?.pop();
    let row = row.ok_or_else(|| Problem::not_found("person"))?;
    Ok(go(format!("{}/{id}", place(row.record.kind).base)))
}
