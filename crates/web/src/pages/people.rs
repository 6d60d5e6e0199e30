//! HR > Employees and CRM > Contacts: the lists, and one record with where
//! its values come from, why, and what happened to it.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use provisioning::field::FieldChange;
use provisioning::ids::RecordId;
use provisioning::psa::{Kind, Record, Status};
use serde::Deserialize;
use store::journal::{self, Entry};
use store::record_list::{self, Order, Position, RecordFilter};
use store::records;
use store::rights::{Module, Right};

use super::frame::{Choice, Fields, Frame, ago, at, go, needs, page, word};
use super::plan::{Changed, changed, shown};
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::extract::Id;

const PAGE: i64 = 50;
const TIMELINE: u32 = 100;

/// What to call a record.
pub(crate) fn full_name(record: &Record) -> String {
    let names = [record.first_name.as_deref(), record.last_name.as_deref()];
    let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let other = record.username.clone().or_else(|| record.email.clone());
    if name.is_empty() {
        other.unwrap_or_else(|| record.id.to_string())
    } else {
        name
    }
}

struct Line {
    id: String,
    name: String,
    username: String,
    email: String,
    job_title: String,
    status: &'static str,
    access: bool,
}

#[derive(Template)]
#[template(path = "people.html")]
struct ListPage {
    frame: Frame,
    base: &'static str,
    search: String,
    status: String,
    statuses: Vec<Choice>,
    rows: Vec<Line>,
    next: Option<String>,
    paged: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Wanted {
    search: String,
    status: String,
    after: Option<String>,
}

fn place(kind: Kind) -> (&'static str, &'static str, &'static str, Module) {
    match kind {
        Kind::Employee => ("/hr/employees", "Employees", "hr", Module::Hr),
        Kind::Contact => ("/crm/contacts", "Contacts", "crm", Module::Crm),
    }
}

async fn list(state: AppState, user: CurrentUser, kind: Kind, wanted: Wanted) -> Result<Response> {
    let (base, title, section, module) = place(kind);
    needs(&user, module, Right::View)?;
    let mut filter = RecordFilter::new(kind);
    let all = [Status::Active, Status::Inactive, Status::Archived];
    filter.status = all
        .into_iter()
        .find(|status| status.name() == wanted.status);
    filter.search = Some(wanted.search.trim().to_owned()).filter(|text| !text.is_empty());
    let order = Order::default();
    let after = wanted
        .after
        .as_deref()
        .map(|text| Position::parse(text, &filter, order));
    let after = after.transpose().map_err(|_| {
        Problem::invalid("after: this place in the list is not known")
            .cure("Start at the first page.")
    })?;
    let found = record_list::list(state.engine.db(), &filter, order, after.as_ref(), PAGE).await?;
    let next = found.cursor();
    let rows = found.items.into_iter().map(|row| Line {
        id: row.record.id.to_string(),
        name: full_name(&row.record),
        username: row.record.username.unwrap_or_default(),
        email: row.record.email.unwrap_or_default(),
        job_title: row.record.job_title.unwrap_or_default(),
        status: row.record.status.name(),
        access: row.record.access,
    });
    page(&ListPage {
        frame: Frame::new(title, section, Some(&user)),
        base,
        search: wanted.search,
        statuses: Choice::list(
            &[
                ("", "any"),
                ("active", "active"),
                ("inactive", "inactive"),
                ("archived", "archived"),
            ],
            &wanted.status,
        ),
        status: wanted.status,
        rows: rows.collect(),
        next,
        paged: after.is_some(),
    })
}

pub(crate) async fn employees(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    list(state, user, Kind::Employee, wanted).await
}

pub(crate) async fn contacts(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    list(state, user, Kind::Contact, wanted).await
}

struct Happened {
    at: String,
    who: String,
    what: String,
    reason: String,
    changes: Vec<Changed>,
    run: Option<String>,
}

struct Reason {
    winner: Option<String>,
    losers: Vec<String>,
    path: String,
    what_if: Vec<String>,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    frame: Frame,
    base: &'static str,
    back: &'static str,
    id: String,
    status: &'static str,
    access: bool,
    access_reason: Option<String>,
    is_root: bool,
    fields: Vec<(String, String, String)>,
    reason: Option<Reason>,
    may_resync: bool,
    timeline: Vec<Happened>,
}

fn happened(entry: Entry, id: RecordId) -> Happened {
    let Entry {
        entry, decision, ..
    } = entry;
    let body = entry.body.as_ref();
    let given = body.and_then(|body| body.get("changes").cloned());
    let given = given.and_then(|list| serde_json::from_value::<Vec<FieldChange>>(list).ok());
    let mut changes = given.map(|list| changed(&list)).unwrap_or_default();
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
    }
}

fn standing(one: &provisioning::why::Standing) -> String {
    match one.lost_by {
        Some(by) => format!("{} (Order {}): lost by {by}", one.name, one.order),
        None => format!("{} (Order {})", one.name, one.order),
    }
}

async fn detail(state: AppState, user: CurrentUser, kind: Kind, id: RecordId) -> Result<Response> {
    let (base, back, section, module) = place(kind);
    needs(&user, module, Right::View)?;
    let (db, now) = (state.engine.db(), state.engine.now());
    let row = records::get(db, &[id])
        .await?
        .into_iter()
        .find(|row| row.record.kind == kind);
    let record = row.ok_or_else(|| Problem::not_found(kind.name()))?.record;
    let why = match state.engine.why(id).await {
        Ok(why) => Some(why),
        Err(error) if error.class == engine::Class::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let fields = provisioning::field::Field::ALL
        .into_iter()
        .filter_map(|field| {
            let value = record.get(field)?;
            let origin = why.as_ref().and_then(|why| why.fields.get(field.name()));
            let from = origin.map_or_else(String::new, |origin| match origin.from {
                "directory" => format!("from Entra, {}", ago(origin.at, now)),
                "local" => "edited here, until the directory changes".to_owned(),
                other => other.to_owned(),
            });
            Some((field.name().replace('_', " "), shown(Some(&value)), from))
        });
    let fields = fields.collect();
    let may_resync = why.is_some() && needs(&user, Module::Admin, Right::Edit).is_ok();
    let entries = journal::by_record(db, id, None, TIMELINE).await?;
    page(&PersonPage {
        frame: Frame::new(&full_name(&record), section, Some(&user)),
        base,
        back,
        id: id.to_string(),
        status: record.status.name(),
        access: record.access,
        access_reason: record.access_reason.map(|code| code.replace('_', " ")),
        is_root: record.is_root,
        fields,
        reason: why.map(|why| Reason {
            winner: why.winner.as_ref().map(standing),
            losers: why.losers.iter().map(standing).collect(),
            path: why.group_path.join(" > "),
            what_if: why.what_if,
        }),
        may_resync,
        timeline: entries
            .into_iter()
            .map(|entry| happened(entry, id))
            .collect(),
    })
}

pub(crate) async fn employee(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RecordId>,
) -> Result<Response> {
    detail(state, user, Kind::Employee, id).await
}

pub(crate) async fn contact(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RecordId>,
) -> Result<Response> {
    detail(state, user, Kind::Contact, id).await
}

pub(crate) async fn resync(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RecordId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let reapply = fields.text("do").as_deref() == Some("reapply");
    let run = state.engine.resync(id, reapply, &user.actor()).await?;
    Ok(go(format!("/runs/{run}")))
}
