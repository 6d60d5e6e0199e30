//! The refresh token grant (RFC 6749 6): each use gives a new token and leaves the old one alive.
//! Knows what ends a refresh token; what is issued is shared with the code grant.

use super::{PersonGrant, Request, granted, issue, tenant_of};
use crate::login::accounts::{guest, usable};
use crate::login::errors::LoginError;
use crate::login::scopes::{self, Scopes};
use crate::login::token::Issued;
use crate::login::tokens::{REFRESH_LIFE, Refresh};
use crate::login::{TenantInfo, UserInfo};

/// Redeems a refresh token, at the tenant of the sign-in or at another where the person is a guest.
///
/// # Errors
/// 70000, 700082, 50173, 50020, and what stands between a person and a token.
pub(in crate::login) fn refresh(request: &Request<'_>) -> Result<Issued, LoginError> {
    let text = request.form.require("refresh_token")?;
    let (known, revoked_at) = {
        let state = request.login.state();
        let known = state
            .tokens
            .refresh(text)
            .filter(|known| known.sign_in.app_id == request.app.id);
        let revoked_at = known
            .as_ref()
            .and_then(|known| state.tokens.revoked_at(known));
        (known, revoked_at)
    };
    let known = known.ok_or_else(|| {
        LoginError::new(
            70000,
            "Provided grant is invalid or malformed. The refresh token is not valid.",
        )
    })?;
    if known.issued_at + REFRESH_LIFE <= request.now() {
        return Err(LoginError::new(
            700_082,
            format!(
                "The refresh token has expired due to inactivity. The token was issued on {} and was inactive for 90.00:00:00.",
                known.issued_at
            ),
        ));
    }
    if let Some(revoked_at) = revoked_at {
        return Err(LoginError::new(
            50173,
            format!(
                "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password. The grant was issued on '{}' and the TokensValidFrom date (before which tokens are not valid) for this user is '{revoked_at}'.",
                known.issued_at
            ),
        ));
    }
    let tenant = tenant_of(request, &known.sign_in)?;
    request.check_policy(&tenant)?;
    let user = person_at(request, &known, &tenant)?;
    let asked = match request.scope {
        Some(text) => {
            let scopes = Scopes::parse(text, &request.cx.host)?;
            match scopes.resources.first() {
                // With several resources the token is for the first (unlike on the code leg).
                Some(first) if first != scopes::GRAPH => {
                    return Err(scopes::unknown_resource(first));
                }
                _ => scopes,
            }
        }
        None => known.sign_in.scopes.clone(),
    };
    let granted = granted(request, &tenant, &user, &asked)?;
    let number = known.sign_in_number;
    let person = PersonGrant {
        tenant: &tenant,
        user: &user,
        sign_in: &known.sign_in,
        number,
        asked: &asked,
        nonce: None,
    };
    issue(request, &person, granted)
}

fn person_at(
    request: &Request<'_>,
    known: &Refresh,
    tenant: &TenantInfo,
) -> Result<UserInfo, LoginError> {
    let principals = request.login.principals();
    let (home_tenant, home_user) = known.sign_in.home;
    let home = usable(
        principals.user(home_tenant, &home_user.to_string()),
        &tenant.display_name,
    )?;
    if tenant.id == home_tenant {
        return Ok(home);
    }
    let here = if tenant.id == known.sign_in.tenant_id {
        principals.user(tenant.id, &known.sign_in.user_id.to_string())
    } else {
        guest(principals, tenant, &home.upn)
    };
    match here {
        Some(user) => usable(Some(user), &tenant.display_name),
        None => Err(LoginError::new(
            50020,
            format!(
                "User account '{{EUII Hidden}}' from identity provider '{}' does not exist in tenant '{}' and cannot access the application '{}'({}) in that tenant. The account needs to be added as an external user in the tenant first.",
                request.cx.issuer(&home_tenant.to_string()),
                tenant.display_name,
                request.app.id,
                request.app.name
            ),
        )),
    }
}
