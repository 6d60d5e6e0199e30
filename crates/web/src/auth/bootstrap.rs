//! The first user and the first token, taken once: when nobody is root yet; and
//! what an operator at the machine does without being signed in.

use engine::{Actor, Engine};
use provisioning::ids::RecordId;
use provisioning::psa::{ADMINISTRATOR, Kind, Record};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::Tx;
use store::api_tokens::{self, ApiToken, TokenScope};
use store::journal::{self, NewEntry, Origin};
use store::psa_ids::ApiTokenId;
use store::records::{self, RecordWrite};

use super::{password, second_factor, token};
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
    let root = match (username, password) {
        (Some(username), Some(password)) => Some(Root::new(&state, username, password).await?),
        _ => None,
    };
    // Both or neither: a token that came too late would never be taken.
    let mut tx = state.engine.db().begin().await.map_err(Problem::from)?;
    if let Some(root) = root {
        root.insert(&state, &mut tx).await?;
    }
    if let Some(text) = api_token {
        keep_token(
            engine,
            &mut tx,
            "first start",
            vec![TokenScope::Admin],
            text,
        )
        .await?;
    }
    tx.commit().await.map_err(Problem::from)?;
    Ok(true)
}

/// Makes an API token of the installation, of this text or of a random one; the
/// token, to be shown once. A text that is a token already stays what it is.
pub async fn make_token(
    engine: &Engine,
    name: &str,
    scopes: Vec<TokenScope>,
    text: Option<SecretString>,
) -> Result<(ApiTokenId, SecretString), Refused> {
    let text = text.unwrap_or_else(|| token::new_token(engine).into());
    let mut tx = engine.db().begin().await.map_err(Problem::from)?;
    let kept = keep_token(engine, &mut tx, name, scopes, text).await?;
    tx.commit().await.map_err(Problem::from)?;
    Ok(kept)
}

/// Gives somebody a new password; how many of their sessions ended.
pub async fn reset_password(
    engine: &Engine,
    id: RecordId,
    password: SecretString,
) -> Result<u64, Refused> {
    let state = AppState::new(engine.clone(), crate::WebOptions::default());
    let actor = Actor {
        origin: Origin::User,
        name: OPERATOR.to_owned(),
    };
    Ok(password::reset(&state, id, password, &actor).await?)
}

/// Takes the second factor from somebody who lost it; false when there was none.
pub async fn reset_second_factor(engine: &Engine, id: RecordId) -> Result<bool, Refused> {
    let state = AppState::new(engine.clone(), crate::WebOptions::default());
    let actor = Actor {
        origin: Origin::User,
        name: OPERATOR.to_owned(),
    };
    Ok(second_factor::reset(&state, id, &actor, "second_factor_reset").await?)
}

/// What proves at the set-up page that somebody can read this installation's log
/// or use its command line. Every process of an installation has the same; it
/// is worth nothing once there is a root user.
pub fn set_up_code(engine: &Engine) -> String {
    engine.sealer().code("set-up")
}

/// The code the set-up page asks for as things stand: there is no root user, and
/// others than this machine reach the page.
pub async fn awaited_set_up_code(engine: &Engine) -> Result<Option<String>, Refused> {
    let state = AppState::new(engine.clone(), crate::WebOptions::default());
    let is_asked = asks_for_code(engine) && needs_root(&state).await?;
    Ok(is_asked.then(|| set_up_code(engine)))
}

/// Whether whoever first opens the page might be anybody: the public address is
/// not this machine's own.
pub(crate) fn asks_for_code(engine: &Engine) -> bool {
    match engine.options().public_url.host() {
        Some(url::Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name != "localhost" && !name.ends_with(".localhost")
        }
        Some(url::Host::Ipv4(address)) => !address.is_loopback(),
        Some(url::Host::Ipv6(address)) => !address.to_canonical().is_loopback(),
        None => true,
    }
}

/// Refuses a wrong set-up code, where one is asked for. Blanks, hyphens and
/// letter case do not count.
pub(crate) fn check_set_up_code(engine: &Engine, given: &str) -> Result<()> {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|letter| letter.to_ascii_uppercase()).collect()
    };
    // Digests compare: how long it takes says nothing of the code.
    let digest = |text: &str| token::digest(&plain(text));
    if !asks_for_code(engine) || digest(given) == digest(&set_up_code(engine)) {
        return Ok(());
    }
    let status = axum::http::StatusCode::FORBIDDEN;
    Err(
        Problem::new(status, "wrong_set_up_code", "this is not the set-up code")
            .cure(CODE_IS_WHERE),
    )
}

/// Where whoever runs the server finds the code.
pub(crate) const CODE_IS_WHERE: &str = "The server's log has it from its start; on the server's machine `rollcall admin set-up-code` prints it again.";

/// How the journal names whoever sits at the machine.
const OPERATOR: &str = "command line";

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
    let root = Root::new(state, username, password).await?;
    let mut tx = state.engine.db().begin().await?;
    let id = root.insert(state, &mut tx).await?;
    tx.commit().await?;
    Ok(id)
}

/// A root user that passed the checks.
struct Root {
    username: String,
    hash: String,
}

impl Root {
    async fn new(state: &AppState, username: &str, password: SecretString) -> Result<Self> {
        let username = username.trim().to_owned();
        if username.is_empty() || username.contains(char::is_whitespace) || username.contains('@') {
            return Err(Problem::invalid("username: no blanks and no @"));
        }
        password::check_password(&password)?;
        let hash = password::hash(state, password).await?;
        Ok(Self { username, hash })
    }

    async fn insert(self, state: &AppState, tx: &mut Tx) -> Result<RecordId> {
        if records::root(&mut *tx).await?.is_some() {
            return Err(Problem::conflict(
                "root_exists",
                "there is a root user already",
            ));
        }
        let (id, now) = (RecordId(state.engine.new_id()), state.engine.now());
        let record = Record {
            is_root: true,
            first_name: Some("Root".to_owned()),
            last_name: Some("User".to_owned()),
            username: Some(self.username.clone()),
            security_roles: vec![ADMINISTRATOR.to_owned()],
            access: true,
            ..Record::blank(id, Kind::Employee)
        };
        let write = RecordWrite {
            record,
            expected_version: 0,
        };
        records::write(tx, &[write], now).await?;
        password::set_password(state, tx, id, &self.hash).await?;
        let entry = NewEntry {
            actor: Some("set-up".to_owned()),
            record_id: Some(id),
            body: Some(json!({ "username": self.username })),
            ..NewEntry::new(now, Origin::User, "root_created")
        };
        journal::append(tx, &[entry]).await?;
        Ok(id)
    }
}

async fn keep_token(
    engine: &Engine,
    tx: &mut Tx,
    name: &str,
    scopes: Vec<TokenScope>,
    text: SecretString,
) -> Result<(ApiTokenId, SecretString)> {
    if text.expose_secret().len() < 16 {
        return Err(Problem::invalid("an API token has at least 16 characters"));
    }
    let hash = token::digest(text.expose_secret());
    if let Some(known) = api_tokens::find(&mut *tx, &hash).await? {
        return Ok((known.id, text));
    }
    let now = engine.now();
    let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
    let body = json!({ "name": name, "scopes": names });
    let stored = ApiToken {
        id: ApiTokenId(engine.new_id()),
        name: name.to_owned(),
        scopes,
        record_id: None,
        created_by: None,
        created_at: now,
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    };
    let entry = NewEntry {
        actor: Some(OPERATOR.to_owned()),
        body: Some(body),
        ..NewEntry::new(now, Origin::User, "token_created")
    };
    api_tokens::insert(tx, &stored, &hash).await?;
    journal::append(tx, &[entry]).await?;
    Ok((stored.id, text))
}
