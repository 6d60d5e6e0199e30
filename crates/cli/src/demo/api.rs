//! Calls the REST API as any program would: JSON over HTTP with a token.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use graph::{Answer, Transport};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use serde_json::Value;

/// The longest answer that is read.
pub(super) const LONGEST: usize = 64 << 20;

/// A server and a token.
#[derive(Clone)]
pub(super) struct Api {
    transport: Arc<dyn Transport>,
    base: String,
    token: String,
}

impl Api {
    /// The API at an address.
    pub(super) fn new(transport: Arc<dyn Transport>, base: &str, token: String) -> Self {
        let base = base.to_owned();
        Self {
            transport,
            base,
            token,
        }
    }

    /// The server's address, without a slash at its end.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The way there.
    pub(super) fn transport(&self) -> &Arc<dyn Transport> {
        &self.transport
    }

    /// Waits until the server answers.
    pub(super) async fn wait_until_ready(&self) -> Result<()> {
        let url = format!("{}/healthz", self.base);
        for _ in 0..200 {
            let request = Request::get(&url).body(Bytes::new())?;
            let answer = self.transport.send(request, LONGEST).await;
            if answer.is_ok_and(|answer| answer.status.is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{url} does not answer")
    }

    /// One call, whole; refused ones are errors that say what the API said.
    pub(super) async fn answer(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let url = format!("{}/api/v1{path}", self.base);
        let what = format!("{method} {path}");
        let request = Request::builder().method(method).uri(url);
        let answer = send(&*self.transport, request, &self.token, body).await;
        answer.with_context(|| what)
    }

    async fn json(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let answer = self.answer(method, path, body).await?;
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body).with_context(|| format!("{path} is no JSON"))
    }

    /// Reads.
    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.json(Method::GET, path, None).await
    }

    /// Makes, or does.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.json(Method::POST, path, Some(body)).await
    }

    /// Sets.
    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.json(Method::PUT, path, Some(body)).await
    }

    /// Every item of a list, page by page. `path` has its `?` already, or none.
    pub(super) async fn items(&self, path: &str) -> Result<Vec<Value>> {
        let join = if path.contains('?') { '&' } else { '?' };
        let first = format!("{path}{join}limit=200");
        let mut items = Vec::new();
        let mut next = first.clone();
        loop {
            let mut page = self.get(&next).await?;
            if let Some(Value::Array(found)) = page.get_mut("items").map(Value::take) {
                items.extend(found);
            }
            match page["next"].as_str() {
                Some(cursor) => {
                    let cursor: String =
                        url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
                    next = format!("{first}&after={cursor}");
                }
                None => return Ok(items),
            }
        }
    }
}

/// Sends JSON with a token; an answer that is no success is an error with its text.
pub(super) async fn send(
    transport: &dyn Transport,
    request: http::request::Builder,
    token: &str,
    body: Option<&Value>,
) -> Result<Answer> {
    let request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    let request = match body {
        None => request.body(Bytes::new())?,
        Some(body) => request
            .header(CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()))?,
    };
    let answer = transport.send(request, LONGEST).await?;
    if !answer.status.is_success() {
        bail!(
            "{}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
    }
    Ok(answer)
}

/// A text of a JSON object.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    let found = value.get(key).and_then(Value::as_str);
    found.with_context(|| format!("no `{key}` in {value}"))
}
