//! Azure AD Connections: the guide with its form, one connection with its
//! self-check, and what can be done to it.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use engine::{CheckLine, Mode, NewConnection, SyncRequest};
use provisioning::ids::ConnectionId;
use secrecy::SecretString;
use serde::Deserialize;
use store::connections::{self, Auth};
use store::rights::{Module, Right};

use super::auth_provision::HERE;
use super::frame::{Fields, Frame, go, needs, page};
use super::home::{Card, card};
use crate::AppState;
use crate::auth::CurrentUser;
use crate::error::{Problem, Result};
use crate::extract::Id;
use crate::outside::bind;

const PERMISSIONS: [&str; 4] = [
    "Directory.Read.All",
    "Group.Read.All",
    "User.Read",
    "User.Read.All",
];

#[derive(Template)]
#[template(path = "connection_new.html")]
struct NewPage {
    frame: Frame,
    redirect_url: String,
    permissions: [&'static str; 4],
    tenant: String,
    application_id: String,
    failure: Option<String>,
    cure: Option<String>,
}

#[derive(Template)]
#[template(path = "connection.html")]
struct ConnectionPage {
    frame: Frame,
    card: Card,
    checked: bool,
    lines: Vec<CheckLine>,
    failure: Option<String>,
    cure: Option<String>,
}

fn guide(state: &AppState, user: &CurrentUser) -> NewPage {
    let base = state
        .engine
        .options()
        .public_url
        .as_str()
        .trim_end_matches('/');
    NewPage {
        frame: Frame::new("Add connection", "provision", Some(user)),
        redirect_url: format!("{base}/OAuth/IntegrationCallback.aspx"),
        permissions: PERMISSIONS,
        tenant: String::new(),
        application_id: String::new(),
        failure: None,
        cure: None,
    }
}

pub(crate) async fn form(State(state): State<AppState>, user: CurrentUser) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    page(&guide(&state, &user))
}

pub(crate) async fn add(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    match made(&state, &user, &fields).await {
        Ok(id) => Ok(go(format!("{HERE}/connections/{id}"))),
        Err(problem) => {
            let shown = page(&NewPage {
                tenant: fields.text("tenant").unwrap_or_default(),
                application_id: fields.text("application_id").unwrap_or_default(),
                failure: Some(problem.detail().to_owned()),
                cure: problem.cure_text().map(str::to_owned),
                ..guide(&state, &user)
            })?;
            Ok((problem.status(), shown).into_response())
        }
    }
}

async fn made(state: &AppState, user: &CurrentUser, fields: &Fields) -> Result<ConnectionId> {
    let application_id = fields.parse("application_id", "an Application ID")?;
    let application_id = application_id.ok_or_else(|| {
        Problem::invalid("Application ID is empty")
            .cure("Copy it from the Overview page of the app registration.")
    })?;
    let is_app_only = fields.text("auth").as_deref() == Some("application");
    let new = NewConnection {
        tenant: fields.text("tenant").unwrap_or_default(),
        application_id,
        application_key: fields.text("application_key").map(SecretString::from),
        certificate: fields.text("certificate").map(SecretString::from),
        auth: if is_app_only {
            Auth::Application
        } else {
            Auth::Delegated
        },
        provision_employees: fields
            .ticked("explicit")
            .then(|| fields.ticked("provision_employees")),
        provision_contacts: fields
            .ticked("explicit")
            .then(|| fields.ticked("provision_contacts")),
        email_source: fields.choice("email_source")?,
        on_disabled: fields.choice("on_disabled")?,
        auto_approve: false,
        secret_expires_at: None,
        limits: None,
    };
    let added = state.engine.add_connection(new, &user.actor()).await?;
    Ok(added.id)
}

#[derive(Deserialize)]
pub(crate) struct Check {
    check: Option<String>,
}

pub(crate) async fn show(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<ConnectionId>,
    Query(query): Query<Check>,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::View)?;
    let found = connections::get(state.engine.db(), id).await?;
    let found = found.ok_or_else(|| Problem::not_found("connection"))?;
    let card = card(&state, found, state.engine.now()).await?;
    let mut shown = ConnectionPage {
        frame: Frame::new(&card.name, "provision", Some(&user)),
        card,
        checked: query.check.is_some(),
        lines: Vec::new(),
        failure: None,
        cure: None,
    };
    if shown.checked {
        match state.engine.check(id).await {
            Ok(lines) => shown.lines = lines,
            Err(error) => {
                shown.failure = Some(error.message);
                shown.cure = error.cure;
            }
        }
    }
    page(&shown)
}

pub(crate) async fn connect(
    State(state): State<AppState>,
    user: CurrentUser,
    headers: HeaderMap,
    Id(id): Id<ConnectionId>,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let found = connections::get(state.engine.db(), id).await?;
    let found = found.ok_or_else(|| Problem::not_found("connection"))?;
    let (binding, cookie) = bind(&state, &headers);
    let url = state.engine.connect(id, &binding).await?;
    if found.configuration.auth == Auth::Application {
        return Ok(go(format!("{HERE}/connections/{id}?check=1")));
    }
    Ok(([(SET_COOKIE, cookie)], go(url.as_str())).into_response())
}

pub(crate) async fn sync(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<ConnectionId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let request = SyncRequest {
        mode: if fields.ticked("full") {
            Mode::Full
        } else {
            Mode::Delta
        },
        reapply: fields.ticked("reapply"),
        plan_only: fields.text("do").as_deref() == Some("plan"),
    };
    let run = state.engine.sync(id, request, &user.actor()).await?;
    Ok(go(format!("/runs/{run}")))
}

pub(crate) async fn pause(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<ConnectionId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let paused = fields.text("do").as_deref() == Some("pause");
    state.engine.pause(id, paused, &user.actor()).await?;
    Ok(go(format!("{HERE}/connections/{id}")))
}
