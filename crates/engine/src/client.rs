//! One Graph client for each connection, and where it keeps rotated tokens.

use std::sync::{Arc, PoisonError};

use futures::future::BoxFuture;
use graph::{
    Application, ClientCertificate, ClientOptions, Credential, GraphClient, TokenSource,
    TokenVault, VaultError,
};
use provisioning::ids::ConnectionId;
use secrecy::{ExposeSecret, SecretString};
use store::connections::{Auth, Connection, CredentialKind};
use store::secrets;

use crate::engine::Engine;
use crate::error::{Class, EngineError, Result};

/// Names of a connection's secrets.
pub(crate) const APPLICATION_KEY: &str = "application_key";
pub(crate) const CERTIFICATE: &str = "certificate";
pub(crate) const REFRESH_TOKEN: &str = "refresh_token";

impl Engine {
    /// The client of a connection that has its consent.
    pub(crate) async fn client(&self, connection: &Connection) -> Result<GraphClient> {
        let known = {
            let clients = self
                .0
                .clients
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            clients.get(&connection.id).cloned()
        };
        if let Some(client) = known {
            return Ok(client);
        }
        let tenant_id = connection.tenant_id.ok_or_else(not_connected)?;
        let source = match connection.configuration.auth {
            Auth::Application => TokenSource::Application,
            Auth::Delegated => TokenSource::Delegated {
                refresh_token: self
                    .secret_of(connection.id, REFRESH_TOKEN)
                    .await?
                    .ok_or_else(not_connected)?,
                vault: Arc::new(Vault {
                    // The client outlives the job it is made in.
                    engine: self.unheld(),
                    connection_id: connection.id,
                }),
            },
        };
        let client = GraphClient::new(
            self.0.environment.clone(),
            self.0.options.cloud.clone(),
            tenant_id.0,
            self.application(connection).await?,
            source,
            ClientOptions {
                budgets: self.0.budgets.clone(),
                ..ClientOptions::default()
            },
        );
        let mut clients = self
            .0
            .clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(clients.entry(connection.id).or_insert(client).clone())
    }

    /// Forgets the client: its credentials or its consent changed.
    pub(crate) fn forget_client(&self, id: ConnectionId) {
        let mut clients = self
            .0
            .clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        clients.remove(&id);
    }

    /// The application a connection signs in as.
    pub(crate) async fn application(&self, connection: &Connection) -> Result<Application> {
        let configuration = &connection.configuration;
        let id = configuration.application_id.parse().map_err(|_| {
            EngineError::invalid("application_id is not an id")
                .cure("Enter the Application (client) ID from the registration's overview.")
        })?;
        let credential = match configuration.credential {
            CredentialKind::Secret => {
                let key = self.secret_of(connection.id, APPLICATION_KEY).await?;
                Credential::Secret(key.ok_or_else(no_key)?)
            }
            CredentialKind::Certificate => {
                let pem = self.secret_of(connection.id, CERTIFICATE).await?;
                let pem = pem.ok_or_else(no_key)?;
                let certificate = ClientCertificate::from_pem(pem.expose_secret());
                Credential::Certificate(
                    certificate
                        .map_err(|error| EngineError::invalid(format!("certificate: {error}")))?,
                )
            }
        };
        Ok(Application { id, credential })
    }

    pub(crate) async fn secret_of(
        &self,
        id: ConnectionId,
        purpose: &str,
    ) -> Result<Option<SecretString>> {
        Ok(secrets::get(self.db(), self.sealer(), id.0, purpose).await?)
    }

    pub(crate) async fn keep_secret(
        &self,
        tx: &mut store::Tx,
        id: ConnectionId,
        purpose: &str,
        value: &SecretString,
    ) -> Result<()> {
        let random = |out: &mut [u8]| self.fill(out);
        let now = self.now();
        secrets::put(
            tx,
            self.sealer(),
            &random,
            self.new_id(),
            secrets::Place {
                connection_id: Some(id),
                owner: id.0,
                purpose,
            },
            value,
            now,
        )
        .await?;
        Ok(())
    }
}

fn not_connected() -> EngineError {
    EngineError::new(
        "not_connected",
        Class::Conflict,
        "the connection has no consent yet",
    )
    .cure("Press Azure Connect and sign in as an administrator of the tenant.")
}

fn no_key() -> EngineError {
    EngineError::new(
        "no_application_key",
        Class::Conflict,
        "the connection has no application key",
    )
    .cure("Enter the Application Key (the secret's Value), or a certificate.")
}

struct Vault {
    engine: Engine,
    connection_id: ConnectionId,
}

impl TokenVault for Vault {
    fn store<'a>(
        &'a self,
        refresh_token: &'a SecretString,
    ) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move {
            let keep = async {
                let mut tx = self.engine.begin().await?;
                let id = self.connection_id;
                self.engine
                    .keep_secret(&mut tx, id, REFRESH_TOKEN, refresh_token)
                    .await?;
                tx.commit().await?;
                Ok::<_, EngineError>(())
            };
            keep.await.map_err(VaultError::new)
        })
    }
}
