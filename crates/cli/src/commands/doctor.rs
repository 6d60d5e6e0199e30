//! `doctor`: looks at everything an installation needs, changes nothing.

mod twins;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use engine::{Engine, EngineOptions};
use graph::{Clock as _, OsEntropy, SystemClock};
use serde::Serialize;
use serde_json::json;
use store::connections::{self, Connection, ConnectionStatus};
use store::sealer::Sealer;
use store::{Db, StoreError, records, secrets, subscriptions};

use super::connection::mark;
use crate::arguments::Global;
use crate::config::Config;
use crate::installation::{self, Installation};
use crate::key_files::{self, KeyFiles};
use crate::mailer::Smtp;
use crate::output::{self, Output};
use crate::{compose, master_key};

/// Check configuration, database, secrets, network, permissions, subscriptions.
#[derive(Debug, Args)]
#[command(
    after_help = "Changes nothing. Exit code 1 when anything is off; a note, like two records with the same email, is none.

Examples:
  rollcall doctor
  rollcall doctor --offline --json"
)]
pub(crate) struct Doctor {
    /// Leave Microsoft alone
    #[arg(long)]
    offline: bool,
}

/// How many people who are not as they should be are named.
const MOST_DIFFERENCES: usize = 50;
/// How far a host's clock may be from the database's. A lease lasts 11 seconds
/// and is looked after every second; others work within 15.
const MOST_SKEW: Duration = Duration::from_secs(1);

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Finding {
    subject: String,
    ok: Option<bool>,
    detail: String,
    cure: Option<String>,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn good(&mut self, subject: &str, detail: impl Into<String>) {
        self.add(subject, Some(true), detail, None);
    }

    fn bad(&mut self, subject: &str, detail: impl ToString, cure: &str) {
        self.add(
            subject,
            Some(false),
            detail.to_string(),
            Some(cure.to_owned()),
        );
    }

    fn add(
        &mut self,
        subject: &str,
        ok: Option<bool>,
        detail: impl Into<String>,
        cure: Option<String>,
    ) {
        let (subject, detail) = (subject.to_owned(), detail.into());
        self.0.push(Finding {
            subject,
            ok,
            detail,
            cure,
        });
    }
}

impl Doctor {
    /// Looks and tells.
    pub(crate) async fn run(&self, global: &Global, output: Output) -> Result<ExitCode> {
        let config = global.load(Vec::new())?;
        compose::start_log(&config);
        let mut findings = Findings::default();
        findings.good(
            "configuration",
            format!("data in {}", config.data_dir.display()),
        );
        mail(&config, &mut findings).await?;
        if let Some(db) = database(&config, &mut findings).await
            && let Some(installation) = assemble(&config, db, &mut findings).await?
        {
            self.look_inside(&installation, &mut findings).await?;
        }
        let findings = findings.0;
        let all_well = findings.iter().all(|finding| finding.ok != Some(false));
        output.show(&json!({ "ok": all_well, "findings": findings }), || {
            let rows = findings.iter().map(|finding| {
                let cure = finding.cure.clone().unwrap_or_default();
                [
                    mark(finding.ok, finding.cure.as_deref()).to_owned(),
                    finding.subject.clone(),
                    finding.detail.clone(),
                    cure,
                ]
            });
            output::table(["", "what", "found", "cure"], rows)
        })?;
        Ok(if all_well {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    async fn look_inside(
        &self,
        installation: &Installation,
        findings: &mut Findings,
    ) -> Result<()> {
        let db = installation.db();
        match records::root(db).await? {
            Some(row) => findings.good("root user", row.record.username.unwrap_or_default()),
            None => findings.bad(
                "root user",
                "there is none",
                "Run `rollcall admin create-root`.",
            ),
        }
        twins::look(db, findings).await?;
        for connection in connections::list(db).await? {
            let name = installation::name(&connection);
            state(&connection, &name, findings);
            sealed(installation, &connection, &name, findings).await?;
            recomputed(installation, &connection, &name, findings).await?;
            subscribed(installation, &connection, &name, findings).await?;
            if self.offline || connection.tenant_id.is_none() {
                findings.add(&format!("{name}: Microsoft"), None, "not asked", None);
                continue;
            }
            match installation.engine.check(connection.id).await {
                Ok(lines) => {
                    for line in lines {
                        findings.add(
                            &format!("{name}: {}", line.subject),
                            line.ok,
                            line.detail,
                            line.cure,
                        );
                    }
                }
                Err(error) => {
                    let cure = error.cure.clone().unwrap_or_default();
                    findings.bad(&format!("{name}: Microsoft"), error, &cure);
                }
            }
        }
        Ok(())
    }
}

/// Opens the database when its schema fits.
async fn database(config: &Config, findings: &mut Findings) -> Option<Db> {
    if let Some(file) = config.sqlite_file()
        && !file.is_file()
    {
        let detail = format!("there is no file {}", file.display());
        findings.bad(
            "database",
            detail,
            "Start the server once, or run `rollcall migrate`.",
        );
        return None;
    }
    let db = match compose::open_database(config).await {
        Ok(db) => db,
        Err(error) => {
            findings.bad(
                "database",
                format!("{error:#}"),
                "Start it, or correct database.url.",
            );
            return None;
        }
    };
    if let Err(error) = db.ping().await {
        findings.bad("database", error, "Start it, or correct database.url.");
        return None;
    }
    findings.good("database", format!("{:?} answers", db.backend()));
    if !migrations(&db, findings).await {
        return None;
    }
    clock(&db, findings).await;
    Some(db)
}

/// Whether this program works on the database's schema.
async fn migrations(db: &Db, findings: &mut Findings) -> bool {
    let (detail, cure) = match db.schema().await {
        Ok(schema) if schema.pending.is_empty() => {
            match schema.newer {
                None => findings.good("migrations", "the schema is up to date"),
                Some(newer) => {
                    let detail =
                        format!("the schema is one version newer than this program: {newer}");
                    let cure = "It works on it. Upgrade this program too.".to_owned();
                    findings.add("migrations", None, detail, Some(cure));
                }
            }
            return true;
        }
        Ok(schema) => (schema.pending.join(", "), "Run `rollcall migrate`."),
        Err(error @ StoreError::SchemaTooNew { .. }) => (error.to_string(), compose::TOO_NEW),
        Err(error) => (
            error.to_string(),
            "Run `rollcall migrate` and read what it says.",
        ),
    };
    findings.bad("migrations", detail, cure);
    false
}

/// Whether this host's clock agrees with the database's: leases go by the
/// clocks of the hosts.
async fn clock(db: &Db, findings: &mut Findings) {
    let ahead = match db.clock_ahead(|| SystemClock.now()).await {
        Ok(Some(ahead)) => ahead,
        // A file has no clock.
        Ok(None) => return,
        Err(error) => {
            return findings.bad("clock", error, "Start it, or correct database.url.");
        }
    };
    let seconds = ahead.as_secs_f64();
    if ahead.unsigned_abs() < MOST_SKEW {
        let seconds = seconds.abs();
        return findings.good("clock", format!("{seconds:.1} s from the database's"));
    }
    findings.bad(
        "clock",
        format!("{seconds:+.1} s from the database's: workers lose their leases early or late"),
        "Keep the clocks of all hosts by NTP.",
    );
}

/// An engine over what is there; the master key is not made, and a change of it
/// that was cut off not finished.
async fn assemble(
    config: &Config,
    db: Db,
    findings: &mut Findings,
) -> Result<Option<Installation>> {
    let master = match master_key::load(config, &OsEntropy, false) {
        Ok(master) => master,
        Err(error) => {
            let cure = "Give back the master key this database was made with.";
            findings.bad("master key", format!("{error:#}"), cure);
            return Ok(None);
        }
    };
    let read = Sealer::new(master);
    let read_id = read.key_id().to_owned();
    let sealer = match key_files::settle(config, &db, read, false).await {
        Ok(sealer) => sealer,
        Err(error) => {
            let cure = "Give back the master key this database was last sealed under.";
            findings.bad("master key", format!("{error:#}"), cure);
            return Ok(None);
        }
    };
    if sealer.key_id() != read_id {
        let detail = "a change of it was cut off";
        let cure = "The next start puts the key that fits in its place.".to_owned();
        findings.add("master key", None, detail, Some(cure));
    }
    let old = KeyFiles::of(config).old;
    if old.exists() {
        let detail = format!("an earlier one is kept in {}", old.display());
        let cure = "Move it to where the backups are that need it, or remove it.".to_owned();
        findings.add("master key", None, detail, Some(cure));
    }
    let file = config.master_key_file();
    if master_key::is_exposed(&file) {
        let detail = format!("{} is readable by others", file.display());
        findings.bad("master key", detail, "Run chmod 600 on it.");
    } else {
        findings.good("master key", "there, and nobody else's");
    }
    let options: EngineOptions = compose::engine_options(config)?;
    let engine = Engine::new(db, sealer, compose::environment(config)?, options);
    Ok(Some(Installation {
        config: config.clone(),
        engine,
    }))
}

fn state(connection: &Connection, name: &str, findings: &mut Findings) {
    let subject = format!("{name}: state");
    let health = &connection.health;
    let as_of = connection
        .progress
        .as_of
        .map_or("never read".to_owned(), |at| format!("as of {at}"));
    match health.status {
        ConnectionStatus::Connected | ConnectionStatus::Connecting => {
            findings.good(&subject, as_of)
        }
        ConnectionStatus::Paused => findings.add(&subject, None, "paused", None),
        _ => {
            let detail = health
                .reason
                .clone()
                .unwrap_or_else(|| format!("{:?}", health.status));
            findings.bad(&subject, detail, health.cure.as_deref().unwrap_or_default());
        }
    }
}

/// Whether everybody is as mirror, rules and settings make them.
async fn recomputed(
    installation: &Installation,
    connection: &Connection,
    name: &str,
    findings: &mut Findings,
) -> Result<()> {
    if connection.tenant_id.is_none() || !connection.progress.first_sync_done {
        return Ok(());
    }
    let found = installation
        .engine
        .recompute(connection.id, MOST_DIFFERENCES)
        .await?;
    let subject = format!("{name}: people");
    if found.differences.is_empty() {
        let waiting = match found.waiting {
            0 => String::new(),
            waiting => format!(", {waiting} to be planned"),
        };
        let detail = format!(
            "{} recomputed, all as they should be{waiting}",
            found.people
        );
        findings.good(&subject, detail);
    }
    for one in &found.differences {
        let who = match one.record_id {
            Some(record) => format!("{} ({record})", one.name),
            None => format!("{} ({})", one.name, one.object_id),
        };
        let detail = format!("{who}: {}: {}", one.action, one.fields.join("; "));
        let cure = "Read `rollcall timeline` of the person; `rollcall sync --full --reapply` puts it right.";
        findings.bad(&subject, detail, cure);
    }
    Ok(())
}

/// Whether every secret of the connection opens under the master key.
async fn sealed(
    installation: &Installation,
    connection: &Connection,
    name: &str,
    findings: &mut Findings,
) -> Result<()> {
    let subject = format!("{name}: secrets");
    let (db, sealer) = (installation.db(), installation.engine.sealer());
    let mut opened = 0;
    for purpose in ["application_key", "certificate", "refresh_token"] {
        match secrets::get(db, sealer, connection.id.0, purpose).await {
            Ok(secret) => opened += usize::from(secret.is_some()),
            Err(error) => {
                let cure = "Give back the master key this database was made with.";
                findings.bad(&subject, format!("{purpose}: {error}"), cure);
                return Ok(());
            }
        }
    }
    let expired = connection.configuration.secret_expires_at;
    match expired.filter(|at| *at <= installation.engine.now()) {
        Some(at) => findings.bad(
            &subject,
            format!("expired {at}"),
            "Enter a new application key.",
        ),
        None => findings.good(&subject, format!("{opened} open")),
    }
    Ok(())
}

async fn subscribed(
    installation: &Installation,
    connection: &Connection,
    name: &str,
    findings: &mut Findings,
) -> Result<()> {
    let subject = format!("{name}: notifications");
    let all = subscriptions::list(installation.db(), connection.id).await?;
    let now = installation.engine.now();
    match all.iter().map(|subscription| subscription.expires_at).min() {
        None => findings.add(
            &subject,
            None,
            "no subscription: changes are found by polling",
            None,
        ),
        Some(at) if at <= now => {
            findings.bad(
                &subject,
                format!("a subscription expired {at}"),
                "Start a server or worker.",
            );
        }
        Some(at) => findings.good(&subject, format!("{} subscriptions until {at}", all.len())),
    }
    Ok(())
}

/// Whether the mail server lets us in; nothing where there is none.
async fn mail(config: &Config, findings: &mut Findings) -> Result<()> {
    let Some(smtp) = Smtp::of(&config.mail)? else {
        return Ok(());
    };
    match smtp.check().await {
        Ok(()) => findings.good("mail server", "it answers and lets us in"),
        Err(error) => findings.bad(
            "mail server",
            error,
            "Look at mail.host, mail.port, mail.security, mail.username and mail.password.",
        ),
    }
    Ok(())
}
