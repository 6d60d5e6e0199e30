//! `secrets`: the master key.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use graph::OsEntropy;
use secrecy::{ExposeSecret as _, SecretBox};
use serde_json::json;
use store::sealer::Sealer;
use store::{jobs, secrets};

use crate::compose::{self, Migrate};
use crate::failure::{curable, wrong_use};
use crate::installation::Installation;
use crate::key_files::KeyFiles;
use crate::master_key;
use crate::output::{self, Output};

/// The master key.
#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// Give the installation a new master key
    Rotate(Rotate),
}

/// Give the installation a new master key.
#[derive(Debug, Args)]
#[command(
    after_help = "Stop every server and worker first. Running workers are noticed, a `serve --no-worker` is not.
Everything sealed is given to the new key in one transaction; then the key file is replaced. Cut off at any
moment, the next start goes on with the key that fits. The old key is kept beside the new one, as .old, until
the new one has opened everything. Backups made before need the old key: --keep-old leaves it.

With ROLLCALL_MASTER_KEY the new key is given by file or standard input, and the variable is set to it afterwards.

Examples:
  rollcall secrets rotate --generate
  openssl rand -base64 32 > next.key && rollcall secrets rotate --key-file next.key
  printf '%s' \"$KEY\" | rollcall secrets rotate --key-stdin --yes"
)]
pub(crate) struct Rotate {
    #[command(flatten)]
    new: NewKey,
    /// Leave the old key beside the new one
    #[arg(long)]
    keep_old: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct NewKey {
    /// Make a new key
    #[arg(long)]
    generate: bool,
    /// Read the new key from a file
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Read the new key from standard input
    #[arg(long)]
    key_stdin: bool,
}

impl NewKey {
    fn take(&self) -> Result<SecretBox<[u8; 32]>> {
        if let Some(file) = &self.key_file {
            return master_key::read(file);
        }
        if self.key_stdin {
            let text = output::secret("New master key", true)?;
            return master_key::parse(text.expose_secret(), "standard input");
        }
        Ok(master_key::new(&OsEntropy))
    }
}

impl Secrets {
    /// Runs it.
    pub(crate) async fn run(&self, installation: &Installation, output: Output) -> Result<()> {
        let Self::Rotate(rotate) = self;
        rotate.run(installation, output).await
    }
}

impl Rotate {
    async fn run(&self, installation: &Installation, output: Output) -> Result<()> {
        let (db, engine) = (installation.db(), &installation.engine);
        let old = engine.sealer().key_id().to_owned();
        let files = self.files(installation)?;
        refuse_while_working(installation).await?;
        let key = self.new.take()?;
        let new = Sealer::new(SecretBox::new(Box::new(*key.expose_secret())));
        if new.key_id() == old {
            return Err(wrong_use("this is the master key the installation has"));
        }
        if !output::ask("Give the installation a new master key?", self.yes)? {
            return Ok(());
        }

        // First the database says which key it is sealed under, so that a start
        // after a cut-off change finds the one that fits.
        let mut tx = db.begin().await?;
        secrets::set_master_key_id(&mut tx, &old, engine.now()).await?;
        tx.commit().await?;
        db.reach_disk().await?;
        if let Some(files) = &files {
            files.stage(&key)?;
        }
        let mut tx = db.begin().await?;
        let keys = engine.reseal(&mut tx, &new, &installation.actor()).await?;
        web::reseal_answers(engine, &mut tx, &new).await?;
        tx.commit().await?;
        db.reach_disk().await?;
        if let Some(files) = &files {
            files.put_in_place()?;
        }

        let opened = opens(installation, files.is_some(), new).await?;
        let kept = files.as_ref().filter(|_| self.keep_old);
        if let (Some(files), None) = (&files, kept) {
            files.forget_old()?;
        }
        let kept = kept.map(|files| files.old.display().to_string());
        let body = json!({ "data_keys": keys, "secrets": opened, "old_key_file": kept });
        output.show(&body, || {
            let place = match (&files, &kept) {
                (None, _) => "Set ROLLCALL_MASTER_KEY to it before anything is started.",
                (_, None) => "The old one is gone.",
                (_, Some(file)) => &format!("The old one is kept in {file}."),
            };
            format!(
                "The installation has a new master key; it opened all {opened} secrets. {place}"
            )
        })
    }

    /// Where the key's files are; none where the environment gives the key.
    fn files(&self, installation: &Installation) -> Result<Option<KeyFiles>> {
        if master_key::is_given_by_environment() {
            return match self.new.generate {
                true => Err(wrong_use(
                    "ROLLCALL_MASTER_KEY gives the master key: name the new one with --key-file or --key-stdin",
                )),
                false => Ok(None),
            };
        }
        let files = KeyFiles::of(&installation.config);
        if files.old.exists() {
            return Err(curable(
                format!("{} is there from an earlier change", files.old.display()),
                "See with `rollcall doctor` that every secret opens, then move it away.",
            ));
        }
        Ok(Some(files))
    }
}

/// Whoever still works would seal with the old key, which nobody has any more.
async fn refuse_while_working(installation: &Installation) -> Result<()> {
    let alive = jobs::workers(installation.db(), installation.engine.now()).await?;
    if alive == 0 {
        return Ok(());
    }
    Err(curable(
        format!("{alive} servers or workers are running"),
        "Stop every `rollcall serve` and `rollcall worker` first; one that crashed counts for 15 seconds.",
    ))
}

/// Opens every secret as the next start will; how many.
async fn opens(installation: &Installation, from_file: bool, new: Sealer) -> Result<u64> {
    let what = "the new master key does not open everything; the old one is kept";
    if !from_file {
        return secrets::open_all(installation.db(), &new)
            .await
            .context(what);
    }
    let again = compose::installation(installation.config.clone(), Migrate::Refuse).await?;
    let opened = secrets::open_all(again.db(), again.engine.sealer()).await;
    again.db().close().await;
    opened.context(what)
}
