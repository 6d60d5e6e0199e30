//! The first user and the first token, taken once: when nobody is root yet.

use engine::Engine;
use provisioning::ids::RecordId;
use provisioning::psa::{ADMINISTRATOR, Kind, Record};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::api_tokens::{self, ApiToken, TokenScope};
use store::journal::{self, NewEntry, Origin};
use store::psa_ids::ApiTokenId;
use store::records::{self, RecordWrite};

use super::{password, token};
use crate::AppState;
use crate::error::{Problem, Result};

/// A first start that was refused, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem.detail().to_owned())
    }
}

/// Makes the root user and an administrator token out of what the operator
/// gave, when there is no root user yet; afterwards nothing is taken. True when
/// it was.
pub async fn bootstrap(
    engine: &Engine,
    username: Option<&str>,
    password: Option<SecretString>,
    api_token: Option<SecretString>,
) -> Result<bool, Refused> {
    let state = AppState::new(engine.clone(), crate::WebOptions::default());
    if !needs_root(&state).await? {
        return Ok(false);
    }
    if let (Some(username), Some(password)) = (username, password) {
        create_root(&state, username, password).await?;
    }
    if let Some(text) = api_token {
        add_token(&state, &text).await?;
    }
    Ok(true)
}

/// Whether nobody is root yet.
pub(crate) async fn needs_root(state: &AppState) -> Result<bool> {
    Ok(records::root(state.engine.db()).await?.is_none())
}

/// Makes the root user; refused when there is one.
pub(crate) async fn create_root(
    state: &AppState,
    username: &str,
    password: SecretString,
) -> Result<RecordId> {
    let username = username.trim();
    if username.is_empty() || username.contains(char::is_whitespace) || username.contains('@') {
        return Err(Problem::invalid("username: no blanks and no @"));
    }
    password::check_password(&password)?;
    let hash = password::hash(state, password).await?;
    let id = RecordId(state.engine.new_id());
    let record = Record {
        is_root: true,
        first_name: Some("Root".to_owned()),
        last_name: Some("User".to_owned()),
        username: Some(username.to_owned()),
        security_roles: vec![ADMINISTRATOR.to_owned()],
        access: true,
        ..Record::blank(id, Kind::Employee)
    };
    let now = state.engine.now();
    let mut tx = state.engine.db().begin().await?;
    if records::root(&mut tx).await?.is_some() {
        return Err(Problem::conflict(
            "root_exists",
            "there is a root user already",
        ));
    }
    let write = RecordWrite {
        record,
        expected_version: 0,
    };
    records::write(&mut tx, &[write], now).await?;
    password::set_password(state, &mut tx, id, &hash).await?;
    let entry = NewEntry {
        actor: Some("set-up".to_owned()),
        record_id: Some(id),
        body: Some(json!({ "username": username })),
        ..NewEntry::new(now, Origin::User, "root_created")
    };
    journal::append(&mut tx, &[entry]).await?;
    tx.commit().await?;
    Ok(id)
}

async fn add_token(state: &AppState, text: &SecretString) -> Result<()> {
    if text.expose_secret().len() < 16 {
        return Err(Problem::invalid("an API token has at least 16 characters"));
    }
    let now = state.engine.now();
    let stored = ApiToken {
        id: ApiTokenId(state.engine.new_id()),
        name: "first start".to_owned(),
        scopes: vec![TokenScope::Admin],
        record_id: None,
        created_by: None,
        created_at: now,
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    };
    let mut tx = state.engine.db().begin().await?;
    api_tokens::insert(&mut tx, &stored, &token::digest(text.expose_secret())).await?;
    tx.commit().await?;
    Ok(())
}
