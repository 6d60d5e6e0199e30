//! The ID token: who signed in, checked to be for us, now, and from whom it
//! claims to come.
//!
//! Pure: keys and time are given. Sources: OpenID Connect Core 3.1.3.7,
//! <https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference>.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::error::Kind;
use crate::keys::SigningKey;

/// Clocks may differ by this many seconds.
const LEEWAY: i64 = 300;
/// Where the issuer of a tenant-independent document holds the tenant.
const PLACEHOLDER: &str = "{tenantid}";

/// Who signed in. Know a person by `tenant_id` and `object_id`, never by the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdClaims {
    /// The tenant signed in to.
    pub tenant_id: Uuid,
    /// The person's object id there.
    pub object_id: Uuid,
    /// An id of the person for this application only.
    pub subject: String,
    /// A name to show; it can change and proves nothing.
    pub preferred_username: Option<String>,
    /// The display name.
    pub name: Option<String>,
    /// An address that nobody has verified.
    pub email: Option<String>,
    /// When the token was made.
    pub issued: Timestamp,
}

/// What the token must say.
pub(crate) struct Expected<'a> {
    pub(crate) application_id: Uuid,
    /// From the discovery document; may hold `{tenantid}`.
    pub(crate) issuer: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) tenant_id: Option<Uuid>,
    pub(crate) now: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    exp: i64,
    nbf: Option<i64>,
    iat: i64,
    nonce: Option<String>,
    tid: Option<Uuid>,
    oid: Option<Uuid>,
    sub: String,
    preferred_username: Option<String>,
    name: Option<String>,
    email: Option<String>,
}

/// The id of the key that signed `token`.
pub(crate) fn key_id(token: &SecretString) -> Result<String, Kind> {
    let header = jsonwebtoken::decode_header(token.expose_secret())
        .map_err(|_| invalid("it is not a token"))?;
    header.kid.ok_or_else(|| invalid("it names no key"))
}

/// Checks `token` against `key` and `expected`.
pub(crate) fn verify(
    token: &SecretString,
    key: &SigningKey,
    expected: &Expected<'_>,
) -> Result<IdClaims, Kind> {
    let claims = signed_claims(token, key)?;
    let tenant_id = claims.tid.ok_or_else(|| invalid("it names no tenant"))?;
    let tenant = tenant_id.to_string();
    let issuer = expected.issuer.replace(PLACEHOLDER, &tenant);
    let key_issuer = key.issuer.as_deref();
    let may_sign = key_issuer.is_none_or(|own| own.replace(PLACEHOLDER, &tenant) == issuer);
    let nonce = claims.nonce.as_deref().unwrap_or_default().as_bytes();
    let is_same_nonce = bool::from(nonce.ct_eq(expected.nonce.as_bytes()));
    let now = expected.now.as_second();
    for (holds, reason) in [
        (claims.iss == issuer, "another issuer made it"),
        (may_sign, "the key belongs to another issuer"),
        (
            claims.aud == expected.application_id.to_string(),
            "it is for another application",
        ),
        (now < claims.exp.saturating_add(LEEWAY), "it has expired"),
        (
            claims
                .nbf
                .is_none_or(|start| now >= start.saturating_sub(LEEWAY)),
            "it is not valid yet",
        ),
        (
            is_same_nonce && !expected.nonce.is_empty(),
            "it answers another sign-in",
        ),
    ] {
        if !holds {
            return Err(invalid(reason));
        }
    }
    if expected.tenant_id.is_some_and(|wanted| wanted != tenant_id) {
        return Err(Kind::WrongTenant);
    }
    Ok(IdClaims {
        tenant_id,
        object_id: claims.oid.ok_or_else(|| invalid("it names no person"))?,
        subject: claims.sub,
        preferred_username: claims.preferred_username,
        name: claims.name,
        email: claims.email,
        issued: Timestamp::from_second(claims.iat).map_err(|_| invalid("it has no usable time"))?,
    })
}

fn signed_claims(token: &SecretString, key: &SigningKey) -> Result<Claims, Kind> {
    let mut validation = Validation::new(Algorithm::RS256);
    // The library would ask the machine's clock; times and the rest are
    // checked by the caller. Here only the signature counts.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode::<Claims>(token.expose_secret(), &key.key, &validation)
        .map(|token| token.claims)
        .map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::InvalidSignature => invalid("the signature is wrong"),
            jsonwebtoken::errors::ErrorKind::InvalidAlgorithm => {
                invalid("it is not signed with RS256")
            }
            _ => invalid("its claims cannot be read"),
        })
}

fn invalid(reason: &'static str) -> Kind {
    Kind::IdTokenInvalid { reason }
}

#[cfg(test)]
mod tests;
