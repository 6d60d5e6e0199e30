//! Local passwords: Argon2id, hashed apart from the threads that serve.

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use engine::Actor;
use provisioning::ids::RecordId;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::journal::{self, NewEntry};
use store::{Tx, records, sessions};

use super::session::{CurrentUser, end_others};
use super::{Client, rate};
use crate::AppState;
use crate::error::{Problem, Result};

/// The shortest password, in characters. NIST SP 800-63B: length is what counts.
pub const SHORTEST: usize = 12;
/// Longer ones only cost time.
const LONGEST: usize = 1024;

/// A hash nobody's password has, so that an unknown username takes as long as
/// a wrong password.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm8$uZw1CGvRbZ1sVQGCbpOj3XTGCLDkhmNb0TpQbC6gx0M";

/// Refuses passwords that are too short or too long.
pub(crate) fn check_password(password: &SecretString) -> Result<()> {
    let length = password.expose_secret().chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        let detail = format!("password: at least {SHORTEST} characters, at most {LONGEST}");
        return Err(Problem::invalid(detail));
    }
    Ok(())
}

/// A password's hash as PHC text.
pub(crate) async fn hash(state: &AppState, password: SecretString) -> Result<String> {
    let mut salt = [0; 16];
    state.engine.fill(&mut salt);
    off_the_threads(state, move || {
        let hash =
            Argon2::default().hash_password_with_salt(password.expose_secret().as_bytes(), &salt);
        hash.map(|hash| hash.to_string())
            .map_err(|error| error.to_string())
    })
    .await?
    .map_err(|error| Problem::internal(&Failed(error)))
}

/// Whether the password is the one with this hash; without a hash it takes as
/// long and is wrong.
pub(crate) async fn verify(
    state: &AppState,
    password: SecretString,
    hash: Option<String>,
) -> Result<bool> {
    let is_known = hash.is_some();
    let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
    let fits = off_the_threads(state, move || {
        let given = password.expose_secret().as_bytes();
        Argon2::default()
            .verify_password(given, hash.as_str())
            .is_ok()
    })
    .await?;
    Ok(fits && is_known)
}

/// Sets a record's password.
pub(crate) async fn set_password(
    state: &AppState,
    tx: &mut Tx,
    id: RecordId,
    hash: &str,
) -> Result<()> {
    records::set_password(tx, id, Some(hash), state.engine.now()).await?;
    Ok(())
}

/// Gives somebody a new password; how many of their sessions ended.
pub(crate) async fn reset(
    state: &AppState,
    id: RecordId,
    password: SecretString,
    actor: &Actor,
) -> Result<u64> {
    check_password(&password)?;
    let hash = hash(state, password).await?;
    let now = state.engine.now();
    let mut tx = state.engine.db().begin().await?;
    records::set_password(&mut tx, id, Some(&hash), now).await?;
    let ended = sessions::end_sessions(&mut tx, &[id]).await?;
    let entry = NewEntry {
        actor: Some(actor.name.clone()),
        record_id: Some(id),
        body: Some(json!({ "sessions_ended": ended })),
        ..NewEntry::new(now, actor.origin, "password_reset")
    };
    journal::append(&mut tx, &[entry]).await?;
    tx.commit().await?;
    Ok(ended)
}

/// Refuses a password that is not the signed in person's own; failures are
/// limited as those of signing in.
pub(super) async fn check_own(
    state: &AppState,
    client: &Client,
    user: &CurrentUser,
    typed: SecretString,
) -> Result<()> {
    let keys = rate::Keys::of_name(&user.actor().name, client);
    keys.count(state).await?;
    let id = user.record.record.id;
    let known = records::password_hash(state.engine.db(), id).await?;
    if verify(state, typed, known).await? {
        return keys.was_right(state).await;
    }
    Err(Problem::unauthenticated("this is not your password"))
}

/// Changes somebody's own password; their other sessions end.
pub(crate) async fn change(
    state: &AppState,
    client: &Client,
    user: &CurrentUser,
    typed: SecretString,
    new: SecretString,
) -> Result<()> {
    check_own(state, client, user, typed).await?;
    check_password(&new)?;
    let hash = hash(state, new).await?;
    let (id, actor, now) = (user.record.record.id, user.actor(), state.engine.now());
    let mut tx = state.engine.db().begin().await?;
    set_password(state, &mut tx, id, &hash).await?;
    let ended = end_others(&mut tx, user, now).await?;
    let entry = NewEntry {
        actor: Some(actor.name),
        record_id: Some(id),
        body: Some(json!({ "sessions_ended": ended })),
        ..NewEntry::new(now, actor.origin, "password_changed")
    };
    journal::append(&mut tx, &[entry]).await?;
    tx.commit().await?;
    Ok(())
}

async fn off_the_threads<T: Send + 'static>(
    state: &AppState,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let permit = state.shared.hashing.acquire().await;
    let _permit = permit.map_err(|error| Problem::internal(&error))?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Problem::internal(&error))
}

#[derive(Debug, thiserror::Error)]
#[error("a password could not be hashed: {0}")]
struct Failed(String);
