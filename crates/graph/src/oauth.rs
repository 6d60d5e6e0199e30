//! The authorization request: where the browser is sent to sign in.
//!
//! Knows addresses; sends nothing.
//! Sources: RFC 6749 section 4.1, RFC 7636 (PKCE), OpenID Connect Core 3.1.2.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::environment::Environment;
use crate::permission::Scopes;

/// Whose sign-in page is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Authority {
    /// Any work or school account; the ID token tells the tenant.
    Organizations,
    /// One tenant, so that guests and administrators of many cannot stray.
    Tenant(Uuid),
}

impl Authority {
    /// The path segment.
    pub(crate) fn segment(self) -> String {
        match self {
            Self::Organizations => "organizations".to_owned(),
            Self::Tenant(id) => id.to_string(),
        }
    }
}

/// What the sign-in page insists on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prompt {
    /// Shows the permissions again; an administrator can accept for everybody.
    Consent,
    /// Lets the person choose an account.
    SelectAccount,
    /// Asks for the password again.
    Login,
    /// Shows nothing, and fails when it would have to.
    None,
}

impl Prompt {
    fn name(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
            Self::Login => "login",
            Self::None => "none",
        }
    }
}

/// What an authorization request is made of.
#[derive(Debug, Clone)]
pub struct AuthorizeOptions {
    /// Whose sign-in page.
    pub authority: Authority,
    /// The application (client) id.
    pub application_id: Uuid,
    /// Registered exactly so, letter case included.
    pub redirect_uri: String,
    /// What is asked for.
    pub scopes: Scopes,
    /// What the page insists on.
    pub prompt: Option<Prompt>,
    /// The account to sign in with.
    pub login_hint: Option<String>,
}

/// An authorization request. Keep `state`, `nonce` and `verifier` on the
/// server, bound to the browser, and send the browser to `url`.
#[derive(Debug, Clone)]
pub struct AuthorizeRequest {
    /// Where to send the browser.
    pub url: Url,
    /// Comes back unchanged: 256 random bits.
    pub state: String,
    /// Comes back inside the ID token.
    pub nonce: String,
    /// The PKCE verifier, shown only to the token endpoint.
    pub verifier: SecretString,
}

impl AuthorizeRequest {
    pub(crate) fn new(
        environment: &Environment,
        cloud: &Cloud,
        options: &AuthorizeOptions,
    ) -> Self {
        let (state, nonce) = (environment.token(), environment.token());
        let verifier = SecretString::from(environment.token());
        let challenge = challenge(&verifier);
        let path = format!("{}/oauth2/v2.0/authorize", options.authority.segment());
        let mut url = address(&cloud.login(&path));
        url.query_pairs_mut()
            .append_pair("client_id", &options.application_id.to_string())
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", &options.redirect_uri)
            .append_pair("response_mode", "query")
            .append_pair("scope", &options.scopes.parameter())
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if let Some(prompt) = options.prompt {
            url.query_pairs_mut().append_pair("prompt", prompt.name());
        }
        if let Some(hint) = &options.login_hint {
            url.query_pairs_mut().append_pair("login_hint", hint);
        }
        Self {
            url,
            state,
            nonce,
            verifier,
        }
    }
}

/// The page on which an administrator consents for the whole organization.
/// What comes back is a hint only: `tenant` in it can be forged.
pub(crate) fn admin_consent_url(
    cloud: &Cloud,
    authority: Authority,
    application_id: Uuid,
    redirect_uri: &str,
    state: &str,
) -> Url {
    let path = format!("{}/v2.0/adminconsent", authority.segment());
    let mut url = address(&cloud.login(&path));
    url.query_pairs_mut()
        .append_pair("client_id", &application_id.to_string())
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("state", state)
        .append_pair("scope", &Scopes::connection().graph_parameter());
    url
}

/// RFC 7636 section 4.2, method S256.
fn challenge(verifier: &SecretString) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose_secret().as_bytes()))
}

fn address(text: &str) -> Url {
    Url::parse(text).expect("a cloud's address that parsed still parses with a path appended")
}

#[cfg(test)]
mod tests;
