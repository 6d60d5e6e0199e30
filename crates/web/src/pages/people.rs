//! HR > Employees and CRM > Contacts: the lists.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use provisioning::ids::AccountId;
use provisioning::psa::{Kind, Record, Status};
use serde::Deserialize;
use store::record_list::{self, Order, Position, RecordFilter, Sort};
use store::records::RecordRow;
use store::rights::{Module, Right};
use store::{Db, accounts};

use super::frame::{Choice, Frame, needs, page, query};
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};

const PAGE: i64 = 50;

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

/// Where people of a kind are shown.
pub(crate) struct Where {
    pub(crate) base: &'static str,
    pub(crate) title: &'static str,
    pub(crate) one: &'static str,
    pub(crate) section: &'static str,
    pub(crate) module: Module,
}

/// Where people of a kind are shown.
pub(crate) fn place(kind: Kind) -> Where {
    match kind {
        Kind::Employee => Where {
            base: "/hr/employees",
            title: "Employees",
            one: "employee",
            section: "hr",
            module: Module::Hr,
        },
        Kind::Contact => Where {
            base: "/crm/contacts",
            title: "Contacts",
            one: "contact",
            section: "crm",
            module: Module::Crm,
        },
    }
}

/// The names of accounts.
pub(crate) async fn account_names(
    db: &Db,
    mut ids: Vec<AccountId>,
) -> Result<HashMap<AccountId, String>> {
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = accounts::get(db, &ids).await?.into_iter();
    Ok(found.map(|account| (account.id, account.name)).collect())
}

struct Line {
    id: String,
    name: String,
    username: String,
    email: String,
    job_title: String,
    account: Option<(String, String)>,
    status: &'static str,
    access: bool,
    pinned: bool,
}

/// The head of a column by which the list can be sorted.
struct Heading {
    label: &'static str,
    href: String,
    sorted: &'static str,
}

#[derive(Template)]
#[template(path = "people.html")]
struct ListPage {
    frame: Frame,
    base: &'static str,
    one: &'static str,
    is_contacts: bool,
    may_create: bool,
    search: String,
    sort: String,
    statuses: Vec<Choice>,
    accesses: Vec<Choice>,
    account: Option<(String, String)>,
    is_filtered: bool,
    headings: Vec<Heading>,
    rows: Vec<Line>,
    first: Option<String>,
    next: Option<String>,
    csv: String,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
pub(crate) struct Wanted {
    search: String,
    status: String,
    access: String,
    account_id: String,
    sort: String,
    after: String,
}

impl Wanted {
    /// The list again, with another order or from another place.
    fn again(&self, sort: &str, after: &str) -> String {
        query(&[
            ("search", &self.search),
            ("status", &self.status),
            ("access", &self.access),
            ("account_id", &self.account_id),
            ("sort", sort),
            ("after", after),
        ])
    }

    fn filter(&self, kind: Kind) -> Result<RecordFilter> {
        let mut filter = RecordFilter::new(kind);
        let all = [Status::Active, Status::Inactive, Status::Archived];
        filter.status = all.into_iter().find(|status| status.name() == self.status);
        filter.access = match self.access.as_str() {
            "granted" => Some(true),
            "none" => Some(false),
            _ => None,
        };
        if !self.account_id.is_empty() {
            let id = self.account_id.parse();
            let id = id.map_err(|_| Problem::invalid("account_id: not the id of an account"))?;
            filter.account_id = Some(id);
        }
        filter.search = Some(self.search.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(filter)
    }

    fn order(&self) -> Order {
        let (name, descending) = match self.sort.strip_prefix('-') {
            Some(name) => (name, true),
            None => (self.sort.as_str(), false),
        };
        let sort = match name {
            "username" => Sort::Username,
            "email" => Sort::Email,
            "created_at" => Sort::Created,
            _ => Sort::Name,
        };
        Order { sort, descending }
    }

    fn headings(&self) -> Vec<Heading> {
        let order = self.order();
        let all = [
            ("Name", "name", Sort::Name),
            ("Username", "username", Sort::Username),
            ("Email", "email", Sort::Email),
        ];
        all.into_iter()
            .map(|(label, name, sort)| {
                let is_this = order.sort == sort;
                let turned = is_this && !order.descending;
                let to = if turned {
                    format!("-{name}")
                } else {
                    name.to_owned()
                };
                Heading {
                    label,
                    href: self.again(&to, ""),
                    sorted: match (is_this, order.descending) {
                        (true, false) => "ascending",
                        (true, true) => "descending",
                        (false, _) => "",
                    },
                }
            })
            .collect()
    }
}

async fn list(state: AppState, user: CurrentUser, kind: Kind, wanted: Wanted) -> Result<Response> {
    let at = place(kind);
    needs(&user, at.module, Right::View)?;
    let db = state.engine.db();
    let (filter, order) = (wanted.filter(kind)?, wanted.order());
    let after = Some(wanted.after.as_str()).filter(|text| !text.is_empty());
    let after = after.map(|text| Position::parse(text, &filter, order));
    let after = after.transpose().map_err(|_| {
        Problem::invalid("after: this place in the list is not known")
            .cure("Start at the first page.")
    })?;
    let found = record_list::list(db, &filter, order, after.as_ref(), PAGE).await?;
    let next = found.cursor();
    let ids = found.items.iter().filter_map(|row| row.record.account_id);
    let names = account_names(db, ids.chain(filter.account_id).collect()).await?;
    let named = |id: AccountId| {
        let name = names.get(&id).cloned();
        (id.to_string(), name.unwrap_or_else(|| id.to_string()))
    };
    let line = |row: RecordRow| Line {
        id: row.record.id.to_string(),
        name: full_name(&row.record),
        username: row.record.username.unwrap_or_default(),
        email: row.record.email.unwrap_or_default(),
        job_title: row.record.job_title.unwrap_or_default(),
        account: row.record.account_id.map(named),
        status: row.record.status.name(),
        access: row.record.access,
        pinned: row.record.pinned,
    };
    let rows = found.items.into_iter().map(line).collect();
    page(&ListPage {
        frame: Frame::new(at.title, at.section, Some(&user)),
        base: at.base,
        one: at.one,
        is_contacts: kind == Kind::Contact,
        may_create: needs(&user, at.module, Right::Create).is_ok(),
        statuses: Choice::list(
            &[
                ("", "any"),
                ("active", "active"),
                ("inactive", "inactive"),
                ("archived", "archived"),
            ],
            &wanted.status,
        ),
        accesses: Choice::list(
            &[("", "any"), ("granted", "yes"), ("none", "no")],
            &wanted.access,
        ),
        account: filter.account_id.map(named),
        is_filtered: filter.search.is_some()
            || filter.status.is_some()
            || filter.access.is_some()
            || after.is_some(),
        // A search has its own order.
        headings: if filter.search.is_none() {
            wanted.headings()
        } else {
            Vec::new()
        },
        rows,
        first: after.is_some().then(|| wanted.again(&wanted.sort, "")),
        next: next.map(|next| wanted.again(&wanted.sort, &next)),
        csv: format!(
            "/api/v1{}/export{}",
            at.base.trim_start_matches("/hr").trim_start_matches("/crm"),
            wanted.again(&wanted.sort, "")
        ),
        search: wanted.search,
        sort: wanted.sort,
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
