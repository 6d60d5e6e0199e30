//! Passwords and API tokens in the form they are stored in. Knows no one's name.

use anyhow::{Result, anyhow};
use argon2::{Argon2, PasswordHasher as _};
use engine::Engine;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// A password's hash (Argon2id, PHC text).
pub(crate) fn hash_password(password: &SecretString) -> Result<String> {
    let hash = Argon2::default().hash_password(password.expose_secret().as_bytes());
    let hash = hash.map_err(|error| anyhow!("the password cannot be hashed: {error}"))?;
    Ok(hash.to_string())
}

/// A new API token: 256 random bits behind a prefix that secret scanners know.
pub(crate) fn new_token(engine: &Engine) -> SecretString {
    format!("rollcall_{}", engine.secret()).into()
}

/// What of a token is stored.
pub(crate) fn token_hash(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret().as_bytes()).into()
}
