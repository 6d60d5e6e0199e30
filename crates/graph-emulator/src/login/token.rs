//! `POST /{tenant}/oauth2/v2.0/token` and its v1 form: reads the form, proves the client, hands over to the grant.
//! Knows the shape of requests and answers; what a grant gives is decided in `grants`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::authority::Authority;
use super::context::{Context, Parameters, missing};
use super::errors::{LoginError, no_store};
use super::grants::{self, Request};
use super::{Login, client};

/// What a grant gives.
pub(super) struct Issued {
    pub access_token: String,
    pub scope: String,
    /// Seconds.
    pub expires_in: i64,
    pub refresh_token: Option<String>,
    pub id_token: Option<String>,
}

/// 900561: the token endpoint takes POST alone.
pub(super) async fn wrong_verb(
    State(login): State<Arc<Login>>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let cx = Context::new(&login, &headers, &uri);
    let error = LoginError::new(
        900_561,
        "The endpoint only accepts POST requests. Received a GET request.",
    );
    error.token_response(&cx.base, &cx.trace)
}

/// The v2 endpoint.
pub(super) async fn v2(
    State(login): State<Arc<Login>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Response {
    let cx = Context::new(&login, &headers, &uri);
    match redeem(&login, &cx, &tenant, &headers, &body, None) {
        Ok(issued) => answer(&v2_body(issued)),
        Err(error) => error.token_response(&cx.base, &cx.trace),
    }
}

/// The v1 endpoint: a `resource` in place of scopes, and numbers as strings in the answer.
pub(super) async fn v1(
    State(login): State<Arc<Login>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Response {
    let cx = Context::new(&login, &headers, &uri);
    let resource = Parameters::parse(&body).get("resource").map(str::to_owned);
    let Some(resource) = resource else {
        return missing("resource").token_response(&cx.base, &cx.trace);
    };
    match redeem(&login, &cx, &tenant, &headers, &body, Some(&resource)) {
        Ok(issued) => answer(&v1_body(issued, &resource, cx.trace.at.as_second())),
        Err(error) => error.token_response(&cx.base, &cx.trace),
    }
}

fn redeem(
    login: &Login,
    cx: &Context,
    tenant: &str,
    headers: &HeaderMap,
    body: &[u8],
    resource: Option<&str>,
) -> Result<Issued, LoginError> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        // The service does not read such a body, so to it every parameter is absent.
        return Err(missing("grant_type"));
    }
    let form = Parameters::parse(body);
    let grant_type = form.require("grant_type")?;
    let authority = Authority::resolve(login.principals(), tenant)?;
    if matches!(authority, Authority::Consumers)
        || (grant_type == "client_credentials" && authority.alias() == Some("common"))
    {
        return Err(LoginError::new(
            9_001_023,
            "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.",
        ));
    }
    if !["authorization_code", "refresh_token", "client_credentials"].contains(&grant_type) {
        return Err(LoginError::new(
            70003,
            format!("The app requested an unsupported grant type '{grant_type}'."),
        ));
    }
    let app = client::authenticate(login, cx, &authority, headers, &form)?;
    let scope = match resource {
        Some(resource) => Some(format!("{}/.default", resource.trim_end_matches('/'))),
        None => form.get("scope").map(str::to_owned),
    };
    let request = Request {
        login,
        cx,
        app: &app,
        authority: &authority,
        form: &form,
        scope: scope.as_deref(),
    };
    match grant_type {
        "authorization_code" => grants::code(&request),
        "refresh_token" => grants::refresh(&request),
        _ => grants::client_credentials(&request),
    }
}

fn v2_body(issued: Issued) -> Value {
    let mut body = json!({
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "ext_expires_in": issued.expires_in,
        "access_token": issued.access_token,
    });
    // An application acting for itself gets no scope back.
    optional(
        &mut body,
        "scope",
        Some(issued.scope).filter(|scope| !scope.is_empty()),
    );
    optional(&mut body, "refresh_token", issued.refresh_token);
    optional(&mut body, "id_token", issued.id_token);
    body
}

fn v1_body(issued: Issued, resource: &str, now: i64) -> Value {
    let mut body = json!({
        "token_type": "Bearer",
        "expires_in": issued.expires_in.to_string(),
        "ext_expires_in": issued.expires_in.to_string(),
        "expires_on": (now + issued.expires_in).to_string(),
        "not_before": now.to_string(),
        "resource": resource,
        "access_token": issued.access_token,
    });
    let scope = issued
        .scope
        .replace(&format!("{}/", super::scopes::GRAPH), "");
    optional(
        &mut body,
        "scope",
        Some(scope).filter(|scope| !scope.is_empty()),
    );
    optional(&mut body, "refresh_token", issued.refresh_token);
    optional(&mut body, "id_token", issued.id_token);
    body
}

fn optional(body: &mut Value, name: &str, value: Option<String>) {
    if let Some(value) = value {
        body[name] = Value::String(value);
    }
}

fn answer(body: &Value) -> Response {
    let mut response = Json(body).into_response();
    no_store(response.headers_mut());
    response
}
