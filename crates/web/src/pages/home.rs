//! Home: a card for each connection, and what waits for a person.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use engine::ProvisioningMode;
use jiff::Timestamp;
use provisioning::ids::ConnectionId;
use provisioning::psa::Kind;
use serde::Deserialize;
use store::overview::{self, Overview};
use store::plans::{self, PlanFilter, PlanStatus};
use store::review_items;
use store::rights::{Module, Right};
use store::runs::{self, RunFilter, RunStatus};
use store::tickets::{self, Assignee, TicketFilter, TicketStatus};

use super::chart::{self, Changes, Row, Span};
use super::frame::{Frame, go, needs, page, word};
use super::moment::{Timed, maybe, when};
use super::runs::state_of;
use super::sought::{Found, Listed, Sought};
use super::tickets::{Slip, linked_slips};
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::Result;

/// How many of their tickets somebody sees here.
const WORK: i64 = 20;

/// Runs read at a time for the chart of changes, and at most.
const RUNS: u32 = 500;
const MOST_RUNS: u32 = 10_000;

/// A connection as cards and tables show it.
pub(crate) struct Card {
    pub(crate) id: ConnectionId,
    pub(crate) name: String,
    pub(crate) tenant: String,
    pub(crate) application: String,
    pub(crate) state: String,
    pub(crate) state_words: String,
    pub(crate) reason: Option<String>,
    pub(crate) cure: Option<String>,
    pub(crate) as_of: Timed,
    pub(crate) last_run: Option<(String, Timed)>,
    pub(crate) people: u64,
    pub(crate) secret_ends: Option<Timed>,
    /// When Microsoft stops telling, unless it is asked again before.
    pub(crate) subscription_ends: Option<Timed>,
    /// The plan that waits for a person.
    pub(crate) held: Option<String>,
    /// Questions that wait for a person.
    pub(crate) reviews: u64,
    pub(crate) is_paused: bool,
    /// It is connected, and no rule takes anybody of it.
    pub(crate) needs_rule: bool,
    /// How late the latest change was, in milliseconds: by Microsoft, and by us.
    delay: Option<(u64, u64)>,
    domain: Option<String>,
}

impl Listed for Card {
    fn names(&self) -> [&str; 3] {
        let domain = self.domain.as_deref().unwrap_or_default();
        [&self.name, &self.tenant, domain]
    }
}

impl Card {
    /// Whether somebody has to do something about it.
    fn needs_somebody(&self) -> bool {
        let is_asked = self.held.is_some() || self.reviews > 0 || self.needs_rule;
        is_asked || !matches!(self.state.as_str(), "connected" | "paused")
    }
}

/// What cards say of connections.
pub(crate) async fn cards(
    state: &AppState,
    all: Vec<Overview>,
    now: Timestamp,
) -> Result<Vec<Card>> {
    let ids: Vec<ConnectionId> = all.iter().map(|one| one.connection.id).collect();
    let people = state.shared.people.of(state.engine.db(), &ids, now).await?;
    let one = |of: Overview| {
        let people = people.get(&of.connection.id).copied().unwrap_or(0);
        let as_of = state.engine.as_of(&of.connection);
        card(of, people, as_of, now)
    };
    Ok(all.into_iter().map(one).collect())
}

fn card(of: Overview, people: u64, as_of: Option<Timestamp>, now: Timestamp) -> Card {
    let part = |value: Option<i64>| u64::try_from(value?).ok();
    let connection = of.connection;
    let progress = &connection.progress;
    let status = word(&connection.health.status);
    Card {
        id: connection.id,
        name: connection.name().to_owned(),
        tenant: connection
            .tenant_id
            .map_or(connection.configuration.tenant_input, |id| id.to_string()),
        application: connection.configuration.application_id,
        state_words: match status.as_str() {
            "held" => "waits for approval".to_owned(),
            _ => status.replace('_', " "),
        },
        needs_rule: status == "connected" && !of.has_rules,
        is_paused: status == "paused",
        state: status,
        reason: connection.health.reason,
        cure: connection.health.cure,
        as_of: maybe(as_of, now),
        last_run: of.last_run.map(|run| {
            let words = format!("{}, ", state_of(run.status));
            (run.id.to_string(), when(run.started_at, now).after(&words))
        }),
        people,
        secret_ends: connection
            .configuration
            .secret_expires_at
            .map(|at| when(at, now)),
        subscription_ends: of.subscription_ends.map(|at| when(at, now)),
        held: of.held.map(|plan| plan.to_string()),
        reviews: of.reviews,
        delay: part(progress.delay_microsoft_ms).zip(part(progress.delay_ours_ms)),
        domain: connection.tenant_domain,
    }
}

/// A plan that waits.
struct Held {
    plan: String,
    tenant: String,
    why: String,
    people: u64,
    made: Timed,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    tenants: Found<Card>,
    held: Vec<Held>,
    is_local_only: bool,
    reviews: u64,
    is_technician: bool,
    tickets: Vec<Slip>,
    charts: Option<Charts>,
}

/// The charts, once a connection has people.
struct Charts {
    changes: Changes,
    /// There were more runs than are counted.
    is_cut: bool,
    people: Vec<Row>,
    delays: Vec<Row>,
}

/// What the charts are drawn from that the cards do not say.
struct Measured {
    name: String,
    people: u64,
    delay: Option<(u64, u64)>,
}

async fn charts(
    state: &AppState,
    measured: Vec<Measured>,
    now: Timestamp,
    span: Span,
) -> Result<Charts> {
    let (db, since) = (state.engine.db(), chart::since(now, span));
    let mut done = Vec::new();
    let (mut after, mut is_cut) = (None, true);
    for _ in 0..MOST_RUNS / RUNS {
        let rows = runs::list(db, &RunFilter::default(), after, RUNS).await?;
        let is_last =
            rows.len() < RUNS as usize || rows.last().is_some_and(|row| row.started_at < since);
        after = rows.last().map(|row| row.id);
        let ended = rows
            .into_iter()
            .filter(|row| matches!(row.status, RunStatus::Done | RunStatus::Undone));
        done.extend(ended.filter_map(|row| Some((row.finished_at?, row.counts))));
        if is_last {
            is_cut = false;
            break;
        }
    }
    let people = measured.iter().map(|one| (one.name.clone(), one.people));
    let delays = measured.iter().filter_map(|one| {
        let (theirs, ours) = one.delay?;
        Some((one.name.clone(), theirs, ours))
    });
    Ok(Charts {
        changes: chart::changes(&done, now, span),
        is_cut,
        people: chart::people(people.collect()),
        delays: chart::delays(delays.collect()),
    })
}

/// The open tickets that somebody works on.
async fn work_of(state: &AppState, user: &CurrentUser) -> Result<Vec<Slip>> {
    let filter = TicketFilter {
        status: Some(TicketStatus::Open),
        assignee: Some(Assignee::Employee(user.record.record.id)),
        ..TicketFilter::default()
    };
    let found = tickets::list(state.engine.db(), &filter, None, WORK).await?;
    linked_slips(state, user, found.items).await
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Wanted {
    chart: String,
}

/// How many cards are on a page.
const CARDS: usize = 24;

impl Wanted {
    fn span(&self) -> Span {
        match self.chart.as_str() {
            "days" => Span::Days,
            _ => Span::Hours,
        }
    }
}

pub(crate) async fn show(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(wanted): Query<Wanted>,
    Query(sought): Query<Sought>,
) -> Result<Response> {
    if user.record.record.kind == Kind::Contact {
        return Ok(go("/portal"));
    }
    let frame = Frame::new("Home", "home", Some(&user));
    let (db, now) = (state.engine.db(), state.engine.now());
    let mut shown = HomePage {
        frame,
        tenants: Sought::default().among(Vec::new(), CARDS),
        held: Vec::new(),
        is_local_only: false,
        reviews: 0,
        is_technician: user.rights.allows(Module::ServiceDesk, Right::View),
        tickets: Vec::new(),
        charts: None,
    };
    if shown.is_technician {
        shown.tickets = work_of(&state, &user).await?;
    }
    if needs(&user, Module::Admin, Right::View).is_err() {
        return page(&shown);
    }
    shown.is_local_only = state.engine.provisioning_mode().await? == ProvisioningMode::LocalOnly;
    let mut all = cards(&state, overview::all(db).await?, now).await?;
    let cards = all.iter();
    let tenants: HashMap<ConnectionId, String> = cards
        .clone()
        .map(|card| (card.id, card.name.clone()))
        .collect();
    let measured: Vec<Measured> = cards
        .map(|card| Measured {
            name: card.name.clone(),
            people: card.people,
            delay: card.delay,
        })
        .collect();
    all.sort_by_key(|card| !card.needs_somebody());
    shown.tenants = sought.among(all, CARDS);
    if measured.iter().any(|one| one.people > 0) {
        shown.charts = Some(charts(&state, measured, now, wanted.span()).await?);
    }
    let filter = PlanFilter {
        status: Some(PlanStatus::Held),
        ..PlanFilter::default()
    };
    for plan in plans::list(db, &filter, None, 20).await? {
        let why = plan
            .hold
            .as_ref()
            .and_then(|hold| hold.get("message")?.as_str());
        let why = why.unwrap_or("It waits for approval.").to_owned();
        let made = when(plan.created_at, now);
        let tenant = plan.connection_id.and_then(|id| tenants.get(&id).cloned());
        shown.held.push(Held {
            plan: plan.id.to_string(),
            tenant: tenant.unwrap_or_default(),
            why,
            people: plan.people,
            made,
        });
    }
    shown.reviews = review_items::count_open(db, None).await?;
    page(&shown)
}
