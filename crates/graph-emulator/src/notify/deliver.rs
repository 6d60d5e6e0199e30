//! The notifier: sends what is due, and asks new addresses to prove they listen.
//! Never holds a lock while it waits for an answer.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::queue::Batch;
use crate::core::Core;
use crate::fault::Effect;

const FIRST_TIMEOUT: Duration = Duration::from_secs(3);
const LATER_TIMEOUT: Duration = Duration::from_secs(10);
const VALIDATION_TIMEOUT: Duration = Duration::from_secs(10);

/// Starts the notifier of an emulator unless it runs. Must be called within a runtime.
pub(crate) fn ensure_running(core: &Arc<Core>, running: &std::sync::OnceLock<()>) {
    running.get_or_init(|| {
        tokio::spawn(run(Arc::downgrade(core), Arc::clone(&core.wake)));
    });
}

async fn run(core: Weak<Core>, wake: Arc<tokio::sync::Notify>) {
    loop {
        let Some(wait) = core.upgrade().map(|core| step(&core)) else {
            return;
        };
        let rung = wake.notified();
        match wait {
            Some(wait) => drop(timeout(wait, rung).await),
            None => rung.await,
        }
    }
}

/// Sends what is due; gives back how long until more is.
fn step(core: &Arc<Core>) -> Option<Duration> {
    let (now, switches) = (core.now(), core.switches());
    let (batches, next) = {
        let mut subscriptions = core.subscriptions();
        let batches = subscriptions.take_due(now, &switches);
        (batches, subscriptions.next_due(now, &switches))
    };
    for batch in batches {
        tokio::spawn(deliver(Arc::clone(core), batch));
    }
    next.map(|next| until(now, next))
}

fn until(now: Timestamp, next: Timestamp) -> Duration {
    let wait = Duration::try_from(next.duration_since(now)).unwrap_or_default();
    // A timer that fires early would spin; one that fires a moment late harms nobody.
    wait + Duration::from_millis(1)
}

async fn deliver(core: Arc<Core>, batch: Batch) {
    let Some(first) = batch.first() else {
        return;
    };
    let limit = if first.attempt == 0 {
        FIRST_TIMEOUT
    } else {
        LATER_TIMEOUT
    };
    let url = first.url.clone();
    let items: Vec<&Value> = batch.iter().map(|delivery| &delivery.item).collect();
    let body = Bytes::from(json!({ "value": items }).to_string());
    let path = url::Url::parse(&url)
        .map(|url| url.path().to_owned())
        .unwrap_or_default();
    let tenant_id = first.item["tenantId"]
        .as_str()
        .and_then(|id| id.parse().ok());
    let effect = core
        .faults()
        .fire("POST", &path, tenant_id)
        .unwrap_or_default();
    let started = core.now();
    if let Some(delay) = effect
        .delay
        .and_then(|delay| Duration::try_from_secs_f64(delay).ok())
    {
        sleep(delay).await;
    }
    let delivered = post(&core, &url, &body, &effect, limit).await;
    if effect.duplicate {
        post(&core, &url, &body, &Effect::default(), limit).await;
    }
    let now = core.now();
    let took = now.duration_since(started);
    core.subscriptions().settle(batch, delivered, took, now);
    core.wake.notify_one();
}

/// Sends one POST; `true` when it was taken, or lost as a fault told.
async fn post(core: &Core, url: &str, body: &Bytes, effect: &Effect, limit: Duration) -> bool {
    if effect.drop {
        return true;
    }
    if let Some(status) = effect.status {
        return (200..300).contains(&status);
    }
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .body(body.clone());
    let Ok(request) = request else {
        return false;
    };
    match timeout(limit, core.sender().send(request)).await {
        Ok(Ok(answer)) if answer.status().is_success() => true,
        Ok(Ok(answer)) => {
            tracing::info!(
                url,
                status = answer.status().as_u16(),
                "notification refused"
            );
            false
        }
        Ok(Err(error)) => {
            tracing::info!(url, %error, "notification not delivered");
            false
        }
        Err(_) => {
            tracing::info!(url, "notification timed out");
            false
        }
    }
}

/// Asks an address to echo a token. The error is the message Graph gives to whoever subscribes.
pub(crate) async fn validate(core: &Core, url: &str) -> Result<(), String> {
    let request_id = core.chance.uuid();
    let token = format!(
        "Validation: Testing client application reachability for subscription Request-Id: {request_id} <é+&>"
    );
    let encoded = utf8_percent_encode(&token, NON_ALPHANUMERIC);
    let joint = if url.contains('?') { '&' } else { '?' };
    let request = Request::post(format!("{url}{joint}validationToken={encoded}"))
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Bytes::new())
        .map_err(|error| error.to_string())?;
    let answer = timeout(VALIDATION_TIMEOUT, core.sender().send(request)).await;
    let answer = answer
        .map_err(|_| "Subscription validation request timed out.".to_owned())?
        .map_err(|error| format!("Subscription validation request failed. {error}"))?;
    let must = "Notification endpoint must respond with 200 OK to validation request.";
    if answer.status() != http::StatusCode::OK {
        let reason = answer
            .status()
            .canonical_reason()
            .unwrap_or("unknown")
            .replace(' ', "");
        return Err(format!(
            "Subscription validation request failed. {must} HTTP status code is '{reason}'."
        ));
    }
    let content_type = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if !content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with("text/plain")) {
        return Err(format!(
            "Subscription validation request failed. {must} Content-Type must be 'text/plain'."
        ));
    }
    if answer.body() != token.as_bytes() {
        return Err(format!(
            "Subscription validation request failed. {must} The body must be the decoded token."
        ));
    }
    Ok(())
}
