//! The first start: the root user and the first API token. After it, an
//! operator can sign in; nothing here happens twice.

use anyhow::Result;
use engine::Engine;
use jiff::Timestamp;
use provisioning::ids::RecordId;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use store::api_tokens::{self, ApiToken, TokenScope};
use store::journal::{self, NewEntry, Origin};
use store::psa_ids::ApiTokenId;

use crate::credentials;
use crate::failure::wrong_use;

/// What the environment says about the first start.
#[derive(Debug, Default)]
pub(crate) struct FirstStart {
    /// Root's username.
    pub(crate) username: Option<String>,
    /// Root's password.
    pub(crate) password: Option<SecretString>,
    /// An administrator token.
    pub(crate) token: Option<SecretString>,
}

impl FirstStart {
    /// From `ROLLCALL_ROOT_USERNAME`, `ROLLCALL_ROOT_PASSWORD`, `ROLLCALL_API_TOKEN`.
    pub(crate) fn from_environment() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            username: set("ROLLCALL_ROOT_USERNAME"),
            password: set("ROLLCALL_ROOT_PASSWORD").map(Into::into),
            token: set("ROLLCALL_API_TOKEN").map(Into::into),
        }
    }

    /// Takes what is given, when there is no root user yet; whether it was.
    pub(crate) async fn take(self, engine: &Engine) -> Result<bool> {
        if self.username.is_some() != self.password.is_some() {
            return Err(wrong_use(
                "ROLLCALL_ROOT_USERNAME and ROLLCALL_ROOT_PASSWORD are only taken together",
            ));
        }
        let taken =
            web::auth::bootstrap(engine, self.username.as_deref(), self.password, self.token);
        taken
            .await
            .map_err(|refused| wrong_use(refused.to_string()))
    }
}

/// Stores an API token of the installation.
pub(crate) async fn add_token(
    engine: &Engine,
    name: &str,
    scopes: Vec<TokenScope>,
    token: &SecretString,
) -> Result<ApiTokenId> {
    if token.expose_secret().len() < 16 {
        return Err(wrong_use("an API token has at least 16 characters"));
    }
    let now = engine.now();
    let id = ApiTokenId(engine.new_id());
    let scope_names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
    let body = json!({ "name": name, "scopes": scope_names });
    let stored = ApiToken {
        id,
        name: name.to_owned(),
        scopes,
        record_id: None,
        created_by: None,
        created_at: now,
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    };
    let mut tx = engine.db().begin().await?;
    api_tokens::insert(&mut tx, &stored, &credentials::token_hash(token)).await?;
    journal::append(&mut tx, &[entry(now, "token_created", None, body)]).await?;
    tx.commit().await?;
    Ok(id)
}

/// An entry of the operator on this machine.
pub(crate) fn entry(
    now: Timestamp,
    action: &str,
    record_id: Option<RecordId>,
    body: serde_json::Value,
) -> NewEntry {
    NewEntry {
        actor: Some("command line".to_owned()),
        record_id,
        body: Some(body),
        ..NewEntry::new(now, Origin::User, action)
    }
}
