//! API tokens: made, shown once, revoked.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::ToSpan as _;
use serde::Deserialize;
use store::api_tokens::{self, ApiToken, TokenScope};
use store::psa_ids::ApiTokenId;

use crate::AppState;
use crate::api::api_tokens as api;
use crate::auth::{Caller, CurrentUser};
use crate::error::{Problem, Result};
use crate::extract::{Id, Paging};
use crate::pages::confirm::Confirm;
use crate::pages::frame::{Choice, Fields, Frame, ago, page, query, sentence};
use crate::pages::moment::{Timed, maybe, when};

const HERE: &str = "/admin/api-tokens";

struct Row {
    id: String,
    name: String,
    scopes: String,
    by: String,
    made: Timed,
    used: Timed,
    ends: Timed,
    state: &'static str,
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    frame: Frame,
    failure: Option<String>,
    /// The text of a token that was just made.
    made: Option<String>,
    name: String,
    days: String,
    scopes: Vec<Choice>,
    rows: Vec<Row>,
    next: Option<String>,
}

fn means(scope: TokenScope) -> &'static str {
    match scope {
        TokenScope::Read => "looking at everything but administration",
        TokenScope::People => "changing people, accounts, tickets and invoices",
        TokenScope::Provisioning => "connections, rules, plans and syncs",
        TokenScope::Admin => "tokens, webhooks, security roles and the audit log",
    }
}

async fn build(state: &AppState, user: &CurrentUser, after: Option<String>) -> Result<TokensPage> {
    Caller::from(user.clone()).administrates()?;
    let now = state.engine.now();
    let paging = Paging { limit: None, after };
    let after = paging.after()?;
    let found = api_tokens::list(state.engine.db(), after.as_ref(), paging.limit()).await?;
    let next = found.cursor().map(|after| query(&[("after", &after)]));
    let row = |token: ApiToken| {
        let scopes: Vec<_> = token.scopes.iter().map(|scope| scope.name()).collect();
        let is_over = token.expires_at.is_some_and(|at| at <= now);
        Row {
            id: token.id.to_string(),
            name: token.name,
            scopes: scopes.join(", "),
            by: token.created_by.unwrap_or_default(),
            made: when(token.created_at, now),
            used: maybe(token.last_used_at, now),
            ends: maybe(token.expires_at, now),
            state: match (token.revoked_at, is_over) {
                (Some(_), _) => "revoked",
                (None, true) => "expired",
                (None, false) => "active",
            },
        }
    };
    Ok(TokensPage {
        frame: Frame::new("API tokens", "tokens", Some(user)),
        failure: None,
        made: None,
        name: String::new(),
        days: String::new(),
        scopes: Choice::list(
            &TokenScope::ALL.map(|scope| (scope.name(), means(scope))),
            "",
        ),
        rows: found.items.into_iter().map(row).collect(),
        next,
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct From {
    after: Option<String>,
}

pub(crate) async fn list(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(from): Query<From>,
) -> Result<Response> {
    page(&build(&state, &user, from.after).await?)
}

/// Makes a token and shows it, this once.
pub(crate) async fn create(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    let wanted = fields.all("scopes");
    let known = TokenScope::ALL.into_iter();
    let days: Option<i32> = fields.parse("days", "a number of days")?;
    let ends = days.map(|days| {
        let zoned = state.engine.now().to_zoned(jiff::tz::TimeZone::UTC);
        zoned
            .checked_add(days.days())
            .map(|zoned| zoned.timestamp())
    });
    let new = api::New {
        name: fields.text("name").unwrap_or_default(),
        scopes: known
            .filter(|scope| wanted.iter().any(|name| name == scope.name()))
            .collect(),
        expires_at: ends
            .transpose()
            .map_err(|_| Problem::invalid("days: too far away"))?,
    };
    let name = new.name.clone();
    let made = api::issue(&state, &Caller::from(user.clone()), new).await;
    let mut shown = build(&state, &user, None).await?;
    match made {
        Ok((_, text)) => {
            shown.made = Some(text);
            page(&shown)
        }
        Err(problem) if problem.status() == StatusCode::UNPROCESSABLE_ENTITY => {
            shown.name = name;
            shown.days = fields.text("days").unwrap_or_default();
            for scope in &mut shown.scopes {
                scope.chosen = wanted.contains(&scope.value);
            }
            shown.failure = Some(sentence(problem.detail()));
            Ok((problem.status(), page(&shown)?).into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// What revoking a token does, before it is done.
async fn asked(state: &AppState, user: &CurrentUser, id: ApiTokenId) -> Result<Confirm> {
    Caller::from(user.clone()).administrates()?;
    let token = api_tokens::get(state.engine.db(), id).await?;
    let token = token.ok_or_else(|| Problem::not_found("API token"))?;
    let used = match token.last_used_at {
        Some(at) => format!("It was used {}.", ago(Some(at), state.engine.now())),
        None => "It was never used.".to_owned(),
    };
    let is_over = token.revoked_at.is_some();
    let says = if is_over {
        vec!["The token is revoked already.".to_owned()]
    } else {
        vec![
            format!("Whatever uses the token “{}” is refused at once.", token.name),
            used,
            "This cannot be undone: a new token has to be made and put in its place. The token stays in the list, and what was done with it in the audit log.".to_owned(),
        ]
    };
    Ok(Confirm {
        frame: Frame::new(&format!("Revoke {}", token.name), "tokens", Some(user)),
        list: ("API tokens", HERE),
        back: HERE.to_owned(),
        action: format!("{HERE}/{id}/revoke"),
        version: None,
        says,
        button: "Revoke",
        is_refused: is_over,
        failure: None,
    })
}

pub(crate) async fn ask_revoke(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<ApiTokenId>,
) -> Result<Response> {
    page(&asked(&state, &user, id).await?)
}

pub(crate) async fn revoke(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<ApiTokenId>,
) -> Result<Response> {
    let asked = asked(&state, &user, id).await?;
    asked.done(api::revoke(State(state), Caller::from(user), Id(id)).await)
}
