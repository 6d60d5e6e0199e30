//! Values of settings that are more than text: each refuses what it cannot be,
//! in words that follow `KEY:`.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// A duration: a whole number and one of `ms`, `s`, `m`, `h`, `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Every(pub(crate) Duration);

impl Every {
    /// So many seconds.
    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl TryFrom<String> for Every {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no duration");
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        match number.checked_mul(millis) {
            None | Some(0) => Err(wrong()),
            Some(millis) => Ok(Self(Duration::from_millis(millis))),
        }
    }
}

/// `HOST:PORT` to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Listen {
    /// The host part, brackets of IPv6 included.
    host: String,
    /// The port; 0 takes a free one.
    port: u16,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8080,
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no address to listen on");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        if host.is_empty() || (host.contains(':') && !host.starts_with('[')) {
            return Err(wrong());
        }
        let port = port.parse().map_err(|_| wrong())?;
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Listen {
    /// How a browser on this machine reaches the address.
    pub(crate) fn loopback_url(&self) -> Url {
        let mut url = Url::parse("http://localhost").unwrap_or_else(|_| unreachable!());
        // Only addresses without a host refuse a port.
        let _ = url.set_port(Some(self.port));
        url
    }
}

/// An http or https address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Address(pub(crate) Url);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let url = Url::parse(&text).map_err(|error| format!("`{text}` is no address: {error}"))?;
        let is_plain =
            url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || !is_plain {
            return Err(format!("`{text}` is no plain http or https address"));
        }
        Ok(Self(url))
    }
}

/// The address of a database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct DatabaseUrl(pub(crate) String);

impl TryFrom<String> for DatabaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = ["sqlite:", "postgres://", "postgresql://"];
        if known
            .iter()
            .any(|start| text.len() > start.len() && text.starts_with(start))
        {
            Ok(Self(text))
        } else {
            // It may hold a password: not repeated.
            Err("this is no database address".to_owned())
        }
    }
}

/// A password: never shown.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Hidden(pub(crate) SecretString);

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// How the way to the mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MailSecurity {
    /// In the clear until STARTTLS, which must succeed (RFC 3207).
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// Not at all: to this machine only.
    None,
}

/// Whether change notifications are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Notify {
    /// When Microsoft can reach the public address.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, millis) in [
            ("250ms", Some(250)),
            ("2s", Some(2_000)),
            ("10m", Some(600_000)),
            ("24h", Some(86_400_000)),
            ("7d", Some(604_800_000)),
            ("2", None),
            ("s", None),
            ("0s", None),
            ("-1s", None),
            ("1.5s", None),
            ("2 s", None),
            ("1y", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ] {
            let found = Every::try_from(text.to_owned()).ok();
            assert_eq!(found.map(|every| every.0.as_millis()), millis, "{text}");
        }
    }

    #[test]
    fn addresses_to_listen_on_have_host_and_port() {
        for (text, url) in [
            ("127.0.0.1:8080", Some("http://localhost:8080/")),
            ("0.0.0.0:80", Some("http://localhost/")),
            ("[::1]:8443", Some("http://localhost:8443/")),
            ("localhost:0", Some("http://localhost:0/")),
            ("8080", None),
            (":8080", None),
            ("::1:8080", None),
            ("127.0.0.1:http", None),
        ] {
            let found = Listen::try_from(text.to_owned()).ok();
            let found = found.map(|listen| listen.loopback_url().to_string());
            assert_eq!(found.as_deref(), url, "{text}");
        }
    }
}
