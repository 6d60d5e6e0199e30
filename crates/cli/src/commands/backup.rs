//! `backup` and `restore` of a SQLite database. The master key is no part of a
//! backup: whoever has both has the secrets.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;

use crate::arguments::Global;
use crate::compose;
use crate::config::Config;
use crate::failure::{curable, wrong_use};
use crate::output::{self, Output};

/// What every SQLite file begins with.
const HEADER: &[u8; 16] = b"SQLite format 3\0";

/// Copy the SQLite database while it is in use.
#[derive(Debug, Args)]
#[command(
    after_help = "The master key is not in the copy; keep it apart (secrets.master_key_file).
With PostgreSQL use pg_dump.

Example:
  rollcall backup /backups/rollcall-$(date +%F).sqlite"
)]
pub(crate) struct Backup {
    /// The file to make
    file: PathBuf,
}

/// Put a backup in the place of the SQLite database.
#[derive(Debug, Args)]
#[command(
    after_help = "Stop every server and worker first. The database that was there is kept beside
it as FILE.before-restore.

Example:
  rollcall restore /backups/rollcall-2026-01-31.sqlite --yes"
)]
pub(crate) struct Restore {
    /// The backup
    file: PathBuf,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

fn sqlite_file(config: &Config, instead: &str) -> Result<PathBuf> {
    config.sqlite_file().ok_or_else(|| {
        curable(
            "database.url names no SQLite file",
            format!("With PostgreSQL use {instead}."),
        )
    })
}

impl Backup {
    /// Makes the copy.
    pub(crate) async fn run(&self, global: &Global, output: Output) -> Result<()> {
        let config = global.load(Vec::new())?;
        compose::start_log(&config);
        let source = sqlite_file(&config, "pg_dump")?;
        if !source.is_file() {
            return Err(wrong_use(format!(
                "there is no database {}",
                source.display()
            )));
        }
        if self.file.exists() {
            return Err(wrong_use(format!("{} exists already", self.file.display())));
        }
        let path = self
            .file
            .to_str()
            .ok_or_else(|| wrong_use("the path is no UTF-8"))?;
        let db = compose::open_database(&config).await?;
        db.copy_to(path).await.context("the copy failed")?;
        db.close().await;
        let bytes = std::fs::metadata(&self.file)?.len();
        output.show(&json!({ "file": self.file, "bytes": bytes }), || {
            format!(
                "{} bytes in {}. The master key is not in it.",
                bytes,
                self.file.display()
            )
        })
    }
}

impl Restore {
    /// Puts the copy in place, and sees that it opens.
    pub(crate) async fn run(&self, global: &Global, output: Output) -> Result<()> {
        let config = global.load(Vec::new())?;
        compose::start_log(&config);
        let target = sqlite_file(&config, "pg_restore")?;
        check_header(&self.file)?;
        let question = format!(
            "Replace {} by {} (servers and workers are stopped)?",
            target.display(),
            self.file.display()
        );
        if !output::ask(&question, self.yes)? {
            return Err(wrong_use("nothing was restored"));
        }
        let kept = set_aside(&target)?;
        if let Some(directory) = target.parent() {
            std::fs::create_dir_all(directory)?;
        }
        std::fs::copy(&self.file, &target).context("the backup cannot be copied")?;
        let db = compose::open_database(&config).await?;
        db.migrate()
            .await
            .context("the restored database cannot be migrated")?;
        db.ping().await?;
        db.close().await;
        output.show(&json!({ "file": target, "kept": kept }), || {
            let kept = kept
                .as_ref()
                .map(|kept| format!(" What was there is {}.", kept.display()));
            format!("Restored {}.{}", target.display(), kept.unwrap_or_default())
        })
    }
}

fn check_header(file: &Path) -> Result<()> {
    let mut header = [0; 16];
    let read = std::fs::File::open(file).and_then(|mut open| open.read_exact(&mut header));
    if read.is_err() || &header != HEADER {
        return Err(wrong_use(format!(
            "{} is no SQLite database",
            file.display()
        )));
    }
    Ok(())
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Moves the database away with its write-ahead log, which belongs to it alone.
fn set_aside(target: &Path) -> Result<Option<PathBuf>> {
    if !target.exists() {
        return Ok(None);
    }
    let kept = beside(target, ".before-restore");
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (beside(target, suffix), beside(&kept, suffix));
        if from.exists() {
            std::fs::rename(&from, &to)
                .with_context(|| format!("{} cannot be moved away", from.display()))?;
        } else if to.exists() {
            std::fs::remove_file(&to)?;
        }
    }
    Ok(Some(kept))
}
