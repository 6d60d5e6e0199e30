//! Azure AD Connections: the guide with its form, one connection with its
//! self-check, and what can be done to it.

mod settings;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::{CheckLine, Mode, NewConnection, PeopleOnRemoval, SyncRequest};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use provisioning::ids::ConnectionId;
use secrecy::SecretString;
use serde::Deserialize;
use store::connections::{self, Auth};
use store::overview;
use store::rights::{Module, Right};

use self::settings::{Settings, disabled, emails};
use super::auth_provision::HERE;
use super::frame::{Choice, Fields, Frame, go, needs, page, sentence};
use super::home::{Card, cards};
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
    secret_ends: String,
    auths: Vec<Choice>,
    emails: Vec<Choice>,
    disabled: Vec<Choice>,
    provision_employees: bool,
    provision_contacts: bool,
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
    version: i64,
    settings: Settings,
    /// How the sync was asked for: everything again, over local edits.
    full: bool,
    reapply: bool,
    deactivates: bool,
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
        secret_ends: String::new(),
        auths: auths(""),
        emails: emails(""),
        disabled: disabled(""),
        provision_employees: true,
        provision_contacts: true,
        failure: None,
        cure: None,
    }
}

/// As whom Rollcall reads the tenant.
fn auths(chosen: &str) -> Vec<Choice> {
    let all = [
        ("delegated", "an administrator (delegated)"),
        ("application", "the application itself (app-only)"),
    ];
    Choice::list(&all, chosen)
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
            let text = |name| fields.text(name).unwrap_or_default();
            let shown = page(&NewPage {
                tenant: text("tenant"),
                application_id: text("application_id"),
                secret_ends: text("secret_ends"),
                auths: auths(&text("auth")),
                emails: emails(&text("email_source")),
                disabled: disabled(&text("on_disabled")),
                provision_employees: fields.ticked("provision_employees"),
                provision_contacts: fields.ticked("provision_contacts"),
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
    let of = overview::of(state.engine.db(), id).await?;
    let of = of.ok_or_else(|| Problem::not_found("connection"))?;
    let found = &of.connection;
    let (configuration, version) = (found.configuration.clone(), found.version);
    let has_consent = found.consent.is_some();
    let card = cards(state, vec![of], state.engine.now()).await?.pop();
    let card = card.ok_or_else(|| Problem::not_found("connection"))?;
    Ok(ConnectionPage {
        frame: Frame::new(&card.name, "provision", Some(user)),
        card,
        redirect_url: redirect_url(state),
        is_app_only: configuration.auth == Auth::Application,
        has_consent,
        version,
        settings: Settings::of(&configuration, &state.engine.options().limits),
        full: false,
        reapply: false,
        deactivates: false,
        lines: Vec::new(),
        failure: None,
        cure: None,
    })
}

pub(crate) async fn show(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<ConnectionId>,
    Query(query): Query<Check>,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::View)?;
    let mut shown = shown(&state, &user, id).await?;
    if query.check.is_some() {
        match state.engine.check(id).await {
            Ok(lines) => shown.lines = lines,
            Err(error) => {
                shown.failure = Some(sentence(&error.message));
                shown.cure = error.cure;
            }
        }
    }
    page(&shown)
}

/// The page again, with what is wrong about what was asked for; `keep` puts
/// back what was typed.
async fn refused(
    state: &AppState,
    user: &CurrentUser,
    id: ConnectionId,
    problem: Problem,
    keep: impl FnOnce(&mut ConnectionPage),
) -> Result<Response> {
    let status = problem.status();
    let is_told = status.is_client_error() || status == StatusCode::BAD_GATEWAY;
    if !is_told || status == StatusCode::NOT_FOUND {
        return Err(problem);
    }
    let mut shown = shown(state, user, id).await?;
    shown.failure = Some(sentence(problem.detail()));
    shown.cure = problem.cure_text().map(str::to_owned);
    keep(&mut shown);
    Ok((status, page(&shown)?).into_response())
}

/// Saves what the form changes; an empty Application Key keeps the old one. A
/// new key or certificate is tried at once.
pub(crate) async fn change(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<ConnectionId>,
    fields: Fields,
) -> Result<Response> {
    needs(&user, Module::Admin, Right::Edit)?;
    match changed(&state, &user, id, &fields).await {
        Ok(true) => Ok(go(format!("{HERE}/connections/{id}?check=1"))),
        Ok(false) => Ok(go(format!("{HERE}/connections/{id}"))),
        Err(problem) => {
            refused(&state, &user, id, problem, |page| {
                page.settings.keep(&fields)
            })
            .await
        }
    }
}

/// Whether there is something to check now.
async fn changed(
    state: &AppState,
    user: &CurrentUser,
    id: ConnectionId,
    fields: &Fields,
) -> Result<bool> {
    let change = settings::change(fields)?;
    let is_proof = change.application_key.is_some() || change.certificate.is_some();
    let version = fields.parse("version", "a version")?;
    let engine = &state.engine;
    let changed = engine
        .update_connection(id, change, version, &user.actor())
        .await?;
    Ok(is_proof && changed.consent.is_some())
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
    match removed(&state, &user, id, people).await {
        Ok(response) => Ok(response),
        Err(problem) => {
            let deactivates = people == PeopleOnRemoval::Deactivate;
            refused(&state, &user, id, problem, |page| {
                page.deactivates = deactivates;
            })
            .await
        }
    }
}

async fn removed(
    state: &AppState,
    user: &CurrentUser,
    id: ConnectionId,
    people: PeopleOnRemoval,
) -> Result<Response> {
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
    let url = match state.engine.connect(id, &binding).await {
        Ok(url) => url,
        Err(error) => return refused(&state, &user, id, error.into(), |_| {}).await,
    };
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
    match state.engine.sync(id, request, &user.actor()).await {
        Ok(run) => Ok(go(format!("/runs/{run}"))),
        Err(error) => {
            refused(&state, &user, id, error.into(), |page| {
                (page.full, page.reapply) = (fields.ticked("full"), fields.ticked("reapply"));
            })
            .await
        }
    }
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
