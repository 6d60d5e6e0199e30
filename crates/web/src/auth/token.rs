//! API tokens: what a new one looks like and how it is found again. Only a
//! hash is stored; 256 random bits need no slow one.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use engine::Engine;
use sha2::{Digest as _, Sha256};
use store::api_tokens::{self, ApiToken};

use crate::AppState;
use crate::error::{Problem, Result};

/// A new token: random, behind a prefix that secret scanners know.
pub(crate) fn new_token(engine: &Engine) -> String {
    format!("rollcall_{}", engine.secret())
}

/// What of a token or session id is stored.
pub(crate) fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// The text of `Authorization: Bearer`; another scheme is refused.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let text = header.to_str().unwrap_or_default();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Problem::unauthenticated(
            "the header must be `Authorization: Bearer TOKEN`",
        )),
    }
}

/// The usable token with this text; its use is noted.
pub(crate) async fn find(state: &AppState, text: &str) -> Result<ApiToken> {
    let (db, now) = (state.engine.db(), state.engine.now());
    let found = api_tokens::find(db, &digest(text)).await?;
    let token = found.filter(|token| token.is_usable(now));
    let token = token.ok_or_else(|| {
        Problem::unauthenticated("the token is not known, has ended or was revoked")
    })?;
    if token.needs_touch(now) {
        let mut tx = db.begin().await?;
        api_tokens::used(&mut tx, token.id, now).await?;
        tx.commit().await?;
    }
    Ok(token)
}
