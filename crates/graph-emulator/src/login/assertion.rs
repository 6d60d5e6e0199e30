//! Client assertions: a JWT signed with a registered certificate instead of a secret.
//! Source: "Microsoft identity platform application authentication certificate credentials"; RFC 7523.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use url::Url;

use super::Login;
use super::apps::App;
use super::authority::Authority;
use super::context::Context;
use super::errors::LoginError;

/// Tolerance between the client's clock and ours, seconds.
const SKEW: f64 = 300.0;
const PUBLIC_HOSTS: [&str; 3] = [
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
];
/// What may follow the tenant in the audience.
const AUDIENCES: [&str; 4] = ["/oauth2/v2.0/token", "/oauth2/token", "/v2.0", "/"];

#[derive(Deserialize)]
struct Claims {
    aud: Option<String>,
    iss: Option<String>,
    sub: Option<String>,
    jti: Option<String>,
    /// NumericDate may have a fraction (RFC 7519 2), and msal for Python sends one.
    exp: Option<f64>,
    nbf: Option<f64>,
}

/// Checks signature, times, audience and subject.
///
/// # Errors
/// 50027 malformed, 700027 signature or key, 700024 times, 700023 audience, 700021 issuer or subject.
pub(super) fn check(
    login: &Login,
    cx: &Context,
    authority: &Authority,
    app: &App,
    jwt: &str,
) -> Result<(), LoginError> {
    let malformed =
        |what: &str| LoginError::new(50027, format!("JWT token is invalid or malformed. {what}"));
    let header =
        jsonwebtoken::decode_header(jwt).map_err(|_| malformed("The header cannot be read."))?;
    if !matches!(header.alg, Algorithm::RS256 | Algorithm::PS256) {
        return Err(malformed("The algorithm is not RS256 or PS256."));
    }
    if header.x5t.is_none() && header.x5t_s256.is_none() {
        return Err(malformed(
            "The header has no certificate thumbprint (x5t or x5t#S256).",
        ));
    }
    let signature = |why: &str| {
        LoginError::new(
            700_027,
            format!(
                "The certificate with identifier used to sign the client assertion is not registered on application. {why} Please visit the Azure portal to add the certificate. Application: '{}'.",
                app.id
            ),
        )
    };
    let plain = |text: &str| text.trim_end_matches('=').to_owned();
    let (x5t, x5t_s256) = (
        header.x5t.as_deref().map(plain),
        header.x5t_s256.as_deref().map(plain),
    );
    let certificate = app
        .certificates
        .iter()
        .find(|known| {
            x5t_s256
                .as_ref()
                .is_none_or(|given| *given == known.x5t_s256)
                && x5t.as_ref().is_none_or(|given| *given == known.x5t)
        })
        .ok_or_else(|| signature("[Reason - The key was not found.]"))?;
    let now = login.principals().now();
    if certificate.not_before > now || certificate.not_after < now {
        return Err(signature("[Reason - The key used is expired.]"));
    }
    let mut validation = Validation::new(header.alg);
    // Times are judged by the virtual clock and the audience by the tenant, below.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Claims>(jwt, &certificate.key, &validation)
        .map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => signature("[Reason - The signature is not valid.]"),
            _ => malformed("The claims cannot be read."),
        })?
        .claims;
    check_claims(login, cx, authority, app, &claims)
}

fn check_claims(
    login: &Login,
    cx: &Context,
    authority: &Authority,
    app: &App,
    claims: &Claims,
) -> Result<(), LoginError> {
    let now = login.principals().now().as_duration().as_secs_f64();
    let client_id = app.id.to_string();
    if claims.jti.is_none() {
        return Err(LoginError::new(
            50027,
            "JWT token is invalid or malformed. The claim jti is missing.",
        ));
    }
    let by_us = |claim: &Option<String>| {
        claim
            .as_ref()
            .is_some_and(|id| id.eq_ignore_ascii_case(&client_id))
    };
    if !by_us(&claims.iss) || !by_us(&claims.sub) {
        return Err(LoginError::new(
            700_021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        ));
    }
    let in_time = claims.exp.is_some_and(|exp| exp + SKEW > now)
        && claims.nbf.is_none_or(|nbf| nbf - SKEW <= now);
    if !in_time {
        return Err(LoginError::new(
            700_024,
            "Client assertion is not within its valid time range.",
        ));
    }
    if !claims
        .aud
        .as_deref()
        .is_some_and(|aud| audience(login, cx, authority, aud))
    {
        return Err(LoginError::new(
            700_023,
            "Client assertion audience claim does not match Realm issuer.",
        ));
    }
    Ok(())
}

fn audience(login: &Login, cx: &Context, authority: &Authority, aud: &str) -> bool {
    let Ok(url) = Url::parse(aud) else {
        return false;
    };
    let host = aud
        .split_once("://")
        .map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    if !host.eq_ignore_ascii_case(&cx.host) && !PUBLIC_HOSTS.contains(&host) {
        return false;
    }
    let path = url.path().trim_start_matches('/');
    let (segment, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
    let same = Authority::resolve(login.principals(), segment).is_ok_and(|named| {
        named.alias() == authority.alias()
            && named.tenant().map(|tenant| tenant.id) == authority.tenant().map(|tenant| tenant.id)
    });
    same && (rest.is_empty() || AUDIENCES.contains(&rest))
}
