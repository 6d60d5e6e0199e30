//! The client credentials grant (RFC 6749 4.4): an application acts for itself with its application permissions.
//! Knows no people.

use jiff::SignedDuration;

use super::Request;
use crate::login::client;
use crate::login::context::missing;
use crate::login::errors::LoginError;
use crate::login::scopes::Scopes;
use crate::login::token::Issued;
use crate::login::tokens::Access;

/// A token for the application itself.
///
/// # Errors
/// 900144, 1002012, 70011, 500011, 50059, 700016.
pub(in crate::login) fn client_credentials(request: &Request<'_>) -> Result<Issued, LoginError> {
    let text = request.scope.ok_or_else(|| missing("scope"))?;
    let asked = Scopes::parse(text, &request.cx.host)?;
    asked.single_resource(text)?;
    if !asked.default || !asked.openid.is_empty() {
        return Err(LoginError::new(
            1_002_012,
            format!(
                "The provided value for scope {text} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
            ),
        ));
    }
    if request.app.secret.is_none() && request.app.certificates.is_empty() {
        let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        return Err(LoginError::new(7_000_218, text));
    }
    let principals = request.login.principals();
    let home = || principals.tenant(&request.app.home_tenant?.to_string());
    let tenant = request.authority.tenant().cloned().or_else(home).ok_or_else(|| {
        LoginError::new(
            50059,
            "No tenant-identifying information found in either the request or implied by any provided credentials.",
        )
    })?;
    request.check_policy(&tenant)?;
    let expires_in = request.lifetime();
    let expires_at = request.now() + SignedDuration::from_secs(expires_in);
    let mut state = request.login.state();
    let permissions = state
        .apps
        .consent(tenant.id, request.app.id)
        .map(|consent| consent.application.clone());
    let permissions = permissions
        .ok_or_else(|| client::not_found(&request.app.id.to_string(), &tenant.display_name))?;
    let access = Access {
        tenant_id: tenant.id,
        app_id: request.app.id,
        user_id: None,
        is_admin: false,
        permissions,
    };
    let access_token = state.tokens.issue_access(access, expires_at);
    Ok(Issued {
        access_token,
        scope: String::new(),
        expires_in,
        refresh_token: None,
        id_token: None,
    })
}
