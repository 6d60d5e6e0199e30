//! Azure AD Connections: the guide with its form, one connection with its
//! self-check, and what can be done to it.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use engine::{CheckLine, ConnectionChange, Mode, NewConnection, PeopleOnRemoval, SyncRequest};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use provisioning::ids::ConnectionId;
use secrecy::SecretString;
use serde::Deserialize;
use store::connections::{self, Auth, Configuration};
use store::rights::{Module, Right};

use super::auth_provision::HERE;
use super::frame::{Choice, Fields, Frame, go, needs, page, sentence, word};
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
    redirect_url: String,
    is_app_only: bool,
    has_consent: bool,
    secret_ends: String,
    version: i64,
    emails: Vec<Choice>,
    disabled: Vec<Choice>,
    provision_employees: bool,
    provision_contacts: bool,
    checked: bool,
    lines: Vec<CheckLine>,
    failure: Option<String>,
    cure: Option<String>,
}

/// Where Microsoft sends people back to, letter by letter.
fn redirect_url(state: &AppState) -> String {
    let base = state.engine.options().public_url.as_str();
    format!(
        "{}/OAuth/IntegrationCallback.aspx",
        base.trim_end_matches('/')
    )
}

fn guide(state: &AppState, user: &CurrentUser) -> NewPage {
    NewPage {
        frame: Frame::new("Add connection", "provision", Some(user)),
        redirect_url: redirect_url(state),
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
                failure: Some(sentence(problem.detail())),
                cure: problem.cure_text().map(str::to_owned),
                ..guide(&state, &user)
            })?;
            Ok((problem.status(), shown).into_response())
        }
    }
}

async fn made(state: &AppState, user: &CurrentUser, fields: &Fields) -> Result<ConnectionId> {
    let application_id = application_id(fields)?.ok_or_else(|| {
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
        secret_expires_at: secret_ends(fields)?,
        limits: None,
    };
    let added = state.engine.add_connection(new, &user.actor()).await?;
    Ok(added.id)
}

#[derive(Deserialize)]
pub(crate) struct Check {
    check: Option<String>,
}

/// The page of a connection, before any check or change.
async fn shown(state: &AppState, user: &CurrentUser, id: ConnectionId) -> Result<ConnectionPage> {
    let found = connections::get(state.engine.db(), id).await?;
    let found = found.ok_or_else(|| Problem::not_found("connection"))?;
    let (settings, version) = (found.configuration.clone(), found.version);
    let has_consent = found.consent.is_some();
    let card = card(state, found, state.engine.now()).await?;
    Ok(ConnectionPage {
        frame: Frame::new(&card.name, "provision", Some(user)),
        card,
        redirect_url: redirect_url(state),
        is_app_only: settings.auth == Auth::Application,
        has_consent,
        secret_ends: settings
            .secret_expires_at
            .map(|at| at.strftime("%Y-%m-%d").to_string())
            .unwrap_or_default(),
        version,
        emails: emails(&settings),
        disabled: disabled(&settings),
        provision_employees: settings.provision_employees,
        provision_contacts: settings.provision_contacts,
        checked: false,
        lines: Vec::new(),
        failure: None,
        cure: None,
    })
}

fn emails(of: &Configuration) -> Vec<Choice> {
    let all = [("upn", "User Principal Name"), ("mail", "mail attribute")];
    Choice::list(&all, &word(&of.email_source))
}

fn disabled(of: &Configuration) -> Vec<Choice> {
    let all = [
        ("deactivate", "deactivates the record"),
        ("ignore", "is ignored"),
    ];
    Choice::list(&all, &word(&of.on_disabled))
}

pub(crate) async fn show(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<ConnectionId>,
    Query(query): Query<Check>,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::View)?;
    let mut shown = shown(&state, &user, id).await?;
    shown.checked = query.check.is_some();
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

/// Saves what the form changes; an empty Application Key keeps the old one.
pub(crate) async fn change(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<ConnectionId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    match changed(&state, &user, id, &fields).await {
        Ok(()) => Ok(go(format!("{HERE}/connections/{id}"))),
        Err(problem) if problem.status().is_server_error() => Err(problem),
        Err(problem) => {
            let mut shown = shown(&state, &user, id).await?;
            shown.failure = Some(sentence(problem.detail()));
            shown.cure = problem.cure_text().map(str::to_owned);
            Ok((problem.status(), page(&shown)?).into_response())
        }
    }
}

async fn changed(
    state: &AppState,
    user: &CurrentUser,
    id: ConnectionId,
    fields: &Fields,
) -> Result<()> {
    let change = ConnectionChange {
        application_id: application_id(fields)?,
        application_key: fields.text("application_key").map(SecretString::from),
        secret_expires_at: Some(secret_ends(fields)?),
        email_source: Some(fields.choice("email_source")?),
        on_disabled: Some(fields.choice("on_disabled")?),
        provision_employees: Some(fields.ticked("provision_employees")),
        provision_contacts: Some(fields.ticked("provision_contacts")),
        ..ConnectionChange::default()
    };
    let version = fields.parse("version", "a version")?;
    let engine = &state.engine;
    engine
        .update_connection(id, change, version, &user.actor())
        .await?;
    Ok(())
}

/// The end of the day a secret ends on.
fn secret_ends(fields: &Fields) -> Result<Option<Timestamp>> {
    let day: Option<Date> = fields.parse("secret_ends", "a day such as 2027-01-31")?;
    let end = day.map(|day| day.at(23, 59, 59, 0).to_zoned(TimeZone::UTC));
    let end = end.transpose().map_err(|_| {
        Problem::invalid("secret_ends: this day is beyond the calendar")
            .cure("Enter the day Entra shows under Certificates & secrets.")
    })?;
    Ok(end.map(|end| end.timestamp()))
}

/// Shows first what removing the connection does to whom.
pub(crate) async fn remove(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<ConnectionId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    let people = match fields.text("people").as_deref() {
        Some("deactivate") => PeopleOnRemoval::Deactivate,
        _ => PeopleOnRemoval::Keep,
    };
    let (engine, actor) = (&state.engine, user.actor());
    let seen = engine.remove_connection(id, people, true, &actor).await?;
    if seen.plan_id.is_some() {
        return Ok(super::plan::after(&seen, true, HERE));
    }
    // Nobody consented yet: nobody is concerned.
    engine.remove_connection(id, people, false, &actor).await?;
    Ok(go(HERE))
}

fn application_id<T: std::str::FromStr>(fields: &Fields) -> Result<Option<T>> {
    let read = fields.parse("application_id", "an Application ID");
    read.map_err(|problem| problem.cure("Copy it from the Overview page of the app registration."))
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
