//! `/{tenant}/oauth2/v2.0/authorize`: signs a person in, asks for consent and sends a code back.
//! Decides the next step; parameters are read in `request`, pages are drawn in `pages`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;

use super::accounts::{self, Account, Person};
use super::consent::{self, Need};
use super::context::{Context, Parameters};
use super::errors::{LoginError, random_uuid};
use super::request::{self, AuthorizeRequest, Prompt, refuse};
use super::tokens::{Code, SignIn};
use super::{Login, pages};

/// What the person answered on the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing yet.
    Open,
    Accept {
        organization: bool,
    },
    Cancel,
}

impl Answer {
    pub(super) fn read(form: &Parameters) -> Self {
        match form.get("decision") {
            Some("accept") => Self::Accept {
                organization: form.get("organization").is_some(),
            },
            Some("cancel") => Self::Cancel,
            _ => Self::Open,
        }
    }
}

/// The request as the application's redirect brings it.
pub(super) async fn start(
    State(login): State<Arc<Login>>,
    Path(segment): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let cx = Context::new(&login, &headers, &uri);
    let request = match request::read(&login, &cx, &segment, &Parameters::query(&uri)) {
        Ok(request) => request,
        Err(refusal) => return refusal.into_response(&cx),
    };
    let everyone = candidates(&login, &request);
    let session = login.state().accounts.session(&headers);
    match choose(&request, &everyone, session) {
        Choice::Account(account) => proceed(&login, &cx, &request, &account, Answer::Open),
        Choice::Ask(notice) => pages::sign_in(
            &request.app,
            &everyone,
            login.principals(),
            notice.as_deref(),
        ),
        Choice::LoginRequired => {
            let error = LoginError::new(
                50058,
                "A silent sign-in request was sent but no user is signed in.",
            );
            refuse(&request.reply, &cx, "login_required", &error)
        }
    }
}

/// A form of the sign-in or consent page; the request itself is still in the query.
pub(super) async fn submit(
    State(login): State<Arc<Login>>,
    Path(segment): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Response {
    let cx = Context::new(&login, &headers, &uri);
    let request = match request::read(&login, &cx, &segment, &Parameters::query(&uri)) {
        Ok(request) => request,
        Err(refusal) => return refusal.into_response(&cx),
    };
    let form = Parameters::parse(&body);
    let answer = Answer::read(&form);
    if answer == Answer::Cancel {
        return refuse(&request.reply, &cx, "access_denied", &declined());
    }
    let everyone = candidates(&login, &request);
    let Some(account) = chosen(&everyone, &form) else {
        return pages::sign_in(
            &request.app,
            &everyone,
            login.principals(),
            Some("Choose an account."),
        );
    };
    let mut response = proceed(&login, &cx, &request, &account, answer);
    open_session(&login, &account, &mut response);
    response
}

/// 65004.
pub(super) fn declined() -> LoginError {
    LoginError::new(65004, "User declined to consent to access the app.")
}

/// The account a form names.
pub(super) fn chosen(everyone: &[Account], form: &Parameters) -> Option<Account> {
    let value = form.get("account")?;
    everyone
        .iter()
        .find(|account| account.form_value() == value)
        .cloned()
}

pub(super) fn open_session(login: &Login, account: &Account, response: &mut Response) {
    let token = login.random_text();
    if let Ok(cookie) = HeaderValue::from_str(&accounts::set_cookie(&token)) {
        login.state().accounts.open_session(token, account.key());
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Accounts that have a place in the tenant, the oldest first.
fn candidates(login: &Login, request: &AuthorizeRequest) -> Vec<Account> {
    let all = login.state().accounts.all().to_vec();
    let here = |account: &Account| {
        accounts::person(login.principals(), &request.authority, account).is_some()
    };
    all.into_iter().filter(here).collect()
}

enum Choice {
    Account(Account),
    /// Show the sign-in page, with a notice.
    Ask(Option<String>),
    LoginRequired,
}

/// An account marked auto-consent signs in without a page: the one hinted at, else the newest.
fn choose(
    request: &AuthorizeRequest,
    everyone: &[Account],
    session: Option<(uuid::Uuid, uuid::Uuid)>,
) -> Choice {
    let hinted = |hint: &str| {
        everyone
            .iter()
            .find(|account| account.upn.eq_ignore_ascii_case(hint))
    };
    let signed_in = |account: &&Account| session == Some(account.key());
    let silent = match &request.login_hint {
        Some(hint) => hinted(hint).filter(|account| account.auto_consent),
        None => everyone.iter().rev().find(|account| account.auto_consent),
    };
    if request.prompt == Prompt::None {
        let session = match &request.login_hint {
            Some(hint) => hinted(hint).filter(signed_in),
            None => everyone.iter().find(signed_in),
        };
        return session.or(silent).map_or(Choice::LoginRequired, |account| {
            Choice::Account(account.clone())
        });
    }
    match (silent, &request.login_hint) {
        (Some(account), _) => Choice::Account(account.clone()),
        (None, Some(hint)) if hinted(hint).is_none() => Choice::Ask(Some(format!(
            "There is no account {hint} here. Choose another."
        ))),
        (None, hint) => Choice::Ask(hint.as_ref().map(|hint| format!("Sign in as {hint}."))),
    }
}

/// Everything after the account is known.
fn proceed(
    login: &Login,
    cx: &Context,
    request: &AuthorizeRequest,
    account: &Account,
    answer: Answer,
) -> Response {
    let person = match accounts::usable_person(login.principals(), &request.authority, account) {
        Ok(person) => person,
        Err(error) => return pages::error(&error, &cx.trace),
    };
    let app = &request.app;
    let given = login
        .state()
        .apps
        .consent(person.tenant.id, app.id)
        .cloned();
    let again = request.prompt == Prompt::Consent;
    let Need::Ask(asked) = consent::need(app, &request.scopes, given.as_ref(), &person, again)
    else {
        return finish(login, request, &person);
    };
    if request.prompt == Prompt::None {
        let error = LoginError::new(
            65001,
            format!(
                "The user or administrator has not consented to use the application with ID '{}' named '{}'. Send an interactive authorization request for this user and resource.",
                app.id, app.name
            ),
        );
        return refuse(&request.reply, cx, "interaction_required", &error);
    }
    if let Err(error) = consent::may_give(app, &person, given.as_ref(), &asked) {
        return pages::error(&error, &cx.trace);
    }
    // An administrator consents for everyone when the client asked for consent, else for himself ("Multi-tenant apps").
    let organization = match answer {
        Answer::Accept { organization } => organization && person.is_admin(),
        _ if account.auto_consent => again && person.is_admin(),
        _ => return pages::consent(app, &person, &asked, person.is_admin()),
    };
    give(login, request, &person, organization);
    finish(login, request, &person)
}

fn give(login: &Login, request: &AuthorizeRequest, person: &Person, organization: bool) {
    let app = &request.app;
    {
        let mut state = login.state();
        if organization {
            state
                .apps
                .consent_as_organization(person.tenant.id, app, &request.scopes);
        } else {
            state
                .apps
                .consent_as_person(person.tenant.id, app, person.user.id, &request.scopes);
        }
    }
    login
        .principals()
        .service_principal_created(person.tenant.id, app.id, &app.name);
}

/// Sends a code back.
fn finish(login: &Login, request: &AuthorizeRequest, person: &Person) -> Response {
    let principals = login.principals();
    let session_id = random_uuid(principals);
    let text = login.random_text();
    let code = Code {
        sign_in: SignIn {
            app_id: request.app.id,
            tenant_id: person.tenant.id,
            user_id: person.user.id,
            home: person.account.key(),
            is_admin: person.is_admin(),
            scopes: request.scopes.clone(),
            session_id,
        },
        redirect_uri: request.reply.redirect_uri.clone(),
        alias: request.authority.alias(),
        challenge: request.challenge.clone(),
        nonce: request.nonce.clone(),
        issued_at: principals.now(),
        redeemed: false,
    };
    login.state().tokens.add_code(text.clone(), code);
    request.reply.send(vec![
        ("code", text),
        ("session_state", session_id.to_string()),
    ])
}
