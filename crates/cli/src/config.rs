//! The configuration: `rollcall.toml`, overridden by `ROLLCALL_SECTION__KEY`,
//! overridden by flags. Every value is checked here; what is wrong is told with
//! key, place and cure. Knows no other part of the program.

mod problem;
mod values;

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format as _, Toml};
use serde::Deserialize;

pub(crate) use problem::Problem;
pub(crate) use values::{
    Address, DatabaseUrl, Every, Hidden, Listen, LogFormat, MailSecurity, Notify,
};

/// The file every command looks for in the working directory.
const FILE: &str = "rollcall.toml";

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Where the key and the SQLite file live.
    pub(crate) data_dir: PathBuf,
    pub(crate) server: Server,
    pub(crate) database: Database,
    pub(crate) secrets: Secrets,
    pub(crate) microsoft: Microsoft,
    pub(crate) sync: Sync,
    pub(crate) limits: Limits,
    pub(crate) webhooks: Webhooks,
    pub(crate) mail: Mail,
    pub(crate) log: Log,
}

/// `[server]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// Where the server listens.
    pub(crate) listen: Listen,
    /// The server's address as people and Microsoft see it.
    pub(crate) public_url: Option<Address>,
    /// Whether a proxy of ours is in front, so that X-Forwarded-For is true.
    pub(crate) trust_forwarded_for: bool,
}

/// `[database]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    /// `sqlite:PATH` or `postgres://…`; a file in the data directory by default.
    pub(crate) url: Option<DatabaseUrl>,
}

/// `[secrets]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Secrets {
    /// The master key; a file in the data directory by default.
    pub(crate) master_key_file: Option<PathBuf>,
}

/// `[microsoft]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Microsoft {
    /// Which cloud.
    pub(crate) cloud: String,
    /// Sign-in host of a custom cloud.
    pub(crate) login_url: Option<String>,
    /// Graph host of a custom cloud.
    pub(crate) graph_url: Option<String>,
    /// Certificates trusted beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// An http(s) proxy.
    pub(crate) proxy: Option<String>,
}

impl Default for Microsoft {
    fn default() -> Self {
        Self {
            cloud: "global".to_owned(),
            login_url: None,
            graph_url: None,
            ca_file: None,
            proxy: None,
        }
    }
}

/// `[sync]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sync {
    /// How often changes are asked for.
    pub(crate) poll_interval: Every,
    /// How often everything is read.
    pub(crate) reconcile_interval: Every,
    /// Whether change notifications are used.
    pub(crate) notifications: Notify,
    /// Approve first syncs without a person.
    pub(crate) auto_approve_first: bool,
}

impl Default for Sync {
    fn default() -> Self {
        Self {
            poll_interval: Every::seconds(10),
            reconcile_interval: Every::seconds(86_400),
            notifications: Notify::Auto,
            auto_approve_first: false,
        }
    }
}

/// `[limits]`: when a run waits for a person.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) deactivate: Limit,
    pub(crate) archive: Limit,
    pub(crate) revoke: Limit,
}

/// One limit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limit {
    /// People within the window.
    pub(crate) count: u64,
    /// Share of the connection's people within the window, in per cent.
    pub(crate) percent: f64,
    /// The sliding window.
    pub(crate) window: Every,
}

impl Default for Limit {
    fn default() -> Self {
        let default = provisioning::limits::Limit::default();
        Self {
            count: default.count,
            percent: default.percent,
            window: Every::seconds(default.window_seconds),
        }
    }
}

/// `[mail]`: the mail server that takes what `mailto:` webhooks tell.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mail {
    /// The mail server; no mail without one.
    pub(crate) host: Option<String>,
    /// Its port; 587, 465 or 25 by default, as the security is.
    pub(crate) port: Option<u16>,
    /// How the way there is secured.
    pub(crate) security: MailSecurity,
    /// Who signs in there.
    pub(crate) username: Option<String>,
    /// With which password.
    pub(crate) password: Option<Hidden>,
    /// The sender's address.
    pub(crate) from: Option<String>,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            host: None,
            port: None,
            security: MailSecurity::StartTls,
            username: None,
            password: None,
            from: None,
        }
    }
}

impl Mail {
    fn check(&self) -> Result<(), (&'static str, String)> {
        let Some(host) = &self.host else {
            return Ok(());
        };
        let is_here = matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1");
        let from = self
            .from
            .as_deref()
            .map(provisioning::address::Address::parse);
        let wrong = match (&self.username, &self.password, from) {
            (_, _, None) => ("mail.from", "is needed with mail.host"),
            (_, _, Some(None)) => ("mail.from", "this is no email address"),
            (Some(_), None, _) => ("mail.password", "is needed with mail.username"),
            (None, Some(_), _) => ("mail.username", "is needed with mail.password"),
            _ if self.security == MailSecurity::None && !is_here => {
                ("mail.security", "without security only to this machine")
            }
            _ => return Ok(()),
        };
        Err((wrong.0, wrong.1.to_owned()))
    }
}

/// `[webhooks]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Webhooks {
    /// Whether outgoing webhooks may go to private and loopback addresses.
    pub(crate) allow_private: bool,
}

/// `[log]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// Text or JSON lines.
    pub(crate) format: LogFormat,
    /// Which lines, in the syntax of `RUST_LOG` (which comes first).
    pub(crate) filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "warn,rollcall=info,engine=info,web=info".to_owned(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("rollcall-data"),
            server: Server::default(),
            database: Database::default(),
            secrets: Secrets::default(),
            microsoft: Microsoft::default(),
            sync: Sync::default(),
            limits: Limits::default(),
            webhooks: Webhooks::default(),
            mail: Mail::default(),
            log: Log::default(),
        }
    }
}

/// A flag's value for a key, as text.
pub(crate) type Override = (&'static str, String);

impl Config {
    /// Reads file, environment and flags, in this order.
    pub(crate) fn load(file: Option<&Path>, flags: &[Override]) -> Result<Self, Problem> {
        let file = match file {
            Some(file) if !file.is_file() => return Err(Problem::no_file(file)),
            Some(file) => file.to_owned(),
            None => PathBuf::from(FILE),
        };
        // Variables without a section (ROLLCALL_ROOT_USERNAME, …) are no settings.
        let environment = Env::prefixed("ROLLCALL_")
            .filter(|key| key.as_str().contains("__") || key == "data_dir")
            .ignore(&["mail__password"])
            .split("__");
        let mut figment = Figment::new();
        // The file is optional; figment takes a missing one for a broken one.
        if file.is_file() {
            figment = figment.merge(Toml::file_exact(file));
        }
        figment = figment.merge(environment);
        // Taken as it is: a password of digits is no number.
        if let Ok(password) = std::env::var("ROLLCALL_MAIL__PASSWORD") {
            figment = figment.merge(("mail.password", password));
        }
        for (key, value) in flags {
            figment = figment.merge((*key, value.as_str()));
        }
        let config: Self = figment
            .extract()
            .map_err(|error| Problem::from_figment(&error, &figment).blame(flags))?;
        config
            .check()
            .map_err(|(key, message)| Problem::at(&figment, key, message).blame(flags))?;
        Ok(config)
    }

    /// What only shows when values are seen together.
    fn check(&self) -> Result<(), (&'static str, String)> {
        self.cloud().map_err(|error| {
            let key = match error {
                graph::CloudError::Missing(key) => key,
                graph::CloudError::BadAddress { setting, .. }
                | graph::CloudError::PlainHttp { setting, .. } => setting,
                graph::CloudError::UnknownCloud(_) => "microsoft.cloud",
            };
            (key, error.to_string())
        })?;
        for (key, limit) in [
            ("limits.deactivate.percent", &self.limits.deactivate),
            ("limits.archive.percent", &self.limits.archive),
            ("limits.revoke.percent", &self.limits.revoke),
        ] {
            if !(0.0..=100.0).contains(&limit.percent) {
                return Err((key, format!("{} is no percentage", limit.percent)));
            }
        }
        self.mail.check()
    }

    /// The Microsoft cloud.
    pub(crate) fn cloud(&self) -> Result<graph::Cloud, graph::CloudError> {
        let microsoft = &self.microsoft;
        graph::Cloud::from_settings(
            &microsoft.cloud,
            microsoft.login_url.as_deref(),
            microsoft.graph_url.as_deref(),
        )
    }

    /// The database's address.
    pub(crate) fn database_url(&self) -> String {
        match &self.database.url {
            Some(url) => url.0.clone(),
            None => format!("sqlite:{}", self.data_dir.join("rollcall.sqlite").display()),
        }
    }

    /// The SQLite file, when the database is one.
    pub(crate) fn sqlite_file(&self) -> Option<PathBuf> {
        let url = self.database_url();
        let path = url.strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        let path = path.split('?').next().unwrap_or(path);
        (path != ":memory:").then(|| PathBuf::from(path))
    }

    /// The file of the master key.
    pub(crate) fn master_key_file(&self) -> PathBuf {
        let file = self.secrets.master_key_file.clone();
        file.unwrap_or_else(|| self.data_dir.join("master.key"))
    }

    /// The server's address as the world sees it.
    pub(crate) fn public_url(&self) -> url::Url {
        match &self.server.public_url {
            Some(address) => address.0.clone(),
            None => self.server.listen.loopback_url(),
        }
    }

    /// The limits in the planner's words.
    pub(crate) fn limits(&self) -> provisioning::limits::Limits {
        let limit = |limit: &Limit| provisioning::limits::Limit {
            count: limit.count,
            percent: limit.percent,
            window_seconds: limit.window.0.as_secs(),
        };
        provisioning::limits::Limits {
            deactivate: limit(&self.limits.deactivate),
            archive: limit(&self.limits.archive),
            revoke: limit(&self.limits.revoke),
        }
    }
}
