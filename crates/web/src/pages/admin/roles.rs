//! Security roles: a matrix of modules and rights; the built-in ones to look
//! at, others to make and change.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use provisioning::mapping_rule::RoleType;
use store::records::RecordRow;
use store::rights::{Module, Right, Rights, Scope};
use store::security_roles::{self, SecurityRole};

use super::{changes, looks};
use crate::AppState;
use crate::api::security_roles as api;
use crate::auth::{Caller, CurrentUser};
use crate::error::{Problem, Result};
use crate::extract::{Body, Id};
use crate::front::escape;
use crate::pages::confirm::Confirm;
use crate::pages::frame::{Choice, Fields, Frame, go, page, sentence, word};

const HERE: &str = "/admin/security-roles";

/// A module with how far each right reaches there.
pub(crate) struct Line {
    pub(crate) module: &'static str,
    pub(crate) cells: Vec<Cell>,
}

/// One right in one module.
pub(crate) struct Cell {
    name: String,
    pub(crate) right: &'static str,
    pub(crate) reaches: &'static str,
    /// The roles that give it as far as this.
    pub(crate) from: String,
    choices: Vec<Choice>,
}

/// The matrix of rights. `of` names the roles that give a right.
fn matrix(rights: &Rights, of: impl Fn(Module, Right, Scope) -> String) -> Vec<Line> {
    let cell = |module: Module, right: Right| {
        let scope = rights.scope(module, right);
        let chosen = scope.map_or("", Scope::name);
        let mut choices = vec![("", "None")];
        choices.extend(Scope::ALL.iter().map(|scope| (scope.name(), scope.label())));
        Cell {
            name: format!("{}.{}", module.name(), right.name()),
            right: right.label(),
            reaches: scope.map_or("", Scope::label),
            from: scope.map_or_else(String::new, |scope| of(module, right, scope)),
            choices: Choice::list(&choices, chosen),
        }
    };
    let line = |module: &Module| Line {
        module: module.label(),
        cells: Right::ALL
            .iter()
            .map(|right| cell(*module, *right))
            .collect(),
    };
    Module::ALL.iter().map(line).collect()
}

/// What somebody may do, and which of their roles let them.
pub(crate) async fn effective(state: &AppState, row: &RecordRow) -> Result<Vec<Line>> {
    let record = &row.record;
    if record.is_privileged() {
        let why = if record.is_root {
            "root"
        } else {
            "Administrator"
        };
        return Ok(matrix(&Rights::everything(), |_, _, _| why.to_owned()));
    }
    let all = security_roles::list(state.engine.db()).await?;
    let own: Vec<SecurityRole> = all
        .into_iter()
        .filter(|role| role.is_active && record.security_roles.contains(&role.name))
        .collect();
    let rights = security_roles::rights_of(state.engine.db(), &record.security_roles).await?;
    Ok(matrix(&rights, |module, right, scope| {
        let giving = own
            .iter()
            .filter(|role| role.rights.scope(module, right) == Some(scope));
        giving
            .map(|role| role.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }))
}

struct Row {
    name: String,
    is_for: &'static str,
    is_system: bool,
    is_active: bool,
    description: String,
}

#[derive(Template)]
#[template(path = "roles.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    may_create: bool,
}

pub(crate) async fn list(State(state): State<AppState>, user: CurrentUser) -> Result<Response> {
    looks(&user)?;
    let all = security_roles::list(state.engine.db()).await?.into_iter();
    let row = |role: SecurityRole| Row {
        name: role.name,
        is_for: is_for(role.role_type),
        is_system: role.is_system,
        is_active: role.is_active,
        description: role.description,
    };
    page(&ListPage {
        frame: Frame::new("Security Roles", "roles", Some(&user)),
        rows: all.map(row).collect(),
        may_create: changes(&user),
    })
}

fn is_for(role_type: RoleType) -> &'static str {
    match role_type {
        RoleType::Internal => "employees",
        RoleType::External => "contacts",
    }
}

#[derive(Template)]
#[template(path = "role.html")]
struct RolePage {
    frame: Frame,
    failure: Option<String>,
    /// None for a role that is not made yet.
    name: Option<String>,
    typed: String,
    version: i64,
    types: Vec<Choice>,
    is_for: &'static str,
    description: String,
    is_active: bool,
    is_system: bool,
    may_edit: bool,
    rights: Vec<&'static str>,
    lines: Vec<Line>,
}

fn form(user: &CurrentUser, role: Option<&SecurityRole>, rights: &Rights) -> RolePage {
    let role_type = role.map_or(RoleType::Internal, |role| role.role_type);
    let is_system = role.is_some_and(|role| role.is_system);
    let title = role.map_or("New security role", |role| &role.name);
    RolePage {
        frame: Frame::new(title, "roles", Some(user)),
        failure: None,
        name: role.map(|role| role.name.clone()),
        typed: String::new(),
        version: role.map_or(0, |role| role.version),
        types: Choice::list(
            &[("internal", "employees"), ("external", "contacts")],
            &word(&role_type),
        ),
        is_for: is_for(role_type),
        description: role
            .map(|role| role.description.clone())
            .unwrap_or_default(),
        is_active: role.is_none_or(|role| role.is_active),
        is_system,
        may_edit: changes(user) && !is_system,
        rights: Right::ALL.iter().map(|right| right.label()).collect(),
        lines: matrix(rights, |_, _, _| String::new()),
    }
}

pub(crate) async fn blank(user: CurrentUser) -> Result<Response> {
    looks(&user)?;
    page(&form(&user, None, &Rights::none()))
}

pub(crate) async fn show(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(name): Id<String>,
) -> Result<Response> {
    looks(&user)?;
    let role = api::found(state.engine.db(), &name).await?;
    page(&form(&user, Some(&role), &role.rights))
}

/// The rights that were chosen in the matrix.
fn chosen(fields: &Fields) -> Result<Rights> {
    let mut rights = Rights::none();
    for module in Module::ALL {
        for right in Right::ALL {
            let name = format!("{}.{}", module.name(), right.name());
            let Some(text) = fields.text(&name) else {
                continue;
            };
            let scope = Scope::ALL.iter().find(|scope| scope.name() == text);
            let scope = scope.ok_or_else(|| {
                Problem::invalid(format!("{name}: `{text}` is none of the choices"))
            })?;
            rights.grant(*module, *right, *scope);
        }
    }
    Ok(rights)
}

pub(crate) async fn create(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    let rights = chosen(&fields)?;
    let name = fields.text("name").unwrap_or_default();
    let role_type = match fields.text("type").as_deref() {
        Some("external") => RoleType::External,
        _ => RoleType::Internal,
    };
    let new = api::New {
        name: name.clone(),
        role_type,
        description: fields.text("description").unwrap_or_default(),
        rights: rights.clone(),
        is_active: Some(true),
    };
    let caller = Caller::from(user.clone());
    match api::create(State(state), caller, Body(new)).await {
        Ok(_) => Ok(go(format!("{HERE}/{}", escape(&name)))),
        Err(problem) => {
            let mut shown = form(&user, None, &rights);
            shown.typed = name;
            shown.description = fields.text("description").unwrap_or_default();
            shown.types = Choice::list(
                &[("internal", "employees"), ("external", "contacts")],
                &word(&role_type),
            );
            refused(problem, shown)
        }
    }
}

fn refused(problem: Problem, mut shown: RolePage) -> Result<Response> {
    if !problem.is_mendable() {
        return Err(problem);
    }
    let cure = problem.cure_text().unwrap_or_default();
    shown.failure = Some(format!("{} {cure}", sentence(problem.detail())));
    Ok((problem.status(), page(&shown)?).into_response())
}

/// Changes a role.
pub(crate) async fn update(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(name): Id<String>,
    fields: Fields,
) -> Result<Response> {
    let caller = Caller::from(user.clone());
    let headers = seen(&fields)?;
    let rights = chosen(&fields)?;
    let role = api::found(state.engine.db(), &name).await?;
    let change = api::Change {
        description: Some(fields.text("description")),
        rights: Some(rights.clone()),
        is_active: Some(fields.ticked("is_active")),
    };
    let here = format!("{HERE}/{}", escape(&name));
    match api::update(State(state), caller, Id(name), headers, Body(change)).await {
        Ok(_) => Ok(go(here)),
        Err(problem) => refused(problem, form(&user, Some(&role), &rights)),
    }
}

/// What deleting a role does, before it is done.
async fn asked(state: &AppState, user: &CurrentUser, name: &str) -> Result<Confirm> {
    Caller::from(user.clone()).administrates()?;
    let role = api::found(state.engine.db(), name).await?;
    let users = api::users_of(state, name).await?;
    let at = format!("{HERE}/{}", escape(name));
    let is_refused = role.is_system || !users.is_empty();
    let says = match (role.is_system, users.is_empty()) {
        (true, _) => vec!["The role is built in and stays as it is.".to_owned()],
        (false, true) => vec![
            format!(
                "Nobody has the role “{name}”, and no mapping rule gives it: nobody loses anything."
            ),
            "This cannot be undone; the audit log keeps what the role allowed.".to_owned(),
        ],
        (false, false) => {
            let have = "The role cannot be deleted while somebody has it or a mapping rule gives it. Take it away there first, or switch the role off:";
            std::iter::once(have.to_owned()).chain(users).collect()
        }
    };
    Ok(Confirm {
        frame: Frame::new(&format!("Delete {name}"), "roles", Some(user)),
        list: ("Security Roles", HERE),
        back: at.clone(),
        action: format!("{at}/delete"),
        version: Some(role.version),
        is_refused,
        says,
        button: "Delete",
        failure: None,
    })
}

pub(crate) async fn ask_delete(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(name): Id<String>,
) -> Result<Response> {
    page(&asked(&state, &user, &name).await?)
}

pub(crate) async fn delete(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(name): Id<String>,
    fields: Fields,
) -> Result<Response> {
    let asked = asked(&state, &user, &name).await?;
    let headers = seen(&fields)?;
    asked.done(api::remove(State(state), Caller::from(user), Id(name), headers).await)
}

/// The version a form was made of, as a client of the API would send it.
pub(super) fn seen(fields: &Fields) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    if let Some(version) = fields.parse::<i64>("version", "a version")? {
        let tag = HeaderValue::from_str(&format!("\"{version}\""));
        let tag = tag.map_err(|error| Problem::internal(&error))?;
        headers.insert(header::IF_MATCH, tag);
    }
    Ok(headers)
}
