//! Where a database lives that nobody keeps: in memory where the system has a
//! file system there. SQLite's own memory databases have other locks, with
//! which a reader waits for the writer.
//!
//! Whoever is killed cannot tidy up: each folder has a file that its process
//! holds locked, and the next process that needs a folder removes those that
//! nobody holds any more.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::error::{Result, StoreError};

const PREFIX: &str = "rollcall-";
/// Held locked while its folder is used.
const OWNER: &str = "owner";

/// A folder that goes with its process at the latest.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: tempfile::TempDir,
    _owner: File,
}

impl Scratch {
    /// A new folder; abandoned ones go.
    pub(crate) fn new() -> Result<Self> {
        let memory = Path::new("/dev/shm");
        Self::within(memory)
            .or_else(|_| Self::within(&std::env::temp_dir()))
            .map_err(|error| StoreError::Unavailable(sqlx::Error::Io(error)))
    }

    fn within(place: &Path) -> io::Result<Self> {
        remove_abandoned(place);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place)?;
        // Locked before it has its name: nobody finds it free.
        let unnamed = folder.path().join("new");
        let owner = File::create_new(&unnamed)?;
        owner.lock()?;
        fs::rename(unnamed, folder.path().join(OWNER))?;
        Ok(Self {
            folder,
            _owner: owner,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes what ended processes left. What cannot be looked at is left.
fn remove_abandoned(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else {
        return;
    };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let owner = File::open(entry.path().join(OWNER));
        if owner.is_ok_and(|owner| owner.try_lock().is_ok()) {
            // Another process may be quicker.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_any_more_goes_and_what_somebody_holds_stays() {
        let place = tempfile::tempdir().unwrap();
        let held = Scratch::within(place.path()).unwrap();
        let Scratch { folder, _owner } = Scratch::within(place.path()).unwrap();
        // As after `kill -9`: the folder stays, the lock is gone.
        let abandoned = folder.keep();
        drop(_owner);
        let foreign = place.path().join("rollcall-of-somebody-else");
        fs::create_dir(&foreign).unwrap();
        let next = Scratch::within(place.path()).unwrap();
        assert!(!abandoned.exists());
        assert!(held.path().exists() && next.path().exists() && foreign.exists());
    }
}
