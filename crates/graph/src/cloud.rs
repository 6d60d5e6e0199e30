//! Which Microsoft cloud a connection talks to: its sign-in host, its Graph
//! host and the resource its tokens are for.
//!
//! Knows nothing of tenants or requests.

use std::net::IpAddr;

use url::{Host, Url};

/// The names `microsoft.cloud` may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloudName {
    /// The worldwide cloud.
    Global,
    /// US Government (GCC High).
    UsGov,
    /// US Department of Defense.
    UsDod,
    /// China, operated by 21Vianet.
    China,
    /// Hosts given by hand: an emulator or a test bed.
    Custom,
}

/// A cloud's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    name: CloudName,
    login_url: Url,
    graph_url: Url,
    resource: String,
}

/// What is wrong with the cloud in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// The name is not one of the five.
    #[error("microsoft.cloud is `{0}`; it must be global, us-gov, us-dod, china or custom")]
    UnknownCloud(String),
    /// A custom cloud needs both addresses.
    #[error("microsoft.cloud is custom, so {0} must be set")]
    Missing(&'static str),
    /// The address does not parse, or has parts an address base cannot have.
    #[error("{setting} is not a plain http or https address: {reason}")]
    BadAddress {
        /// Which setting.
        setting: &'static str,
        /// Why it was refused.
        reason: String,
    },
    /// Plain http would show tokens to the network.
    #[error("{setting} is plain http to `{host}`; plain http is allowed only to this machine")]
    PlainHttp {
        /// Which setting.
        setting: &'static str,
        /// The host that is not loopback.
        host: String,
    },
}

impl Cloud {
    /// The worldwide cloud.
    pub fn global() -> Self {
        Self::known(
            CloudName::Global,
            "https://login.microsoftonline.com",
            "https://graph.microsoft.com",
        )
    }

    /// US Government (GCC High).
    pub fn us_gov() -> Self {
        Self::known(
            CloudName::UsGov,
            "https://login.microsoftonline.us",
            "https://graph.microsoft.us",
        )
    }

    /// US Department of Defense.
    pub fn us_dod() -> Self {
        Self::known(
            CloudName::UsDod,
            "https://login.microsoftonline.us",
            "https://dod-graph.microsoft.us",
        )
    }

    /// China, operated by 21Vianet.
    pub fn china() -> Self {
        Self::known(
            CloudName::China,
            "https://login.partner.microsoftonline.cn",
            "https://microsoftgraph.chinacloudapi.cn",
        )
    }

    /// Hosts given by hand. Plain http is accepted only to this machine.
    pub fn custom(login_url: &str, graph_url: &str) -> Result<Self, CloudError> {
        let login_url = address("microsoft.login_url", login_url)?;
        let graph_url = address("microsoft.graph_url", graph_url)?;
        let resource = graph_url.as_str().trim_end_matches('/').to_owned();
        Ok(Self {
            name: CloudName::Custom,
            login_url,
            graph_url,
            resource,
        })
    }

    /// The cloud as the configuration names it.
    pub fn from_settings(
        cloud: &str,
        login_url: Option<&str>,
        graph_url: Option<&str>,
    ) -> Result<Self, CloudError> {
        match cloud {
            "global" => Ok(Self::global()),
            "us-gov" => Ok(Self::us_gov()),
            "us-dod" => Ok(Self::us_dod()),
            "china" => Ok(Self::china()),
            "custom" => Self::custom(
                login_url.ok_or(CloudError::Missing("microsoft.login_url"))?,
                graph_url.ok_or(CloudError::Missing("microsoft.graph_url"))?,
            ),
            other => Err(CloudError::UnknownCloud(other.to_owned())),
        }
    }

    /// Which cloud this is.
    pub fn name(&self) -> CloudName {
        self.name
    }

    /// The sign-in host.
    pub fn login_url(&self) -> &Url {
        &self.login_url
    }

    /// The Graph host.
    pub fn graph_url(&self) -> &Url {
        &self.graph_url
    }

    /// What app-only scopes are asked for: `{resource}/.default`.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// An address on the sign-in host.
    pub(crate) fn login(&self, path: &str) -> String {
        format!("{}/{path}", self.login_url.as_str().trim_end_matches('/'))
    }

    /// The base every Graph request and link must start with.
    pub(crate) fn graph_base(&self) -> Url {
        let text = format!("{}/v1.0/", self.graph_url.as_str().trim_end_matches('/'));
        Url::parse(&text).expect("an address that parsed still parses with a path appended")
    }

    fn known(name: CloudName, login: &str, graph: &str) -> Self {
        Self {
            name,
            login_url: Url::parse(login).expect("written in this file"),
            graph_url: Url::parse(graph).expect("written in this file"),
            resource: graph.to_owned(),
        }
    }
}

fn address(setting: &'static str, text: &str) -> Result<Url, CloudError> {
    let bad = |reason: &str| CloudError::BadAddress {
        setting,
        reason: reason.to_owned(),
    };
    let url = Url::parse(text.trim()).map_err(|error| bad(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it holds a user name or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("it holds a query or a fragment"));
    }
    let Some(host) = url.host() else {
        return Err(bad("it has no host"));
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&host) => Ok(url),
        "http" => Err(CloudError::PlainHttp {
            setting,
            host: host.to_string(),
        }),
        _ => Err(bad("the scheme is neither http nor https")),
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(ip) => IpAddr::V4(*ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::V6(*ip).is_loopback(),
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests;
