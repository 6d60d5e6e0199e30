//! One employee or contact: the values with where each comes from, why, what
//! happened, tickets and invoices; and what can be done to the record.

mod tabs;
mod timeline;
mod why;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use engine::Why;
use provisioning::field::Field;
use provisioning::ids::RecordId;
use provisioning::psa::{Kind, Status};
use serde::Deserialize;
use store::links::LinkRow;
use store::records::RecordRow;
use store::rights::{Module, Right};
use store::{connections, links, records, second_factors};

use self::tabs::{Tab, tab, tabs};
use self::why::{reason, undecided};
use super::frame::{Frame, ago, at, go, needs, page};
use super::people::{Where, account_names, full_name, place};
use super::words::{Names, label, no_access};
use crate::AppState;
use crate::api::people::found;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::extract::Id;

/// A field, its value, and where that is from.
pub(super) struct Value {
    field: Field,
    pub(super) label: &'static str,
    pub(super) value: String,
    from: String,
    /// When it was written, if the directory or a rule gave it.
    since: Option<String>,
    /// What the directory calls it.
    property: Option<&'static str>,
    is_from_directory: bool,
    pub(super) is_local: bool,
}

/// What can be done from here.
#[derive(Default)]
struct Acts {
    edit: bool,
    resync: bool,
    reapply: bool,
    password: bool,
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
    notice: Option<&'static str>,
    status: &'static str,
    access: bool,
    no_access: Option<String>,
    is_root: bool,
    pinned: bool,
    pin_reason: Option<String>,
    account: Option<(String, String)>,
    roles: String,
    source: Option<String>,
    signed_in: String,
    password: Option<&'static str>,
    second_factor: Option<String>,
    suppressed: bool,
    new_ticket: bool,
    new_invoice: bool,
    tabs: Vec<(&'static str, &'static str, bool)>,
    tab: Tab,
    acts: Acts,
}

/// The names of those whom a record's fields refer to.
pub(super) async fn names_of(state: &AppState, row: &RecordRow) -> Result<Names> {
    let fields = [Field::Manager, Field::Account];
    let values: Vec<_> = fields
        .into_iter()
        .filter_map(|field| Some((field, row.record.get(field)?)))
        .collect();
    let values = values.iter().map(|(field, value)| (*field, value));
    Names::of(state.engine.db(), values).await
}

/// The profile's fields; the page says the others elsewhere.
pub(super) fn profile(
    row: &RecordRow,
    names: &Names,
    why: Option<&Why>,
    now: jiff::Timestamp,
) -> Vec<Value> {
    let elsewhere = [
        Field::Status,
        Field::Access,
        Field::AccessReason,
        Field::DeactivatedBySync,
        Field::Account,
    ];
    lines(row, names, why, now, &elsewhere)
}

/// The fields that have a value, but for some.
fn lines(
    row: &RecordRow,
    names: &Names,
    why: Option<&Why>,
    now: jiff::Timestamp,
    without: &[Field],
) -> Vec<Value> {
    let record = &row.record;
    let fields = Field::ALL
        .into_iter()
        .filter(|field| !without.contains(field));
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
        let is = |from: &str| origin.is_some_and(|origin| origin.from == from);
        Some(Value {
            field,
            label: label(field, record.kind),
            value: names.show(field, &value),
            from,
            since: origin.and_then(|origin| origin.at).map(at),
            property: None,
            is_from_directory: is("directory"),
            is_local: is("local"),
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

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Wanted {
    tab: String,
    after: Option<i64>,
    done: String,
}

fn acts(user: &CurrentUser, at: &Where, row: &RecordRow, is_linked: bool, local: bool) -> Acts {
    let record = &row.record;
    let is_linked = is_linked && record.status != Status::Archived;
    let edits = needs(user, at.module, Right::Edit).is_ok();
    let syncs = is_linked && needs(user, Module::Admin, Right::Edit).is_ok();
    let is = |status| record.status == status;
    Acts {
        edit: edits && !is(Status::Archived),
        resync: syncs,
        reapply: syncs && local,
        password: sets_password(user, row, is_linked),
        pin: edits && is_linked && !record.pinned,
        unpin: edits && record.pinned,
        deactivate: edits && is(Status::Active) && !record.is_root,
        activate: edits && is(Status::Inactive),
        restore: edits && is(Status::Archived),
    }
}

/// A record's link, and whether a connection follows the person by it still.
pub(super) async fn link_of(state: &AppState, id: RecordId) -> Result<(Option<LinkRow>, bool)> {
    let db = state.engine.db();
    let link = links::by_records(db, &[id]).await?.into_iter().next();
    let connected = match &link {
        Some(link) => connections::get(db, link.connection_id).await?,
        None => None,
    };
    Ok((link, connected.is_some()))
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
    let (link, is_followed) = link_of(&state, id).await?;
    let names = names_of(&state, &row).await?;
    let lines = profile(&row, &names, why.as_ref(), now);
    let has_local = lines.iter().any(|line| line.is_local);
    let is_suppressed = link
        .as_ref()
        .is_some_and(|link| link.link.suppressed.is_some());
    let tab = match (wanted.tab.as_str(), why) {
        ("why", Some(why)) => Tab::Why(reason(&user, &row, &names, why, is_suppressed, now)),
        ("why", None) => Tab::Undecided(undecided(&row, link.as_ref(), is_followed)),
        (other, _) => tab(&state, &user, &row, other, wanted.after, lines).await?,
    };
    let tabs = tabs(&user, kind, &tab);
    let accounts = account_names(db, row.record.account_id.into_iter().collect()).await?;
    let account = row.record.account_id.map(|id| {
        (
            id.to_string(),
            accounts.get(&id).cloned().unwrap_or_else(|| id.to_string()),
        )
    });
    let source = link.as_ref().map(|link| ago(link.last_applied_at, now));
    let acts = acts(&user, &place, &row, is_followed, has_local);
    let is_client = kind == Kind::Contact && row.record.status != Status::Archived;
    let invoices = needs(&user, Module::Finance, Right::Create).is_ok();
    page(&PersonPage {
        frame: Frame::new(&full_name(&row.record), place.section, Some(&user)),
        id: id.to_string(),
        notice: notice(&wanted.done),
        status: row.record.status.name(),
        access: row.record.access,
        no_access: row.record.access_reason.as_deref().map(no_access),
        is_root: row.record.is_root,
        pinned: row.record.pinned,
        pin_reason: row.details.pin_reason.clone(),
        account,
        roles: row.record.security_roles.join(", "),
        source,
        signed_in: ago(row.last_sign_in_at, now),
        password: password_of(&user, &row, is_followed),
        second_factor: second_factor_of(&state, &user, &row).await?,
        suppressed: is_suppressed,
        new_ticket: is_client && user.rights.allows(Module::ServiceDesk, Right::Create),
        new_invoice: is_client && invoices && row.record.account_id.is_some(),
        tabs,
        tab,
        acts,
        place,
    })
}

/// What is said of an act that was just done.
fn notice(done: &str) -> Option<&'static str> {
    match done {
        "password" => Some("The password is set. Every session they had has ended."),
        _ => None,
    }
}

/// Whether somebody may give this person a password: an administrator, to whom
/// the directory does not sign in.
pub(super) fn sets_password(user: &CurrentUser, row: &RecordRow, is_linked: bool) -> bool {
    let is_local = !is_linked || row.has_password;
    let has_name = row.record.username.is_some() && row.record.status != Status::Archived;
    is_local && has_name && needs(user, Module::Admin, Right::Edit).is_ok()
}

/// What those who edit the person are told of a local user's password.
fn password_of(user: &CurrentUser, row: &RecordRow, is_linked: bool) -> Option<&'static str> {
    let module = place(row.record.kind).module;
    if is_linked && !row.has_password || needs(user, module, Right::Edit).is_err() {
        return None;
    }
    Some(match (row.has_password, row.record.access) {
        (true, _) => "set",
        (false, true) => "none yet: nobody can sign in",
        (false, false) => "none",
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
