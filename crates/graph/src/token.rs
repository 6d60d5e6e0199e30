//! The access token of one client: got once for all that wait for it, renewed
//! in time, and the rotated refresh token put away safely.
//!
//! Does not know where refresh tokens are stored.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::environment::later;
use crate::error::{GraphError, Kind};
use crate::identity::{Application, IdentityPlatform, Tokens};
use crate::permission::Scopes;

/// A failed attempt answers everybody for this long: a loop of identical token
/// requests would be answered with AADSTS50196.
const FAILURE_HOLDS: Duration = Duration::from_secs(10);
/// Renewed this long before it runs out.
const MARGIN: Duration = Duration::from_secs(300);

/// Why a refresh token could not be stored.
#[derive(Debug, thiserror::Error)]
#[error("the refresh token could not be stored")]
pub struct VaultError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl VaultError {
    /// The failure with its cause.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// Where the caller keeps the refresh token of a connection.
pub trait TokenVault: Send + Sync + 'static {
    /// Replaces the stored token by this newer one, for good, before returning.
    fn store<'a>(
        &'a self,
        refresh_token: &'a SecretString,
    ) -> BoxFuture<'a, Result<(), VaultError>>;
}

/// How a client gets its tokens.
#[derive(Clone)]
pub enum TokenSource {
    /// On behalf of the person who connected.
    Delegated {
        /// The newest stored refresh token.
        refresh_token: SecretString,
        /// Where its successors go.
        vault: Arc<dyn TokenVault>,
    },
    /// As the application itself.
    Application,
}

impl std::fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Delegated { .. } => "Delegated",
            Self::Application => "Application",
        })
    }
}

/// An access token, and which of the client's it is.
#[derive(Clone)]
pub(crate) struct AccessToken {
    pub(crate) secret: SecretString,
    generation: u64,
}

pub(crate) struct TokenCache {
    platform: IdentityPlatform,
    application: Application,
    tenant_id: Uuid,
    scopes: Scopes,
    // Held while a token is got, so that one request serves all who wait.
    state: Mutex<State>,
}

struct State {
    source: TokenSource,
    /// The refresh token differs from the stored one.
    is_unsaved: bool,
    generation: u64,
    current: Option<Current>,
    failure: Option<(Timestamp, GraphError)>,
}

struct Current {
    token: AccessToken,
    use_until: Timestamp,
    scope: Option<String>,
}

impl TokenCache {
    pub(crate) fn new(
        platform: IdentityPlatform,
        application: Application,
        tenant_id: Uuid,
        source: TokenSource,
    ) -> Self {
        Self {
            platform,
            application,
            tenant_id,
            scopes: Scopes::connection(),
            state: Mutex::new(State {
                source,
                is_unsaved: false,
                generation: 0,
                current: None,
                failure: None,
            }),
        }
    }

    /// A token that is good for some minutes.
    pub(crate) async fn get(&self) -> Result<AccessToken, GraphError> {
        let mut state = self.state.lock().await;
        let now = self.platform.environment().now();
        if let Some((until, error)) = &state.failure {
            if now < *until {
                return Err(error.clone());
            }
            state.failure = None;
        }
        let is_good = state
            .current
            .as_ref()
            .is_some_and(|held| now < held.use_until);
        let result = if is_good {
            state.save().await
        } else {
            self.renew(&mut state).await
        };
        if let Err(error) = &result {
            // The time may have passed while the attempt went on.
            let now = self.platform.environment().now();
            state.failure = Some((later(now, FAILURE_HOLDS), error.clone()));
        }
        result?;
        let held = state.current.as_ref();
        held.map(|held| held.token.clone())
            .ok_or_else(|| GraphError::new(Kind::Transient, "getting an access token"))
    }

    /// Forgets a token Graph refused, unless a newer one is held already.
    pub(crate) async fn discard(&self, refused: &AccessToken) {
        let mut state = self.state.lock().await;
        let generation = state.current.as_ref().map(|held| held.token.generation);
        if generation == Some(refused.generation) {
            state.current = None;
        }
    }

    pub(crate) async fn granted(&self) -> Option<String> {
        self.state.lock().await.current.as_ref()?.scope.clone()
    }

    async fn renew(&self, state: &mut State) -> Result<(), GraphError> {
        let started = self.platform.environment().now();
        let tokens = match &state.source {
            TokenSource::Delegated { refresh_token, .. } => {
                self.platform
                    .refresh(
                        &self.application,
                        self.tenant_id,
                        refresh_token,
                        &self.scopes,
                    )
                    .await?
            }
            TokenSource::Application => {
                self.platform
                    .client_credentials(&self.application, self.tenant_id)
                    .await?
            }
        };
        state.keep(tokens, started);
        state.save().await
    }
}

impl State {
    fn keep(&mut self, tokens: Tokens, started: Timestamp) {
        if let TokenSource::Delegated { refresh_token, .. } = &mut self.source
            && let Some(newer) = tokens.refresh_token
        {
            *refresh_token = newer;
            self.is_unsaved = true;
        }
        let lifetime = tokens.expires.duration_since(started);
        let lifetime = Duration::try_from(lifetime).unwrap_or_default();
        self.generation += 1;
        self.current = Some(Current {
            token: AccessToken {
                secret: tokens.access_token,
                generation: self.generation,
            },
            use_until: later(started, lifetime - MARGIN.min(lifetime / 2)),
            scope: tokens.scope,
        });
    }

    /// Puts the newest refresh token away. What could not be stored is kept
    /// and tried again, and no work is done before it is safe.
    async fn save(&mut self) -> Result<(), GraphError> {
        let TokenSource::Delegated {
            refresh_token,
            vault,
        } = &self.source
        else {
            return Ok(());
        };
        if self.is_unsaved {
            vault.store(refresh_token).await.map_err(|error| {
                GraphError::new(Kind::TokenNotStored, "storing the refresh token")
                    .with_source(error)
            })?;
            self.is_unsaved = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
