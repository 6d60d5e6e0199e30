//! `Idempotency-Key` on POST: the same key with the same request gets the same
//! answer and does nothing twice. Kept answers are sealed: some hold a secret
//! that is shown once.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, SET_COOKIE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::idempotency_keys::{self, Begin, Replay};

use crate::AppState;
use crate::auth::Caller;
use crate::error::{Problem, Result};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const SEAL: &str = "idempotency";
/// A request that has not ended after this will not end any more.
const ABANDONED: SignedDuration = SignedDuration::from_mins(2);
const LONGEST_BODY: usize = 1 << 20;
const LONGEST_ANSWER: usize = 16 << 20;

#[derive(Serialize, Deserialize)]
struct Kept {
    headers: Vec<(String, String)>,
    body: String,
}

/// Lets a POST with a known key through only once.
pub(super) async fn once(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let key = request
        .headers()
        .get(KEY)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let caller = request.extensions().get::<Caller>().cloned();
    match (key, caller) {
        (Some(key), Some(caller)) if *request.method() == Method::POST => {
            let principal = caller.principal();
            let done = guarded(&state, &principal, &key, request, next).await;
            done.unwrap_or_else(IntoResponse::into_response)
        }
        _ => next.run(request).await,
    }
}

async fn guarded(
    state: &AppState,
    principal: &str,
    key: &str,
    request: Request,
    next: Next,
) -> Result<Response> {
    if key.is_empty() || key.len() > 255 {
        return Err(Problem::invalid("Idempotency-Key: 1 to 255 characters"));
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LONGEST_BODY).await.map_err(|_| {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "the body is too large",
        )
    })?;
    let hash = Sha256::new()
        .chain_update(parts.uri.to_string())
        .chain_update([0])
        .chain_update(&body)
        .finalize();
    let now = state.engine.now();
    let mut tx = state.engine.db().begin().await?;
    let begun =
        idempotency_keys::begin(&mut tx, principal, key, &hash.into(), now, now - ABANDONED)
            .await?;
    tx.commit().await?;
    match begun {
        Begin::New => {}
        Begin::InProgress => {
            let detail = "a request with this Idempotency-Key is being done";
            return Err(Problem::conflict("idempotency_in_progress", detail));
        }
        Begin::Mismatch => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let detail = "this Idempotency-Key was used for another request";
            return Err(Problem::new(status, "idempotency_mismatch", detail));
        }
        Begin::Replay(replay) => return replayed(state, principal, key, &replay),
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    keep(state, principal, key, response).await
}

fn owner(principal: &str, key: &str) -> Vec<u8> {
    format!("{principal}\n{key}").into_bytes()
}

/// Keeps what is an answer; a failure of ours may be tried again.
async fn keep(
    state: &AppState,
    principal: &str,
    key: &str,
    response: Response,
) -> Result<Response> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, LONGEST_ANSWER)
        .await
        .map_err(|error| Problem::internal(&error))?;
    let mut tx = state.engine.db().begin().await?;
    if parts.status.is_server_error() {
        idempotency_keys::forget(&mut tx, principal, key).await?;
    } else {
        let text = |value: &HeaderValue| value.to_str().map(str::to_owned).ok();
        let headers = parts
            .headers
            .iter()
            .filter(|(name, _)| [CONTENT_TYPE, ETAG, SET_COOKIE].contains(name));
        let kept = Kept {
            headers: headers
                .filter_map(|(n, v)| Some((n.as_str().to_owned(), text(v)?)))
                .collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        let plain = serde_json::to_vec(&kept).map_err(|error| Problem::internal(&error))?;
        let random = |out: &mut [u8]| state.engine.fill(out);
        let sealed = state
            .engine
            .sealer()
            .seal(&random, SEAL, &owner(principal, key), &plain)?;
        let replay = Replay {
            status: i64::from(parts.status.as_u16()),
            headers: Vec::new(),
            body: STANDARD.encode(sealed),
        };
        idempotency_keys::finish(&mut tx, principal, key, &replay).await?;
    }
    tx.commit().await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// Seals every kept answer under another master key, in the caller's
/// transaction; how many. One that does not open any more stays as it is.
pub async fn reseal_answers(
    engine: &engine::Engine,
    tx: &mut store::Tx,
    new: &store::sealer::Sealer,
) -> store::Result<u64> {
    let random = |out: &mut [u8]| engine.fill(out);
    let again = |principal: &str, key: &str, body: &str| {
        let (sealed, owner) = (STANDARD.decode(body).ok()?, owner(principal, key));
        let plain = engine.sealer().open(SEAL, &owner, &sealed).ok()?;
        let sealed = new
            .seal(&random, SEAL, &owner, plain.expose_secret())
            .ok()?;
        Some(STANDARD.encode(sealed))
    };
    idempotency_keys::change_bodies(tx, again).await
}

fn replayed(state: &AppState, principal: &str, key: &str, replay: &Replay) -> Result<Response> {
    let sealed = STANDARD
        .decode(&replay.body)
        .map_err(|error| Problem::internal(&error))?;
    let plain = state
        .engine
        .sealer()
        .open(SEAL, &owner(principal, key), &sealed)?;
    let kept: Kept =
        serde_json::from_slice(plain.expose_secret()).map_err(|error| Problem::internal(&error))?;
    let status = u16::try_from(replay.status)
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok());
    let mut response = Response::new(Body::from(Bytes::from(kept.body)));
    *response.status_mut() = status.unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    for (name, value) in kept.headers {
        let parsed = (name.parse::<HeaderName>(), HeaderValue::from_str(&value));
        if let (Ok(name), Ok(value)) = parsed {
            headers.append(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}
