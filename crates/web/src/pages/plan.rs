//! A plan: how many, who, field by field, why; Approve and Reject, and for a
//! change that was only looked at, Save.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use engine::Change;
use provisioning::action::ActionKind;
use provisioning::ids::PlanId;
use serde::Deserialize;
use store::connections;
use store::decisions::{self, DecisionFilter, DecisionRow};
use store::plans::{self, PlanStatus};
use store::rights::{Module, Right};

use super::frame::{Fields, Frame, ago, go, needs, page, sentence, word};
use super::words::{Names, Told, told, values};
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::extract::Id;

/// Where changes begin.
const PROVISION: &str = "/admin/my-company/auth-provision";
/// Other tenants that one change names.
const ELSEWHERE: usize = 100;
/// People on one page.
const PEOPLE: u32 = 100;

struct Act {
    kind: &'static str,
    record: &'static str,
    is_loss: bool,
    loses_roles: bool,
    /// Every field was blank before: what is new is enough to know.
    is_new: bool,
    told: Told,
    reason: String,
}

struct Person {
    seq: i64,
    name: String,
    email: String,
    state: Option<String>,
    acts: Vec<Act>,
}

struct Count {
    kind: &'static str,
    words: &'static str,
    count: u64,
    is_loss: bool,
    is_chosen: bool,
}

/// The change that a preview shows, and that approving it saves.
struct Saves {
    heading: String,
    button: &'static str,
    is_danger: bool,
    back: String,
}

impl Saves {
    /// `None` when the plan carries no change.
    fn new(change: &serde_json::Value) -> Option<Self> {
        let name = change["rule"]["name"].as_str().unwrap_or_default();
        let rules = format!("{PROVISION}?tab=rules");
        let (heading, button, back) = match change["change"].as_str()? {
            "put_rule" => {
                // One that is new has no page yet; the browser's way back has what was typed.
                let id = change["rule"]["id"].as_str().unwrap_or_default();
                let is_new = change["rule"]["version"].as_i64() == Some(0);
                let rule = format!("{PROVISION}/rules/{id}");
                let back = if is_new { rules } else { rule };
                (format!("Saving the rule {name}"), "Save the rule", back)
            }
            "delete_rule" => ("Deleting the rule".to_owned(), "Delete the rule", rules),
            "reorder" => (
                "The new order of the rules".to_owned(),
                "Save the order",
                rules,
            ),
            "defaults" => {
                let here = PROVISION.to_owned();
                (
                    "New Employee Defaults".to_owned(),
                    "Save the defaults",
                    here,
                )
            }
            "fields" => {
                let here = format!("{PROVISION}?tab=fields");
                ("New field policies".to_owned(), "Save the policies", here)
            }
            "remove" => {
                let here = PROVISION.to_owned();
                (
                    "Removing the connection".to_owned(),
                    "Remove the connection",
                    here,
                )
            }
            _ => return None,
        };
        Some(Self {
            heading,
            is_danger: button.starts_with("Delete") || button.starts_with("Remove"),
            button,
            back,
        })
    }
}

/// What the same change does in another tenant.
struct Elsewhere {
    plan: String,
    name: String,
    people: u64,
}

#[derive(Template)]
#[template(path = "plan.html")]
struct PlanPage {
    frame: Frame,
    failure: Option<(String, Option<String>)>,
    /// The number that was typed.
    typed: String,
    id: String,
    hash: String,
    status: String,
    is_held: bool,
    hold: Option<String>,
    people: u64,
    losses: u64,
    roles_lost: u64,
    saves: Option<Saves>,
    elsewhere: Vec<Elsewhere>,
    /// How many differ from what was approved.
    differs: Option<u64>,
    shows_all: bool,
    made: String,
    decided: Option<String>,
    counts: Vec<Count>,
    search: String,
    action: String,
    shown: Vec<Person>,
    next: Option<i64>,
    run: Option<String>,
    notice: Option<&'static str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Wanted {
    search: String,
    action: String,
    after: i64,
    changed: Option<String>,
    also: String,
    /// Also those who stand as they were approved.
    all: bool,
}

/// What an action does to somebody, in a word that fits one and many, before
/// and after.
pub(crate) fn in_a_word(kind: ActionKind) -> &'static str {
    match kind {
        ActionKind::Create => "created",
        ActionKind::Adopt => "adopted",
        ActionKind::Update => "changed",
        ActionKind::Archive => "archived",
        ActionKind::Restore => "restored",
        ActionKind::Deactivate => "deactivated",
        ActionKind::Reactivate => "reactivated",
        ActionKind::Revoke => "access lost",
        ActionKind::Grant => "access given",
        ActionKind::Link => "linked",
        ActionKind::Review => "to review",
    }
}

fn person(row: DecisionRow, names: &Names) -> Person {
    let decision = row.decision;
    let acts = decision.actions.iter().map(|action| Act {
        kind: in_a_word(action.kind),
        record: action.record_kind.name(),
        is_loss: action.kind.is_loss(),
        loses_roles: action.loses_roles(),
        is_new: action.changes.iter().all(|change| change.old.is_none()),
        told: told(action.record_kind, &action.changes, names).beside(&action.reason.cause),
        reason: sentence(&action.reason.cause.describe()),
    });
    Person {
        seq: row.seq,
        acts: acts.collect(),
        name: decision.name,
        email: decision.email.unwrap_or_default(),
        state: row.state,
    }
}

/// Where to go after a change that made a plan.
pub(crate) fn after(change: &Change, preview: bool, back: &str) -> Response {
    match (change.plan_id, change.run_id) {
        (Some(plan), _) if preview || change.held => {
            let others = change.plans.iter().filter(|id| **id != plan);
            let others: Vec<String> = others.take(ELSEWHERE).map(ToString::to_string).collect();
            if others.is_empty() {
                return go(format!("/plans/{plan}"));
            }
            go(format!("/plans/{plan}?also={}", others.join(",")))
        }
        (_, Some(run)) => go(format!("/runs/{run}")),
        _ => go(back),
    }
}

pub(crate) async fn show(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<PlanId>,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::View)?;
    page(&build(&state, &user, id, wanted).await?)
}

async fn build(
    state: &AppState,
    user: &CurrentUser,
    id: PlanId,
    wanted: Wanted,
) -> Result<PlanPage> {
    let (db, now) = (state.engine.db(), state.engine.now());
    let plan = plans::get(db, id)
        .await?
        .ok_or_else(|| Problem::not_found("plan"))?;
    // Of what was approved before only the difference is asked.
    let differs = plan
        .hold
        .as_ref()
        .and_then(|hold| hold.get("differs")?.as_u64())
        .filter(|_| plan.status == PlanStatus::Held);
    let shows_all = wanted.all || !wanted.action.is_empty() || !wanted.search.is_empty();
    let filter = DecisionFilter {
        headline: ActionKind::from_name(&wanted.action),
        search: Some(wanted.search.trim().to_owned()).filter(|text| !text.is_empty()),
        visible_only: true,
        unapproved_only: differs.is_some() && !shows_all,
    };
    let rows = decisions::page(db, id, wanted.after, PEOPLE, &filter).await?;
    let is_full = rows.len() == PEOPLE as usize;
    let next = rows.last().filter(|_| is_full).map(|row| row.seq);
    let acts = rows.iter().flat_map(|row| &row.decision.actions);
    let names = Names::of(db, acts.flat_map(|act| values(&act.changes))).await?;
    let counts = ActionKind::ALL.into_iter().map(|kind| Count {
        kind: kind.name(),
        words: in_a_word(kind),
        count: plan.counts.of(kind),
        is_loss: kind.is_loss(),
        is_chosen: kind.name() == wanted.action,
    });
    let counts: Vec<Count> = counts.filter(|count| count.count > 0).collect();
    let hold = plan
        .hold
        .as_ref()
        .and_then(|hold| hold.get("message")?.as_str());
    Ok(PlanPage {
        frame: Frame::new("Plan", "runs", Some(user)),
        failure: None,
        typed: String::new(),
        id: id.to_string(),
        status: word(&plan.status),
        is_held: plan.status == PlanStatus::Held,
        hold: hold.map(str::to_owned),
        hash: plan.hash.unwrap_or_default(),
        people: plan.people,
        losses: plan.counts.losses() + plan.roles_lost,
        roles_lost: plan.roles_lost,
        saves: plan
            .change
            .as_ref()
            .filter(|_| plan.status == PlanStatus::Preview)
            .and_then(Saves::new),
        elsewhere: elsewhere(state, &wanted.also).await?,
        differs,
        shows_all,
        made: ago(Some(plan.created_at), now),
        decided: plan
            .decided_by
            .map(|by| format!("{by}, {}", ago(plan.decided_at, now))),
        counts,
        search: wanted.search,
        action: wanted.action,
        shown: rows.into_iter().map(|row| person(row, &names)).collect(),
        next,
        run: plan.run_id.map(|run| run.to_string()),
        notice: wanted.changed.map(
            |_| "The directory or the rules moved since you saw the plan: this is what is new.",
        ),
    })
}

/// The plan again, with what is wrong about what was pressed or typed.
async fn refused(
    state: &AppState,
    user: &CurrentUser,
    id: PlanId,
    fields: &Fields,
    problem: Problem,
) -> Result<Response> {
    if !problem.is_mendable() {
        return Err(problem);
    }
    let mut shown = build(state, user, id, Wanted::default()).await?;
    let cure = problem.cure_text().map(str::to_owned);
    shown.failure = Some((sentence(problem.detail()), cure));
    shown.typed = fields.text("losses").unwrap_or_default();
    Ok((problem.status(), page(&shown)?).into_response())
}

/// The plans of the same change that do something.
async fn elsewhere(state: &AppState, also: &str) -> Result<Vec<Elsewhere>> {
    let db = state.engine.db();
    let mut found = Vec::new();
    for id in also.split(',').take(ELSEWHERE) {
        let Ok(id) = id.parse::<PlanId>() else {
            continue;
        };
        let plan = plans::get(db, id).await?;
        let Some((plan, connection)) = plan
            .filter(|plan| plan.people > 0)
            .and_then(|plan| Some((plan.people, plan.connection_id?)))
        else {
            continue;
        };
        let of = connections::get(db, connection).await?;
        found.push(Elsewhere {
            plan: id.to_string(),
            name: of.map_or_else(|| "another tenant".to_owned(), |of| of.name().to_owned()),
            people: plan,
        });
    }
    Ok(found)
}

pub(crate) async fn approve(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<PlanId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    match approved(&state, &user, id, &fields).await {
        Ok(response) => Ok(response),
        Err(problem) => refused(&state, &user, id, &fields, problem).await,
    }
}

async fn approved(
    state: &AppState,
    user: &CurrentUser,
    id: PlanId,
    fields: &Fields,
) -> Result<Response> {
    let plan = plans::get(state.engine.db(), id).await?;
    let plan = plan.ok_or_else(|| Problem::not_found("plan"))?;
    let hash = fields.text("hash").unwrap_or_default();
    if plan.status == PlanStatus::Preview {
        let saved = state.engine.save_preview(id, &hash, &user.actor()).await;
        let back = plan.change.as_ref().and_then(Saves::new);
        let back = back.map_or_else(|| PROVISION.to_owned(), |saves| saves.back);
        return match saved {
            Ok(change) => Ok(after(&change, false, &back)),
            Err(error) => moved(error),
        };
    }
    let losses = plan.counts.losses() + plan.roles_lost;
    if plan.status == PlanStatus::Held && losses > 0 {
        let typed = fields.text("losses").unwrap_or_default();
        if typed.parse() != Ok(losses) {
            return Err(Problem::invalid(format!(
                "the plan has {losses} losses, and that is not the number you typed"
            ))
            .cure("Look at who loses what, and type the number shown. Nothing was approved."));
        }
    }
    match state.engine.approve(id, &hash, &user.actor()).await {
        Ok(run) => Ok(go(format!("/runs/{run}"))),
        Err(error) => moved(error),
    }
}

/// To the plan that took the place of the one that was seen.
fn moved(error: engine::EngineError) -> Result<Response> {
    let detail = error.detail.as_ref();
    let fresh = detail.and_then(|detail| detail.get("plan_id")?.as_str());
    match fresh {
        Some(fresh) if error.code == "plan_changed" => Ok(go(format!("/plans/{fresh}?changed=1"))),
        _ => Err(error.into()),
    }
}

pub(crate) async fn reject(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<PlanId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    match state.engine.reject(id, &user.actor()).await {
        Ok(_) => Ok(go(format!("/plans/{id}"))),
        Err(error) => refused(&state, &user, id, &fields, error.into()).await,
    }
}
