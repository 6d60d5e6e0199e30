//! Puts the parts together: database, master key, network, engine. The only
//! place that knows which implementation stands behind each.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use engine::{Courier, Engine, EngineOptions, Notifications};
use graph::{Environment, OsEntropy, ReqwestTransport, TransportOptions};
use store::sealer::Sealer;
use store::{Db, Options, StoreError};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::config::{Config, LogFormat, Notify};
use crate::failure::curable;
use crate::installation::Installation;
use crate::mailer::Smtp;
use crate::{key_files, master_key};

/// What to do about migrations that are not applied yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Migrate {
    /// Apply them.
    Apply,
    /// Refuse to work.
    Refuse,
}

/// Sends log lines to standard error.
pub(crate) fn start_log(config: &Config) {
    let filter = EnvFilter::try_from_default_env()
        .or_else(|_| EnvFilter::try_new(&config.log.filter))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(BoxMakeWriter::new(std::io::stderr));
    let started = match config.log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    if let Err(error) = started {
        crate::output::note(&format!("the log cannot be started: {error}"));
    }
}

/// Opens the database without touching its schema.
pub(crate) async fn open_database(config: &Config) -> Result<Db> {
    if let Some(directory) = config
        .sqlite_file()
        .as_deref()
        .and_then(std::path::Path::parent)
    {
        let what = || format!("the directory {} cannot be made", directory.display());
        std::fs::create_dir_all(directory).with_context(what)?;
    }
    let db = Db::open(&Options::new(config.database_url())).await;
    db.context("the database cannot be opened (database.url)")
}

/// The way to Microsoft.
pub(crate) fn environment(config: &Config) -> Result<Environment> {
    let extra_ca_pem = match &config.microsoft.ca_file {
        None => None,
        Some(file) => {
            let what = || format!("microsoft.ca_file {} cannot be read", file.display());
            Some(std::fs::read(file).with_context(what)?)
        }
    };
    let transport = ReqwestTransport::new(TransportOptions {
        extra_ca_pem,
        proxy: config.microsoft.proxy.clone(),
        ..TransportOptions::default()
    })?;
    Ok(Environment::system(Arc::new(transport)))
}

/// What sends webhooks: on a way of its own, to public addresses alone unless
/// others are allowed; and mail, when there is a mail server.
pub(crate) fn courier(installation: &Installation) -> Result<Courier> {
    let allow_private = installation.config.webhooks.allow_private;
    let transport = ReqwestTransport::new(TransportOptions {
        reachable: (!allow_private).then_some(engine::is_public),
        idle_per_host: 2,
        ..TransportOptions::default()
    })?;
    let engine = installation.engine.clone();
    let courier = Courier::new(engine, Arc::new(transport), allow_private);
    Ok(match Smtp::of(&installation.config.mail)? {
        Some(smtp) => courier.by_mail(Arc::new(smtp)),
        None => courier,
    })
}

/// Everything that runs beside the pages: following the directory, sending
/// webhooks, sealing the journal. Ends when stopped.
pub(crate) async fn work(engine: &Engine, courier: &Courier, stop: CancellationToken) {
    tokio::join!(
        engine.work(stop.clone()),
        courier.work(stop.clone()),
        engine.keep_sealing(stop.clone()),
    );
}

/// Everything a command works with.
pub(crate) async fn installation(config: Config, migrate: Migrate) -> Result<Installation> {
    if migrate == Migrate::Refuse
        && let Some(file) = config.sqlite_file()
        && !file.is_file()
    {
        return Err(curable(
            format!("database.url: there is no file {}", file.display()),
            "Start the server once, or run `rollcall migrate`; from another directory, name it with --data-dir.",
        ));
    }
    let db = open_database(&config).await?;
    if migrate == Migrate::Apply {
        self::migrate(&db).await?;
    }
    refuse_misfit(&db).await?;
    // A database that was sealed under a changed key is never given a new one.
    let is_first = store::secrets::master_key_id(&db).await?.is_none();
    let master = master_key::load(&config, &OsEntropy, is_first)?;
    let sealer = key_files::settle(&config, &db, Sealer::new(master), true).await?;
    let options = engine_options(&config)?;
    let engine = Engine::new(db, sealer, environment(&config)?, options);
    Ok(Installation { config, engine })
}

/// How the engine works, as configured.
pub(crate) fn engine_options(config: &Config) -> Result<EngineOptions> {
    Ok(EngineOptions {
        public_url: config.public_url(),
        cloud: config.cloud()?,
        poll_interval: config.sync.poll_interval.0,
        reconcile_interval: config.sync.reconcile_interval.0,
        notifications: match config.sync.notifications {
            Notify::Auto => Notifications::Auto,
            Notify::On => Notifications::On,
            Notify::Off => Notifications::Off,
        },
        auto_approve_first: config.sync.auto_approve_first,
        limits: config.limits(),
        worker: worker_name(),
    })
}

/// What to do about a schema that is more than one version newer.
pub(crate) const TOO_NEW: &str =
    "Run the newer Rollcall; to go back to this one, restore the backup made before the upgrade.";

/// Brings the schema up to date; one that is newer by one version stays. What
/// was applied.
pub(crate) async fn migrate(db: &Db) -> Result<Vec<String>> {
    match db.migrate().await {
        Err(error @ StoreError::SchemaTooNew { .. }) => Err(curable(error.to_string(), TOO_NEW)),
        migrated => migrated.context("the migrations failed"),
    }
}

/// Refuses a schema this program does not work on, and says when it is newer.
async fn refuse_misfit(db: &Db) -> Result<()> {
    let schema = match db.schema().await {
        Err(error @ StoreError::SchemaTooNew { .. }) => {
            return Err(curable(error.to_string(), TOO_NEW));
        }
        schema => schema?,
    };
    if let Some(newer) = schema.newer {
        tracing::warn!("the database's schema is one version newer than this program: {newer}");
    }
    if schema.pending.is_empty() {
        return Ok(());
    }
    Err(curable(
        format!(
            "the database lacks migrations: {}",
            schema.pending.join(", ")
        ),
        "Run `rollcall migrate`, or start without --no-migrate.",
    ))
}

/// Host and process: unique among the workers on one database.
fn worker_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let host = host.unwrap_or_else(|_| "localhost".to_owned());
    format!("{}-{}", host.trim(), std::process::id())
}

/// How long what runs may take to end once asked to.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
