//! The files a master key changes through: the new one waits beside the old one
//! until the database is sealed under it, then takes its place; the old one is
//! kept until the new one has opened everything.
//!
//! The database says itself which key it is sealed under. So whatever moment a
//! change was cut off at, the key that fits is in one of three files, and the
//! next start puts it where it belongs.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use secrecy::SecretBox;
use store::sealer::Sealer;
use store::{Db, secrets};

use crate::config::Config;
use crate::failure::curable;
use crate::master_key;

/// A key's three places.
#[derive(Debug, Clone)]
pub(crate) struct KeyFiles {
    /// Where the key is read from.
    pub(crate) current: PathBuf,
    /// Where the next one waits.
    pub(crate) next: PathBuf,
    /// Where the last one is kept.
    pub(crate) old: PathBuf,
}

impl KeyFiles {
    /// The places of the configured file; a link's target, so that the link
    /// stays one.
    pub(crate) fn of(config: &Config) -> Self {
        let file = config.master_key_file();
        let current = file.canonicalize().unwrap_or(file);
        let beside = |end: &str| {
            let mut name = current.clone().into_os_string();
            name.push(end);
            PathBuf::from(name)
        };
        Self {
            next: beside(".new"),
            old: beside(".old"),
            current,
        }
    }

    /// Writes the next key beside the current one. A leftover of a change that
    /// came to nothing is replaced.
    pub(crate) fn stage(&self, key: &SecretBox<[u8; 32]>) -> Result<()> {
        let what = || {
            format!(
                "the new master key {} cannot be written",
                self.next.display()
            )
        };
        forget(&self.next).with_context(what)?;
        write(&self.next, master_key::text(key).as_bytes()).with_context(what)
    }

    /// Puts the next key in the current one's place, which is kept.
    pub(crate) fn put_in_place(&self) -> Result<()> {
        let what = || format!("{} cannot be replaced", self.current.display());
        let current = std::fs::read(&self.current).with_context(what)?;
        // There already when an earlier attempt was cut off here, perhaps in
        // the middle of writing it.
        forget(&self.old).with_context(what)?;
        write(&self.old, &current).with_context(what)?;
        std::fs::rename(&self.next, &self.current).with_context(what)?;
        sync_folder(&self.current).with_context(what)
    }

    /// The change did not reach the disk with the database: the old key goes
    /// back, the one that was never used waits as before.
    fn take_back(&self) -> Result<()> {
        let what = || format!("{} cannot be put back", self.old.display());
        let unused = std::fs::read(&self.current).with_context(what)?;
        forget(&self.next).with_context(what)?;
        write(&self.next, &unused).with_context(what)?;
        std::fs::rename(&self.old, &self.current).with_context(what)?;
        sync_folder(&self.current).with_context(what)
    }

    /// Removes the old key.
    pub(crate) fn forget_old(&self) -> Result<()> {
        let what = || format!("{} cannot be removed", self.old.display());
        forget(&self.old).with_context(what)
    }
}

/// The sealer of the key the database is sealed under, given that of the
/// configured one. With `mend` a change that was cut off is finished, or taken
/// back; without, nothing is touched.
pub(crate) async fn settle(config: &Config, db: &Db, read: Sealer, mend: bool) -> Result<Sealer> {
    let Some(wanted) = secrets::master_key_id(db).await? else {
        return Ok(read);
    };
    if read.key_id() == wanted {
        return Ok(read);
    }
    let cure = "Give back the master key this database was last sealed under.";
    if master_key::is_given_by_environment() {
        let what = "ROLLCALL_MASTER_KEY is not the master key this database is sealed under";
        return Err(curable(what, cure));
    }
    let files = KeyFiles::of(config);
    // The first once more: another process may have mended it meanwhile.
    for place in [&files.current, &files.next, &files.old] {
        let Ok(key) = master_key::read(place) else {
            continue;
        };
        let sealer = Sealer::new(key);
        if sealer.key_id() != wanted {
            continue;
        }
        if mend && *place != files.current {
            if *place == files.next {
                files.put_in_place()?;
            } else {
                files.take_back()?;
            }
            tracing::warn!(
                file = %files.current.display(),
                "a change of the master key was cut off: the key of this database is in place again"
            );
        }
        return Ok(sealer);
    }
    let what = format!(
        "{} is not the master key this database is sealed under",
        files.current.display()
    );
    Err(curable(what, cure))
}

fn write(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    new.write_all(content)?;
    new.sync_all()?;
    sync_folder(file)
}

fn forget(file: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Names are on the disk when their folder is.
fn sync_folder(file: &Path) -> std::io::Result<()> {
    let folder = file.parent().filter(|path| !path.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
