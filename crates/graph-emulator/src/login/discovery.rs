//! Discovery documents, signing keys, and the list of cloud instances client libraries ask for.
//! Every address follows the host the client used.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Login;
use super::authority::Authority;
use super::context::{Context, Parameters, missing};
use super::errors::LoginError;

/// The issuer of documents that stand for many tenants holds this in place of one.
const TEMPLATE: &str = "{tenantid}";
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// `/{tenant}/v2.0/.well-known/openid-configuration`.
pub(super) async fn v2(
    login: State<Arc<Login>>,
    tenant: Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    document(&login, &tenant, &headers, &uri, true)
}

/// `/{tenant}/.well-known/openid-configuration`, which names the v1 endpoints.
pub(super) async fn v1(
    login: State<Arc<Login>>,
    tenant: Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    document(&login, &tenant, &headers, &uri, false)
}

fn issuer_segment(login: &Login, tenant: &str) -> Result<String, LoginError> {
    Ok(match Authority::resolve(login.principals(), tenant)? {
        Authority::Tenant(tenant) => tenant.id.to_string(),
        Authority::Any(_) => TEMPLATE.to_owned(),
        Authority::Consumers => PERSONAL.to_owned(),
    })
}

fn document(login: &Login, tenant: &str, headers: &HeaderMap, uri: &Uri, v2: bool) -> Response {
    let cx = Context::new(login, headers, uri);
    let segment = match issuer_segment(login, tenant) {
        Ok(segment) => segment,
        Err(error) => return error.token_response(&cx.base, &cx.trace),
    };
    let at = if segment == TEMPLATE {
        tenant
    } else {
        segment.as_str()
    };
    Json(configuration(&cx, at, &segment, v2)).into_response()
}

fn configuration(cx: &Context, at: &str, issuer: &str, v2: bool) -> Value {
    let base = format!("{}/{at}", cx.base);
    let (version, keys) = if v2 {
        ("/v2.0", "/discovery/v2.0/keys")
    } else {
        ("", "/discovery/keys")
    };
    json!({
        // Both forms name the v2 issuer: tokens of both endpoints are v2 tokens here.
        "issuer": cx.issuer(issuer),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2{version}/token"),
        "jwks_uri": format!("{base}{keys}"),
        "userinfo_endpoint": format!("{}/oidc/userinfo", cx.base),
        "end_session_endpoint": format!("{base}/oauth2{version}/logout"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "nbf", "nonce", "preferred_username", "name", "tid", "oid", "ver",
            "email", "sid", "uti", "idp"
        ],
        "request_uri_parameter_supported": false,
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "tenant_region_scope": Value::Null,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": cx.host,
    })
}

/// The JWKS of a tenant.
pub(super) async fn keys(
    State(login): State<Arc<Login>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let cx = Context::new(&login, &headers, &uri);
    let mut chance = [0];
    login.principals().random(&mut chance);
    let keys = issuer_segment(&login, &tenant).and_then(|segment| {
        let issuer = cx.issuer(&segment);
        let keys = login.state().keys.jwks(&issuer, chance[0]);
        keys.map_err(|error| LoginError::new(90033, error.to_string()))
    });
    match keys {
        Ok(keys) => Json(keys).into_response(),
        Err(error) => error.token_response(&cx.base, &cx.trace),
    }
}

/// `/common/discovery/instance`: which hosts are one cloud. This emulator is a cloud of its own.
pub(super) async fn instance(
    State(login): State<Arc<Login>>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let cx = Context::new(&login, &headers, &uri);
    let query = Parameters::query(&uri);
    let Some(endpoint) = query.get("authorization_endpoint") else {
        return missing("authorization_endpoint").token_response(&cx.base, &cx.trace);
    };
    let tenant = url::Url::parse(endpoint)
        .ok()
        .and_then(|url| url.path_segments()?.next().map(str::to_owned))
        .filter(|segment| !segment.is_empty())
        .unwrap_or_else(|| "common".to_owned());
    Json(json!({
        "tenant_discovery_endpoint": format!("{}/{tenant}/v2.0/.well-known/openid-configuration", cx.base),
        "api-version": query.get("api-version").unwrap_or("1.1"),
        "metadata": [{
            "preferred_network": cx.host, "preferred_cache": cx.host, "aliases": [cx.host],
        }],
    }))
    .into_response()
}
