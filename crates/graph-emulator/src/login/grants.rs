//! The three grants: authorization code, refresh token, client credentials; here is what they share.
//! Each decides what a proven client gets; none reads HTTP.

mod client_credentials;
mod code;
mod refresh;

use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) use client_credentials::client_credentials;
pub(super) use code::code;
use jiff::{SignedDuration, Timestamp};
pub(super) use refresh::refresh;

use super::apps::{App, wanted};
use super::authority::Authority;
use super::context::{Context, Parameters};
use super::errors::LoginError;
use super::keys::KeyError;
use super::scopes::Scopes;
use super::token::Issued;
use super::tokens::{Access, SignIn};
use super::{Login, TenantInfo, UserInfo, id_token};

/// A token request of a proven client.
pub(super) struct Request<'a> {
    pub login: &'a Login,
    pub cx: &'a Context,
    pub app: &'a Arc<App>,
    pub authority: &'a Authority,
    pub form: &'a Parameters,
    /// The scope asked for; a v1 `resource` is here as its `.default`.
    pub scope: Option<&'a str>,
}

impl Request<'_> {
    fn now(&self) -> Timestamp {
        self.login.principals().now()
    }

    /// Token lives are spread evenly from 60 to 90 minutes, as the service spreads them.
    fn lifetime(&self) -> i64 {
        let mut bytes = [0; 4];
        self.login.principals().random(&mut bytes);
        3600 + i64::from(u32::from_le_bytes(bytes) % 1801)
    }

    fn check_policy(&self, tenant: &TenantInfo) -> Result<(), LoginError> {
        let fault = self
            .login
            .state()
            .conditional_access
            .get(&(tenant.id, self.app.id))
            .copied();
        fault.map_or(Ok(()), |code| Err(LoginError::standard(code)))
    }
}

fn tenant_of(request: &Request<'_>, sign_in: &SignIn) -> Result<TenantInfo, LoginError> {
    match request.authority.tenant() {
        Some(tenant) => Ok(tenant.clone()),
        None => {
            match Authority::resolve(request.login.principals(), &sign_in.tenant_id.to_string())? {
                Authority::Tenant(tenant) => Ok(tenant),
                Authority::Any(_) | Authority::Consumers => Err(expired()),
            }
        }
    }
}

fn expired() -> LoginError {
    LoginError::new(
        70008,
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
    )
}

/// Delegated permissions consented to, if they hold all that is asked for.
fn granted(
    request: &Request<'_>,
    tenant: &TenantInfo,
    user: &UserInfo,
    asked: &Scopes,
) -> Result<BTreeSet<String>, LoginError> {
    let granted = {
        let state = request.login.state();
        let consent = state
            .apps
            .consent(tenant.id, request.app.id)
            .filter(|consent| consent.covers(user.id));
        consent.map(|consent| consent.granted(user.id))
    };
    let missing = |granted: &BTreeSet<String>| {
        !asked.default && !wanted(request.app, asked).is_subset(granted)
    };
    granted.filter(|granted| !missing(granted)).ok_or_else(|| {
        LoginError::new(
            65001,
            format!(
                "The user or administrator has not consented to use the application with ID '{}' named '{}'. Send an interactive authorization request for this user and resource.",
                request.app.id, request.app.name
            ),
        )
    })
}

struct PersonGrant<'a> {
    tenant: &'a TenantInfo,
    user: &'a UserInfo,
    sign_in: &'a SignIn,
    number: u32,
    asked: &'a Scopes,
    nonce: Option<&'a str>,
}

fn issue(
    request: &Request<'_>,
    person: &PersonGrant<'_>,
    mut granted: BTreeSet<String>,
) -> Result<Issued, LoginError> {
    granted.extend(person.sign_in.scopes.openid.iter().cloned());
    let now = request.now();
    let expires_in = request.lifetime();
    let scope = person.asked.granted_text(&granted);
    let openid = person.asked.has("openid") || person.sign_in.scopes.has("openid");
    let claims = openid.then(|| {
        id_token::claims(
            request.login,
            request.cx,
            &id_token::Subject {
                app_id: request.app.id,
                tenant: person.tenant,
                user: person.user,
                sign_in: person.sign_in,
                nonce: person.nonce,
            },
        )
    });
    let access = Access {
        tenant_id: person.tenant.id,
        app_id: request.app.id,
        user_id: Some(person.user.id),
        is_admin: person.sign_in.is_admin && person.tenant.id == person.sign_in.home.0,
        permissions: granted,
    };
    let unsigned = |error: KeyError| LoginError::new(90033, error.to_string());
    let offline = person.sign_in.scopes.has("offline_access");
    let (access_token, refresh_token, key) = {
        let mut state = request.login.state();
        let expires_at = now + SignedDuration::from_secs(expires_in);
        let access_token = state.tokens.issue_access(access, expires_at);
        let refresh_token = offline.then(|| state.tokens.issue_refresh(person.number, now));
        let key = claims.is_some().then(|| state.keys.current()).transpose();
        (access_token, refresh_token, key.map_err(unsigned)?)
    };
    // Signing is slow; nobody else waits for it.
    let id_token = key
        .zip(claims)
        .map(|(key, claims)| key.sign(claims))
        .transpose();
    let id_token = id_token.map_err(unsigned)?;
    Ok(Issued {
        access_token,
        scope,
        expires_in,
        refresh_token,
        id_token,
    })
}
