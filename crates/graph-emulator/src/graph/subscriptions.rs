//! Subscriptions: made after the address proved it listens, renewed, reauthorized, removed.
//! Source: resource page "subscription" and "change notifications overview" (limits).

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use url::{Host, Url};
use uuid::Uuid;

use super::call::{Answer, Call, Reply};
use crate::app::App;
use crate::error::GraphError;
use crate::notify::{Resource, Subscription, ensure_running, validate};
use crate::permission;

/// Longest life of a subscription to users or groups: under 29 days.
const LIFE_MAX: SignedDuration = SignedDuration::from_mins(41_760);
const CLIENT_STATE_MAX: usize = 128;
const PER_APP: usize = 50_000;
const PER_TENANT: usize = 1_000;
const PER_APP_AND_TENANT: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    change_type: String,
    notification_url: String,
    lifecycle_notification_url: Option<String>,
    resource: String,
    expiration_date_time: Timestamp,
    client_state: Option<String>,
    latest_supported_tls_version: Option<String>,
    include_resource_data: Option<bool>,
}

fn invalid(message: impl Into<String>) -> GraphError {
    GraphError::new(StatusCode::BAD_REQUEST, "InvalidRequest", message)
}

/// `#microsoft.graph.subscription` and other annotations are no properties.
fn read(call: &Call<'_>) -> Result<Body, GraphError> {
    let mut object = call.object()?;
    object.retain(|name, _| !name.contains('@'));
    serde_json::from_value(Value::Object(object))
        .map_err(|error| invalid(format!("The request body is not valid: {error}")))
}

fn check_url(name: &str, text: &str) -> Result<(), GraphError> {
    let loopback = |url: &Url| match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let url = Url::parse(text).ok();
    let fits =
        url.is_some_and(|url| url.scheme() == "https" || url.scheme() == "http" && loopback(&url));
    fits.then_some(())
        .ok_or_else(|| invalid(format!("{name} must be an HTTPS address.")))
}

fn check_expiry(expires: Timestamp, now: Timestamp) -> Result<(), GraphError> {
    let left = expires.duration_since(now);
    if left <= SignedDuration::ZERO {
        return Err(invalid("Subscription expiration must be in the future."));
    }
    // A client computes the longest life on its own clock: a minute apart is no offence.
    if left > LIFE_MAX + SignedDuration::from_mins(1) {
        return Err(invalid(
            "Subscription expiration can only be 41760 minutes in the future.",
        ));
    }
    Ok(())
}

fn check(call: &Call<'_>, body: &Body) -> Result<Resource, GraphError> {
    let words = crate::notify::change_words(&body.change_type);
    if words
        .iter()
        .any(|word| word != "updated" && word != "deleted")
    {
        return Err(invalid(format!(
            "The changeType '{}' is not supported for this resource: use updated, deleted.",
            body.change_type
        )));
    }
    let resource = Resource::parse(&body.resource).ok_or_else(|| {
        invalid(format!(
            "The resource '{}' is not supported.",
            body.resource
        ))
    })?;
    call.require(permission::delta(resource.kind()))?;
    check_url("NotificationUrl", &body.notification_url)?;
    if let Some(url) = &body.lifecycle_notification_url {
        check_url("LifecycleNotificationUrl", url)?;
    }
    check_expiry(body.expiration_date_time, call.now)?;
    let state = body.client_state.as_deref().unwrap_or_default();
    if state.chars().count() > CLIENT_STATE_MAX {
        return Err(invalid(format!(
            "clientState must be at most {CLIENT_STATE_MAX} characters long."
        )));
    }
    let tls = body
        .latest_supported_tls_version
        .as_deref()
        .unwrap_or("v1_2");
    if !["v1_0", "v1_1", "v1_2", "v1_3"].contains(&tls) {
        return Err(invalid(format!(
            "latestSupportedTlsVersion '{tls}' is not supported."
        )));
    }
    if body.include_resource_data == Some(true) {
        return Err(invalid("Resource data is not supported for this resource."));
    }
    Ok(resource)
}

/// Refuses duplicates and what is over a quota.
fn check_room(call: &Call<'_>, wanted: &Subscription) -> Result<(), GraphError> {
    let subscriptions = call.core().subscriptions();
    let (mut app, mut tenant, mut both) = (0, 0, 0);
    for known in subscriptions.live(call.core().now()) {
        if known.same_as(wanted) {
            let message = format!(
                "Subscription Id {} already exists for the requested combination",
                known.id
            );
            return Err(GraphError::conflict(message));
        }
        let (same_app, same_tenant) = (
            known.app_id == wanted.app_id,
            known.tenant_id == wanted.tenant_id,
        );
        app += usize::from(same_app);
        tenant += usize::from(same_tenant);
        both += usize::from(same_app && same_tenant);
    }
    if app >= PER_APP || tenant >= PER_TENANT || both >= PER_APP_AND_TENANT {
        let message = "Operation: Create; Exception: [Status Code: Forbidden; Reason: Maximum number of subscriptions has been reached]";
        return Err(GraphError::new(
            StatusCode::FORBIDDEN,
            "ExtensionError",
            message,
        ));
    }
    Ok(())
}

fn with_context(call: &Call<'_>, subscription: &Subscription) -> Value {
    let mut body = subscription.to_json();
    body["@odata.context"] = call.context("subscriptions/$entity").into();
    body
}

/// `POST /subscriptions`: both addresses must echo a token first.
pub(super) async fn create(app: &Arc<App>, call: &Call<'_>) -> Answer {
    let body = read(call)?;
    let resource = check(call, &body)?;
    let subscription = Subscription {
        id: call.core().chance.uuid(),
        tenant_id: call.caller.tenant_id,
        app_id: call.caller.app_id,
        user_id: call.caller.user_id,
        change_type: body.change_type,
        resource_text: body.resource,
        resource,
        notification_url: body.notification_url,
        lifecycle_url: body.lifecycle_notification_url,
        client_state: body.client_state,
        tls_version: body
            .latest_supported_tls_version
            .unwrap_or_else(|| "v1_2".to_owned()),
        expires: body.expiration_date_time,
        token_expires: call.caller.expires_at,
        remind_at: None,
    };
    check_room(call, &subscription)?;
    let lifecycle = subscription
        .lifecycle_url
        .iter()
        .filter(|url| **url != subscription.notification_url);
    for url in std::iter::once(&subscription.notification_url).chain(lifecycle) {
        let failed =
            |message: String| GraphError::new(StatusCode::BAD_REQUEST, "ValidationError", message);
        validate(&app.core, url).await.map_err(failed)?;
    }
    check_room(call, &subscription)?;
    // From now on somebody is to be told of every change, even of a bulk creation.
    call.tenant(&call.core().world())?.track();
    let answer = with_context(call, &subscription);
    app.core.subscriptions().add(subscription, app.core.now());
    ensure_running(&app.core, &app.notifier);
    app.core.wake.notify_one();
    Ok(Reply::json(StatusCode::CREATED, &answer))
}

/// Whether a subscription is the caller's: made by this application, and for this person when there is one.
fn is_own(call: &Call<'_>, subscription: &Subscription) -> bool {
    let person = call.caller.user_id;
    subscription.tenant_id == call.caller.tenant_id
        && subscription.app_id == call.caller.app_id
        && (person.is_none() || subscription.user_id == person)
}

fn find(call: &Call<'_>, id: &str) -> Result<Subscription, GraphError> {
    let missing = || {
        GraphError::new(
            StatusCode::NOT_FOUND,
            "ResourceNotFound",
            "The object was not found.",
        )
    };
    let id: Uuid = id.parse().map_err(|_| missing())?;
    let subscriptions = call.core().subscriptions();
    let found = subscriptions
        .get(id, call.now)
        .filter(|found| is_own(call, found));
    found.cloned().ok_or_else(missing)
}

/// `GET /subscriptions`.
pub(super) fn list(call: &Call<'_>) -> Answer {
    let subscriptions = call.core().subscriptions();
    let own = subscriptions
        .live(call.now)
        .filter(|known| is_own(call, known));
    let items: Vec<Value> = own.map(Subscription::to_json).collect();
    let body = json!({"@odata.context": call.context("subscriptions"), "value": items});
    Ok(Reply::json(StatusCode::OK, &body))
}

/// `GET /subscriptions/{id}`.
pub(super) fn get(call: &Call<'_>, id: &str) -> Answer {
    let found = find(call, id)?;
    Ok(Reply::json(StatusCode::OK, &with_context(call, &found)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RenewBody {
    expiration_date_time: Timestamp,
}

/// `PATCH /subscriptions/{id}`.
pub(super) fn renew(call: &Call<'_>, id: &str) -> Answer {
    let mut found = find(call, id)?;
    let mut object = call.object()?;
    object.retain(|name, _| !name.contains('@'));
    let body: RenewBody = serde_json::from_value(Value::Object(object))
        .map_err(|error| invalid(format!("The request body is not valid: {error}")))?;
    call.require(permission::delta(found.resource.kind()))?;
    check_expiry(body.expiration_date_time, call.now)?;
    found.expires = body.expiration_date_time;
    let mut subscriptions = call.core().subscriptions();
    subscriptions.renew(
        found.id,
        Some(found.expires),
        call.caller.expires_at,
        call.now,
    );
    call.core().wake.notify_one();
    Ok(Reply::json(StatusCode::OK, &with_context(call, &found)))
}

/// `POST /subscriptions/{id}/reauthorize`: a fresh token, no longer life.
pub(super) fn reauthorize(call: &Call<'_>, id: &str) -> Answer {
    let found = find(call, id)?;
    call.require(permission::delta(found.resource.kind()))?;
    let mut subscriptions = call.core().subscriptions();
    subscriptions.renew(found.id, None, call.caller.expires_at, call.now);
    call.core().wake.notify_one();
    Ok(Reply::no_content())
}

/// `DELETE /subscriptions/{id}`.
pub(super) fn delete(call: &Call<'_>, id: &str) -> Answer {
    let found = find(call, id)?;
    call.core().subscriptions().remove(found.id);
    Ok(Reply::no_content())
}
