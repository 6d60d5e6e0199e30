//! Webhooks: added with a signing secret that is shown once, switched off,
//! removed; and what was sent, to be sent again.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use store::psa_ids::WebhookId;
use store::webhook_deliveries::{self, Delivery, DeliveryStatus};
use store::webhooks::{self, Webhook, WebhookEvent};

use super::roles::seen;
use crate::AppState;
use crate::api::webhooks as api;
use crate::auth::{Caller, CurrentUser};
use crate::error::{Problem, Result};
use crate::extract::{Body, Id};
use crate::pages::confirm::Confirm;
use crate::pages::frame::{Choice, Fields, Frame, at, go, page, sentence, word};
use crate::pages::moment::{Timed, when};

const HERE: &str = "/admin/webhooks";
const DELIVERIES: i64 = 50;

struct Row {
    id: String,
    url: String,
    description: String,
    events: usize,
    enabled: bool,
}

#[derive(Template)]
#[template(path = "webhooks.html")]
struct ListPage {
    frame: Frame,
    mail: bool,
    failure: Option<String>,
    secret: Option<String>,
    url: String,
    description: String,
    events: Vec<Choice>,
    rows: Vec<Row>,
}

fn events(chosen: &[WebhookEvent]) -> Vec<Choice> {
    let one = |event: &WebhookEvent| Choice {
        value: event.name().to_owned(),
        label: event.name().to_owned(),
        chosen: chosen.contains(event),
    };
    WebhookEvent::ALL.iter().map(one).collect()
}

fn ticked(fields: &Fields) -> Vec<WebhookEvent> {
    let wanted = fields.all("events");
    let all = WebhookEvent::ALL.iter().copied();
    all.filter(|event| wanted.iter().any(|name| name == event.name()))
        .collect()
}

async fn build(state: &AppState, user: &CurrentUser) -> Result<ListPage> {
    Caller::from(user.clone()).administrates()?;
    let all = webhooks::list(state.engine.db()).await?.into_iter();
    let row = |webhook: Webhook| Row {
        id: webhook.id.to_string(),
        url: webhook.url,
        description: webhook.description,
        events: webhook.events.len(),
        enabled: webhook.enabled,
    };
    Ok(ListPage {
        frame: Frame::new("Webhooks", "webhooks", Some(user)),
        mail: state.options.mail,
        failure: None,
        secret: None,
        url: String::new(),
        description: String::new(),
        events: events(&[]),
        rows: all.map(row).collect(),
    })
}

pub(crate) async fn list(State(state): State<AppState>, user: CurrentUser) -> Result<Response> {
    page(&build(&state, &user).await?)
}

pub(crate) async fn create(
    State(state): State<AppState>,
    user: CurrentUser,
    fields: Fields,
) -> Result<Response> {
    let draft = api::Draft {
        url: fields.text("url"),
        events: Some(ticked(&fields)),
        description: fields.text("description"),
        enabled: Some(true),
    };
    let made = api::add(&state, &Caller::from(user.clone()), draft).await;
    let mut shown = build(&state, &user).await?;
    match made {
        // Mail is not signed.
        Ok((webhook, _)) if webhook.url.starts_with("mailto:") => Ok(go(HERE)),
        Ok((_, secret)) => {
            shown.secret = Some(secret);
            page(&shown)
        }
        Err(problem) if problem.status() == StatusCode::UNPROCESSABLE_ENTITY => {
            shown.url = fields.text("url").unwrap_or_default();
            shown.description = fields.text("description").unwrap_or_default();
            shown.events = events(&ticked(&fields));
            let cure = problem.cure_text().unwrap_or_default();
            shown.failure = Some(format!("{} {cure}", sentence(problem.detail())));
            Ok((problem.status(), page(&shown)?).into_response())
        }
        Err(problem) => Err(problem),
    }
}

struct Sent {
    id: i64,
    event: &'static str,
    status: String,
    attempts: i64,
    when: Timed,
    /// Tells it from others in so many words.
    began: String,
    answer: String,
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct WebhookPage {
    frame: Frame,
    failure: Option<(String, Option<String>)>,
    id: String,
    version: i64,
    url: String,
    description: String,
    enabled: bool,
    events: Vec<Choice>,
    sent: Vec<Sent>,
}

pub(crate) async fn show(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<WebhookId>,
) -> Result<Response> {
    page(&one(&state, &user, id).await?)
}

async fn one(state: &AppState, user: &CurrentUser, id: WebhookId) -> Result<WebhookPage> {
    Caller::from(user.clone()).administrates()?;
    let (db, now) = (state.engine.db(), state.engine.now());
    let webhook = api::found(db, id).await?;
    let sent = webhook_deliveries::list(db, id, None, None, DELIVERIES).await?;
    let one = |delivery: Delivery| Sent {
        id: delivery.id,
        event: delivery.event.name(),
        status: word(&delivery.status),
        attempts: delivery.attempts,
        when: when(delivery.created_at, now),
        began: at(delivery.created_at),
        answer: match (delivery.last_status, delivery.last_error) {
            (_, Some(error)) => error,
            (Some(status), None) => status.to_string(),
            (None, None) => String::new(),
        },
    };
    Ok(WebhookPage {
        frame: Frame::new("Webhook", "webhooks", Some(user)),
        failure: None,
        id: id.to_string(),
        version: webhook.version,
        events: events(&webhook.events),
        url: webhook.url,
        description: webhook.description,
        enabled: webhook.enabled,
        sent: sent.items.into_iter().map(one).collect(),
    })
}

/// Changes a webhook; what is refused comes back as it was typed.
pub(crate) async fn update(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<WebhookId>,
    fields: Fields,
) -> Result<Response> {
    let problem = match updated(&state, &user, id, &fields).await {
        Ok(()) => return Ok(go(format!("{HERE}/{id}"))),
        Err(problem) => problem,
    };
    if !problem.is_mendable() {
        return Err(problem);
    }
    let mut shown = one(&state, &user, id).await?;
    shown.url = fields.text("url").unwrap_or_default();
    shown.description = fields.text("description").unwrap_or_default();
    shown.events = events(&ticked(&fields));
    shown.enabled = fields.ticked("enabled");
    let cure = problem.cure_text().map(str::to_owned);
    shown.failure = Some((sentence(problem.detail()), cure));
    Ok((problem.status(), page(&shown)?).into_response())
}

async fn updated(
    state: &AppState,
    user: &CurrentUser,
    id: WebhookId,
    fields: &Fields,
) -> Result<()> {
    let (caller, headers) = (Caller::from(user.clone()), seen(fields)?);
    let events = ticked(fields);
    if events.is_empty() {
        return Err(Problem::invalid("events: name at least one")
            .cure("Tick what the address should be told."));
    }
    let draft = api::Draft {
        url: fields.text("url"),
        events: Some(events),
        description: Some(fields.text("description").unwrap_or_default()),
        enabled: Some(fields.ticked("enabled")),
    };
    api::update(State(state.clone()), caller, Id(id), headers, Body(draft)).await?;
    Ok(())
}

/// What removing a webhook does, before it is done.
async fn asked(state: &AppState, user: &CurrentUser, id: WebhookId) -> Result<Confirm> {
    Caller::from(user.clone()).administrates()?;
    let db = state.engine.db();
    let webhook = api::found(db, id).await?;
    let waiting = Some(DeliveryStatus::Pending);
    let waiting = webhook_deliveries::list(db, id, waiting, None, DELIVERIES).await?;
    let waiting = match (waiting.items.len(), waiting.next) {
        (0, _) => "Nothing waits to be sent to it.".to_owned(),
        (1, _) => "One event that waits to be sent is dropped.".to_owned(),
        (count, None) => format!("{count} events that wait to be sent are dropped."),
        (count, Some(_)) => format!("More than {count} events that wait to be sent are dropped."),
    };
    Ok(Confirm {
        frame: Frame::new("Remove webhook", "webhooks", Some(user)),
        list: ("Webhooks", HERE),
        back: format!("{HERE}/{id}"),
        action: format!("{HERE}/{id}/remove"),
        version: Some(webhook.version),
        says: vec![
            format!("{} is told nothing any more.", webhook.url),
            waiting,
            "The signing secret and the list of what was sent go with it. This cannot be undone; a new webhook has a new secret. Switching it off instead keeps everything.".to_owned(),
        ],
        button: "Remove",
        is_refused: false,
        failure: None,
    })
}

pub(crate) async fn ask_remove(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<WebhookId>,
) -> Result<Response> {
    page(&asked(&state, &user, id).await?)
}

pub(crate) async fn remove(
    State(state): State<AppState>,
    user: CurrentUser,
    Id(id): Id<WebhookId>,
    fields: Fields,
) -> Result<Response> {
    let asked = asked(&state, &user, id).await?;
    let headers = seen(&fields)?;
    asked.done(api::remove(State(state), Caller::from(user), Id(id), headers).await)
}

/// Sends a delivery again.
pub(crate) async fn again(
    State(state): State<AppState>,
    user: CurrentUser,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<Response> {
    let to = format!("{HERE}/{id}");
    api::redeliver(State(state), Caller::from(user), Path((id, delivery))).await?;
    Ok(go(to))
}
