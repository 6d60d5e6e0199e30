//! Who the client of a token request is: by secret in the body or by HTTP Basic, or by a signed assertion.
//! Knows the registration, not the grant. A registration with neither secret nor certificate is a public client.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::apps::App;
use super::assertion;
use super::authority::Authority;
use super::context::{Context, Parameters};
use super::errors::LoginError;
use super::{Login, context};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a client showed to prove itself.
enum Proof {
    Secret(String),
    Assertion(String),
    None,
}

/// Finds the application and checks that the client is it.
///
/// # Errors
/// 700016, 7000112, 7000215, 7000218, 7000222, 9002326 and those of [`assertion::check`].
pub(super) fn authenticate(
    login: &Login,
    cx: &Context,
    authority: &Authority,
    headers: &HeaderMap,
    form: &Parameters,
) -> Result<Arc<App>, LoginError> {
    let basic = basic(headers);
    let (client_id, basic_secret) = match basic {
        Some((id, secret)) => (Some(id), Some(secret)),
        None => (form.get("client_id").map(str::to_owned), None),
    };
    let client_id = client_id.ok_or_else(|| context::missing("client_id"))?;
    let app = find(login, &client_id, authority)?;
    let proof = match (
        form.get("client_assertion"),
        form.get("client_secret"),
        basic_secret,
    ) {
        (Some(assertion), _, _) => {
            let kind = form.require("client_assertion_type")?;
            if kind != JWT_BEARER {
                return Err(LoginError::new(
                    50027,
                    format!("The client_assertion_type {kind} is not supported."),
                ));
            }
            Proof::Assertion(assertion.to_owned())
        }
        (None, Some(secret), _) => Proof::Secret(secret.to_owned()),
        (None, None, Some(secret)) => Proof::Secret(secret),
        (None, None, None) => Proof::None,
    };
    if headers.contains_key(header::ORIGIN) {
        let text = "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type.";
        return Err(LoginError::new(9_002_326, text));
    }
    match proof {
        Proof::Secret(secret) => check_secret(login, &app, &secret)?,
        Proof::Assertion(jwt) => assertion::check(login, cx, authority, &app, &jwt)?,
        Proof::None if app.secret.is_none() && app.certificates.is_empty() => {}
        Proof::None => {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            return Err(LoginError::new(7_000_218, text));
        }
    }
    Ok(app)
}

/// The application with this id, as a tenant sees it.
///
/// # Errors
/// 700016 and 7000112.
pub(super) fn find(
    login: &Login,
    client_id: &str,
    authority: &Authority,
) -> Result<Arc<App>, LoginError> {
    let app = Uuid::parse_str(client_id)
        .ok()
        .and_then(|id| login.state().apps.get(id));
    let app = app.ok_or_else(|| not_found(client_id, &authority.label()))?;
    if app.disabled {
        return Err(LoginError::new(
            7_000_112,
            format!("Application '{}'({}) is disabled.", app.id, app.name),
        ));
    }
    match authority.tenant() {
        Some(tenant) if app.single_tenant && app.home_tenant != Some(tenant.id) => {
            Err(not_found(client_id, &tenant.display_name))
        }
        None if app.single_tenant => Err(LoginError::new(
            50194,
            format!(
                "Application '{}'({}) is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant.",
                app.id, app.name
            ),
        )),
        _ => Ok(app),
    }
}

/// 700016 for an application a tenant does not have.
pub(super) fn not_found(client_id: &str, tenant: &str) -> LoginError {
    LoginError::new(
        700_016,
        format!(
            "Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."
        ),
    )
}

fn check_secret(login: &Login, app: &App, given: &str) -> Result<(), LoginError> {
    let known = app.secret.as_deref().unwrap_or_default();
    let equal = bool::from(known.as_bytes().ct_eq(given.as_bytes()));
    if app.secret.is_none() || !equal {
        return Err(LoginError::new(
            7_000_215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{}'.",
                app.id
            ),
        ));
    }
    if app
        .secret_expires_at
        .is_some_and(|at| at <= login.principals().now())
    {
        return Err(LoginError::new(
            7_000_222,
            format!(
                "The provided client secret keys for app '{}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.",
                app.id
            ),
        ));
    }
    Ok(())
}

/// Client id and secret of HTTP Basic, each form-encoded (RFC 6749 2.3.1).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced)
            .decode_utf8()
            .ok()
            .map(std::borrow::Cow::into_owned)
    };
    Some((decode(id)?, decode(secret)?))
}
