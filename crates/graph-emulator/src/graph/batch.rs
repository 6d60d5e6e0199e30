//! `$batch`: up to twenty calls in one, some after others.
//! Source: "Combine multiple HTTP requests using JSON batching".

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use base64::Engine as _;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::call::{Answer, Call, GraphRequest, Reply};
use super::serve::handle;
use crate::app::App;
use crate::error::GraphError;

const ITEMS_MAX: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    requests: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Item {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: Map<String, Value>,
    body: Option<Value>,
    #[serde(default)]
    depends_on: Vec<String>,
}

fn check(items: &[Item]) -> Result<(), GraphError> {
    if items.is_empty() || items.len() > ITEMS_MAX {
        return Err(GraphError::gateway(format!(
            "Number of batch request steps must be from 1 to {ITEMS_MAX}."
        )));
    }
    let mut seen: Vec<String> = Vec::new();
    for item in items {
        let id = item.id.to_lowercase();
        if seen.contains(&id) {
            return Err(GraphError::gateway(format!(
                "The request id '{}' is not unique.",
                item.id
            )));
        }
        // Only earlier ones, so that nothing waits for itself.
        if let Some(unknown) = item
            .depends_on
            .iter()
            .find(|on| !seen.contains(&on.to_lowercase()))
        {
            return Err(GraphError::gateway(format!(
                "The request '{}' depends on '{unknown}', which does not come before it.",
                item.id
            )));
        }
        let typed = item
            .headers
            .keys()
            .any(|name| name.eq_ignore_ascii_case("content-type"));
        if item.body.is_some() && !typed {
            return Err(GraphError::gateway(format!(
                "The request '{}' has a body and no Content-Type header.",
                item.id
            )));
        }
        seen.push(id);
    }
    Ok(())
}

fn headers(call: &Call<'_>, item: &Item) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &item.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(value.as_str().unwrap_or_default());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    if let Some(own) = call.request.headers.get("authorization") {
        headers.insert("authorization", own.clone());
    }
    headers
}

fn request(call: &Call<'_>, item: &Item) -> Result<GraphRequest, GraphError> {
    let (path, query) = item.url.split_once('?').unwrap_or((&item.url, ""));
    let path = format!("/v1.0/{}", path.trim_start_matches('/'));
    if path.to_ascii_lowercase().ends_with("/$batch") {
        return Err(GraphError::gateway("Batches cannot be nested."));
    }
    let method = item.method.to_ascii_uppercase().parse();
    let body = match &item.body {
        None => Bytes::new(),
        Some(Value::String(encoded)) => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(encoded);
            decoded
                .map_err(|_| GraphError::gateway("A body that is text must be base64."))?
                .into()
        }
        Some(body) => body.to_string().into(),
    };
    Ok(GraphRequest {
        method: method
            .map_err(|_| GraphError::gateway(format!("'{}' is no method.", item.method)))?,
        base: call.request.base.clone(),
        path,
        query: query.to_owned(),
        headers: headers(call, item),
        body,
        duplicate: false,
    })
}

fn response(id: &str, reply: &Reply) -> Value {
    let mut headers = Map::new();
    for (name, value) in &reply.headers {
        let shown = [
            "location",
            "retry-after",
            "x-ms-throttle-scope",
            "x-ms-resource-unit",
        ]
        .contains(&name.as_str());
        if shown && let Ok(value) = value.to_str() {
            headers.insert(canonical(name.as_str()), value.into());
        }
    }
    let mut response = json!({"id": id, "status": reply.status.as_u16()});
    if !reply.body.is_empty() {
        headers.insert("Content-Type".to_owned(), reply.content_type.into());
        let body = serde_json::from_slice(&reply.body);
        let encoded = || base64::engine::general_purpose::STANDARD.encode(&reply.body);
        response["body"] = body.unwrap_or_else(|_| encoded().into());
    }
    response["headers"] = headers.into();
    response
}

/// `retry-after` as `Retry-After`.
fn canonical(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    });
    words.collect::<Vec<_>>().join("-")
}

fn refused(error: &GraphError) -> Reply {
    let body = json!({"error": {"code": error.code, "message": error.message}});
    Reply::json(error.status, &body)
}

async fn one(app: &Arc<App>, call: &Call<'_>, item: &Item) -> Reply {
    let mut request = match request(call, item) {
        Ok(request) => request,
        Err(error) => return refused(&error),
    };
    let method = request.method.as_str();
    let effect = app
        .core
        .faults()
        .fire(method, &request.path, Some(call.caller.tenant_id))
        .unwrap_or_default();
    if let Some(delay) = effect
        .delay
        .and_then(|delay| std::time::Duration::try_from_secs_f64(delay).ok())
    {
        tokio::time::sleep(delay).await;
    }
    if let Some(reply) = crate::front::planned_reply(app, &request, &effect) {
        return reply;
    }
    request.duplicate = effect.duplicate;
    handle(app, &request).await.reply
}

/// `POST /$batch`.
pub(super) async fn run(app: &Arc<App>, call: &Call<'_>) -> Answer {
    let body: Body = call.body()?;
    check(&body.requests)?;
    let mut statuses: HashMap<String, StatusCode> = HashMap::new();
    let mut responses = Vec::new();
    for item in &body.requests {
        let parents = item
            .depends_on
            .iter()
            .filter_map(|on| statuses.get(&on.to_lowercase()));
        let failed = parents.into_iter().any(|status| !status.is_success());
        let reply = if failed {
            let message =
                "The operation was not performed because an operation it depends on failed.";
            refused(&GraphError::new(
                StatusCode::FAILED_DEPENDENCY,
                "FailedDependency",
                message,
            ))
        } else {
            one(app, call, item).await
        };
        statuses.insert(item.id.to_lowercase(), reply.status);
        responses.push(response(&item.id, &reply));
    }
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "responses": responses }),
    ))
}
