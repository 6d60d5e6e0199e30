//! The Microsoft identity platform: redeeming sign-ins, getting and refreshing
//! tokens.
//!
//! Does not know Graph, nor where tokens are kept.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::credential::Credential;
use crate::environment::{Environment, later};
use crate::error::{GraphError, Kind};
use crate::id_token::{self, Expected, IdClaims};
use crate::keys::KeyStore;
use crate::oauth::{self, Authority, AuthorizeOptions, AuthorizeRequest};
use crate::permission::{Permission, Scopes};
use crate::retry::RetryPolicy;
use crate::token_endpoint::{self, TokenAnswer};

/// An application registration.
#[derive(Debug, Clone, PartialEq)]
pub struct Application {
    /// The application (client) id.
    pub id: Uuid,
    /// Its proof.
    pub credential: Credential,
}

/// What came back from the sign-in page, and what was kept for it.
#[derive(Debug, Clone, Copy)]
pub struct Redemption<'a> {
    /// Where the sign-in was started. [`Authority::Tenant`] accepts people of
    /// that tenant only.
    pub authority: Authority,
    /// The code.
    pub code: &'a str,
    /// The redirect URL of the request.
    pub redirect_uri: &'a str,
    /// The verifier of the request.
    pub verifier: &'a SecretString,
    /// The nonce of the request.
    pub nonce: &'a str,
    /// The scopes of the request.
    pub scopes: &'a Scopes,
}

/// Tokens for Graph.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The access token: opaque.
    pub access_token: SecretString,
    /// When it runs out.
    pub expires: Timestamp,
    /// The newest refresh token; store it in place of the old one.
    pub refresh_token: Option<SecretString>,
    /// What was granted, when it was told.
    pub scope: Option<String>,
}

impl Tokens {
    /// Permissions of the product that were not granted. Empty when the answer
    /// does not tell.
    pub fn missing_permissions(&self) -> Vec<Permission> {
        let Some(scope) = &self.scope else {
            return Vec::new();
        };
        let is_missing = |permission: &Permission| !permission.is_in(scope);
        Permission::ALL.into_iter().filter(is_missing).collect()
    }
}

/// A redeemed sign-in.
#[derive(Debug, Clone)]
pub struct Redeemed {
    /// The tokens.
    pub tokens: Tokens,
    /// Who signed in, from the checked ID token.
    pub claims: IdClaims,
}

/// The identity platform of one cloud. Clones are cheap and share its keys.
#[derive(Clone)]
pub struct IdentityPlatform {
    environment: Environment,
    cloud: Cloud,
    retry: RetryPolicy,
    keys: Arc<KeyStore>,
}

impl IdentityPlatform {
    /// The platform at `cloud`'s sign-in host. It is impatient, since people
    /// wait for it.
    pub fn new(environment: Environment, cloud: Cloud) -> Self {
        let retry = RetryPolicy {
            max_tries: 4,
            longest_wait: Duration::from_secs(10),
            patience: Duration::from_secs(20),
            ..RetryPolicy::default()
        };
        Self {
            environment,
            cloud,
            retry,
            keys: Arc::default(),
        }
    }

    /// The same with another patience.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Where to send the browser for a sign-in.
    pub fn authorize(&self, options: &AuthorizeOptions) -> AuthorizeRequest {
        AuthorizeRequest::new(&self.environment, &self.cloud, options)
    }

    /// The page on which an administrator consents for the whole organization.
    /// Its answer can be forged: check it by a sign-in.
    pub fn admin_consent_url(
        &self,
        authority: Authority,
        application_id: Uuid,
        redirect_uri: &str,
        state: &str,
    ) -> Url {
        oauth::admin_consent_url(&self.cloud, authority, application_id, redirect_uri, state)
    }

    /// Turns the code of a sign-in into tokens, and checks who signed in.
    ///
    /// # Errors
    /// Those of the token endpoint; [`Kind::IdTokenInvalid`];
    /// [`Kind::WrongTenant`] when the sign-in was to another tenant.
    pub async fn redeem(
        &self,
        application: &Application,
        redemption: Redemption<'_>,
    ) -> Result<Redeemed, GraphError> {
        const DOING: &str = "redeeming the sign-in";
        let scope = redemption.scopes.parameter();
        let segment = redemption.authority.segment();
        let answer = self
            .ask(
                application,
                &segment,
                &[
                    ("grant_type", "authorization_code"),
                    ("code", redemption.code),
                    ("redirect_uri", redemption.redirect_uri),
                    ("code_verifier", redemption.verifier.expose_secret()),
                    ("scope", &scope),
                ],
                DOING,
            )
            .await?;
        let id_token = answer.id_token.clone().ok_or_else(|| {
            let what = "missing field `id_token`".to_owned();
            GraphError::new(Kind::Malformed { what }, DOING)
        })?;
        let claims = self
            .claims(application, &id_token.into(), &redemption)
            .await?;
        Ok(Redeemed {
            tokens: self.tokens(answer, DOING)?,
            claims,
        })
    }

    /// New tokens for a refresh token. Store the new refresh token.
    ///
    /// # Errors
    /// [`Kind::NeedsReconnect`] when it is of no use any more, and the rest of
    /// the token endpoint's.
    pub async fn refresh(
        &self,
        application: &Application,
        tenant_id: Uuid,
        refresh_token: &SecretString,
        scopes: &Scopes,
    ) -> Result<Tokens, GraphError> {
        const DOING: &str = "refreshing the access token";
        let scope = scopes.parameter();
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose_secret()),
            ("scope", &scope),
        ];
        let answer = self
            .ask(application, &tenant_id.to_string(), &form, DOING)
            .await?;
        self.tokens(answer, DOING)
    }

    /// Tokens for the application itself, with the permissions an
    /// administrator has granted to it.
    ///
    /// # Errors
    /// Those of the token endpoint.
    pub async fn client_credentials(
        &self,
        application: &Application,
        tenant_id: Uuid,
    ) -> Result<Tokens, GraphError> {
        const DOING: &str = "getting an access token for the application";
        let scope = format!("{}/.default", self.cloud.resource());
        let form = [("grant_type", "client_credentials"), ("scope", &scope)];
        let answer = self
            .ask(application, &tenant_id.to_string(), &form, DOING)
            .await?;
        self.tokens(answer, DOING)
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    pub(crate) fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    pub(crate) fn retry_policy(&self) -> &RetryPolicy {
        &self.retry
    }

    async fn ask(
        &self,
        application: &Application,
        authority: &str,
        fields: &[(&str, &str)],
        doing: &str,
    ) -> Result<TokenAnswer, GraphError> {
        let endpoint = self.cloud.login(&format!("{authority}/oauth2/v2.0/token"));
        let client_id = application.id.to_string();
        let proof = application
            .credential
            .form(&self.environment, application.id, &endpoint)
            .map_err(|error| GraphError::new(Kind::WrongSecret, doing).with_source(error))?;
        let mut form = vec![("client_id", client_id.as_str())];
        form.extend_from_slice(fields);
        form.extend(
            proof
                .iter()
                .map(|(name, value)| (*name, value.expose_secret())),
        );
        token_endpoint::post(&self.environment, &self.retry, &endpoint, &form, doing).await
    }

    fn tokens(&self, answer: TokenAnswer, doing: &str) -> Result<Tokens, GraphError> {
        let lifetime = answer.expires_in.duration().ok_or_else(|| {
            let what = "`expires_in` is not a number".to_owned();
            GraphError::new(Kind::Malformed { what }, doing)
        })?;
        Ok(Tokens {
            access_token: answer.access_token.into(),
            expires: later(self.environment.now(), lifetime),
            refresh_token: answer.refresh_token.map(SecretString::from),
            scope: answer.scope,
        })
    }

    async fn claims(
        &self,
        application: &Application,
        id_token: &SecretString,
        redemption: &Redemption<'_>,
    ) -> Result<IdClaims, GraphError> {
        const DOING: &str = "checking the ID token";
        let fail = |kind| GraphError::new(kind, DOING);
        let segment = redemption.authority.segment();
        let discovery = self.discover(&segment, DOING).await?;
        let key_id = id_token::key_id(id_token).map_err(fail)?;
        let key = self
            .keys
            .find(&self.environment, &self.retry, &discovery.jwks_uri, &key_id)
            .await?
            .ok_or_else(|| {
                fail(Kind::IdTokenInvalid {
                    reason: "an unknown key signed it",
                })
            })?;
        let tenant_id = match redemption.authority {
            Authority::Organizations => None,
            Authority::Tenant(id) => Some(id),
        };
        let expected = Expected {
            application_id: application.id,
            issuer: &discovery.issuer,
            nonce: redemption.nonce,
            tenant_id,
            now: self.environment.now(),
        };
        id_token::verify(id_token, &key, &expected).map_err(fail)
    }
}

impl std::fmt::Debug for IdentityPlatform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityPlatform")
            .field("cloud", &self.cloud.name())
            .finish_non_exhaustive()
    }
}

/// What `error` and `error_description` on the callback address mean.
pub fn callback_error(error: &str, description: Option<&str>) -> GraphError {
    token_endpoint::oauth_error(error, None, description, "signing in at Microsoft")
}

#[cfg(test)]
mod tests;
