//! A plan: how many, who, field by field, why; Approve and Reject.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use engine::Change;
use provisioning::action::ActionKind;
use provisioning::field::{Field, FieldChange, Value};
use provisioning::ids::PlanId;
use serde::Deserialize;
use store::decisions::{self, DecisionFilter, DecisionRow};
use store::plans::{self, PlanStatus};
use store::rights::{Module, Right};

use super::frame::{Fields, Frame, ago, go, needs, page, word};
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::extract::Id;

/// People on one page.
const PEOPLE: u32 = 100;

/// A field's change in words: field, old, new.
pub(crate) type Changed = (String, String, String);

struct Act {
    kind: &'static str,
    record: &'static str,
    is_loss: bool,
    /// Every field was blank before: what is new is enough to know.
    is_new: bool,
    changes: Vec<Changed>,
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

#[derive(Template)]
#[template(path = "plan.html")]
struct PlanPage {
    frame: Frame,
    id: String,
    hash: String,
    status: String,
    is_held: bool,
    hold: Option<String>,
    people: u64,
    losses: u64,
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
}

/// A value, or a dash for none.
pub(crate) fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "(blank)".to_owned(), Value::show)
}

/// The changes of fields in words.
pub(crate) fn changed(list: &[FieldChange]) -> Vec<Changed> {
    let one = |change: &FieldChange| {
        let words = |value: Option<&Value>| match change.field {
            // The reason is kept as a code.
            Field::AccessReason => shown(value).replace('_', " "),
            _ => shown(value),
        };
        let field = change.field.name().replace('_', " ");
        (
            field,
            words(change.old.as_ref()),
            words(change.new.as_ref()),
        )
    };
    list.iter().map(one).collect()
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

fn person(row: DecisionRow) -> Person {
    let decision = row.decision;
    let acts = decision.actions.iter().map(|action| Act {
        kind: in_a_word(action.kind),
        record: action.record_kind.name(),
        is_loss: action.kind.is_loss(),
        is_new: action.changes.iter().all(|change| change.old.is_none()),
        changes: changed(&action.changes),
        reason: action.reason.cause.describe(),
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
        (Some(plan), _) if preview || change.held => go(format!("/plans/{plan}")),
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
    let (db, now) = (state.engine.db(), state.engine.now());
    let plan = plans::get(db, id)
        .await?
        .ok_or_else(|| Problem::not_found("plan"))?;
    let filter = DecisionFilter {
        headline: ActionKind::from_name(&wanted.action),
        search: Some(wanted.search.trim().to_owned()).filter(|text| !text.is_empty()),
        visible_only: true,
    };
    let rows = decisions::page(db, id, wanted.after, PEOPLE, &filter).await?;
    let is_full = rows.len() == PEOPLE as usize;
    let next = rows.last().filter(|_| is_full).map(|row| row.seq);
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
    page(&PlanPage {
        frame: Frame::new("Plan", "runs", Some(&user)),
        id: id.to_string(),
        status: word(&plan.status),
        is_held: plan.status == PlanStatus::Held,
        hold: hold.map(str::to_owned),
        hash: plan.hash.unwrap_or_default(),
        people: plan.people,
        losses: counts
            .iter()
            .filter(|count| count.is_loss)
            .map(|count| count.count)
            .sum(),
        made: ago(Some(plan.created_at), now),
        decided: plan
            .decided_by
            .map(|by| format!("{by}, {}", ago(plan.decided_at, now))),
        counts,
        search: wanted.search,
        action: wanted.action,
        shown: rows.into_iter().map(person).collect(),
        next,
        run: plan.run_id.map(|run| run.to_string()),
        notice: wanted.changed.map(
            |_| "The directory or the rules moved since you saw the plan: this is the new one.",
        ),
    })
}

pub(crate) async fn approve(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<PlanId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let plan = plans::get(state.engine.db(), id).await?;
    let plan = plan.ok_or_else(|| Problem::not_found("plan"))?;
    let kinds = ActionKind::ALL.into_iter().filter(|kind| kind.is_loss());
    let losses: u64 = kinds.map(|kind| plan.counts.of(kind)).sum();
    if losses > 0 && fields.parse("losses", "a number")? != Some(losses) {
        return Err(Problem::invalid(format!(
            "the plan takes something away {losses} times, and that is not the number you typed"
        ))
        .cure("Go back, look at who loses access, and type the number shown."));
    }
    let hash = fields.text("hash").unwrap_or_default();
    match state.engine.approve(id, &hash, &user.actor()).await {
        Ok(run) => Ok(go(format!("/runs/{run}"))),
        Err(error) if error.code == "plan_changed" => {
            let fresh = error
                .detail
                .as_ref()
                .and_then(|detail| detail.get("plan_id")?.as_str());
            match fresh {
                Some(fresh) => Ok(go(format!("/plans/{fresh}?changed=1"))),
                None => Err(error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn reject(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<PlanId>,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    state.engine.reject(id, &user.actor()).await?;
    Ok(go(format!("/plans/{id}")))
}
