//! Runs: the list, and one run with its progress, counts and errors.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use provisioning::action::ActionKind;
use provisioning::ids::{ConnectionId, RunId};
use provisioning::plan::Counts;
use serde::Deserialize;
use serde_json::Value;
use store::rights::{Module, Right};
use store::runs::{self, RunFilter, RunMode, RunRow, RunStatus};
use store::{connections, plans};

use super::frame::{Choice, Frame, needs, page, query, word};
use super::moment::{Timed, when};
use super::plan::in_a_word;
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::extract::Id;

const PAGE: u32 = 50;

struct Run {
    id: String,
    of: String,
    status: String,
    state: &'static str,
    mode: &'static str,
    cause: String,
    actor: String,
    started: Timed,
    finished: Option<Timed>,
    did: String,
    counts: Vec<Count>,
    plan: Option<String>,
    requests: u64,
    resource_units: u64,
    hold: Option<String>,
    error: Option<String>,
    cure: Option<String>,
    progress: Option<Progress>,
    is_running: bool,
    can_be_undone: bool,
    /// The newer run that stands in its place.
    replaced_by: Option<String>,
    undo_of: Option<String>,
}

/// Actions of a kind, and where a plan lists them.
struct Count {
    words: String,
    kind: &'static str,
    is_loss: bool,
}

/// How far a run is.
struct Progress {
    words: String,
    /// Done, of how many; not while it is not known how many there are.
    bar: Option<(u64, u64)>,
}

fn text(value: Option<&Value>, name: &str) -> Option<String> {
    value?.get(name)?.as_str().map(str::to_owned)
}

pub(crate) fn in_words(counts: &Counts) -> String {
    let some = ActionKind::ALL
        .into_iter()
        .filter(|kind| counts.of(*kind) > 0);
    let words: Vec<String> = some
        .map(|kind| format!("{} {}", counts.of(kind), in_a_word(kind)))
        .collect();
    if words.is_empty() {
        return "nothing to do".to_owned();
    }
    words.join(", ")
}

fn each(counts: &Counts) -> Vec<Count> {
    let some = ActionKind::ALL
        .into_iter()
        .filter(|kind| counts.of(*kind) > 0);
    some.map(|kind| Count {
        words: format!("{} {}", counts.of(kind), in_a_word(kind)),
        kind: kind.name(),
        is_loss: kind.is_loss(),
    })
    .collect()
}

/// What a run reads.
fn reads(mode: RunMode) -> &'static str {
    match mode {
        RunMode::Delta => "what changed",
        RunMode::Full => "everybody",
    }
}

/// Why there is a run.
fn cause(word: &str) -> String {
    let words = match word {
        "change" => "the directory changed",
        "sync" => "a sync was asked for",
        "rule" => "rules or defaults were saved",
        "resync" => "Resync of one person",
        "reapply" => "Re-apply to one person",
        "review" => "an answer in the review queue",
        "removal" => "the connection is removed",
        "undo" => "a run is taken back",
        other => return other.replace('_', " "),
    };
    words.to_owned()
}

/// The status for people.
pub(crate) fn state_of(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Collecting => "reading",
        RunStatus::Planned => "planning",
        RunStatus::Held => "waits for approval",
        RunStatus::Applying => "applying",
        RunStatus::Done => "done",
        RunStatus::Failed => "failed",
        RunStatus::Rejected => "rejected",
        RunStatus::Undone => "undone",
    }
}

fn is_running(status: RunStatus) -> bool {
    let (reads, plans, applies) = (
        RunStatus::Collecting,
        RunStatus::Planned,
        RunStatus::Applying,
    );
    [reads, plans, applies].contains(&status)
}

fn run(row: RunRow, of: String, now: jiff::Timestamp) -> Run {
    // Nobody said no to it.
    let is_replaced = text(row.hold.as_ref(), "code").as_deref() == Some("superseded");
    Run {
        id: row.id.to_string(),
        of,
        is_running: is_running(row.status),
        can_be_undone: row.status == RunStatus::Done && row.counts.total() > 0,
        undo_of: row.undo_of.map(|id| id.to_string()),
        status: match is_replaced {
            true => "replaced".to_owned(),
            false => word(&row.status),
        },
        state: match is_replaced {
            true => "replaced",
            false => state_of(row.status),
        },
        mode: reads(row.mode),
        cause: cause(&row.cause),
        actor: row.actor.unwrap_or_default(),
        started: when(row.started_at, now),
        finished: row.finished_at.map(|at| when(at, now)),
        counts: each(&row.counts),
        did: match row.status {
            RunStatus::Rejected => "nothing".to_owned(),
            RunStatus::Held => format!("would do: {}", in_words(&row.counts)),
            _ if is_running(row.status) => String::new(),
            _ => in_words(&row.counts),
        },
        plan: row.plan_id.map(|id| id.to_string()),
        requests: row.requests,
        resource_units: row.resource_units,
        hold: text(row.hold.as_ref(), "message").filter(|_| row.status == RunStatus::Held),
        error: text(row.error.as_ref(), "message"),
        replaced_by: text(row.hold.as_ref(), "run_id").filter(|_| is_replaced),
        cure: text(row.error.as_ref(), "cure"),
        progress: None,
    }
}

/// What a run is a run of: its tenant, among those there are.
fn tenant(all: &[(ConnectionId, String)], row: &RunRow) -> String {
    let Some(id) = row.connection_id else {
        return "every tenant".to_owned();
    };
    let found = all.iter().find(|(known, _)| *known == id);
    let name = found.map_or("a tenant that was removed", |(_, name)| name);
    name.to_owned()
}

/// Counts, rate, and time left.
async fn progress(state: &AppState, row: &RunRow) -> Result<Progress> {
    let plan = match row.plan_id {
        Some(id) => plans::get(state.engine.db(), id).await?,
        None => None,
    };
    let number = |name: &str| row.progress.get(name).and_then(Value::as_u64);
    let (done, all, began) = match (row.status, &plan) {
        (RunStatus::Applying, Some(plan)) => {
            let began = plan.decided_at.unwrap_or(plan.created_at);
            let all = Some(plan.people).filter(|all| *all > 0);
            (number("applied").unwrap_or(0), all, began)
        }
        _ => {
            let done = number("planned").or(number("people")).unwrap_or(0);
            (done, None, row.started_at)
        }
    };
    let seconds = state.engine.now().duration_since(began).as_secs_f64();
    Ok(Progress {
        words: pace(done, all, seconds),
        bar: all.map(|all| (done.min(all), all)),
    })
}

#[allow(clippy::cast_precision_loss)] // people, for people to read
fn pace(done: u64, all: Option<u64>, seconds: f64) -> String {
    if all.is_none() && done == 0 {
        return String::new();
    }
    let of = all.map(|all| format!(" of {all}")).unwrap_or_default();
    let words = format!("{done}{of} people");
    if done == 0 || seconds < 1.0 {
        return words;
    }
    let rate = done as f64 / seconds;
    let left = all.map(|all| all.saturating_sub(done) as f64 / rate);
    let left = left.map(|left| format!(", about {left:.0} seconds left"));
    format!("{words}, {rate:.0} a second{}", left.unwrap_or_default())
}

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage {
    frame: Frame,
    statuses: Vec<Choice>,
    tenants: Vec<Choice>,
    is_filtered: bool,
    runs: Vec<Run>,
    first: bool,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    frame: Frame,
    run: Run,
}

const STATUSES: [RunStatus; 8] = [
    RunStatus::Collecting,
    RunStatus::Planned,
    RunStatus::Held,
    RunStatus::Applying,
    RunStatus::Done,
    RunStatus::Failed,
    RunStatus::Rejected,
    RunStatus::Undone,
];

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Wanted {
    status: String,
    tenant: String,
    after: Option<RunId>,
}

impl Wanted {
    fn filter(&self) -> Result<RunFilter> {
        let connection: Option<ConnectionId> = match self.tenant.as_str() {
            "" => None,
            id => Some(id.parse().map_err(|_| {
                Problem::invalid("tenant: not the id of a connection")
                    .cure("Choose the tenant from the list.")
            })?),
        };
        Ok(RunFilter {
            connection_id: connection,
            status: STATUSES
                .into_iter()
                .find(|status| word(status) == self.status),
        })
    }
}

/// The tenants there are, to choose from.
fn tenants(all: Vec<(ConnectionId, String)>, chosen: &str) -> Vec<Choice> {
    let one = |(id, label): (ConnectionId, String)| {
        let value = id.to_string();
        Choice {
            chosen: value == chosen,
            value,
            label,
        }
    };
    let any = Choice {
        value: String::new(),
        label: "any".to_owned(),
        chosen: chosen.is_empty(),
    };
    std::iter::once(any)
        .chain(all.into_iter().map(one))
        .collect()
}

fn statuses(chosen: &str) -> Vec<Choice> {
    let names = STATUSES.map(|status| (word(&status), state_of(status)));
    let all = names.iter().map(|(name, label)| (name.as_str(), *label));
    let all: Vec<_> = std::iter::once(("", "any")).chain(all).collect();
    Choice::list(&all, chosen)
}

pub(crate) async fn list(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::View)?;
    let now = state.engine.now();
    let filter = wanted.filter()?;
    let rows = runs::list(state.engine.db(), &filter, wanted.after, PAGE).await?;
    let is_full = rows.len() == PAGE as usize;
    let last = rows.last().filter(|_| is_full);
    let next = last.map(|row| {
        let after = row.id.to_string();
        query(&[
            ("status", &wanted.status),
            ("tenant", &wanted.tenant),
            ("after", &after),
        ])
    });
    let all = connections::names(state.engine.db()).await?;
    let shown = rows.into_iter().map(|row| {
        let of = tenant(&all, &row);
        run(row, of, now)
    });
    let shown = shown.collect();
    page(&RunsPage {
        frame: Frame::new("Runs", "runs", Some(&user)),
        statuses: statuses(&wanted.status),
        tenants: tenants(all, &wanted.tenant),
        is_filtered: filter.status.is_some() || filter.connection_id.is_some(),
        runs: shown,
        first: wanted.after.is_some(),
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
    let of = match row.connection_id {
        Some(id) => connections::get(state.engine.db(), id).await?,
        None => None,
    };
    let of = of.map(|of| (of.id, of.name().to_owned()));
    let of = tenant(of.as_slice(), &row);
    let progress = match is_running(row.status) {
        true => Some(progress(&state, &row).await?),
        false => None,
    };
    page(&RunPage {
        frame: Frame::new(&format!("Run of {of}"), "runs", Some(&user)),
        run: Run {
            progress,
            ..run(row, of, state.engine.now())
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_has_counts_then_rate_and_time_left() {
        let table = [
            ((0, None, 5.0), ""),
            ((0, Some(9), 5.0), "0 of 9 people"),
            ((40, None, 0.5), "40 people"),
            ((40, None, 4.0), "40 people, 10 a second"),
            (
                (40, Some(60), 4.0),
                "40 of 60 people, 10 a second, about 2 seconds left",
            ),
        ];
        for ((done, all, seconds), expected) in table {
            assert_eq!(pace(done, all, seconds), expected);
        }
    }
}
