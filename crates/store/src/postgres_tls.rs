//! How a connection to PostgreSQL is secured. The driver's own default falls
//! back to plain text and looks at no certificate: fit for this machine, not
//! for a network.

use std::net::IpAddr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// TLS with a verified certificate wherever the way leaves this machine, unless
/// the address says `sslmode` itself.
pub(crate) fn secure(url: &str, options: PgConnectOptions) -> PgConnectOptions {
    let is_socket = options.get_socket().is_some() || options.get_host().starts_with('/');
    if says_sslmode(url) || is_socket || is_here(options.get_host()) {
        return options;
    }
    options.ssl_mode(PgSslMode::VerifyFull)
}

/// Whether the address's query has the parameter, in one of the driver's two
/// spellings.
fn says_sslmode(url: &str) -> bool {
    let url = url.split('#').next().unwrap_or(url);
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let names = query.split('&').filter_map(|pair| pair.split('=').next());
    names
        .into_iter()
        .any(|name| name == "sslmode" || name == "ssl-mode")
}

/// Whether a host is this machine by its name or address alone.
fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let bare = bare.trim_end_matches('.').to_ascii_lowercase();
    let address: Option<IpAddr> = bare.parse().ok();
    bare == "localhost" || address.is_some_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;

    fn mode(url: &str) -> PgSslMode {
        // Nothing of this machine's environment.
        let options = PgConnectOptions::from_str(url).unwrap();
        let options = match says_sslmode(url) {
            true => options,
            false => options.ssl_mode(PgSslMode::Prefer),
        };
        secure(url, options).get_ssl_mode()
    }

    #[test]
    fn what_leaves_the_machine_is_verified_unless_the_address_says_otherwise() {
        for (url, verified) in [
            ("postgres://rollcall@localhost/db", false),
            ("postgres://rollcall@LOCALHOST:5433/db", false),
            ("postgres://rollcall@127.0.0.1/db", false),
            ("postgres://rollcall@127.8.9.10/db", false),
            ("postgres://rollcall@[::1]/db", false),
            ("postgres://rollcall@%2Fvar%2Frun%2Fpostgresql/db", false),
            (
                "postgres://rollcall@ignored/db?host=/var/run/postgresql",
                false,
            ),
            ("postgres://rollcall@db.example/db", true),
            ("postgres://rollcall@db.example/sslmode=disable", true),
            (
                "postgres://rollcall@10.0.0.7/db?application_name=sslmode",
                true,
            ),
            ("postgres://rollcall@localhost.example/db", true),
            ("postgres://rollcall@[2001:db8::1]/db", true),
            ("postgres://rollcall@localhost/db?host=db.example", true),
            ("postgres://rollcall@localhost/db?hostaddr=192.0.2.1", true),
        ] {
            assert_eq!(
                matches!(mode(url), PgSslMode::VerifyFull),
                verified,
                "{url}: {:?}",
                mode(url)
            );
        }
    }

    #[test]
    fn an_address_that_says_sslmode_is_taken_at_its_word() {
        let url = |parameter: &str| format!("postgres://rollcall@db.example/db?{parameter}");
        assert!(matches!(mode(&url("sslmode=disable")), PgSslMode::Disable));
        assert!(matches!(mode(&url("ssl-mode=require")), PgSslMode::Require));
        assert!(matches!(
            mode(&url("options=-ca&sslmode=verify-ca")),
            PgSslMode::VerifyCa
        ));
        let here = "postgres://rollcall@localhost/db?sslmode=verify-full";
        assert!(matches!(mode(here), PgSslMode::VerifyFull));
    }
}
