//! Where Microsoft sends the browser back. A redirect out of here goes only to
//! paths of this server.

use axum::extract::State;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::{CallbackOutcome, CallbackQuery};

use crate::AppState;
use crate::auth::{Client, Cookie, start_session};
use crate::error::Result;

/// The cookie that binds a sign-in to the browser that began it, as it is called
/// over plain http.
pub const BINDING_COOKIE: &str = "rollcall_connect";

const BINDING: Cookie = Cookie {
    name: BINDING_COOKIE,
    path: "/OAuth",
    // As long as the state itself.
    seconds: Some(600),
};

/// A value to bind a browser by, and the `Set-Cookie` that gives it one. A
/// browser that is bound already keeps its value, so that two tabs both work.
pub(crate) fn bind(state: &AppState, headers: &HeaderMap) -> (String, HeaderValue) {
    let known = BINDING.of(state, headers);
    let known = known.filter(|value| value.len() >= 40);
    let value = known.map_or_else(|| state.engine.secret(), str::to_owned);
    let header = BINDING.set(state, &value);
    (value, header)
}

/// `GET /OAuth/IntegrationCallback.aspx`
pub(super) async fn callback(
    State(state): State<AppState>,
    client: Client,
    headers: HeaderMap,
    query: axum::extract::Query<CallbackQuery>,
) -> Result<Response> {
    let binding = BINDING.of(&state, &headers);
    let outcome = state.engine.callback(query.0, binding).await?;
    let unbind = BINDING.clear(&state);
    Ok(match outcome {
        CallbackOutcome::Connected(id) => {
            // Consent is proven by what it can be used for.
            let to = format!("/admin/my-company/auth-provision/connections/{id}?check=1");
            (
                StatusCode::SEE_OTHER,
                [(LOCATION, to)],
                [(SET_COOKIE, unbind)],
            )
                .into_response()
        }
        CallbackOutcome::SignedIn {
            record,
            tenant_id,
            object_id,
            return_to,
        } => {
            let account = Some((tenant_id, object_id));
            let session = start_session(&state, &headers, &client, record, account).await?;
            let to = local_path(&return_to).to_owned();
            let mut response = (
                StatusCode::SEE_OTHER,
                [(LOCATION, to)],
                [(SET_COOKIE, unbind)],
            )
                .into_response();
            response.headers_mut().append(SET_COOKIE, session);
            response
        }
    })
}

/// A path of this server, or its root.
pub(crate) fn local_path(text: &str) -> &str {
    let is_local = text.starts_with('/')
        && !text.starts_with("//")
        && !text.contains(['\\', '\r', '\n', '\t']);
    if is_local { text } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_redirect_leaves_this_server() {
        let table = [
            ("/hr/employees?x=1", "/hr/employees?x=1"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
        ];
        for (given, expected) in table {
            assert_eq!(local_path(given), expected, "{given:?}");
        }
    }
}
