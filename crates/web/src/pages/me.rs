//! Whoever is signed in, about themselves: password, second factor, and where
//! they are signed in.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use secrecy::SecretString;
use store::{second_factors, sessions};

use super::agent;
use super::frame::{Fields, Frame, at, go, page, sentence};
use super::moment::{Timed, when};
use super::portal;
use crate::AppState;
use crate::api::sessions::id_of;
use crate::auth::second_factor::{self, Enrolment};
use crate::auth::{Client, CurrentUser, change_password, end_others};
use crate::error::{Problem, Result};

const HERE: &str = "/me";

/// The routes under `/me`.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(show))
        .route("/password", post(password))
        .route("/second-factor", post(begin))
        .route("/second-factor/confirm", post(confirm))
        .route("/second-factor/off", post(turn_off))
        .route("/sessions/end", post(end))
}

/// Where somebody is signed in.
struct Place {
    id: String,
    by: &'static str,
    /// The browser as people call it, and as it calls itself.
    browser: String,
    agent: String,
    ip: String,
    since: Timed,
    seen: Timed,
    is_current: bool,
    /// Tells it from others in so many words.
    began: String,
}

/// The second factor as far as it is.
enum Factor {
    Off,
    Begun(Enrolment),
    On { since: Timed, codes: u64 },
}

#[derive(Template)]
#[template(path = "me.html")]
struct MePage {
    frame: Frame,
    /// What a client's contact is shown of their record.
    profile: Option<portal::Profile>,
    has_password: bool,
    factor: Factor,
    places: Vec<Place>,
    failure: Option<String>,
    cure: Option<String>,
    done: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct CodesPage {
    frame: Frame,
    codes: Vec<String>,
}

/// The page, with what went wrong or was done.
async fn shown(
    state: &AppState,
    user: &CurrentUser,
    done: Option<&'static str>,
    problem: Option<&Problem>,
) -> Result<Response> {
    let (db, now) = (state.engine.db(), state.engine.now());
    let id = user.record.record.id;
    let factor = match second_factors::get(db, id).await? {
        Some(store::second_factors::SecondFactor {
            confirmed_at: Some(since),
            recovery_codes,
            ..
        }) => Factor::On {
            since: when(since, now),
            codes: recovery_codes,
        },
        _ => match second_factor::enrolment(state, user).await? {
            Some(enrolment) => Factor::Begun(enrolment),
            None => Factor::Off,
        },
    };
    let place = |session: sessions::Session| Place {
        id: id_of(&session),
        by: match session.method {
            sessions::Method::Password => "Password",
            sessions::Method::Microsoft => "Microsoft",
        },
        since: when(session.created_at, now),
        seen: when(session.last_seen_at, now),
        is_current: session.token_hash == user.session.token_hash,
        browser: session
            .user_agent
            .as_deref()
            .map_or_else(|| "Something without a name".to_owned(), agent::called),
        agent: session.user_agent.unwrap_or_default(),
        ip: session.ip.unwrap_or_default(),
        began: at(session.created_at),
    };
    let places = sessions::of_record(db, id, now).await?;
    let page = page(&MePage {
        frame: Frame::new("Your account", "me", Some(user)),
        profile: portal::profile_of(state, user).await?,
        has_password: user.record.has_password,
        factor,
        places: places.into_iter().map(place).collect(),
        failure: problem.map(|problem| sentence(problem.detail())),
        cure: problem.and_then(|problem| problem.cure_text().map(str::to_owned)),
        done,
    })?;
    Ok(match problem {
        Some(problem) => (problem.status(), page).into_response(),
        None => page,
    })
}

/// The page again, with what came of something.
async fn after(
    state: &AppState,
    user: &CurrentUser,
    done: &'static str,
    result: Result<()>,
) -> Result<Response> {
    match result {
        Ok(()) => shown(state, user, Some(done), None).await,
        Err(problem) => shown(state, user, None, Some(&problem)).await,
    }
}

async fn show(State(state): State<AppState>, user: CurrentUser) -> Result<Response> {
    shown(&state, &user, None, None).await
}

async fn password(
    State(state): State<AppState>,
    user: CurrentUser,
    client: Client,
    fields: Fields,
) -> Result<Response> {
    let (old, new) = (fields.verbatim("password"), fields.verbatim("new"));
    let changed = if new == fields.verbatim("again") {
        let (old, new) = (SecretString::from(old), SecretString::from(new));
        change_password(&state, &client, &user, old, new).await
    } else {
        Err(Problem::invalid("the two new passwords differ"))
    };
    let done = "You have a new password. Your other sessions ended.";
    after(&state, &user, done, changed).await
}

async fn begin(
    State(state): State<AppState>,
    user: CurrentUser,
    client: Client,
    fields: Fields,
) -> Result<Response> {
    let password = SecretString::from(fields.verbatim("password"));
    match second_factor::begin(&state, &client, &user, password).await {
        Ok(()) => Ok(go(HERE)),
        Err(problem) => shown(&state, &user, None, Some(&problem)).await,
    }
}

async fn confirm(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    let code = fields.text("code").unwrap_or_default();
    match second_factor::confirm(&state, &user, &code).await {
        Ok(codes) => page(&CodesPage {
            frame: Frame::new("Recovery codes", "me", Some(&user)),
            codes,
        }),
        Err(problem) => shown(&state, &user, None, Some(&problem)).await,
    }
}

async fn turn_off(
    State(state): State<AppState>,
    user: CurrentUser,
    client: Client,
    fields: Fields,
) -> Result<Response> {
    let password = SecretString::from(fields.verbatim("password"));
    let code = fields.text("code").unwrap_or_default();
    let off = second_factor::turn_off(&state, &client, &user, password, &code).await;
    let done = "The second factor is off.";
    after(&state, &user, done, off).await
}

/// Ends one session, or all but this one.
async fn end(State(state): State<AppState>, user: CurrentUser, fields: Fields) -> Result<Response> {
    let now = state.engine.now();
    let mut tx = state.engine.db().begin().await?;
    match fields.text("id") {
        None => {
            end_others(&mut tx, &user, now).await?;
        }
        Some(id) => {
            let all = sessions::of_record(&mut tx, user.record.record.id, now).await?;
            let session = all.into_iter().find(|session| id_of(session) == id);
            let session = session.ok_or_else(|| Problem::not_found("session"))?;
            sessions::end(&mut tx, &session.token_hash).await?;
        }
    }
    tx.commit().await?;
    Ok(go(HERE))
}
