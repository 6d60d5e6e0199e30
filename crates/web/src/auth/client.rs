//! Where a request comes from, for limits and for the list of sessions.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderName;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;

use crate::AppState;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address and what it calls itself.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// Its address, when the server knows it.
    pub(crate) ip: Option<IpAddr>,
    /// Its `User-Agent`, cut short.
    pub(crate) user_agent: Option<String>,
}

impl Client {
    /// The key limits are counted by. One household or office has a whole /64
    /// of IPv6 addresses (RFC 6177).
    pub(crate) fn key(&self) -> String {
        match self.ip.map(|ip| ip.to_canonical()) {
            None => "unknown".to_owned(),
            Some(IpAddr::V4(ip)) => ip.to_string(),
            Some(IpAddr::V6(ip)) => {
                let [a, b, c, d, ..] = ip.segments();
                Ipv6Addr::from([a, b, c, d, 0, 0, 0, 0]).to_string()
            }
        }
    }
}

impl FromRequestParts<AppState> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let mut ip = peer.map(|ConnectInfo(address)| address.ip());
        if state.options.trust_forwarded_for {
            let lines = parts.headers.get_all(FORWARDED_FOR).into_iter();
            let last = lines.filter_map(|line| line.to_str().ok()).next_back();
            let last = last.and_then(|line| line.rsplit(',').next());
            ip = last.and_then(|text| text.trim().parse().ok()).or(ip);
        }
        let agent = parts
            .headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok());
        Ok(Self {
            ip,
            user_agent: agent.map(|text| text.chars().take(200).collect()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_count_an_address_and_of_ipv6_its_network() {
        for (address, key) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ] {
            let client = Client {
                ip: Some(address.parse().unwrap()),
                user_agent: None,
            };
            assert_eq!(client.key(), key, "{address}");
        }
    }
}
