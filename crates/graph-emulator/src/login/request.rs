//! Reading an authorization request: every parameter checked before anyone is asked anything.
//! Knows what is well-formed and registered, not who will sign in.

use std::sync::Arc;

use axum::response::Response;

use super::apps::App;
use super::authority::Authority;
use super::client;
use super::context::{Context, Parameters, missing};
use super::errors::LoginError;
use super::redirect::{self, ResponseMode, without_markup};
use super::scopes::Scopes;
use super::tokens::Challenge;
use super::{Login, pages, permissions};

/// How much the client wants the person to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prompt {
    Auto,
    Login,
    None,
    Consent,
    SelectAccount,
}

/// A well-formed authorization request.
pub(super) struct AuthorizeRequest {
    pub app: Arc<App>,
    pub authority: Authority,
    pub reply: Reply,
    pub scopes: Scopes,
    pub prompt: Prompt,
    pub login_hint: Option<String>,
    pub challenge: Option<Challenge>,
    pub nonce: Option<String>,
}

/// Where the answer goes.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub redirect_uri: String,
    pub mode: ResponseMode,
    pub state: Option<String>,
}

impl Reply {
    /// Sends the browser back with `parameters` and the client's state.
    pub(super) fn send(&self, mut parameters: Vec<(&str, String)>) -> Response {
        if let Some(state) = &self.state {
            parameters.push(("state", without_markup(state)));
        }
        redirect::answer(&self.redirect_uri, self.mode, &parameters)
    }
}

/// A refusal before anyone was asked: on a page while the redirect address is not trusted, by redirect after.
pub(super) enum Refusal {
    Page(LoginError),
    Redirect(Reply, LoginError),
}

impl Refusal {
    pub(super) fn into_response(self, cx: &Context) -> Response {
        match self {
            Self::Page(error) => pages::error(&error, &cx.trace),
            Self::Redirect(reply, error) => refuse(&reply, cx, error.error(), &error),
        }
    }
}

/// Sends an error back to the client.
pub(super) fn refuse(reply: &Reply, cx: &Context, code: &str, error: &LoginError) -> Response {
    reply.send(vec![
        ("error", code.to_owned()),
        ("error_description", error.description(&cx.trace)),
    ])
}

/// The application and redirect address of a request; both must be right before any redirect.
///
/// # Errors
/// 900144, 700016, 7000112, 50194, 50011, 90002, 900023 - all for the error page.
pub(super) fn registered(
    login: &Login,
    segment: &str,
    parameters: &Parameters,
) -> Result<(Arc<App>, Authority, String), LoginError> {
    let authority = Authority::resolve(login.principals(), segment)?;
    let app = client::find(login, parameters.require("client_id")?, &authority)?;
    if matches!(authority, Authority::Consumers) {
        return Err(client::not_found(&app.id.to_string(), &authority.label()));
    }
    let asked = parameters.get("redirect_uri").unwrap_or_default();
    if !app
        .redirect_uris
        .iter()
        .any(|known| redirect::matches(known, asked))
    {
        return Err(LoginError::new(
            50011,
            format!(
                "The redirect URI '{asked}' specified in the request does not match the redirect URIs configured for the application '{}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot redirect URI issues.",
                app.id
            ),
        ));
    }
    let asked = asked.to_owned();
    Ok((app, authority, asked))
}

/// Reads an authorization request.
///
/// # Errors
/// A [`Refusal`], on a page or by redirect.
pub(super) fn read(
    login: &Login,
    cx: &Context,
    segment: &str,
    parameters: &Parameters,
) -> Result<AuthorizeRequest, Refusal> {
    let (app, authority, redirect_uri) =
        registered(login, segment, parameters).map_err(Refusal::Page)?;
    let state = parameters.get("state").map(str::to_owned);
    let mode = response_mode(parameters);
    let reply = Reply {
        redirect_uri,
        mode: *mode.as_ref().unwrap_or(&ResponseMode::Query),
        state,
    };
    let details = || -> Result<_, LoginError> {
        mode.clone()?;
        response_type(parameters)?;
        let text = parameters.require("scope")?;
        let scopes = Scopes::parse(text, &cx.host)?;
        if let Some(other) = scopes
            .resources
            .iter()
            .find(|resource| *resource != super::scopes::GRAPH)
        {
            return Err(super::scopes::unknown_resource(other));
        }
        known_scopes(&app, &scopes)?;
        Ok((scopes, prompt(parameters)?, challenge(parameters)?))
    };
    match details() {
        Ok((scopes, prompt, challenge)) => Ok(AuthorizeRequest {
            app,
            authority,
            reply,
            scopes,
            prompt,
            login_hint: parameters.get("login_hint").map(str::to_owned),
            challenge,
            nonce: parameters.get("nonce").map(str::to_owned),
        }),
        Err(error) => Err(Refusal::Redirect(reply, error)),
    }
}

fn response_mode(parameters: &Parameters) -> Result<ResponseMode, LoginError> {
    match parameters.get("response_mode") {
        None | Some("query") => Ok(ResponseMode::Query),
        Some("fragment") => Ok(ResponseMode::Fragment),
        Some("form_post") => Ok(ResponseMode::FormPost),
        Some(other) => Err(invalid(&format!(
            "The response_mode '{other}' is not supported."
        ))),
    }
}

/// Only `code`: no registration here has the implicit grant switched on.
fn response_type(parameters: &Parameters) -> Result<(), LoginError> {
    let asked: Vec<_> = parameters
        .require("response_type")?
        .split_whitespace()
        .collect();
    if asked.contains(&"token") {
        return Err(LoginError::new(
            700_051,
            "The response_type 'token' is not enabled for the application.",
        ));
    }
    if asked.contains(&"id_token") {
        return Err(LoginError::new(
            700_054,
            "The response_type 'id_token' is not enabled for the application.",
        ));
    }
    if asked == ["code"] {
        Ok(())
    } else {
        Err(invalid("The response_type must contain 'code'."))
    }
}

fn known_scopes(app: &App, scopes: &Scopes) -> Result<(), LoginError> {
    match scopes
        .graph
        .iter()
        .find(|name| permissions::find(name).is_none() && !app.delegated.contains(*name))
    {
        None => Ok(()),
        Some(name) => Err(LoginError::new(
            650_053,
            format!(
                "The application '{}' asked for scope '{name}' that doesn't exist on the resource '00000003-0000-0000-c000-000000000000'. Contact the app vendor.",
                app.name
            ),
        )),
    }
}

fn prompt(parameters: &Parameters) -> Result<Prompt, LoginError> {
    match parameters.get("prompt") {
        None => Ok(Prompt::Auto),
        Some("login") => Ok(Prompt::Login),
        Some("none") => Ok(Prompt::None),
        Some("consent") => Ok(Prompt::Consent),
        Some("select_account") => Ok(Prompt::SelectAccount),
        // Among others admin_consent, which only the v1 endpoint had.
        Some(other) => Err(invalid(&format!(
            "The value '{other}' of the parameter 'prompt' is not supported."
        ))),
    }
}

fn challenge(parameters: &Parameters) -> Result<Option<Challenge>, LoginError> {
    let Some(challenge) = parameters.get("code_challenge") else {
        return match parameters.get("code_challenge_method") {
            None => Ok(None),
            Some(_) => Err(missing("code_challenge")),
        };
    };
    let unreserved =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if !(43..=128).contains(&challenge.len()) || !challenge.bytes().all(unreserved) {
        return Err(LoginError::new(
            50147,
            "The size of the code challenge parameter isn't valid.",
        ));
    }
    match parameters.get("code_challenge_method") {
        None | Some("plain") => Ok(Some(Challenge::Plain(challenge.to_owned()))),
        Some("S256") => Ok(Some(Challenge::S256(challenge.to_owned()))),
        Some(_) => Err(LoginError::new(
            50149,
            "The code_challenge_method isn't valid.",
        )),
    }
}

fn invalid(text: &str) -> LoginError {
    LoginError::new(90023, format!("Invalid request. {text}"))
}
