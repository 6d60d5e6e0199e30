//! Where the demo keeps its data, and the sign-ins it made there.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use engine::Engine;
use serde::{Deserialize, Serialize};

/// The directory that is emptied at every start.
const USUAL: &str = "rollcall-data/demo";
/// Marks a directory as the demo's own; holds the sign-ins.
const SIGN_INS: &str = "demo.json";

/// A prepared data directory.
#[derive(Debug)]
pub(super) struct Place {
    /// The directory.
    pub(super) directory: PathBuf,
}

/// Who can sign in to the demo.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SignIns {
    /// Root's username.
    pub(super) username: String,
    /// Root's password.
    pub(super) password: String,
    /// A token that may do everything.
    pub(super) api_token: String,
}

impl Place {
    /// The usual directory, emptied; or the one asked for, as it is.
    pub(super) fn prepare(asked: Option<&Path>) -> Result<Self> {
        let directory = asked.map_or_else(|| PathBuf::from(USUAL), Path::to_owned);
        // Only what an earlier demo made is removed.
        if asked.is_none() && directory.join(SIGN_INS).is_file() {
            std::fs::remove_dir_all(&directory)
                .with_context(|| format!("{} cannot be emptied", directory.display()))?;
        }
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("{} cannot be made", directory.display()))?;
        Ok(Self { directory })
    }

    /// The sign-ins, made at the first start.
    pub(super) fn sign_ins(&self, engine: &Engine) -> Result<SignIns> {
        let file = self.directory.join(SIGN_INS);
        if let Ok(text) = std::fs::read_to_string(&file) {
            return serde_json::from_str(&text).with_context(|| file.display().to_string());
        }
        let made = SignIns {
            username: "root".to_owned(),
            password: engine.secret().chars().take(20).collect(),
            api_token: format!("rollcall_{}", engine.secret()),
        };
        let text = serde_json::to_string_pretty(&made)?;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut new = options
            .open(&file)
            .with_context(|| file.display().to_string())?;
        new.write_all(text.as_bytes())?;
        Ok(made)
    }
}
