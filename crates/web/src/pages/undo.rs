//! Taking back what was done, by a run, to a person, or by a rule: shown first,
//! done with the word of a person.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use engine::Undo;
use provisioning::field::Value;
use provisioning::ids::{RecordId, RuleId, RunId};
use provisioning::psa::Kind;
use store::rights::{Module, Right};
use store::{mapping_rules, plans};

use super::frame::{Fields, Frame, go, needs, page};
use super::people::{full_name, place};
use super::runs::in_words;
use super::words::{field_at, label};
use crate::AppState;
use crate::api::people::found;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::extract::Id;

/// A field that was changed since, in words.
struct Conflict {
    name: String,
    field: &'static str,
    written: String,
    found: String,
}

#[derive(Template)]
#[template(path = "undo.html")]
struct UndoPage {
    frame: Frame,
    /// Where it is from and what it is called.
    back: String,
    from: String,
    action: String,
    run_id: Option<String>,
    plan: String,
    counts: String,
    is_nothing: bool,
    conflicts: u64,
    conflicting: Vec<Conflict>,
}

/// Where an undo was asked for.
struct Asked {
    section: &'static str,
    back: String,
    from: String,
    action: String,
}

/// Shows what an undo would do; with the word of a person, does it.
async fn undo(
    state: &AppState,
    user: &CurrentUser,
    what: Undo,
    asked: Asked,
    fields: &Fields,
) -> Result<Response> {
    let is_sure = fields.text("sure").as_deref() == Some("yes");
    let undone = state.engine.undo(what, !is_sure, &user.actor()).await?;
    if let Some(run) = undone.run_id {
        return Ok(go(format!("/runs/{run}")));
    }
    let plan = plans::get(state.engine.db(), undone.plan_id).await?;
    let plan = plan.ok_or_else(|| Problem::not_found("plan"))?;
    let conflicting = undone.conflicting.iter().map(|one| Conflict {
        name: one.name.clone(),
        field: field_at(one.field, Kind::Employee)
            .map_or(one.field, |field| label(field, Kind::Employee)),
        written: words(one.written.as_ref()),
        found: words(one.found.as_ref()),
    });
    page(&UndoPage {
        frame: Frame::new("Take back", asked.section, Some(user)),
        back: asked.back,
        from: asked.from,
        action: asked.action,
        run_id: fields.text("run_id"),
        plan: undone.plan_id.to_string(),
        counts: in_words(&plan.counts),
        is_nothing: plan.counts.total() == 0,
        conflicts: undone.conflicts,
        conflicting: conflicting.collect(),
    })
}

fn words(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Text(text)) => text.clone(),
        Some(value) => serde_json::to_value(value).unwrap_or_default().to_string(),
    }
}

pub(crate) async fn run(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RunId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let asked = Asked {
        section: "runs",
        back: format!("/runs/{id}"),
        from: "The run".to_owned(),
        action: format!("/runs/{id}/undo"),
    };
    undo(&state, &user, Undo::Run(id), asked, &fields).await
}

pub(crate) async fn person(
    kind: Kind,
    State(state): State<AppState>,
    user: CurrentUser,
    Id(record_id): Id<RecordId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let row = found(state.engine.db(), kind, record_id).await?;
    let place = place(kind);
    let asked = Asked {
        section: place.section,
        back: format!("{}/{record_id}?tab=timeline", place.base),
        from: full_name(&row.record),
        action: format!("{}/{record_id}/undo", place.base),
    };
    let what = Undo::Person {
        record_id,
        run_id: fields.parse("run_id", "a run's id")?,
    };
    undo(&state, &user, what, asked, &fields).await
}

pub(crate) async fn rule(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RuleId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let rule = mapping_rules::get(state.engine.db(), id).await?;
    let rule = rule.ok_or_else(|| Problem::not_found("mapping rule"))?;
    let back = format!("/admin/my-company/auth-provision/rules/{id}");
    let asked = Asked {
        section: "provision",
        action: format!("{back}/undo"),
        from: rule.rule.name,
        back,
    };
    undo(&state, &user, Undo::Rule(id), asked, &fields).await
}
