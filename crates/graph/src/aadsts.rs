//! The identity platform's error codes (`AADSTS…`) and what each means here.
//!
//! Microsoft asks clients to branch on the OAuth `error` and warns that codes
//! may change, so a code that is not in the table falls back to `error`.

use crate::error::Kind;

/// One row: code, kind, and a cure where the kind's own is too general.
type Row = (u32, Kind, Option<&'static str>);

const RECONNECT_OTHER_ACCOUNT: Option<&str> = Some(
    "The connecting account is gone or disabled: press Azure Connect with another member account.",
);
const MULTI_FACTOR: Option<&str> = Some(
    "Press Azure Connect and answer the multi-factor prompt; to avoid this, use an application (app-only) connection.",
);
const LATER: Option<&str> =
    Some("The account is locked: wait, check its sign-in log in Entra, then press Azure Connect.");
const OUR_MISTAKE: Option<&str> =
    Some("Start the sign-in again; if it repeats, report it with the request id.");

const TABLE: &[Row] = &[
    (
        50011,
        Kind::Configuration,
        Some(
            "Register the redirect URL exactly, letter case included: https://<server>/OAuth/IntegrationCallback.aspx",
        ),
    ),
    (500_011, Kind::Configuration, None),
    (650_057, Kind::Configuration, None),
    (65005, Kind::Configuration, None),
    (
        50020,
        Kind::NeedsReconnect,
        Some(
            "The account belongs to another tenant: press Azure Connect with a member account of this tenant.",
        ),
    ),
    (50034, Kind::NeedsReconnect, RECONNECT_OTHER_ACCOUNT),
    (50053, Kind::NeedsReconnect, LATER),
    (50055, Kind::NeedsReconnect, None),
    (50144, Kind::NeedsReconnect, None),
    (50057, Kind::NeedsReconnect, RECONNECT_OTHER_ACCOUNT),
    (50058, Kind::NeedsReconnect, None),
    (50059, Kind::TenantUnknown, None),
    (90019, Kind::TenantUnknown, None),
    (50128, Kind::TenantUnknown, None),
    (50072, Kind::NeedsReconnect, MULTI_FACTOR),
    (50074, Kind::NeedsReconnect, MULTI_FACTOR),
    (50076, Kind::NeedsReconnect, MULTI_FACTOR),
    (50079, Kind::NeedsReconnect, MULTI_FACTOR),
    (50078, Kind::NeedsReconnect, MULTI_FACTOR),
    (70043, Kind::NeedsReconnect, MULTI_FACTOR),
    (50089, Kind::NeedsReconnect, None),
    (50132, Kind::NeedsReconnect, None),
    (50133, Kind::NeedsReconnect, None),
    (50105, Kind::AssignmentRequired, None),
    (50126, Kind::NeedsReconnect, None),
    (50131, Kind::ConditionalAccess, None),
    (53000, Kind::ConditionalAccess, None),
    (53001, Kind::ConditionalAccess, None),
    (53002, Kind::ConditionalAccess, None),
    (53003, Kind::ConditionalAccess, None),
    (530_032, Kind::ConditionalAccess, None),
    (
        500_021,
        Kind::ConditionalAccess,
        Some(
            "Tenant restrictions on the network block this tenant: allow it, or connect from elsewhere.",
        ),
    ),
    (50173, Kind::NeedsReconnect, None),
    (
        50194,
        Kind::Configuration,
        Some(
            "Make the application registration multi-tenant: accounts in any organizational directory.",
        ),
    ),
    (50196, Kind::Throttled { retry_after: None }, None),
    (
        500_212,
        Kind::ConditionalAccess,
        Some(
            "The account's home tenant blocks access to this tenant: change its cross-tenant access settings.",
        ),
    ),
    (
        500_213,
        Kind::ConditionalAccess,
        Some(
            "This tenant blocks access from the account's home tenant: change its cross-tenant access settings.",
        ),
    ),
    (
        54005,
        Kind::NeedsReconnect,
        Some("The sign-in page was answered twice: press Azure Connect again."),
    ),
    (501_481, Kind::NeedsReconnect, OUR_MISTAKE),
    (65001, Kind::ConsentMissing, None),
    (65004, Kind::ConsentDeclined, None),
    (70000, Kind::NeedsReconnect, None),
    (700_005, Kind::NeedsReconnect, OUR_MISTAKE),
    (70008, Kind::NeedsReconnect, None),
    (700_082, Kind::NeedsReconnect, None),
    (700_084, Kind::NeedsReconnect, None),
    (70011, Kind::Configuration, None),
    (28002, Kind::Configuration, None),
    (28003, Kind::Configuration, None),
    (700_022, Kind::Configuration, None),
    (700_016, Kind::AppUnknown, None),
    (700_011, Kind::AppUnknown, None),
    (70001, Kind::AppUnknown, None),
    (7_000_112, Kind::AppDisabled, None),
    (7_000_215, Kind::WrongSecret, None),
    (70002, Kind::WrongSecret, None),
    (7_000_218, Kind::WrongSecret, None),
    (7_000_222, Kind::SecretExpired, None),
    (
        700_027,
        Kind::WrongSecret,
        Some(
            "Upload the certificate that belongs to the private key to the application registration.",
        ),
    ),
    (
        90002,
        Kind::TenantUnknown,
        Some(
            "Check the tenant domain name or ID, and microsoft.cloud: each cloud knows only its own tenants.",
        ),
    ),
    (900_023, Kind::TenantUnknown, None),
    (90014, Kind::Refused, None),
    (900_144, Kind::Refused, None),
    (90008, Kind::ConsentMissing, None),
    (90094, Kind::ConsentMissing, None),
    (90095, Kind::ConsentMissing, None),
    (90099, Kind::ConsentMissing, None),
    (90033, Kind::Transient, None),
    (90006, Kind::Transient, None),
    (90024, Kind::Transient, None),
    (90012, Kind::Transient, None),
    (50033, Kind::Transient, None),
    (50087, Kind::Transient, None),
    (90055, Kind::Throttled { retry_after: None }, None),
    (90038, Kind::WrongCloud, None),
    (900_561, Kind::Refused, None),
];

/// What an `AADSTS` code means.
pub fn lookup(code: u32) -> Option<(Kind, Option<&'static str>)> {
    TABLE
        .iter()
        .find(|(known, _, _)| *known == code)
        .map(|(_, kind, cure)| (kind.clone(), *cure))
}

/// What an OAuth `error` value means when the code says nothing.
pub fn from_oauth_error(error: &str) -> Kind {
    match error {
        "invalid_grant" | "interaction_required" | "login_required" => Kind::NeedsReconnect,
        "consent_required" => Kind::ConsentMissing,
        "access_denied" => Kind::ConsentDeclined,
        "invalid_client" => Kind::WrongSecret,
        "unauthorized_client" => Kind::AppUnknown,
        "temporarily_unavailable" | "server_error" => Kind::Transient,
        "invalid_scope" | "invalid_resource" | "unsupported_response_type" => Kind::Configuration,
        _ => Kind::Refused,
    }
}

/// The first code in a text like `AADSTS50173: The grant has expired …`.
pub fn code_in(text: &str) -> Option<u32> {
    let after = text.split("AADSTS").nth(1)?;
    let digits = after
        .find(|c: char| !c.is_ascii_digit())
        .map_or(after, |end| &after[..end]);
    digits.parse().ok()
}

#[cfg(test)]
mod tests;
