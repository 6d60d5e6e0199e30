//! The authorization code grant (RFC 6749 4.1.3, PKCE of RFC 7636).
//! Knows what a code must match; what is issued is shared with the refresh grant.

use super::{PersonGrant, Request, expired, granted, issue, tenant_of};
use crate::login::accounts::usable;
use crate::login::errors::LoginError;
use crate::login::scopes::Scopes;
use crate::login::token::Issued;
use crate::login::tokens::{CODE_LIFE, Code};

/// Redeems an authorization code.
///
/// # Errors
/// 70000, 54005, 70008, 700005, 500112, 50148, 501481, and what stands between a person and a token.
pub(in crate::login) fn code(request: &Request<'_>) -> Result<Issued, LoginError> {
    let text = request.form.require("code")?;
    let redirect_uri = request.form.require("redirect_uri")?;
    let known = request.login.state().tokens.code(text).cloned();
    let code = known
        .filter(|code| code.sign_in.app_id == request.app.id)
        .ok_or_else(|| {
            LoginError::new(
                70000,
                "The provided value for the 'code' parameter is not valid.",
            )
        })?;
    check_code(request, &code, redirect_uri)?;
    let tenant = tenant_of(request, &code.sign_in)?;
    request.check_policy(&tenant)?;
    let user = request
        .login
        .principals()
        .user(tenant.id, &code.sign_in.user_id.to_string());
    let user = usable(user, &tenant.display_name)?;
    let asked = match request.scope {
        Some(text) => {
            let scopes = Scopes::parse(text, &request.cx.host)?;
            scopes.single_resource(text)?;
            scopes
        }
        None => code.sign_in.scopes.clone(),
    };
    let granted = granted(request, &tenant, &user, &asked)?;
    let sign_in = code.sign_in.clone();
    let number = {
        let mut state = request.login.state();
        match state.tokens.code(text) {
            Some(stored) if !stored.redeemed => stored.redeemed = true,
            _ => return Err(redeemed()),
        }
        state.tokens.add_sign_in(sign_in.clone())
    };
    let person = PersonGrant {
        tenant: &tenant,
        user: &user,
        sign_in: &sign_in,
        number,
        asked: &asked,
        nonce: code.nonce.as_deref(),
    };
    issue(request, &person, granted)
}

fn redeemed() -> LoginError {
    LoginError::new(
        54005,
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
    )
}

fn check_code(request: &Request<'_>, code: &Code, redirect_uri: &str) -> Result<(), LoginError> {
    if code.redeemed {
        return Err(redeemed());
    }
    if code.issued_at + CODE_LIFE <= request.now() {
        return Err(expired());
    }
    let same_authority = match request.authority.tenant() {
        Some(tenant) => code.alias.is_none() && tenant.id == code.sign_in.tenant_id,
        None => code.alias == request.authority.alias(),
    };
    if !same_authority {
        return Err(LoginError::new(
            700_005,
            "Provided Authorization Code is intended to use against other tenant, thus rejected.",
        ));
    }
    if redirect_uri != code.redirect_uri {
        return Err(LoginError::new(
            500_112,
            format!(
                "The reply address '{redirect_uri}' does not match the reply address '{}' provided when requesting Authorization code.",
                code.redirect_uri
            ),
        ));
    }
    match (&code.challenge, request.form.get("code_verifier")) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if challenge.accepts(verifier) => Ok(()),
        (Some(_), None) => Err(LoginError::new(
            50148,
            "The code_verifier does not match the code_challenge supplied in the authorization request for PKCE.",
        )),
        _ => Err(LoginError::new(
            501_481,
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
        )),
    }
}
