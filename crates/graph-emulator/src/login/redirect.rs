//! Redirect addresses: which may be registered, when one matches, and how an answer is attached to one.
//! Source: "Redirect URI (reply URL) restrictions and limitations". Knows nothing of applications.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

const LONGEST: usize = 256;
const UNSUPPORTED: [char; 7] = ['!', '$', '\'', '(', ')', ',', ';'];
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Where the parameters of an answer go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

/// Whether a host name means this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// Says why an address may not be registered.
pub(super) fn check(uri: &str) -> Result<(), String> {
    if uri.chars().count() > LONGEST {
        return Err(format!("a redirect URI has at most {LONGEST} characters"));
    }
    if let Some(bad) = uri.chars().find(|letter| UNSUPPORTED.contains(letter)) {
        return Err(format!("a redirect URI may not contain {bad}"));
    }
    if uri.contains('*') {
        return Err("a redirect URI may not contain a wildcard".to_owned());
    }
    let url = Url::parse(uri).map_err(|error| format!("not an address: {error}"))?;
    if url.fragment().is_some() {
        return Err("a redirect URI may not contain a fragment".to_owned());
    }
    match (url.scheme(), url.host_str()) {
        ("https", Some(_)) => Ok(()),
        ("http", Some(host)) if is_loopback(host) => Ok(()),
        _ => Err("a redirect URI is https, or http on localhost".to_owned()),
    }
}

/// Whether `asked` is the registered address: to the letter, but for the port on this machine.
pub(super) fn matches(registered: &str, asked: &str) -> bool {
    if registered == asked {
        return true;
    }
    let (Some(registered), Some(asked)) = (
        without_loopback_port(registered),
        without_loopback_port(asked),
    ) else {
        return false;
    };
    registered == asked
}

/// The address with its port cut out of the text, when it is on this machine.
fn without_loopback_port(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    };
    is_loopback(host).then(|| format!("{scheme}://{host}{path}"))
}

/// Sends the browser to `uri` with `parameters`.
pub(super) fn answer(uri: &str, mode: ResponseMode, parameters: &[(&str, String)]) -> Response {
    let mut address = uri.to_owned();
    let after_scheme = uri.find("://").map_or(0, |at| at + 3);
    if !uri[after_scheme..].contains(['/', '?']) {
        address.push('/');
    }
    match mode {
        ResponseMode::FormPost => return super::pages::form_post(uri, parameters),
        ResponseMode::Fragment => address.push('#'),
        ResponseMode::Query => address.push(if address.contains('?') { '&' } else { '?' }),
    }
    for (at, (name, value)) in parameters.iter().enumerate() {
        if at > 0 {
            address.push('&');
        }
        address.push_str(name);
        address.push('=');
        address.extend(utf8_percent_encode(value, QUERY));
    }
    match HeaderValue::from_str(&address) {
        Ok(location) => {
            let headers = [
                (header::LOCATION, location),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            (StatusCode::FOUND, headers).into_response()
        }
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// The `state` as it is echoed: without HTML tags.
pub(super) fn without_markup(state: &str) -> String {
    let mut kept = String::with_capacity(state.len());
    let mut rest = state;
    while let Some(open) = rest.find('<') {
        let Some(close) = rest[open..].find('>') else {
            break;
        };
        kept.push_str(&rest[..open]);
        rest = &rest[open + close + 1..];
    }
    kept.push_str(rest);
    kept
}
