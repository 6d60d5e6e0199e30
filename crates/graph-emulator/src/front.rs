//! The door: planned faults, the request log, and the way to Graph. Everything but the control surface passes here.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt as _;
use http::HeaderName;
use serde_json::{Value, json};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use uuid::Uuid;

use crate::app::App;
use crate::error::GraphError;
use crate::fault::Effect;
use crate::graph::{GraphRequest, Reply, handle};
use crate::login::Principals as _;
use crate::request_log::Entry;

/// Largest request body taken.
const BODY_MAX: usize = 4 << 20;

/// What the log is told about an answer.
#[derive(Clone, Debug, Default)]
struct Seen {
    units: u32,
    tenant_id: Option<Uuid>,
    app_id: Option<Uuid>,
    request_id: Option<Uuid>,
}

/// A fault asks for list items twice.
#[derive(Clone, Copy, Debug)]
struct Duplicate;

/// Every path of the emulator.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let compression = CompressionLayer::new()
        .gzip(true)
        .quality(CompressionLevel::Fastest);
    Router::new()
        .route("/v1.0/{*path}", axum::routing::any(graph))
        .fallback(graph)
        .with_state(Arc::clone(app))
        .merge(app.login.router())
        .merge(crate::control::router(app))
        .merge(crate::page::router(app))
        .layer(compression)
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(app),
            observe,
        ))
}

fn is_graph(path: &str) -> bool {
    let first = path.split('/').find(|segment| !segment.is_empty());
    first.is_some_and(|first| first.eq_ignore_ascii_case("v1.0"))
}

async fn graph(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if !is_graph(parts.uri.path()) {
        let body = json!({"error": {"code": "NotFound", "message": format!("There is nothing at {}.", parts.uri.path())}});
        return (StatusCode::NOT_FOUND, axum::Json(body)).into_response();
    }
    let Ok(body) = to_bytes(body, BODY_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = GraphRequest {
        base: app.base(&parts.headers, &parts.uri),
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
        duplicate: parts.extensions.get::<Duplicate>().is_some(),
    };
    let served = handle(&app, &request).await;
    let mut response = response(served.reply);
    response.extensions_mut().insert(Seen {
        units: served.units,
        tenant_id: served.tenant_id,
        app_id: served.app_id,
        request_id: Some(served.request_id),
    });
    response
}

fn response(reply: Reply) -> Response {
    let has_body = !reply.body.is_empty();
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    if has_body {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(reply.content_type),
        );
    }
    for (name, value) in reply.headers {
        headers.append(name, value);
    }
    response
}

/// Who a request comes from: by its token, or on the login host by the tenant in the path.
fn tenant_of(app: &App, request: &Request) -> Option<Uuid> {
    if is_graph(request.uri().path()) {
        let header = request.headers().get(header::AUTHORIZATION)?.to_str().ok();
        return app
            .login
            .authenticate(header)
            .ok()
            .map(|caller| caller.tenant_id);
    }
    let first = request.uri().path().split('/').nth(1)?;
    app.core.tenant(first).map(|tenant| tenant.id)
}

fn planned(app: &App, request: &Request) -> Option<Effect> {
    let need_tenant = {
        let faults = app.core.faults();
        if faults.all().is_empty() {
            return None;
        }
        faults.need_tenant()
    };
    let tenant_id = if need_tenant {
        tenant_of(app, request)
    } else {
        None
    };
    app.core
        .faults()
        .fire(request.method().as_str(), request.uri().path(), tenant_id)
}

async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/emulator") {
        return next.run(request).await;
    }
    let at = app.core.now();
    let effect = planned(&app, &request);
    let fault = effect.is_some();
    let effect = effect.unwrap_or_default();
    let mut entry = Entry {
        seq: 0,
        at,
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().map(str::to_owned),
        tenant_id: if is_graph(request.uri().path()) {
            None
        } else {
            tenant_of(&app, &request)
        },
        app_id: None,
        status: 0,
        resource_units: 0,
        duration_ms: 0.0,
        request_id: None,
        client_request_id: text(request.headers().get("client-request-id")),
        fault,
    };
    if let Some(delay) = effect
        .delay
        .and_then(|delay| Duration::try_from_secs_f64(delay).ok())
    {
        tokio::time::sleep(delay).await;
    }
    if effect.duplicate {
        request.extensions_mut().insert(Duplicate);
    }
    let response = answer(&app, request, next, &effect, &mut entry).await;
    let seen = response
        .extensions()
        .get::<Seen>()
        .cloned()
        .unwrap_or_default();
    entry.status = response.status().as_u16();
    entry.resource_units = seen.units;
    entry.tenant_id = seen.tenant_id.or(entry.tenant_id);
    entry.app_id = seen.app_id;
    entry.request_id = seen.request_id.map(|id| id.to_string());
    entry.duration_ms = app.core.now().duration_since(at).as_secs_f64() * 1000.0;
    if !is_graph(&entry.path) {
        // Codes and states belong to nobody but their owners.
        entry.query = None;
    }
    app.log().push(entry);
    response
}

fn text(value: Option<&HeaderValue>) -> Option<String> {
    value
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

async fn answer(
    app: &Arc<App>,
    request: Request,
    next: Next,
    effect: &Effect,
    entry: &mut Entry,
) -> Response {
    if effect.drop {
        entry.status = 0;
        return dropped();
    }
    if effect.status.is_some() {
        let (parts, _) = request.into_parts();
        let request = GraphRequest {
            base: app.base(&parts.headers, &parts.uri),
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body: Bytes::new(),
            duplicate: false,
        };
        if let Some(reply) = planned_reply(app, &request, effect) {
            let response = response(reply);
            return if effect.truncate {
                truncated(response).await
            } else {
                response
            };
        }
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let response = next.run(request).await;
    if effect.truncate {
        truncated(response).await
    } else {
        response
    }
}

/// The answer a `status` fault gives, worded as the service would.
pub(crate) fn planned_reply(app: &App, request: &GraphRequest, effect: &Effect) -> Option<Reply> {
    let status = StatusCode::from_u16(effect.status?).ok()?;
    let request_id = app.core.chance.uuid();
    let error = planned_error(request, status, effect);
    let mut reply = match &effect.body {
        Some(Value::String(text)) => Reply::bytes(text.clone().into_bytes()),
        Some(body) => Reply::json(status, body),
        None if status.is_success() => Reply::bytes(Vec::new()),
        None if is_graph(&request.path) => {
            let date = app.core.now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
            let id = request_id.to_string();
            Reply::json(status, &error.body(&date, &id, &id))
        }
        None => Reply::json(status, &login_error(status)),
    };
    reply.status = status;
    reply.content_type = "application/json";
    let retry_after = error
        .headers
        .iter()
        .any(|(name, _)| *name == header::RETRY_AFTER);
    reply.headers = error.headers;
    if let (false, Some(seconds)) = (retry_after, effect.retry_after) {
        reply
            .headers
            .push((header::RETRY_AFTER, seconds_value(seconds)));
    }
    if effect.retry_after.is_none() {
        reply
            .headers
            .retain(|(name, _)| *name != header::RETRY_AFTER);
    }
    let id = HeaderValue::from_str(&request_id.to_string()).ok()?;
    reply
        .headers
        .push((HeaderName::from_static("request-id"), id));
    Some(reply)
}

fn seconds_value(seconds: f64) -> HeaderValue {
    HeaderValue::from_str(&seconds.to_string()).unwrap_or(HeaderValue::from_static("1"))
}

fn planned_error(request: &GraphRequest, status: StatusCode, effect: &Effect) -> GraphError {
    match status.as_u16() {
        401 => GraphError::unauthorized(
            "Access token has expired or is not yet valid.",
            &request.base,
        ),
        403 => GraphError::denied(),
        404 => GraphError::not_found(request.path.rsplit('/').next().unwrap_or_default()),
        410 => GraphError::gone(&format!("{}{}?$deltatoken=", request.base, request.path)),
        429 => {
            let seconds = effect.retry_after.unwrap_or(1.0).to_string();
            GraphError::throttled(
                &seconds,
                "Tenant_Application/ReadWrite",
                "ResourceUnitLimitExceeded",
            )
        }
        501 => GraphError::not_implemented(),
        503 => GraphError::new(
            status,
            "serviceNotAvailable",
            "The service is temporarily unavailable.",
        ),
        400 => GraphError::bad_request("The request is not valid."),
        _ => GraphError::new(
            status,
            "generalException",
            "An error occurred while processing the request.",
        ),
    }
}

fn login_error(status: StatusCode) -> Value {
    let (error, code) = match status.as_u16() {
        401 => ("invalid_client", 7_000_215),
        400 => ("invalid_grant", 70_000),
        _ => ("temporarily_unavailable", 90_033),
    };
    json!({
        "error": error, "error_codes": [code],
        "error_description": format!("AADSTS{code}: This failure was planned."),
    })
}

fn broken(message: &'static str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::ConnectionReset, message)
}

/// The connection ends before a byte of the answer is out.
fn dropped() -> Response {
    let body = Body::from_stream(futures::stream::iter([Err::<Bytes, _>(broken(
        "connection dropped",
    ))]));
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from_static("1"));
    response
}

/// The body ends in the middle, though its length promised more.
async fn truncated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    parts
        .headers
        .insert(header::CONTENT_LENGTH, whole.len().max(1).into());
    let end = futures::stream::once(async {
        // A pause lets the server send the half; an error at once would swallow it.
        tokio::task::yield_now().await;
        Err(broken("body cut short"))
    });
    let start = futures::stream::once(std::future::ready(Ok(half)));
    Response::from_parts(parts, Body::from_stream(start.chain(end)))
}
