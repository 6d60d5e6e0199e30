//! Signing in and out, and the one-time set-up page. Passwords go to `auth`
//! and nowhere else.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde::Deserialize;

use super::frame::{Fields, Frame, go, page, sentence};
use crate::AppState;
use crate::auth::{self, Client, SignIn, SignedIn};
use crate::error::{Problem, Result};
use crate::outside::{bind, local_path};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    return_to: String,
    username: String,
    failure: Option<String>,
    cure: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in_code.html")]
struct CodePage {
    frame: Frame,
    return_to: String,
    half: String,
    failure: Option<String>,
    cure: Option<String>,
}

#[derive(Template)]
#[template(path = "set_up.html")]
struct SetUpPage {
    frame: Frame,
    username: String,
    /// Where the set-up code is found, when one is asked for.
    code_is_where: Option<&'static str>,
    failure: Option<String>,
    cure: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Return {
    #[serde(default)]
    return_to: String,
}

pub(crate) async fn form(
    State(state): State<AppState>,
    Query(query): Query<Return>,
) -> Result<Response> {
    if auth::needs_root(&state).await? {
        return Ok(go("/set-up"));
    }
    page(&SignInPage {
        frame: Frame::new("Sign in", "", None),
        return_to: local_path(&query.return_to).to_owned(),
        username: String::new(),
        failure: None,
        cure: None,
    })
}

pub(crate) async fn sign_in(
    State(state): State<AppState>,
    headers: HeaderMap,
    client: Client,
    fields: Fields,
) -> Result<Response> {
    let typed = SignIn {
        username: fields.text("username").unwrap_or_default(),
        password: SecretString::from(fields.verbatim("password")),
    };
    let return_to = fields.text("return_to").unwrap_or_default();
    let return_to = local_path(&return_to).to_owned();
    let username = typed.username.clone();
    match auth::sign_in(&state, &headers, &client, typed).await {
        Ok(SignedIn::Session(cookie)) => {
            Ok(([(SET_COOKIE, cookie)], go(return_to)).into_response())
        }
        Ok(SignedIn::NeedsCode(half)) => code_page(return_to, half, None),
        Err(problem) => {
            let shown = page(&SignInPage {
                frame: Frame::new("Sign in", "", None),
                return_to,
                username,
                failure: Some(sentence(problem.detail())),
                cure: problem.cure_text().map(str::to_owned),
            })?;
            Ok((problem.status(), shown).into_response())
        }
    }
}

fn code_page(return_to: String, half: String, problem: Option<&Problem>) -> Result<Response> {
    page(&CodePage {
        frame: Frame::new("Sign in", "", None),
        return_to,
        half,
        failure: problem.map(|problem| sentence(problem.detail())),
        cure: problem.and_then(|problem| problem.cure_text().map(str::to_owned)),
    })
}

pub(crate) async fn code(
    State(state): State<AppState>,
    headers: HeaderMap,
    client: Client,
    fields: Fields,
) -> Result<Response> {
    let (half, code) = (fields.text("half"), fields.text("code"));
    let (half, code) = (half.unwrap_or_default(), code.unwrap_or_default());
    let return_to = fields.text("return_to").unwrap_or_default();
    let return_to = local_path(&return_to).to_owned();
    match auth::sign_in_with_code(&state, &headers, &client, &half, &code).await {
        Ok(cookie) => Ok(([(SET_COOKIE, cookie)], go(return_to)).into_response()),
        Err(problem) => {
            let shown = code_page(return_to, half, Some(&problem))?;
            Ok((problem.status(), shown).into_response())
        }
    }
}

pub(crate) async fn microsoft(
    State(state): State<AppState>,
    headers: HeaderMap,
    Query(query): Query<Return>,
) -> Result<Response> {
    let (binding, cookie) = bind(&state, &headers);
    let return_to = local_path(&query.return_to);
    let url = state.engine.sign_in_url(&binding, return_to).await?;
    Ok(([(SET_COOKIE, cookie)], go(url.as_str())).into_response())
}

pub(crate) async fn sign_out(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response> {
    let cookie = auth::sign_out(&state, &headers).await?;
    Ok(([(SET_COOKIE, cookie)], go("/sign-in")).into_response())
}

pub(crate) async fn set_up_form(State(state): State<AppState>) -> Result<Response> {
    if !auth::needs_root(&state).await? {
        return Ok(go("/sign-in"));
    }
    set_up_page(&state, String::new(), None)
}

fn set_up_page(state: &AppState, username: String, problem: Option<&Problem>) -> Result<Response> {
    page(&SetUpPage {
        frame: Frame::new("Set up Rollcall", "", None),
        username,
        code_is_where: auth::asks_for_code(&state.engine).then_some(auth::CODE_IS_WHERE),
        failure: problem.map(|problem| sentence(problem.detail())),
        cure: problem.and_then(|problem| problem.cure_text().map(str::to_owned)),
    })
}

pub(crate) async fn set_up(
    State(state): State<AppState>,
    headers: HeaderMap,
    client: Client,
    fields: Fields,
) -> Result<Response> {
    let username = fields.text("username").unwrap_or_default();
    let password = fields.verbatim("password");
    let code = fields.text("code").unwrap_or_default();
    let made = if let Err(problem) = auth::check_set_up_code(&state.engine, &code) {
        Err(problem)
    } else if password == fields.verbatim("again") {
        auth::create_root(&state, &username, SecretString::from(password)).await
    } else {
        Err(Problem::invalid("the two passwords differ"))
    };
    match made {
        Ok(id) => {
            let cookie = auth::start_session(&state, &headers, &client, id, None).await?;
            Ok(([(SET_COOKIE, cookie)], go("/")).into_response())
        }
        Err(problem) => {
            let shown = set_up_page(&state, username, Some(&problem))?;
            Ok((problem.status(), shown).into_response())
        }
    }
}
