//! Where an outgoing webhook may go: an https address on the public internet,
//! unless the operator allows private ones, or an email address.
//!
//! A name is judged again by what it resolves to, at the moment of sending: see
//! [`is_public`] and `graph::TransportOptions::reachable`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use provisioning::address::Address;
use url::{Host, Url};

use crate::error::{Class, EngineError, Result};

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To an address of the web.
    Web(Url),
    /// To an email address.
    Mail(String),
}

/// Which ways an operator has opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ways {
    /// Private and loopback addresses, and plain http.
    pub private: bool,
    /// Email: there is a mail server.
    pub mail: bool,
}

/// Where the address leads, if messages may go there: `https://…` or
/// `mailto:somebody@example.com`.
pub fn check_target(text: &str, ways: Ways) -> Result<Target> {
    let invalid = |detail: &str| EngineError::invalid(format!("url: {detail}"));
    if let Some(address) = text.strip_prefix("mailto:") {
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || b"@.!#$&'*+-/=^_`{|}~".contains(&byte);
        let known = Address::parse(address);
        let known = known.filter(|known| known.written() == address && address.bytes().all(plain));
        let known = known
            .ok_or_else(|| invalid("after mailto: comes one email address, as ops@example.com"))?;
        if !ways.mail {
            let message = "url: no mail server is set up";
            return Err(EngineError::new("no_mail", Class::Invalid, message)
                .cure("Set mail.host and mail.from; docs/operate has every setting."));
        }
        return Ok(Target::Mail(known.written().to_owned()));
    }
    let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    if !matches!(url.scheme(), "https" | "http") || has_user {
        return Err(invalid(
            "an https address without a user name is needed, or mailto: and an email address",
        ));
    }
    if ways.private {
        return Ok(Target::Web(url));
    }
    let is_fine = match url.host() {
        None => false,
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name.contains('.') && !name.ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => is_public(ip.into()),
        Some(Host::Ipv6(ip)) => is_public(ip.into()),
    };
    if is_fine && url.scheme() == "https" {
        return Ok(Target::Web(url));
    }
    Err(EngineError::new(
        "private_target",
        Class::Invalid,
        "url: only https to public addresses",
    )
    .cure("Set webhooks.allow_private = true to allow private targets."))
}

/// Whether an address is one of the public internet, and not of a network
/// behind this machine.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// Not one of the special-purpose blocks of RFC 6890.
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b));
    !is_special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(inner) = inner_v4(ip) {
        return is_public_v4(inner);
    }
    // Only 2000::/3 is given out; of it, Teredo and documentation are not.
    let [first, second, ..] = ip.segments();
    let is_special = first == 0x2001 && (second == 0 || second == 0x0db8);
    first & 0xe000 == 0x2000 && !is_special
}

/// The IPv4 address that an IPv6 one stands for: mapped, NAT64, 6to4.
fn inner_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match (a, b) {
        (0, 0) if (c, d, e, f) == (0, 0, 0, 0xffff) => Some(of(g, h)),
        (0x64, 0xff9b) => Some(of(g, h)),
        (0x2002, _) => Some(of(b, c)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_public() {
        let table = [
            ("93.184.216.34", true),
            ("2606:2800:220:1::1", true),
            ("::ffff:93.184.216.34", true),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.0.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("192.0.0.8", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("2002:7f00:1::", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("fc00::1", false),
            ("fd12::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ];
        for (text, expected) in table {
            assert_eq!(is_public(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn private_targets_are_taken_when_allowed_and_users_never() {
        let private = Ways {
            private: true,
            ..Ways::default()
        };
        assert!(check_target("http://127.0.0.1:9/in", private).is_ok());
        assert!(check_target("https://u:p@example.com/", private).is_err());
        assert!(check_target("https://example.com/in", Ways::default()).is_ok());
    }

    #[test]
    fn mail_goes_to_one_plain_address_where_there_is_a_mail_server() {
        let mail = Ways {
            mail: true,
            ..Ways::default()
        };
        let good = Target::Mail("ops@example.com".to_owned());
        assert_eq!(check_target("mailto:ops@example.com", mail).unwrap(), good);
        let error = check_target("mailto:ops@example.com", Ways::default()).unwrap_err();
        assert_eq!(error.code, "no_mail");
        for bad in [
            "mailto:",
            "mailto:ops",
            "mailto:a@example.com,b@example.com",
            "mailto:a@example.com?bcc=b@example.com",
            "mailto:a@example.com\r\nBcc: b@example.com",
            "mailto: a@example.com",
            "mailto:Ops <a@example.com>",
        ] {
            assert!(check_target(bad, mail).is_err(), "{bad}");
        }
    }
}
