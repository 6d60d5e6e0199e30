//! `/{tenant}/v2.0/adminconsent` and the v1 form: an administrator consents for the whole organisation.
//! The redirect says `admin_consent=True` on failure too, as the service does ("Admin consent protocols").

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::accounts::{self, Account};
use super::apps::{App, wanted};
use super::authority::Authority;
use super::authorize::{Answer, chosen, declined, open_session};
use super::consent;
use super::context::{Context, Parameters};
use super::errors::LoginError;
use super::redirect::ResponseMode;
use super::request::{Reply, registered};
use super::scopes::Scopes;
use super::{Login, pages};

/// A well-formed admin consent request.
struct AdminConsent {
    app: Arc<App>,
    authority: Authority,
    reply: Reply,
    scopes: Scopes,
    /// The scope as asked, which the v2 answer echoes.
    text: Option<String>,
    login_hint: Option<String>,
}

pub(super) async fn start(
    login: State<Arc<Login>>,
    segment: Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    open(&login, &segment, &headers, &uri, true)
}

pub(super) async fn start_v1(
    login: State<Arc<Login>>,
    segment: Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    open(&login, &segment, &headers, &uri, false)
}

pub(super) async fn submit(
    login: State<Arc<Login>>,
    segment: Path<String>,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Response {
    answer(&login, &segment, &headers, &uri, &body, true)
}

pub(super) async fn submit_v1(
    login: State<Arc<Login>>,
    segment: Path<String>,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Response {
    answer(&login, &segment, &headers, &uri, &body, false)
}

fn open(login: &Login, segment: &str, headers: &HeaderMap, uri: &Uri, v2: bool) -> Response {
    let cx = Context::new(login, headers, uri);
    let request = match read(login, &cx, segment, &Parameters::query(uri), v2) {
        Ok(request) => request,
        Err(error) => return pages::error(&error, &cx.trace),
    };
    let everyone = candidates(login, &request);
    let hinted = |account: &&Account| {
        request
            .login_hint
            .as_ref()
            .is_none_or(|hint| account.upn.eq_ignore_ascii_case(hint))
    };
    match everyone
        .iter()
        .rev()
        .find(|account| account.auto_consent && hinted(account))
    {
        Some(account) => proceed(
            login,
            &cx,
            &request,
            account,
            Answer::Accept { organization: true },
        ),
        None => pages::sign_in(&request.app, &everyone, login.principals(), None),
    }
}

fn answer(
    login: &Login,
    segment: &str,
    headers: &HeaderMap,
    uri: &Uri,
    body: &[u8],
    v2: bool,
) -> Response {
    let cx = Context::new(login, headers, uri);
    let request = match read(login, &cx, segment, &Parameters::query(uri), v2) {
        Ok(request) => request,
        Err(error) => return pages::error(&error, &cx.trace),
    };
    let form = Parameters::parse(body);
    let answer = Answer::read(&form);
    if answer == Answer::Cancel {
        return failed(&request, &cx, "consent_required", &declined());
    }
    let everyone = candidates(login, &request);
    let Some(account) = chosen(&everyone, &form) else {
        return pages::sign_in(
            &request.app,
            &everyone,
            login.principals(),
            Some("Choose an account."),
        );
    };
    let mut response = proceed(login, &cx, &request, &account, answer);
    open_session(login, &account, &mut response);
    response
}

fn read(
    login: &Login,
    cx: &Context,
    segment: &str,
    parameters: &Parameters,
    v2: bool,
) -> Result<AdminConsent, LoginError> {
    let (app, authority, redirect_uri) = registered(login, segment, parameters)?;
    if authority.alias() == Some("common") && v2 {
        return Err(LoginError::new(
            90023,
            "Invalid request. The tenant of the admin consent endpoint is an id, a domain or 'organizations', not 'common'.",
        ));
    }
    let text = if v2 {
        Some(parameters.require("scope")?.to_owned())
    } else {
        None
    };
    let scopes = Scopes::parse(text.as_deref().unwrap_or(".default"), &cx.host)?;
    if let Some(other) = scopes
        .resources
        .iter()
        .find(|resource| *resource != super::scopes::GRAPH)
    {
        return Err(super::scopes::unknown_resource(other));
    }
    let state = parameters.get("state").map(str::to_owned);
    let reply = Reply {
        redirect_uri,
        mode: ResponseMode::Query,
        state,
    };
    let login_hint = parameters.get("login_hint").map(str::to_owned);
    Ok(AdminConsent {
        app,
        authority,
        reply,
        scopes,
        text,
        login_hint,
    })
}

/// Accounts of the tenant itself; guests administer nothing.
fn candidates(login: &Login, request: &AdminConsent) -> Vec<Account> {
    let all = login.state().accounts.all().to_vec();
    let here = |account: &Account| {
        accounts::person(login.principals(), &request.authority, account)
            .is_some_and(|person| person.account.tenant_id == person.tenant.id)
    };
    all.into_iter().filter(here).collect()
}

fn proceed(
    login: &Login,
    cx: &Context,
    request: &AdminConsent,
    account: &Account,
    answer: Answer,
) -> Response {
    let person = match accounts::usable_person(login.principals(), &request.authority, account) {
        Ok(person) => person,
        Err(error) => return pages::error(&error, &cx.trace),
    };
    let app = &request.app;
    let mut asked = wanted(app, &request.scopes);
    if !person.is_admin() {
        return pages::error(&consent::admin_required(app), &cx.trace);
    }
    if !matches!(answer, Answer::Accept { .. }) {
        if request.scopes.default {
            asked.extend(app.application.iter().cloned());
        }
        return pages::consent(app, &person, &asked, false);
    }
    login
        .state()
        .apps
        .consent_as_organization(person.tenant.id, app, &request.scopes);
    login
        .principals()
        .service_principal_created(person.tenant.id, app.id, &app.name);
    let mut parameters = vec![
        ("admin_consent", "True".to_owned()),
        ("tenant", person.tenant.id.to_string()),
    ];
    if let Some(text) = &request.text {
        parameters.push(("scope", text.clone()));
    }
    request.reply.send(parameters)
}

fn failed(request: &AdminConsent, cx: &Context, code: &str, error: &LoginError) -> Response {
    let mut parameters = vec![("admin_consent", "True".to_owned())];
    if let Some(tenant) = request.authority.tenant() {
        parameters.push(("tenant", tenant.id.to_string()));
    }
    parameters.push(("error", code.to_owned()));
    parameters.push(("error_description", error.description(&cx.trace)));
    request.reply.send(parameters)
}
