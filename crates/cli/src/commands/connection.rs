//! `connection`: tenants, their credentials and how they are.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, ValueEnum};
use engine::NewConnection;
use provisioning::policy::{EmailSource, OnDisabled};
use serde_json::{Value, json};
use store::connections::{self, Auth, Connection};
use store::json as store_json;
use uuid::Uuid;

use crate::failure::wrong_use;
use crate::installation::{self, Installation};
use crate::output::{self, Output};

/// Connections to tenants.
#[derive(Debug, Subcommand)]
pub(crate) enum Connections {
    /// Every connection and how it is
    List,
    /// Add a tenant
    Add(Box<Add>),
    /// Print the address at which an administrator of the tenant consents
    #[command(after_help = "Example:\n  rollcall connection connect contoso.com

The consent ends at the server's callback address, so the server must be running; the state is bound
to the browser it began in. The page printed first begins it there; --json gives what a program that
plays the browser needs.")]
    Connect {
        /// The connection
        #[arg(value_name = "ID|TENANT")]
        connection: String,
    },
    /// Try everything a sync needs, one by one
    #[command(after_help = "Example:\n  rollcall connection check contoso.com")]
    Check {
        /// The connection
        #[arg(value_name = "ID|TENANT")]
        connection: String,
    },
}

/// Whose rights a connection uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AuthKind {
    /// The administrator's who consented
    Delegated,
    /// The application's own
    Application,
}

/// Where members' email comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EmailFrom {
    /// The user principal name
    Upn,
    /// The mail attribute
    Mail,
}

/// What a disabled account means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Disabled {
    /// The record is deactivated
    Deactivate,
    /// Nothing
    Ignore,
}

/// Add a tenant.
#[derive(Debug, Args)]
#[command(
    after_help = "The application key is read from standard input, or asked for.

Example:
  printf '%s' \"$SECRET\" | rollcall connection add --tenant contoso.com \\
      --application-id 6731de76-14a6-49ae-97bc-6eba6914391e --application-key-stdin"
)]
pub(crate) struct Add {
    /// Tenant domain name or tenant id
    #[arg(long)]
    tenant: String,
    /// Application (client) id
    #[arg(long)]
    application_id: Uuid,
    /// Read the application key (the secret's Value) from standard input
    #[arg(long, conflicts_with = "certificate_file")]
    application_key_stdin: bool,
    /// Certificate and private key in PEM, instead of an application key
    #[arg(long, value_name = "FILE")]
    certificate_file: Option<PathBuf>,
    /// Whose rights are used
    #[arg(long, value_enum, default_value = "delegated")]
    auth: AuthKind,
    /// Whether the tenant may provision employees (the first connection may by default)
    #[arg(long, value_name = "BOOL")]
    provision_employees: Option<bool>,
    /// Whether the tenant may provision contacts (true by default)
    #[arg(long, value_name = "BOOL")]
    provision_contacts: Option<bool>,
    /// Where members' email comes from
    #[arg(long, value_enum, default_value = "upn")]
    email_source: EmailFrom,
    /// What a disabled account means
    #[arg(long, value_enum, default_value = "deactivate")]
    on_disabled: Disabled,
    /// Apply the first sync without approval
    #[arg(long)]
    auto_approve: bool,
}

impl Connections {
    /// Runs it.
    pub(crate) async fn run(
        &self,
        installation: &Installation,
        output: Output,
    ) -> Result<ExitCode> {
        match self {
            Self::List => list(installation, output).await?,
            Self::Add(add) => add.run(installation, output).await?,
            Self::Connect { connection } => connect(installation, connection, output).await?,
            Self::Check { connection } => return check(installation, connection, output).await,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn view(connection: &Connection) -> Result<Value> {
    let configuration = &connection.configuration;
    Ok(json!({
        "id": connection.id, "tenant_id": connection.tenant_id,
        "tenant_domain": connection.tenant_domain, "tenant_name": connection.tenant_name,
        "application_id": configuration.application_id,
        "auth": store_json::name(&configuration.auth)?,
        "provision_employees": configuration.provision_employees,
        "provision_contacts": configuration.provision_contacts,
        "status": store_json::name(&connection.health.status)?,
        "status_reason": connection.health.reason, "cure": connection.health.cure,
        "as_of": connection.progress.as_of, "last_run": connection.progress.last_run_id,
        "secret_expires_at": configuration.secret_expires_at,
    }))
}

async fn list(installation: &Installation, output: Output) -> Result<()> {
    let all = connections::list(installation.db()).await?;
    let items = all.iter().map(view).collect::<Result<Vec<_>>>()?;
    output.show(&json!({ "items": items }), || {
        let rows = all.iter().zip(&items).map(|(connection, item)| {
            let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
            let name = installation::name(connection);
            [
                text("id"),
                name,
                text("tenant_id"),
                text("status"),
                text("as_of"),
                text("status_reason"),
            ]
        });
        output::table(["id", "name", "tenant", "status", "as of", "because"], rows)
    })
}

impl Add {
    async fn run(&self, installation: &Installation, output: Output) -> Result<()> {
        let (key, certificate) = match &self.certificate_file {
            Some(file) => {
                let what = || format!("{} cannot be read", file.display());
                let pem = std::fs::read_to_string(file).with_context(what)?;
                (None, Some(pem.into()))
            }
            None => (
                Some(output::secret(
                    "Application key",
                    self.application_key_stdin,
                )?),
                None,
            ),
        };
        let new = NewConnection {
            tenant: self.tenant.clone(),
            application_id: self.application_id,
            application_key: key,
            certificate,
            auth: match self.auth {
                AuthKind::Delegated => Auth::Delegated,
                AuthKind::Application => Auth::Application,
            },
            provision_employees: self.provision_employees,
            provision_contacts: self.provision_contacts,
            email_source: match self.email_source {
                EmailFrom::Upn => EmailSource::Upn,
                EmailFrom::Mail => EmailSource::Mail,
            },
            on_disabled: match self.on_disabled {
                Disabled::Deactivate => OnDisabled::Deactivate,
                Disabled::Ignore => OnDisabled::Ignore,
            },
            auto_approve: self.auto_approve,
            secret_expires_at: None,
            limits: None,
        };
        let added = installation
            .engine
            .add_proven_connection(new, &installation.actor())
            .await?;
        output.show(&view(&added)?, || {
            format!(
                "Added {}. Next: rollcall connection connect {}",
                added.id, added.id
            )
        })
    }
}

async fn connect(installation: &Installation, text: &str, output: Output) -> Result<()> {
    let connection = installation.connection(text).await?;
    let binding = installation.engine.secret();
    let authorize = installation.engine.connect(connection.id, &binding).await?;
    let page = installation
        .config
        .public_url()
        .join("admin/my-company/auth-provision")?;
    let value = json!({
        "page": page.as_str(), "authorize_url": authorize.as_str(),
        "cookie": { "name": web::BINDING_COOKIE, "value": binding },
    });
    output.show(&value, || {
        format!(
            "Open {page} and press Azure Connect at {}.\n\nThe sign-in it leads to:\n{authorize}",
            installation::name(&connection)
        )
    })
}

async fn check(installation: &Installation, text: &str, output: Output) -> Result<ExitCode> {
    let connection = installation.connection(text).await?;
    let lines = installation.engine.check(connection.id).await?;
    let all_well = lines.iter().all(|line| line.ok != Some(false));
    output.show(&json!({ "ok": all_well, "lines": lines }), || {
        let rows = lines.iter().map(|line| {
            let cure = line.cure.clone().unwrap_or_default();
            [
                mark(line.ok, line.cure.as_deref()).to_owned(),
                line.subject.clone(),
                line.detail.clone(),
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

/// The word for a line that works, fails, could be better, or was not tried.
pub(crate) fn mark(ok: Option<bool>, cure: Option<&str>) -> &'static str {
    match (ok, cure) {
        (Some(true), _) => "ok",
        (Some(false), _) => "FAILED",
        (None, Some(_)) => "note",
        (None, None) => "skipped",
    }
}

/// The name of a group for humans, found by id or name at Microsoft.
pub(crate) async fn find_group(
    installation: &Installation,
    connection: &Connection,
    text: &str,
) -> Result<engine::GroupInfo> {
    if let Ok(id) = text.parse::<provisioning::ids::GroupId>() {
        let all = installation.engine.groups(connection.id, None).await?;
        let known = all.into_iter().find(|group| group.id == id);
        return known.ok_or_else(|| wrong_use(format!("the tenant has no group {id}")));
    }
    let found = installation
        .engine
        .groups(connection.id, Some(text))
        .await?;
    let mut exact = found
        .into_iter()
        .filter(|group| group.name.as_deref() == Some(text));
    match (exact.next(), exact.next()) {
        (Some(group), None) => Ok(group),
        (Some(_), Some(_)) => Err(wrong_use(format!(
            "several groups are called `{text}`; give the id"
        ))),
        (None, _) => Err(wrong_use(format!(
            "the tenant has no group called `{text}`"
        ))),
    }
}
