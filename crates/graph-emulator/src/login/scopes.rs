//! The `scope` parameter: OpenID Connect scopes, permissions of Graph, `.default`, and scopes of other resources.
//! Knows how the text is written, not what was consented to.

use std::collections::BTreeSet;

use super::errors::LoginError;
use super::permissions;

/// The application id of Microsoft Graph, which also names it as a resource.
const GRAPH_ID: &str = "00000003-0000-0000-c000-000000000000";
/// The prefix of a permission of Graph in its long form.
pub(super) const GRAPH: &str = "https://graph.microsoft.com";
const GRAPH_HOSTS: [&str; 4] = [
    "graph.microsoft.com",
    "graph.microsoft.us",
    "dod-graph.microsoft.us",
    "microsoftgraph.chinacloudapi.cn",
];
const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// A `scope` parameter taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scopes {
    /// `openid`, `profile`, `email`, `offline_access`.
    pub openid: BTreeSet<String>,
    /// Permissions of Graph by their short names.
    pub graph: BTreeSet<String>,
    /// `.default` of Graph was asked for.
    pub default: bool,
    /// Some permission was written with the resource before it.
    pub qualified: bool,
    /// Resources in the order they were first named; Graph is [`GRAPH`].
    pub resources: Vec<String>,
}

impl Scopes {
    /// Takes `text` apart; `host` is the emulator's own, which stands for Graph as a resource.
    ///
    /// # Errors
    /// 70011 when `.default` is mixed with permissions by name.
    pub(super) fn parse(text: &str, host: &str) -> Result<Self, LoginError> {
        let mut scopes = Self::default();
        for item in text.split_whitespace() {
            if let Some(known) = OPENID.iter().find(|known| known.eq_ignore_ascii_case(item)) {
                scopes.openid.insert((*known).to_owned());
                continue;
            }
            let (resource, name) = split(item);
            let graph = resource.is_none_or(|resource| is_graph(resource, host));
            scopes.qualified |= resource.is_some();
            let resource = if graph {
                GRAPH
            } else {
                resource.unwrap_or(GRAPH)
            };
            if !scopes.resources.iter().any(|known| known == resource) {
                scopes.resources.push(resource.to_owned());
            }
            if graph && name == ".default" {
                scopes.default = true;
            } else if graph {
                let name = permissions::find(name).map_or(name, |permission| permission.name);
                scopes.graph.insert(name.to_owned());
            }
        }
        if scopes.default && !scopes.graph.is_empty() {
            return Err(invalid(
                text,
                ".default scope can't be combined with resource-specific scopes.",
            ));
        }
        Ok(scopes)
    }

    pub(super) fn has(&self, openid: &str) -> bool {
        self.openid.contains(openid)
    }

    /// Refuses more than one resource, and resources that do not exist.
    ///
    /// # Errors
    /// 70011 and 500011.
    pub(super) fn single_resource(&self, text: &str) -> Result<(), LoginError> {
        if self.resources.len() > 1 {
            return Err(invalid(text, "It contains more than one resource."));
        }
        match self.resources.first() {
            Some(resource) if resource != GRAPH => Err(unknown_resource(resource)),
            _ => Ok(()),
        }
    }

    /// The `scope` of a token answer: everything granted, in the form the client asked in.
    pub(super) fn granted_text(&self, granted: &BTreeSet<String>) -> String {
        let long = self.qualified || self.default;
        let permissions = granted
            .iter()
            .filter(|name| !OPENID.contains(&name.as_str()));
        let openid = granted
            .iter()
            .filter(|name| OPENID.contains(&name.as_str()) && *name != "offline_access");
        permissions
            .map(|name| {
                if long {
                    format!("{GRAPH}/{name}")
                } else {
                    name.clone()
                }
            })
            .chain(openid.cloned())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// 70011 for a scope text.
pub(super) fn invalid(text: &str, why: &str) -> LoginError {
    LoginError::new(
        70011,
        format!(
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {text} is not valid. {why}"
        ),
    )
}

/// 500011 for a resource nobody registered.
pub(super) fn unknown_resource(resource: &str) -> LoginError {
    LoginError::new(
        500_011,
        format!(
            "The resource principal named {resource} was not found in the tenant. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant."
        ),
    )
}

fn split(item: &str) -> (Option<&str>, &str) {
    match item.rsplit_once('/') {
        Some((resource, name)) if !resource.is_empty() => {
            (Some(resource.trim_end_matches('/')), name)
        }
        _ => (None, item),
    }
}

/// Whether a resource identifier means Graph: its address in any cloud, its application id, or this emulator.
pub(super) fn is_graph(resource: &str, host: &str) -> bool {
    let resource = resource.trim_end_matches('/');
    if resource.eq_ignore_ascii_case(GRAPH_ID) {
        return true;
    }
    let Some((_, authority)) = resource.split_once("://") else {
        return false;
    };
    let name = authority
        .rsplit_once(':')
        .map_or(authority, |(name, _)| name);
    GRAPH_HOSTS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
        || authority.eq_ignore_ascii_case(host)
        || super::redirect::is_loopback(name)
}
