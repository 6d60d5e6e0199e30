//! What is wrong with the configuration: key, place and cure.

use std::path::Path;

use figment::error::Kind;
use figment::{Figment, Metadata, Source};

use super::Override;

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Problem {
    /// Like `sync.poll_interval`; none when the file itself is wrong.
    key: Option<String>,
    /// Where the value came from.
    place: String,
    /// What is wrong.
    message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            key,
            place,
            message,
        } = self;
        match key {
            Some(key) => write!(f, "{key}: {message} (from {place})"),
            None => write!(f, "{message} (from {place})"),
        }
    }
}

/// What each kind of setting wants, by the end of its key.
const CURES: &[(&str, &str)] = &[
    ("data_dir", "Write a directory, as \"./rollcall-data\"."),
    (
        "server.listen",
        "Write HOST:PORT, as \"127.0.0.1:8080\" or \"0.0.0.0:80\".",
    ),
    (
        "server.public_url",
        "Write the address people use, as \"https://psa.example.com\".",
    ),
    ("server.trust_forwarded_for", "Write true or false."),
    (
        "database.url",
        "Write \"sqlite:PATH\" or \"postgres://USER:PASSWORD@HOST/DATABASE\".",
    ),
    (
        "secrets.master_key_file",
        "Write the path of a file that only Rollcall can read.",
    ),
    (
        "microsoft.cloud",
        "Write \"global\", \"us-gov\", \"us-dod\", \"china\" or \"custom\".",
    ),
    (
        "microsoft.login_url",
        "Write an https address, or an http one on this machine.",
    ),
    (
        "microsoft.graph_url",
        "Write an https address, or an http one on this machine.",
    ),
    ("microsoft.ca_file", "Write the path of a PEM file."),
    (
        "microsoft.proxy",
        "Write an address, as \"http://proxy.example.com:3128\".",
    ),
    (
        "sync.poll_interval",
        "Write a duration, as \"2s\", \"10m\" or \"24h\".",
    ),
    (
        "sync.reconcile_interval",
        "Write a duration, as \"2s\", \"10m\" or \"24h\".",
    ),
    ("sync.notifications", "Write \"auto\", \"on\" or \"off\"."),
    ("sync.auto_approve_first", "Write true or false."),
    (".count", "Write a whole number of people."),
    (".percent", "Write a number from 0 to 100."),
    (
        ".window",
        "Write a duration, as \"2s\", \"10m\" or \"24h\".",
    ),
    ("webhooks.allow_private", "Write true or false."),
    (
        "mail.host",
        "Write the name of a mail server, as \"smtp.example.com\".",
    ),
    ("mail.port", "Write a port, as 587."),
    (
        "mail.security",
        "Write \"starttls\", \"tls\" or, on this machine only, \"none\".",
    ),
    (
        "mail.username",
        "Write the name to sign in with, with mail.password.",
    ),
    (
        "mail.password",
        "Write the password to sign in with, with mail.username.",
    ),
    (
        "mail.from",
        "Write the sender's address, as \"rollcall@example.com\".",
    ),
    ("log.format", "Write \"text\" or \"json\"."),
    (
        "log.filter",
        "Write levels as in RUST_LOG: \"info\" or \"warn,engine=debug\".",
    ),
];

impl Problem {
    /// The file named by `--config` is not there.
    pub(super) fn no_file(file: &Path) -> Self {
        Self {
            key: None,
            place: "flag --config".to_owned(),
            message: format!("there is no file {}", file.display()),
        }
    }

    /// A value that parses and still cannot be used.
    pub(super) fn at(figment: &Figment, key: &str, message: String) -> Self {
        Self {
            key: Some(key.to_owned()),
            place: place(figment.find_metadata(key), Some(key)),
            message,
        }
    }

    /// A value of the wrong shape, or a key that does not exist.
    pub(super) fn from_figment(error: &figment::Error, figment: &Figment) -> Self {
        let mut path = error.path.clone();
        let message = match &error.kind {
            Kind::UnknownField(name, known) => {
                if path.last() != Some(name) {
                    path.push(name.clone());
                }
                format!("there is no such setting; here are {}", known.join(", "))
            }
            Kind::InvalidType(found, wanted) => format!("found {found}, wanted {wanted}"),
            Kind::InvalidValue(found, wanted) => format!("found {found}, wanted {wanted}"),
            Kind::UnknownVariant(name, known) => {
                format!("`{name}` is none of {}", known.join(", "))
            }
            kind => kind.to_string(),
        };
        let key = (!path.is_empty()).then(|| path.join("."));
        let found = key.as_deref().and_then(|key| figment.find_metadata(key));
        let metadata = error.metadata.as_ref().or(found);
        Self {
            place: place(metadata, key.as_deref()),
            key,
            message,
        }
    }

    /// A flag's value is the flag's fault, wherever else the key is set.
    pub(super) fn blame(mut self, flags: &[Override]) -> Self {
        let key = self.key.as_deref();
        if flags.iter().any(|(flag, _)| Some(*flag) == key) {
            "a flag of the command".clone_into(&mut self.place);
        }
        self
    }

    /// How to mend it.
    pub(crate) fn cure(&self) -> String {
        let key = self.key.as_deref().unwrap_or_default();
        let known = CURES.iter().find(|(end, _)| key.ends_with(end));
        let cure = known.map(|(_, cure)| *cure);
        cure.unwrap_or("Remove it, or correct it; docs/operate has every setting.")
            .to_owned()
    }
}

/// Where a value came from, as a person would look for it.
fn place(metadata: Option<&Metadata>, key: Option<&str>) -> String {
    let Some(metadata) = metadata else {
        return "the defaults".to_owned();
    };
    match (&metadata.source, key) {
        (Some(Source::File(path)), _) => path.display().to_string(),
        (_, Some(key)) => {
            format!(
                "environment variable ROLLCALL_{}",
                key.to_uppercase().replace('.', "__")
            )
        }
        _ => metadata.name.to_string(),
    }
}
