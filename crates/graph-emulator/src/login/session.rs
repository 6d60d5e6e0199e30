//! Signing out, and what the signed-in person is told about himself.
//! Knows browser sessions and access tokens; sign-out leaves refresh tokens of web applications alive, as the service does.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::context::Parameters;
use super::redirect::{self, ResponseMode};
use super::{Login, id_token, pages};

/// `end_session_endpoint`, by GET or POST: the address to go on to must be a registered redirect address.
pub(super) async fn logout(
    State(login): State<Arc<Login>>,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Response {
    let (query, form) = (Parameters::query(&uri), Parameters::parse(&body));
    let parameter = |name: &str| {
        query
            .get(name)
            .or_else(|| form.get(name))
            .map(str::to_owned)
    };
    let target = parameter("post_logout_redirect_uri").filter(|target| {
        let state = login.state();
        state
            .apps
            .all()
            .flat_map(|app| &app.redirect_uris)
            .any(|known| redirect::matches(known, target))
    });
    login.state().accounts.close_session(&headers);
    match target {
        Some(target) => match parameter("state") {
            Some(state) => redirect::answer(&target, ResponseMode::Query, &[("state", state)]),
            None => go_to(&target),
        },
        None => pages::signed_out(),
    }
}

fn go_to(target: &str) -> Response {
    match HeaderValue::from_str(target) {
        Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// `/oidc/userinfo` (OpenID Connect Core 5.3).
pub(super) async fn userinfo(State(login): State<Arc<Login>>, headers: HeaderMap) -> Response {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let caller = login
        .authenticate(authorization)
        .ok()
        .filter(|caller| caller.permissions.contains("openid"));
    let known = caller.and_then(|caller| {
        let user_id = caller.user_id?;
        let user = login
            .principals()
            .user(caller.tenant_id, &user_id.to_string())?;
        Some((caller, user))
    });
    let Some((caller, user)) = known else {
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        let body = json!({ "error": { "code": "InvalidAuthenticationToken", "message": "Access token validation failure." } });
        return (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, challenge)],
            Json(body),
        )
            .into_response();
    };
    let mut claims = json!({ "sub": id_token::pairwise(caller.app_id, user.id) });
    if caller.permissions.contains("profile") {
        claims["name"] = json!(user.display_name);
    }
    if let Some(mail) = user
        .mail
        .filter(|_| user.guest || caller.permissions.contains("email"))
    {
        claims["email"] = json!(mail);
    }
    Json(claims).into_response()
}
