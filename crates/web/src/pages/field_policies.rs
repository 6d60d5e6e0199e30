//! Auth & Provision, Field Policies: for each kind and field, when the
//! directory's value is taken. What saving would do is shown as a plan.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use provisioning::field::Field;
use provisioning::policy::{FieldPolicies, FieldPolicy, FieldRule};
use provisioning::psa::Kind;
use store::rights::{Module, Right};

use super::auth_provision::{HERE, Shown, nobody_concerned, with};
use super::frame::{Choice, Fields, go, needs, page, sentence, word};
use super::words::label;
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::Result;

/// What the select says of a field that is not taken at all.
const OFF: &str = "off";

/// A field's policy in the form.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) label: &'static str,
    pub(super) choices: Vec<Choice>,
    pub(super) blank_clears: bool,
}

/// The fields of a kind.
pub(super) struct OfKind {
    pub(super) title: &'static str,
    pub(super) lines: Vec<Line>,
}

/// The fields that can be taken: those that are by default, and whatever else
/// has a policy.
fn fields_of(kind: Kind, now: &FieldPolicies) -> Vec<Field> {
    let known = FieldPolicies::default();
    let of_kind = |all: &FieldPolicies| all.0.get(&kind).cloned().unwrap_or_default();
    let (known, now) = (of_kind(&known), of_kind(now));
    let all = Field::ALL.into_iter();
    all.filter(|field| known.contains_key(field) || now.contains_key(field))
        .collect()
}

/// The form as the policies are.
pub(super) fn lines(policies: &FieldPolicies) -> Vec<OfKind> {
    let of = |(kind, title): (Kind, &'static str)| OfKind {
        title,
        lines: fields_of(kind, policies)
            .into_iter()
            .map(|field| {
                let policy = policies.of(kind, field);
                let chosen = match policy.enabled {
                    true => word(&policy.policy),
                    false => OFF.to_owned(),
                };
                Line {
                    name: format!("{}.{}", kind.name(), field.name()),
                    label: label(field, kind),
                    choices: Choice::list(
                        &[
                            ("source", "source wins: whenever the person changes"),
                            ("keep_local", "keep local: never once the record is there"),
                            ("fill_blank", "fill if blank"),
                            ("on_create", "only on create"),
                            (OFF, "not taken from the directory"),
                        ],
                        &chosen,
                    ),
                    blank_clears: policy.blank_clears,
                }
            })
            .collect(),
    };
    [(Kind::Employee, "Employees"), (Kind::Contact, "Contacts")]
        .map(of)
        .into()
}

/// The policies as the form says; a field the form does not name stays.
fn typed(fields: &Fields, now: &FieldPolicies) -> Result<FieldPolicies> {
    let mut policies = now.clone();
    for kind in [Kind::Employee, Kind::Contact] {
        for field in fields_of(kind, now) {
            let name = format!("{}.{}", kind.name(), field.name());
            let Some(chosen) = fields.text(&name) else {
                continue;
            };
            let before = now.of(kind, field);
            let policy = FieldPolicy {
                enabled: chosen != OFF,
                policy: match chosen.as_str() {
                    OFF => before.policy,
                    _ => fields.choice::<FieldRule>(&name)?,
                },
                blank_clears: fields.ticked(&format!("{name}.blank_clears")),
            };
            policies.0.entry(kind).or_default().insert(field, policy);
        }
    }
    Ok(policies)
}

/// Saves, or shows what it would do; what is refused comes back as typed.
pub(crate) async fn save(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let engine = &state.engine;
    let now = engine.field_policies().await?;
    let policies = typed(&fields, &now)?;
    let plan_only = fields.text("do").as_deref() == Some("preview");
    let here = format!("{HERE}?tab=fields");
    if !plan_only && policies == now {
        return Ok(go(here));
    }
    let actor = user.actor();
    let made = engine.put_field_policies(policies.clone(), plan_only, &actor);
    let problem = match made.await {
        Ok(change) if plan_only && change.plan_id.is_none() => nobody_concerned(),
        Ok(change) => return Ok(super::plan::after(&change, plan_only, &here)),
        Err(error) => error.into(),
    };
    if problem.status().is_server_error() {
        return Err(problem);
    }
    let mut again = with(&state, &user, Shown::Fields(policies)).await?;
    again.failure = Some(sentence(problem.detail()));
    again.cure = problem.cure_text().map(str::to_owned);
    Ok((problem.status(), page(&again)?).into_response())
}
