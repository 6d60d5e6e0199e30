//! Pages a person sees: sign-in, consent, errors, and the form that posts an answer. They work without scripts.
//! Draws what it is given; decides nothing.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};

use super::accounts::{Account, Person};
use super::apps::App;
use super::context::Parameters;
use super::errors::{LoginError, Trace};
use super::{Principals, permissions};

/// No `form-action`: browsers apply it to the redirect after a form, and that one leaves for the client's site.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "login/sign_in.html")]
struct SignInPage<'a> {
    app: &'a str,
    notice: Option<&'a str>,
    accounts: Vec<Choice>,
}

struct Choice {
    value: String,
    name: String,
    upn: String,
    tenant: String,
}

#[derive(Template)]
#[template(path = "login/consent.html")]
struct ConsentPage<'a> {
    app: &'a str,
    upn: &'a str,
    tenant: &'a str,
    account: String,
    permissions: Vec<(String, String)>,
    for_organization: bool,
}

#[derive(Template)]
#[template(path = "login/error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    code: u32,
    text: &'a str,
    trace: Option<[String; 3]>,
}

#[derive(Template)]
#[template(path = "login/form_post.html")]
struct FormPostPage<'a> {
    action: &'a str,
    fields: &'a [(&'a str, String)],
}

#[derive(Template)]
#[template(path = "login/signed_out.html")]
struct SignedOutPage;

/// Accounts to choose from, the newest first.
pub(super) fn sign_in(
    app: &App,
    accounts: &[Account],
    principals: &dyn Principals,
    notice: Option<&str>,
) -> Response {
    let accounts = accounts.iter().rev().map(|account| {
        let tenant = principals.tenant(&account.tenant_id.to_string());
        let user = principals.user(account.tenant_id, &account.user_id.to_string());
        Choice {
            value: account.form_value(),
            name: user.map(|user| user.display_name).unwrap_or_default(),
            upn: account.upn.clone(),
            tenant: tenant.map(|tenant| tenant.display_name).unwrap_or_default(),
        }
    });
    page(
        StatusCode::OK,
        &SignInPage {
            app: &app.name,
            notice,
            accounts: accounts.collect(),
        },
    )
}

/// Permissions to accept or not; `for_organization` offers consent for everyone.
pub(super) fn consent<'a>(
    app: &App,
    person: &Person,
    asked: impl IntoIterator<Item = &'a String>,
    for_organization: bool,
) -> Response {
    let permissions = asked
        .into_iter()
        .map(|name| (permissions::wording(name), name.clone()))
        .collect();
    page(
        StatusCode::OK,
        &ConsentPage {
            app: &app.name,
            upn: &person.account.upn,
            tenant: &person.tenant.display_name,
            account: person.account.form_value(),
            permissions,
            for_organization,
        },
    )
}

/// An error nobody may be redirected with.
pub(super) fn error(error: &LoginError, trace: &Trace) -> Response {
    let title = match error.code {
        90094 => "Need admin approval",
        _ => "Sorry, but we\u{2019}re having trouble signing you in.",
    };
    let trace = [
        trace.trace_id.to_string(),
        trace.correlation_id.to_string(),
        trace.time(),
    ];
    page(
        StatusCode::BAD_REQUEST,
        &ErrorPage {
            title,
            code: error.code,
            text: &error.text,
            trace: Some(trace),
        },
    )
}

/// `/error?code=…`, where `error_uri` leads.
pub(super) async fn error_lookup(uri: Uri) -> Response {
    let code = Parameters::query(&uri)
        .get("code")
        .and_then(|code| code.parse().ok())
        .unwrap_or_default();
    let error = LoginError::standard(code);
    page(
        StatusCode::OK,
        &ErrorPage {
            title: "Error",
            code,
            text: &error.text,
            trace: None,
        },
    )
}

/// The answer as a form that posts itself, or by a button where scripts are off.
pub(super) fn form_post(action: &str, fields: &[(&str, String)]) -> Response {
    page(StatusCode::OK, &FormPostPage { action, fields })
}

pub(super) fn signed_out() -> Response {
    page(StatusCode::OK, &SignedOutPage)
}

pub(super) async fn stylesheet() -> Response {
    asset(
        "text/css; charset=utf-8",
        include_str!("../../templates/login/style.css"),
    )
}

pub(super) async fn form_post_script() -> Response {
    asset(
        "text/javascript; charset=utf-8",
        include_str!("../../templates/login/form-post.js"),
    )
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    (
        [(header::CONTENT_TYPE, HeaderValue::from_static(kind))],
        text,
    )
        .into_response()
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    let Ok(html) = template.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
    ];
    (status, headers, Html(html)).into_response()
}
