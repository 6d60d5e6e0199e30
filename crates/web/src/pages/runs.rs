//! Runs: the list, and one run with its progress, counts and errors.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use provisioning::action::ActionKind;
use provisioning::ids::RunId;
use provisioning::plan::Counts;
use serde::Deserialize;
use serde_json::Value;
use store::plans;
use store::rights::{Module, Right};
use store::runs::{self, RunFilter, RunRow, RunStatus};

use super::frame::{Fields, Frame, ago, at, go, needs, page, word};
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::extract::Id;

const PAGE: u32 = 50;

struct Run {
    id: String,
    status: String,
    mode: String,
    cause: String,
    actor: String,
    started: String,
    finished: String,
    counts: String,
    plan: Option<String>,
    requests: u64,
    resource_units: u64,
    hold: Option<String>,
    error: Option<String>,
    cure: Option<String>,
    progress: Vec<(String, String)>,
    is_running: bool,
    can_be_undone: bool,
    undo_of: Option<String>,
}

fn text(value: Option<&Value>, name: &str) -> Option<String> {
    value?.get(name)?.as_str().map(str::to_owned)
}

fn in_words(counts: &Counts) -> String {
    let some = ActionKind::ALL
        .into_iter()
        .filter(|kind| counts.of(*kind) > 0);
    let words: Vec<String> = some
        .map(|kind| format!("{} {}", counts.of(kind), kind.name()))
        .collect();
    if words.is_empty() {
        return "nothing to do".to_owned();
    }
    words.join(", ")
}

fn run(row: RunRow, now: jiff::Timestamp) -> Run {
    let progress = row.progress.as_object().into_iter().flatten();
    let progress = progress.filter(|(_, value)| value.is_number() || value.is_string());
    let progress = progress.map(|(name, value)| {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        (name.replace('_', " "), value)
    });
    Run {
        id: row.id.to_string(),
        is_running: matches!(
            row.status,
            RunStatus::Collecting | RunStatus::Planned | RunStatus::Applying
        ),
        can_be_undone: row.status == RunStatus::Done && row.counts.total() > 0,
        undo_of: row.undo_of.map(|id| id.to_string()),
        status: word(&row.status),
        mode: word(&row.mode),
        cause: row.cause.replace('_', " "),
        actor: row.actor.unwrap_or_default(),
        started: ago(Some(row.started_at), now),
        finished: row.finished_at.map(at).unwrap_or_default(),
        counts: in_words(&row.counts),
        plan: row.plan_id.map(|id| id.to_string()),
        requests: row.requests,
        resource_units: row.resource_units,
        hold: text(row.hold.as_ref(), "message"),
        error: text(row.error.as_ref(), "message"),
        cure: text(row.error.as_ref(), "cure"),
        progress: progress.collect(),
    }
}

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage {
    frame: Frame,
    runs: Vec<Run>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    frame: Frame,
    run: Run,
}

/// A field that was changed since, in words.
struct Conflict {
    name: String,
    field: &'static str,
    written: String,
    found: String,
}

#[derive(Template)]
#[template(path = "run_undo.html")]
struct UndoPage {
    frame: Frame,
    run: String,
    plan: String,
    counts: String,
    conflicts: u64,
    conflicting: Vec<Conflict>,
}

#[derive(Deserialize)]
pub(crate) struct After {
    after: Option<RunId>,
}

pub(crate) async fn list(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(query): Query<After>,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::View)?;
    let now = state.engine.now();
    let filter = RunFilter::default();
    let rows = runs::list(state.engine.db(), &filter, query.after, PAGE).await?;
    let is_full = rows.len() == PAGE as usize;
    let next = rows
        .last()
        .filter(|_| is_full)
        .map(|row| row.id.to_string());
    page(&RunsPage {
        frame: Frame::new("Runs", "runs", Some(&user)),
        runs: rows.into_iter().map(|row| run(row, now)).collect(),
        next,
    })
}

pub(crate) async fn show(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RunId>,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::View)?;
    let row = runs::get(state.engine.db(), id).await?;
    let row = row.ok_or_else(|| Problem::not_found("run"))?;
    page(&RunPage {
        frame: Frame::new("Run", "runs", Some(&user)),
        run: run(row, state.engine.now()),
    })
}

/// Shows what taking a run back would do; with the word of a person, does it.
pub(crate) async fn undo(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RunId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let is_sure = fields.text("sure").as_deref() == Some("yes");
    let undone = state.engine.undo_run(id, !is_sure, &user.actor()).await?;
    if let Some(run) = undone.run_id {
        return Ok(go(format!("/runs/{run}")));
    }
    let plan = plans::get(state.engine.db(), undone.plan_id).await?;
    let plan = plan.ok_or_else(|| Problem::not_found("plan"))?;
    let words = |value: &Option<provisioning::field::Value>| {
        let value = serde_json::to_value(value).unwrap_or_default();
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let conflicting = undone.conflicting.iter().map(|one| Conflict {
        name: one.name.clone(),
        field: one.field,
        written: words(&one.written),
        found: words(&one.found),
    });
    page(&UndoPage {
        frame: Frame::new("Undo a run", "runs", Some(&user)),
        run: id.to_string(),
        plan: undone.plan_id.to_string(),
        counts: in_words(&plan.counts),
        conflicts: undone.conflicts,
        conflicting: conflicting.collect(),
    })
}
