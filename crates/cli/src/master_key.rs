//! The master key every secret is sealed under: from `ROLLCALL_MASTER_KEY`, or
//! from a file that is made, readable by its owner only, when there is none.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use graph::Entropy;
use secrecy::{ExposeSecret as _, ExposeSecretMut as _, SecretBox};

use crate::config::Config;
use crate::failure::curable;

const VARIABLE: &str = "ROLLCALL_MASTER_KEY";

/// The key; made when there is none yet and `make` says so.
pub(crate) fn load(
    config: &Config,
    entropy: &dyn Entropy,
    make: bool,
) -> Result<SecretBox<[u8; 32]>> {
    match std::env::var(VARIABLE) {
        Ok(text) => parse(&text, VARIABLE),
        Err(std::env::VarError::NotUnicode(_)) => Err(unreadable(VARIABLE)),
        Err(std::env::VarError::NotPresent) => from_file(&config.master_key_file(), entropy, make),
    }
}

/// Whether the environment gives the key, and no file.
pub(crate) fn is_given_by_environment() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// The key in a file.
pub(crate) fn read(file: &Path) -> Result<SecretBox<[u8; 32]>> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("the master key {} cannot be read", file.display()))?;
    parse(&text, &file.display().to_string())
}

/// A new key.
pub(crate) fn new(entropy: &dyn Entropy) -> SecretBox<[u8; 32]> {
    let mut key = SecretBox::new(Box::new([0; 32]));
    entropy.fill(key.expose_secret_mut());
    key
}

/// A key as a file holds it.
pub(crate) fn text(key: &SecretBox<[u8; 32]>) -> String {
    let mut text = STANDARD.encode(key.expose_secret());
    text.push('\n');
    text
}

fn from_file(file: &Path, entropy: &dyn Entropy, make: bool) -> Result<SecretBox<[u8; 32]>> {
    match std::fs::read_to_string(file) {
        Ok(text) => parse(&text, &file.display().to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound && make => write_new(file, entropy),
        Err(error) => {
            let what = format!("the master key {} cannot be read", file.display());
            Err(error).context(what)
        }
    }
}

/// A key is 32 bytes in base64, or 64 hexadecimal digits.
pub(crate) fn parse(text: &str, place: &str) -> Result<SecretBox<[u8; 32]>> {
    let text = text.trim();
    let decoded = if text.len() == 64 {
        hex(text)
    } else {
        STANDARD.decode(text).ok()
    };
    let bytes = decoded.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let bytes = bytes.ok_or_else(|| unreadable(place))?;
    Ok(SecretBox::new(Box::new(bytes)))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let digits = pairs.map(|pair| std::str::from_utf8(pair).ok());
    digits
        .map(|pair| pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect()
}

fn unreadable(place: &str) -> anyhow::Error {
    curable(
        format!("{place} holds no master key"),
        "Give back the key this installation was made with: 32 bytes in base64 or hexadecimal.",
    )
}

fn write_new(file: &Path, entropy: &dyn Entropy) -> Result<SecretBox<[u8; 32]>> {
    let what = || format!("the master key {} cannot be made", file.display());
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory).with_context(what)?;
    }
    let key = new(entropy);
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    match opened {
        Ok(mut new) => {
            new.write_all(text(&key).as_bytes())
                .and_then(|()| new.sync_all())
                .with_context(what)?;
            tracing::info!(file = %file.display(), "master key made: back it up, apart from the database");
            Ok(key)
        }
        // Another process was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => from_file(file, entropy, false),
        Err(error) => Err(error).with_context(what),
    }
}

/// Whether others than the owner can read the file.
pub(crate) fn is_exposed(file: &Path) -> bool {
    let metadata = std::fs::metadata(file);
    metadata.is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("deep/master.key");
        let entropy = graph::SeededEntropy::new(1);
        assert!(from_file(&file, &entropy, false).is_err());
        let made = from_file(&file, &entropy, true).unwrap();
        let read = from_file(&file, &entropy, true).unwrap();
        assert_eq!(made.expose_secret(), read.expose_secret());
        assert!(!is_exposed(&file));
    }

    #[test]
    fn keys_are_base64_or_hexadecimal_of_32_bytes() {
        let base64 = STANDARD.encode([7; 32]);
        for (text, is_key) in [
            (base64.as_str(), true),
            (&"07".repeat(32), true),
            (&"0x".repeat(32), false),
            (&STANDARD.encode([7; 31]), false),
            ("", false),
        ] {
            assert_eq!(parse(text, "here").is_ok(), is_key, "{text}");
        }
    }
}
