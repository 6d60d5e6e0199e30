//! Sessions of browsers: a random cookie of which only a hash is stored, made
//! anew at every sign-in, with an idle and an absolute limit.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use provisioning::ids::{ObjectId, RecordId, TenantId};
use provisioning::psa::{Record, Status};
use secrecy::SecretString;
use serde_json::json;
use store::journal::{self, NewEntry, Origin};
use store::records::{self, RecordRow};
use store::rights::Rights;
use store::sessions::{self, Method, Session};
use store::{Tx, security_roles};

use super::client::Client;
use super::cookie::Cookie;
use super::{password, rate, second_factor, token};
use crate::AppState;
use crate::error::{Problem, Result};

const COOKIE: Cookie = Cookie {
    name: "rollcall_session",
    path: "/",
    seconds: None,
};
/// Without a request for this long, a session ends.
const IDLE: SignedDuration = SignedDuration::from_hours(2);
/// However busy, a session ends after this.
const ABSOLUTE: SignedDuration = SignedDuration::from_hours(12);
/// Requests closer together than this are one as far as idling goes.
const TOUCH: SignedDuration = SignedDuration::from_mins(1);

/// Whoever is signed in with this browser.
#[derive(Debug, Clone)]
pub(crate) struct CurrentUser {
    /// Their record: active, with access.
    pub(crate) record: RecordRow,
    /// What their security roles give, together.
    pub(crate) rights: Rights,
    /// The session.
    pub(crate) session: Session,
}

impl CurrentUser {
    /// Who asks, for the journal.
    pub(crate) fn actor(&self) -> engine::Actor {
        engine::Actor {
            origin: Origin::User,
            name: name_of(&self.record.record),
        }
    }
}

/// What the journal calls somebody.
fn name_of(record: &Record) -> String {
    let name = record.username.clone().or_else(|| record.email.clone());
    name.unwrap_or_else(|| record.id.to_string())
}

/// Writes down a sign-in that failed. Of names nobody has only the log tells:
/// whoever guesses does not fill the journal.
async fn note(
    state: &AppState,
    client: &Client,
    who: Option<RecordId>,
    typed: &str,
    act: &'static str,
) -> Result<()> {
    let ip = client.ip.map(|ip| ip.to_string());
    tracing::warn!(ip, is_known = who.is_some(), "{act}");
    let Some(id) = who else {
        return Ok(());
    };
    let entry = NewEntry {
        actor: Some(typed.chars().take(100).collect()),
        record_id: Some(id),
        body: Some(json!({ "ip": ip })),
        ..NewEntry::new(state.engine.now(), Origin::User, act)
    };
    let mut tx = state.engine.db().begin().await?;
    journal::append(&mut tx, &[entry]).await?;
    tx.commit().await?;
    Ok(())
}

impl FromRequestParts<AppState> for CurrentUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let user = match parts.extensions.get::<Self>() {
            Some(known) => Some(known.clone()),
            None => current(state, &parts.headers).await?,
        };
        user.ok_or_else(|| Problem::unauthenticated("you are not signed in"))
    }
}

impl OptionalFromRequestParts<AppState> for CurrentUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Option<Self>> {
        current(state, &parts.headers).await
    }
}

/// Whoever the request's session cookie belongs to.
pub(crate) async fn current(state: &AppState, headers: &HeaderMap) -> Result<Option<CurrentUser>> {
    let Some(value) = COOKIE.of(state, headers) else {
        return Ok(None);
    };
    let (db, now) = (state.engine.db(), state.engine.now());
    let Some(session) = sessions::find(db, &token::digest(value), now).await? else {
        return Ok(None);
    };
    let found = records::get(db, &[session.record_id]).await?;
    let is_in = |row: &RecordRow| row.record.access && row.record.status == Status::Active;
    let Some(record) = found.into_iter().find(is_in) else {
        return Ok(None);
    };
    if now.duration_since(session.last_seen_at) >= TOUCH {
        let until = (now + IDLE).min(session.created_at + ABSOLUTE);
        let mut tx = db.begin().await?;
        sessions::seen(&mut tx, &session.token_hash, now, until).await?;
        tx.commit().await?;
    }
    let rights = rights(state, &record).await?;
    Ok(Some(CurrentUser {
        record,
        rights,
        session,
    }))
}

pub(super) async fn rights(state: &AppState, row: &RecordRow) -> Result<Rights> {
    if row.record.is_privileged() {
        return Ok(Rights::everything());
    }
    Ok(security_roles::rights_of(state.engine.db(), &row.record.security_roles).await?)
}

/// What somebody typed to sign in.
#[derive(Debug)]
pub(crate) struct SignIn {
    /// The username, or the email address of exactly one record.
    pub(crate) username: String,
    /// The password.
    pub(crate) password: SecretString,
}

/// What a right password leads to.
pub(crate) enum SignedIn {
    /// A session: the value of `Set-Cookie`.
    Session(HeaderValue),
    /// The code is still to be given, with this beside it.
    NeedsCode(String),
}

/// Signs in with username and password. Every failure reads the same, and
/// failures are limited by name and by address. The session the browser had
/// ends.
pub(crate) async fn sign_in(
    state: &AppState,
    headers: &HeaderMap,
    client: &Client,
    typed: SignIn,
) -> Result<SignedIn> {
    let keys = rate::Keys::of_name(&typed.username, client);
    keys.count(state).await?;
    let row = by_name(state, &typed.username).await?;
    let hash = match &row {
        Some(row) => records::password_hash(state.engine.db(), row.record.id).await?,
        None => None,
    };
    let fits = password::verify(state, typed.password, hash).await?;
    let known = row.clone();
    let row = row.filter(|row| fits && row.record.access && row.record.status == Status::Active);
    let Some(row) = row else {
        let known = known.map(|row| row.record.id);
        note(state, client, known, &typed.username, "sign_in_failed").await?;
        return Err(Problem::unauthenticated(
            "username or password is wrong, or you have no access",
        )
        .cure("Ask your administrator for access or a new password."));
    };
    let id = row.record.id;
    keys.was_right(state).await?;
    if second_factor::is_on(state, id).await? {
        return Ok(SignedIn::NeedsCode(second_factor::half(state, id).await?));
    }
    Ok(SignedIn::Session(let_in(state, headers, client, id).await?))
}

/// The second step of signing in; the value of `Set-Cookie`.
pub(crate) async fn sign_in_with_code(
    state: &AppState,
    headers: &HeaderMap,
    client: &Client,
    half: &str,
    code: &str,
) -> Result<HeaderValue> {
    let id = match second_factor::whole(state, client, half, code).await {
        Err((Some(who), problem)) => {
            note(state, client, Some(who), "", "sign_in_code_failed").await?;
            return Err(problem);
        }
        Err((None, problem)) => return Err(problem),
        Ok(id) => id,
    };
    // Access may have gone since the password was given.
    let row = records::get(state.engine.db(), &[id]).await?.pop();
    if !row.is_some_and(|row| row.record.access && row.record.status == Status::Active) {
        return Err(Problem::unauthenticated("you have no access any more"));
    }
    let_in(state, headers, client, id).await
}

async fn let_in(
    state: &AppState,
    headers: &HeaderMap,
    client: &Client,
    id: RecordId,
) -> Result<HeaderValue> {
    let mut tx = state.engine.db().begin().await?;
    records::signed_in(&mut tx, id, state.engine.now()).await?;
    tx.commit().await?;
    start_session(state, headers, client, id, None).await
}

/// Ends every session of somebody but the one they are using; how many.
pub(crate) async fn end_others(tx: &mut Tx, user: &CurrentUser, now: Timestamp) -> Result<u64> {
    let mine = sessions::of_record(&mut *tx, user.record.record.id, now).await?;
    let others = mine.iter().map(|session| session.token_hash);
    let mut ended = 0;
    for hash in others.filter(|hash| *hash != user.session.token_hash) {
        ended += u64::from(sessions::end(tx, &hash).await?);
    }
    Ok(ended)
}

async fn by_name(state: &AppState, name: &str) -> Result<Option<RecordRow>> {
    let db = state.engine.db();
    if let Some(row) = records::by_username(db, &store::keys::fold(name)).await? {
        return Ok(Some(row));
    }
    let Some(key) = store::keys::email(Some(name)).filter(|key| key.contains('@')) else {
        return Ok(None);
    };
    let mut found = records::by_email_keys(db, &[key]).await?;
    Ok(if found.len() == 1 { found.pop() } else { None })
}

/// Starts a session for somebody whose identity is proven, and ends the one
/// the browser had. `microsoft` names the account that proved it.
pub(crate) async fn start_session(
    state: &AppState,
    headers: &HeaderMap,
    client: &Client,
    record_id: RecordId,
    microsoft: Option<(TenantId, ObjectId)>,
) -> Result<HeaderValue> {
    let value = state.engine.secret();
    let now = state.engine.now();
    let session = Session {
        token_hash: token::digest(&value),
        record_id,
        created_at: now,
        last_seen_at: now,
        expires_at: now + IDLE,
        method: if microsoft.is_some() {
            Method::Microsoft
        } else {
            Method::Password
        },
        tenant_id: microsoft.map(|(tenant, _)| tenant),
        object_id: microsoft.map(|(_, object)| object),
        user_agent: client.user_agent.clone(),
        ip: client.ip.map(|ip| ip.to_string()),
    };
    let mut tx = state.engine.db().begin().await?;
    if let Some(old) = COOKIE.of(state, headers) {
        sessions::end(&mut tx, &token::digest(old)).await?;
    }
    sessions::start(&mut tx, &session).await?;
    let row = records::get(&mut tx, &[record_id]).await?.pop();
    let name = row.map(|row| name_of(&row.record)).unwrap_or_default();
    let entry = NewEntry {
        actor: Some(name),
        record_id: Some(record_id),
        tenant_id: session.tenant_id,
        object_id: session.object_id,
        body: Some(json!({ "method": session.method, "ip": session.ip })),
        ..NewEntry::new(now, Origin::User, "signed_in")
    };
    journal::append(&mut tx, &[entry]).await?;
    tx.commit().await?;
    Ok(COOKIE.set(state, &value))
}

/// Ends the browser's session; the value of `Set-Cookie`.
pub(crate) async fn sign_out(state: &AppState, headers: &HeaderMap) -> Result<HeaderValue> {
    if let Some(value) = COOKIE.of(state, headers) {
        let mut tx = state.engine.db().begin().await?;
        sessions::end(&mut tx, &token::digest(value)).await?;
        tx.commit().await?;
    }
    Ok(COOKIE.clear(state))
}
