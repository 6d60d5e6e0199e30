//! `/webhooks`: outgoing, signed as Standard Webhooks or by email, with their deliveries.
//! What is sent is written to an outbox in the transaction of the change.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::Actor;
use engine::{SIGNING_SECRET, Target, Ways, check_target, is_for_mail};
use jiff::Timestamp;
use provisioning::psa::Record;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use store::journal::{self, NewEntry};
use store::psa_ids::WebhookId;
use store::secrets::{self, Place};
use store::webhook_deliveries::{self, Delivery, DeliveryStatus};
use store::webhooks::{self, Webhook, WebhookEvent};
use store::{Source, Tx};

use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};
use crate::extract::{
    Body, Id, Paging, Query, expected_version, list as answer, page_of, page_size,
};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Draft {
    pub(crate) url: Option<String>,
    pub(crate) events: Option<Vec<WebhookEvent>>,
    pub(crate) description: Option<String>,
    pub(crate) enabled: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Filter {
    status: Option<DeliveryStatus>,
    limit: Option<i64>,
    after: Option<String>,
}

fn view(webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id, "url": webhook.url, "events": webhook.events,
        "description": webhook.description, "enabled": webhook.enabled,
        "created_at": webhook.created_at, "updated_at": webhook.updated_at,
    })
}

fn delivery_view(delivery: &Delivery) -> Value {
    json!({
        "id": delivery.id, "webhook_id": delivery.webhook_id, "event": delivery.event,
        "status": delivery.status, "attempts": delivery.attempts, "next_at": delivery.next_at,
        "last_status": delivery.last_status, "last_error": delivery.last_error,
        "body": delivery.body, "created_at": delivery.created_at,
        "delivered_at": delivery.delivered_at,
    })
}

fn tagged(status: StatusCode, version: i64, body: Value) -> Response {
    (
        status,
        [(header::ETAG, format!("\"{version}\""))],
        Json(body),
    )
        .into_response()
}

pub(crate) async fn found(on: impl Into<Source<'_>>, id: WebhookId) -> Result<Webhook> {
    webhooks::get(on, id)
        .await?
        .ok_or_else(|| Problem::not_found("webhook"))
}

/// `GET /webhooks`
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>> {
    caller.administrates()?;
    let all = webhooks::list(state.engine.db()).await?;
    let (shown, next) = page_of(all, &paging, |webhook| webhook.id.to_string())?;
    Ok(answer(shown.iter().map(view).collect(), next))
}

/// `GET /webhooks/{id}`
pub(super) async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<WebhookId>,
) -> Result<Response> {
    caller.administrates()?;
    let webhook = found(state.engine.db(), id).await?;
    Ok(tagged(StatusCode::OK, webhook.version, view(&webhook)))
}

/// `POST /webhooks`: the answer holds the signing secret, once.
pub(super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Body(draft): Body<Draft>,
) -> Result<Response> {
    let (webhook, secret) = add(&state, &caller, draft).await?;
    let mut body = view(&webhook);
    body["secret"] = secret.into();
    Ok(tagged(StatusCode::CREATED, webhook.version, body))
}

/// Refuses addresses nothing may be sent to, and events nobody wants there.
fn judge(state: &AppState, url: &str, events: &[WebhookEvent]) -> Result<()> {
    let ways = Ways {
        private: state.options.allow_private_webhooks,
        mail: state.options.mail,
    };
    let target = check_target(url, ways)?;
    if events.is_empty() {
        return Err(Problem::invalid("events: name at least one"));
    }
    let flood = events.iter().find(|event| !is_for_mail(**event));
    match (target, flood) {
        (Target::Mail(_), Some(event)) => {
            let detail = format!("events: {} would be a mail for each person", event.name());
            Err(Problem::invalid(detail).cure("Mail tells of runs, reviews and connections."))
        }
        _ => Ok(()),
    }
}

/// Adds a webhook; with its signing secret, which is shown this once.
pub(crate) async fn add(
    state: &AppState,
    caller: &Caller,
    draft: Draft,
) -> Result<(Webhook, String)> {
    let actor = caller.administrates()?;
    let url = draft
        .url
        .ok_or_else(|| Problem::invalid("url is missing"))?;
    let events = draft.events.unwrap_or_default();
    judge(state, &url, &events)?;
    let now = state.engine.now();
    let webhook = Webhook {
        id: WebhookId(state.engine.new_id()),
        url,
        description: draft.description.unwrap_or_default(),
        events,
        enabled: draft.enabled.unwrap_or(true),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let mut key = [0; 32];
    state.engine.fill(&mut key);
    let secret = format!("whsec_{}", STANDARD.encode(key));
    let mut tx = state.engine.db().begin().await?;
    webhooks::insert(&mut tx, &webhook).await?;
    let place = Place {
        connection_id: None,
        owner: webhook.id.0,
        purpose: SIGNING_SECRET,
    };
    let random = |out: &mut [u8]| state.engine.fill(out);
    let (sealer, key_id) = (state.engine.sealer(), state.engine.new_id());
    let kept = SecretString::from(secret.clone());
    secrets::put(&mut tx, sealer, &random, key_id, place, &kept, now).await?;
    note(&mut tx, &actor, "webhook_created", &webhook, now).await?;
    tx.commit().await?;
    Ok((webhook, secret))
}

/// Writes down who did what to a webhook. The path and query of its address are
/// often a secret.
async fn note(
    tx: &mut Tx,
    actor: &Actor,
    act: &str,
    webhook: &Webhook,
    now: Timestamp,
) -> Result<()> {
    let target = url::Url::parse(&webhook.url).ok();
    let host = target.and_then(|url| url.host_str().map(str::to_owned));
    let body = json!({
        "id": webhook.id, "host": host, "events": webhook.events, "enabled": webhook.enabled,
    });
    let entry = NewEntry {
        actor: Some(actor.name.clone()),
        body: Some(body),
        ..NewEntry::new(now, actor.origin, act)
    };
    journal::append(tx, &[entry]).await?;
    Ok(())
}

/// `PATCH /webhooks/{id}`
pub(crate) async fn update(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<WebhookId>,
    headers: HeaderMap,
    Body(draft): Body<Draft>,
) -> Result<Response> {
    let actor = caller.administrates()?;
    let mut tx = state.engine.db().begin().await?;
    let mut webhook = found(&mut tx, id).await?;
    webhook.url = draft.url.unwrap_or(webhook.url);
    webhook.events = draft.events.unwrap_or(webhook.events);
    judge(&state, &webhook.url, &webhook.events)?;
    webhook.description = draft.description.unwrap_or(webhook.description);
    webhook.enabled = draft.enabled.unwrap_or(webhook.enabled);
    let expected = expected_version(&headers)?.unwrap_or(webhook.version);
    let now = state.engine.now();
    let version = webhooks::update(&mut tx, &webhook, expected, now).await?;
    note(&mut tx, &actor, "webhook_changed", &webhook, now).await?;
    tx.commit().await?;
    Ok(tagged(StatusCode::OK, version, view(&webhook)))
}

/// `DELETE /webhooks/{id}`
pub(crate) async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<WebhookId>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    let actor = caller.administrates()?;
    let mut tx = state.engine.db().begin().await?;
    let webhook = found(&mut tx, id).await?;
    let expected = expected_version(&headers)?.unwrap_or(webhook.version);
    webhooks::delete(&mut tx, id, expected).await?;
    secrets::delete(&mut tx, id.0, SIGNING_SECRET).await?;
    note(
        &mut tx,
        &actor,
        "webhook_removed",
        &webhook,
        state.engine.now(),
    )
    .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /webhooks/{id}/deliveries`, newest first
pub(super) async fn deliveries(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<WebhookId>,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>> {
    caller.administrates()?;
    let db = state.engine.db();
    found(db, id).await?;
    let after = filter
        .after
        .as_deref()
        .map(store::page::decode::<i64>)
        .transpose();
    let after = after.map_err(|_| crate::extract::bad_cursor())?;
    let limit = page_size(filter.limit);
    let page = webhook_deliveries::list(db, id, filter.status, after.as_ref(), limit).await?;
    let next = page.cursor();
    Ok(answer(page.items.iter().map(delivery_view).collect(), next))
}

/// `POST /webhooks/{id}/deliveries/{delivery}/redeliver`
pub(crate) async fn redeliver(
    State(state): State<AppState>,
    caller: Caller,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<StatusCode> {
    caller.administrates()?;
    let missing = || Problem::not_found("delivery");
    let id: WebhookId = id.parse().map_err(|_| missing())?;
    let delivery: i64 = delivery.parse().map_err(|_| missing())?;
    let mut tx = state.engine.db().begin().await?;
    let known = webhook_deliveries::get(&mut tx, delivery).await?;
    known
        .filter(|known| known.webhook_id == id)
        .ok_or_else(missing)?;
    webhook_deliveries::redeliver(&mut tx, delivery, state.engine.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::ACCEPTED)
}

/// Puts the event of a change by hand into the outbox, for those who listen.
pub(super) async fn person_changed(
    tx: &mut Tx,
    action: &str,
    record: &Record,
    now: Timestamp,
) -> Result<()> {
    let event = match action {
        "create" => WebhookEvent::PersonCreated,
        "restore" => WebhookEvent::PersonRestored,
        "deactivate" => WebhookEvent::PersonDeactivated,
        "reactivate" => WebhookEvent::PersonReactivated,
        "grant" => WebhookEvent::PersonAccessGranted,
        "revoke" => WebhookEvent::PersonAccessRevoked,
        _ => WebhookEvent::PersonUpdated,
    };
    let names = [&record.first_name, &record.last_name];
    let names: Vec<_> = names.into_iter().flatten().cloned().collect();
    let data = json!({
        "id": record.id, "kind": record.kind, "name": names.join(" "),
        "username": record.username, "email": record.email, "status": record.status,
        "tenant_id": null, "object_id": null, "run_id": null, "reason": "by hand",
    });
    engine::tell(tx, now, event, data).await?;
    Ok(())
}
