//! The second factor of local sign-in: codes from an authenticator app
//! (RFC 6238: SHA-1, six digits, thirty seconds, one step of tolerance), and
//! recovery codes for when the app is lost. It is asked for once a first code
//! has proved it; a step and a recovery code are used once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::Actor;
use jiff::{SignedDuration, Timestamp};
use provisioning::ids::RecordId;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::journal::{self, NewEntry, Origin};
use store::second_factors::{self, PURPOSE};
use store::secrets::{self, Place};
use store::{StoreError, Tx, records};
use totp_rs::{Builder, Secret, Totp};

use super::session::{CurrentUser, end_others};
use super::{Client, password, rate, token};
use crate::AppState;
use crate::error::{Problem, Result};

/// Bytes of a secret: RFC 4226 asks for 20 with SHA-1.
const SECRET: usize = 20;
/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;
/// Bytes of a recovery code.
const RECOVERY_CODE: usize = 10;
/// How long after the password the code may be given.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// What an authenticator app is shown.
pub(crate) struct Enrolment {
    /// The secret in Base32, in groups of four.
    pub(crate) secret: String,
    /// The same as a picture: an SVG element.
    pub(crate) picture: String,
}

/// Proof that somebody gave the right password, good for giving the code and
/// for nothing else.
#[derive(Serialize, Deserialize)]
struct Half {
    record_id: RecordId,
    until: Timestamp,
    /// Of the password's hash: a new password makes it worthless.
    password: [u8; 32],
}

/// Whether a code is asked for after the password.
pub(super) async fn is_on(state: &AppState, id: RecordId) -> Result<bool> {
    let found = second_factors::get(state.engine.db(), id).await?;
    Ok(found.is_some_and(|found| found.confirmed_at.is_some()))
}

/// Makes a new secret for somebody with a local password, who gives it again:
/// a browser left open is not enough to lock its owner out.
pub(crate) async fn begin(
    state: &AppState,
    client: &Client,
    user: &CurrentUser,
    typed: SecretString,
) -> Result<()> {
    if !user.record.has_password {
        return Err(no_password());
    }
    password::check_own(state, client, user, typed).await?;
    let id = user.record.record.id;
    let mut bytes = [0; SECRET];
    state.engine.fill(&mut bytes);
    let text = SecretString::from(Secret::from(bytes.to_vec()).to_base32());
    let random = |out: &mut [u8]| state.engine.fill(out);
    let (key_id, now) = (state.engine.new_id(), state.engine.now());
    let place = Place {
        connection_id: None,
        owner: id.0,
        purpose: PURPOSE,
    };
    let mut tx = state.engine.db().begin().await?;
    match second_factors::begin(&mut tx, id, now).await {
        Err(StoreError::Stale { .. }) => return Err(is_on_already()),
        other => other?,
    }
    secrets::put(
        &mut tx,
        state.engine.sealer(),
        &random,
        key_id,
        place,
        &text,
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// What is begun and not proved yet.
pub(crate) async fn enrolment(state: &AppState, user: &CurrentUser) -> Result<Option<Enrolment>> {
    let id = user.record.record.id;
    let found = second_factors::get(state.engine.db(), id).await?;
    if found.is_none_or(|found| found.confirmed_at.is_some()) {
        return Ok(None);
    }
    let totp = totp(state, id, &user.actor().name).await?;
    let url = totp.to_url().map_err(|error| Problem::internal(&error))?;
    let code = QrCode::with_error_correction_level(url, EcLevel::M);
    let code = code.map_err(|error| Problem::internal(&error))?;
    let drawn = code
        .render::<svg::Color<'_>>()
        .min_dimensions(220, 220)
        .build();
    // The element alone, without the head of a file.
    let picture = drawn.find("<svg").map(|at| drawn[at..].to_owned());
    let letters: Vec<char> = totp.secret().to_base32().chars().collect();
    let groups = letters.chunks(4).map(|group| group.iter().collect());
    Ok(Some(Enrolment {
        secret: groups.collect::<Vec<String>>().join(" "),
        picture: picture.unwrap_or_default(),
    }))
}

/// Puts it in force with a first code; the recovery codes, never shown again.
/// The person's other sessions end.
pub(crate) async fn confirm(
    state: &AppState,
    user: &CurrentUser,
    code: &str,
) -> Result<Vec<String>> {
    let id = user.record.record.id;
    let step = match second_factors::get(state.engine.db(), id).await? {
        Some(found) if found.confirmed_at.is_none() => step(state, id, code).await?,
        _ => None,
    };
    let step = step.ok_or_else(wrong_code)?;
    let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code(state)).collect();
    let digests: Vec<[u8; 32]> = codes.iter().map(|code| digest(code)).collect();
    let now = state.engine.now();
    let mut tx = state.engine.db().begin().await?;
    if !second_factors::confirm(&mut tx, id, step, &digests, now).await? {
        return Err(wrong_code());
    }
    end_others(&mut tx, user, now).await?;
    note(&mut tx, &user.actor(), id, "second_factor_on", now).await?;
    tx.commit().await?;
    Ok(codes)
}

/// Turns it off for somebody who knows the password and has a code.
pub(crate) async fn turn_off(
    state: &AppState,
    client: &Client,
    user: &CurrentUser,
    typed: SecretString,
    code: &str,
) -> Result<()> {
    password::check_own(state, client, user, typed).await?;
    let id = user.record.record.id;
    check(state, client, id, code).await?;
    reset(state, id, &user.actor(), "second_factor_off").await?;
    Ok(())
}

/// Takes it away from somebody who lost it; false when there was none.
pub(crate) async fn reset(
    state: &AppState,
    id: RecordId,
    actor: &Actor,
    action: &'static str,
) -> Result<bool> {
    let mut tx = state.engine.db().begin().await?;
    let was_there = second_factors::delete(&mut tx, id).await?;
    if was_there {
        note(&mut tx, actor, id, action, state.engine.now()).await?;
    }
    tx.commit().await?;
    Ok(was_there)
}

/// What to send along with the code, for somebody whose password was right.
pub(super) async fn half(state: &AppState, record_id: RecordId) -> Result<String> {
    let half = Half {
        record_id,
        until: state.engine.now() + PATIENCE,
        password: password_digest(state, record_id).await?,
    };
    let plain = serde_json::to_vec(&half).map_err(|error| Problem::internal(&error))?;
    let random = |out: &mut [u8]| state.engine.fill(out);
    let sealed = state.engine.sealer().seal(&random, PURPOSE, b"", &plain)?;
    Ok(URL_SAFE_NO_PAD.encode(sealed))
}

/// Whose code it is, when it is right; else whose it was to be, if the password
/// was given in time.
pub(super) async fn whole(
    state: &AppState,
    client: &Client,
    half: &str,
    code: &str,
) -> Result<RecordId, (Option<RecordId>, Problem)> {
    let id = opened(state, half).await.map_err(|error| (None, error))?;
    let checked = check(state, client, id, code).await;
    checked.map(|()| id).map_err(|error| (Some(id), error))
}

async fn opened(state: &AppState, half: &str) -> Result<RecordId> {
    let too_late =
        || Problem::unauthenticated("the password was given too long ago").cure("Sign in again.");
    let sealed = URL_SAFE_NO_PAD.decode(half).map_err(|_| too_late())?;
    let plain = state.engine.sealer().open(PURPOSE, b"", &sealed);
    let plain = plain.map_err(|_| too_late())?;
    let half: Half = serde_json::from_slice(plain.expose_secret()).map_err(|_| too_late())?;
    let known = password_digest(state, half.record_id).await?;
    if half.until < state.engine.now() || half.password != known {
        return Err(too_late());
    }
    Ok(half.record_id)
}

/// Refuses a code that is wrong or was used; failures are limited by person
/// and by address.
async fn check(state: &AppState, client: &Client, id: RecordId, typed: &str) -> Result<()> {
    let keys = rate::Keys::of_code(id, client);
    keys.count(state).await?;
    if use_up(state, id, typed).await? {
        return keys.was_right(state).await;
    }
    Err(wrong_code())
}

async fn use_up(state: &AppState, id: RecordId, typed: &str) -> Result<bool> {
    let step = step(state, id, typed).await?;
    let mut tx = state.engine.db().begin().await?;
    let is_right = match step {
        Some(step) => second_factors::use_step(&mut tx, id, step).await?,
        None => second_factors::use_recovery_code(&mut tx, id, &digest(typed)).await?,
    };
    if is_right && step.is_none() {
        let row = records::get(&mut tx, &[id]).await?.pop();
        let name = row.and_then(|row| row.record.username);
        let actor = Actor {
            origin: Origin::User,
            name: name.unwrap_or_else(|| id.to_string()),
        };
        note(
            &mut tx,
            &actor,
            id,
            "recovery_code_used",
            state.engine.now(),
        )
        .await?;
    }
    tx.commit().await?;
    Ok(is_right)
}

/// The time step a code belongs to.
async fn step(state: &AppState, id: RecordId, typed: &str) -> Result<Option<u64>> {
    let digits: String = typed.chars().filter(|one| !one.is_whitespace()).collect();
    if digits.len() != 6 || !digits.bytes().all(|one| one.is_ascii_digit()) {
        return Ok(None);
    }
    let seconds = u64::try_from(state.engine.now().as_second()).unwrap_or_default();
    Ok(totp(state, id, "").await?.check(&digits, seconds))
}

async fn totp(state: &AppState, id: RecordId, name: &str) -> Result<Totp> {
    let secret = secrets::get(state.engine.db(), state.engine.sealer(), id.0, PURPOSE).await?;
    let secret = secret.ok_or_else(|| Problem::not_found("second factor"))?;
    let secret = Secret::try_from_base32(secret.expose_secret());
    let secret = secret.map_err(|error| Problem::internal(&error))?;
    let host = state.engine.options().public_url.host_str();
    let issuer = format!("Rollcall {}", host.unwrap_or_default());
    Builder::new()
        .with_secret(secret)
        .with_account_name(name.replace(':', " "))
        .with_issuer(Some(issuer.replace(':', " ")))
        .build()
        .map_err(|error| Problem::internal(&error))
}

fn recovery_code(state: &AppState) -> String {
    let mut bytes = [0; RECOVERY_CODE];
    state.engine.fill(&mut bytes);
    let letters: Vec<char> = Secret::from(bytes.to_vec()).to_base32().chars().collect();
    let groups = letters.chunks(4).map(|group| group.iter().collect());
    groups.collect::<Vec<String>>().join("-")
}

/// Of a recovery code as typed: case, blanks and dashes do not count.
fn digest(code: &str) -> [u8; 32] {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    let letters: String = letters.map(|one| one.to_ascii_uppercase()).collect();
    token::digest(&letters)
}

async fn password_digest(state: &AppState, id: RecordId) -> Result<[u8; 32]> {
    let hash = records::password_hash(state.engine.db(), id).await?;
    Ok(token::digest(&hash.unwrap_or_default()))
}

async fn note(
    tx: &mut Tx,
    actor: &Actor,
    id: RecordId,
    action: &'static str,
    now: Timestamp,
) -> Result<()> {
    let left = second_factors::get(&mut *tx, id).await?;
    let left = left.map(|found| json!({ "recovery_codes_left": found.recovery_codes }));
    let entry = NewEntry {
        actor: Some(actor.name.clone()),
        record_id: Some(id),
        body: Some(left.unwrap_or_else(|| json!({}))),
        ..NewEntry::new(now, actor.origin, action)
    };
    journal::append(tx, &[entry]).await?;
    Ok(())
}

fn wrong_code() -> Problem {
    Problem::unauthenticated("the code is wrong, or was used already").cure(
        "Enter the code your app shows now, or a recovery code. If it stays wrong, look whether the \
         device has the right time.",
    )
}

fn is_on_already() -> Problem {
    Problem::conflict("second_factor_on", "a second factor is on already")
        .cure("Turn it off first, with your password and a code.")
}

fn no_password() -> Problem {
    Problem::conflict(
        "no_password",
        "you sign in with Microsoft, which asks for its own second factor",
    )
}
