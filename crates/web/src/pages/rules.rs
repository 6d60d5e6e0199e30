//! The form of a mapping rule: the group by live search, then the rest;
//! Preview shows the plan, Save keeps the rule.

mod form;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::{RuleDraft, RulePlace, RuleScope};
use provisioning::ids::{ConnectionId, RuleId};
use provisioning::mapping_rule::ScopeKind;
use provisioning::psa::Kind;
use store::rights::{Module, Right};
use store::{connections, mapping_rules};

use self::form::Typed;
use super::frame::{Fields, go, needs, page};
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::extract::Id;
use crate::front::escape;

pub(crate) async fn new(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    page(&form::empty(&state, &user, &fields).await?)
}

pub(crate) async fn edit(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RuleId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let row = mapping_rules::get(state.engine.db(), id).await?;
    let row = row.ok_or_else(|| Problem::not_found("mapping rule"))?;
    page(&form::of(&state, &user, &row.rule, &fields).await?)
}

fn draft(fields: &Fields) -> Result<RuleDraft> {
    let group_id = fields
        .parse("group_id", "the object ID of a group")
        .map_err(|problem| {
            problem.cure("Search for the group by its name and pick it, or copy its Object ID from Entra: Groups, All groups, the group.")
        })?;
    let scope = match (fields.choice("scope")?, group_id) {
        (ScopeKind::Assigned, _) => RuleScope::Assigned,
        (ScopeKind::Group, Some(id)) => RuleScope::Group(id),
        (ScopeKind::Group, None) => {
            return Err(Problem::invalid("no group is chosen")
                .cure("Search for the group, or paste its object ID."));
        }
    };
    let kind = match fields.text("kind").as_deref() {
        Some("contact") => Kind::Contact,
        _ => Kind::Employee,
    };
    let exclude = fields.text("exclude").unwrap_or_default();
    let exclude = exclude
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let account = fields.parse("account_id", "the id of an account")?;
    Ok(RuleDraft {
        name: fields.text("name"),
        order: fields.parse("order", "a whole number")?.unwrap_or(10),
        connection_id: fields.parse("connection_id", "the id of a connection")?,
        tenant_id: None,
        scope,
        kind,
        account_id: account.filter(|_| kind == Kind::Contact),
        security_roles: fields.all(if kind == Kind::Contact {
            "external"
        } else {
            "internal"
        }),
        roles_mode: fields.choice("roles_mode")?,
        // Of groups that are assigned only direct members count.
        include_nested: fields.ticked("include_nested") && scope != RuleScope::Assigned,
        members: fields.choice("members")?,
        exclude: exclude.map(str::to_owned).collect(),
        licensed_only: fields.ticked("licensed_only"),
        enabled: fields.ticked("enabled"),
    })
}

fn is_preview(fields: &Fields) -> bool {
    fields.text("do").as_deref() == Some("preview")
}

fn done(change: &engine::RuleChange, preview: bool) -> Response {
    super::plan::after(&change.change, preview, RULES)
}

/// Where the rules are listed.
const RULES: &str = "/admin/my-company/auth-provision?tab=rules";

/// A refused form comes back as it was typed, with what is wrong about it.
async fn again(
    state: &AppState,
    user: &CurrentUser,
    rule: Option<RuleId>,
    fields: &Fields,
    problem: Problem,
) -> Result<Response> {
    if problem.status().is_server_error() {
        return Err(problem);
    }
    let typed = Typed::again(fields);
    let shown = form::refused(state, user, rule, typed, &problem).await?;
    Ok((problem.status(), page(&shown)?).into_response())
}

pub(crate) async fn create(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let preview = is_preview(&fields);
    let made = async {
        let (draft, actor, engine) = (draft(&fields)?, user.actor(), &state.engine);
        if !preview && is_followed(&state, draft.connection_id).await? {
            let seen = engine.create_rule(draft.clone(), true, &actor).await?;
            if seen.change.losses > 0 {
                return Ok((seen, true));
            }
        }
        let made = engine.create_rule(draft, preview, &actor).await?;
        Ok((made, preview))
    };
    match made.await {
        Ok((change, preview)) => Ok(done(&change, preview)),
        Err(problem) => again(&state, &user, None, &fields, problem).await,
    }
}

pub(crate) async fn update(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RuleId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let preview = is_preview(&fields);
    let made = async {
        let version = fields.parse("version", "a version")?;
        let (draft, actor, engine) = (draft(&fields)?, user.actor(), &state.engine);
        if !preview && is_followed(&state, draft.connection_id).await? {
            let seen = engine.update_rule(id, draft.clone(), version, true, &actor);
            let seen = seen.await?;
            if seen.change.losses > 0 {
                return Ok((seen, true));
            }
        }
        let made = engine.update_rule(id, draft, version, preview, &actor);
        Ok((made.await?, preview))
    };
    match made.await {
        Ok((change, preview)) => Ok(done(&change, preview)),
        Err(problem) => again(&state, &user, Some(id), &fields, problem).await,
    }
}

/// Whether a rule of the connection acts on people at once. Then what takes
/// something away from anybody is shown first, whichever button was pressed.
async fn is_followed(state: &AppState, connection: Option<ConnectionId>) -> Result<bool> {
    let Some(id) = connection else {
        return Ok(false);
    };
    let found = connections::get(state.engine.db(), id).await?;
    Ok(found.is_some_and(|found| found.progress.first_sync_done))
}

async fn acts_on_people(state: &AppState, id: RuleId) -> Result<bool> {
    let row = mapping_rules::get(state.engine.db(), id).await?;
    let row = row.ok_or_else(|| Problem::not_found("mapping rule"))?;
    is_followed(state, Some(row.rule.connection_id)).await
}

/// Where a form says that a rule goes.
fn place(fields: &Fields) -> Result<RulePlace> {
    let before = fields.parse("before", "the id of a rule")?;
    match (fields.text("to").as_deref(), before) {
        (Some("up"), _) => Ok(RulePlace::Up),
        (Some("down"), _) => Ok(RulePlace::Down),
        (Some("before"), Some(other)) => Ok(RulePlace::Before(other)),
        (Some("end"), _) => Ok(RulePlace::End),
        _ => Err(Problem::invalid(
            "to: none of up, down, end, or before a rule",
        )),
    }
}

/// Moves a rule among those of its tenant; others never compete with it. Saved
/// at once when nobody is concerned, else shown first.
pub(crate) async fn shift(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RuleId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let to = place(&fields)?;
    let (engine, actor) = (&state.engine, user.actor());
    if acts_on_people(&state, id).await? {
        let seen = engine.move_rule(id, to, true, &actor).await?;
        if seen.people > 0 {
            return Ok(super::plan::after(&seen, true, RULES));
        }
    }
    engine.move_rule(id, to, false, &actor).await?;
    let place = ["search", "page"].map(|name| (name, fields.text(name)));
    let place = place.into_iter().filter_map(|(name, value)| {
        let value = escape(&value?);
        Some(format!("&{name}={value}"))
    });
    Ok(go(format!("{RULES}{}", place.collect::<String>())))
}

/// Shows first who loses what; nobody being there yet, there is nothing to show.
pub(crate) async fn delete(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<RuleId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let version = fields.parse("version", "a version")?;
    let (engine, actor) = (&state.engine, user.actor());
    if acts_on_people(&state, id).await? {
        let seen = engine.delete_rule(id, version, true, &actor).await?;
        return Ok(done(&seen, true));
    }
    let change = engine.delete_rule(id, version, false, &actor).await?;
    Ok(done(&change, false))
}
