//! The OAuth code flow: out to Microsoft and back, for connecting a tenant and
//! for signing people in.
//!
//! The state is ours, hashed, of one use, short-lived and bound to the browser
//! that started. The tenant is taken from the validated ID token, never from
//! the query.

use std::time::Duration;

use graph::environment::later;
use graph::{Authority, AuthorizeOptions, Prompt, Redeemed, Redemption, Scopes};
use provisioning::ids::{ConnectionId, ObjectId, TenantId};
use provisioning::link::LinkRole;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use store::connections::{Auth, Connection, ConnectionStatus, Consent, Health};
use store::journal::Origin;
use store::oauth_states::{self, NewState};
use store::{connections, jobs, links, records};
use subtle::ConstantTimeEq;
use url::Url;

use crate::acts::About;
use crate::client::REFRESH_TOKEN;
use crate::engine::{Engine, digest};
use crate::error::{Class, EngineError, Result};
use crate::model::{Actor, CallbackOutcome, CallbackQuery};
use crate::run::{SYNC_JOB, healthy};

const STATE_LIFE: Duration = Duration::from_secs(600);
const SEAL: &str = "oauth_state";

/// What must come back with the state.
#[derive(Serialize, Deserialize)]
struct Payload {
    verifier: String,
    nonce: String,
    return_to: Option<String>,
}

impl Engine {
    /// Starts connecting: the address to send the browser to. `binding` is a
    /// random value the caller sets as a cookie on that browser.
    pub async fn connect(&self, id: ConnectionId, binding: &str) -> Result<Url> {
        let connection = self.connection(id).await?;
        if connection.configuration.auth == Auth::Application {
            self.connect_application(id).await?;
            return Ok(self.options().public_url.clone());
        }
        let authority = connection
            .tenant_id
            .map_or(Authority::Organizations, |tenant| {
                Authority::Tenant(tenant.0)
            });
        let url = self
            .authorize(
                &connection,
                authority,
                Scopes::connection(),
                Some(Prompt::Consent),
                "connect",
                binding,
                None,
            )
            .await?;
        let now = self.now();
        let mut tx = self.begin().await?;
        let health = Health {
            reason: Some("Microsoft has not sent the administrator back yet".to_owned()),
            cure: Some(format!(
                "Press Azure Connect again and sign in as an administrator of the tenant: \
                 Microsoft's page `Need admin approval` means that the account is none. If it \
                 showed AADSTS50011, first add {} as a redirect URI of type Web to the \
                 application registration.",
                self.redirect_uri()
            )),
            ..healthy(ConnectionStatus::Connecting)
        };
        if connection.consent.is_none() {
            connections::set_status(&mut tx, id, &health, now).await?;
        }
        tx.commit().await?;
        Ok(url)
    }

    /// Starts signing somebody in with Microsoft.
    pub async fn sign_in_url(&self, binding: &str, return_to: &str) -> Result<Url> {
        let all = connections::list(self.db()).await?;
        let connection = all
            .into_iter()
            .find(|c| c.consent.is_some())
            .ok_or_else(|| {
                EngineError::new(
                    "not_connected",
                    Class::Conflict,
                    "no tenant is connected yet",
                )
                .cure("Sign in with username and password.")
            })?;
        let scopes = Scopes::sign_in();
        let authority = Authority::Organizations;
        self.authorize(
            &connection,
            authority,
            scopes,
            None,
            "sign_in",
            binding,
            Some(return_to),
        )
        .await
    }

    #[allow(clippy::too_many_arguments)] // one caller for each purpose
    async fn authorize(
        &self,
        connection: &Connection,
        authority: Authority,
        scopes: Scopes,
        prompt: Option<Prompt>,
        purpose: &str,
        binding: &str,
        return_to: Option<&str>,
    ) -> Result<Url> {
        let application = self.application(connection).await?;
        let request = self.platform().authorize(&AuthorizeOptions {
            authority,
            application_id: application.id,
            redirect_uri: self.redirect_uri(),
            scopes,
            prompt,
            login_hint: None,
        });
        let payload = Payload {
            verifier: request.verifier.expose_secret().to_owned(),
            nonce: request.nonce.clone(),
            return_to: return_to.map(str::to_owned),
        };
        let plain = serde_json::to_vec(&payload).unwrap_or_default();
        let state_hash = digest(&request.state);
        let random = |out: &mut [u8]| self.fill(out);
        let sealed = self.sealer().seal(&random, SEAL, &state_hash, &plain)?;
        let now = self.now();
        let state = NewState {
            state_hash,
            connection_id: Some(connection.id),
            purpose: purpose.to_owned(),
            binding_hash: digest(binding),
            payload: sealed,
            created_at: now,
            expires_at: later(now, STATE_LIFE),
        };
        let mut tx = self.begin().await?;
        oauth_states::put(&mut tx, &state).await?;
        tx.commit().await?;
        Ok(request.url)
    }

    /// What Microsoft sent back.
    pub async fn callback(
        &self,
        query: CallbackQuery,
        binding: Option<&str>,
    ) -> Result<CallbackOutcome> {
        let state = query.state.as_deref().ok_or_else(unknown_state)?;
        let state_hash = digest(state);
        let mut tx = self.begin().await?;
        let kept = oauth_states::take(&mut tx, &state_hash, self.now()).await?;
        tx.commit().await?;
        let kept = kept.ok_or_else(unknown_state)?;
        let bound = binding.map(digest).unwrap_or_default();
        if !bool::from(bound.as_slice().ct_eq(kept.binding_hash.as_slice())) {
            return Err(EngineError::new(
                "other_browser",
                Class::Forbidden,
                "this sign-in was started in another browser",
            )
            .cure("Start again in the browser you want to sign in with."));
        }
        let connection_id = kept.connection_id.ok_or_else(unknown_state)?;
        let connection = self.connection(connection_id).await?;
        if let Some(error) = &query.error {
            let error = graph::identity::callback_error(error, query.error_description.as_deref());
            return Err(self.back_to_waiting(&connection, error.into()).await?);
        }
        let plain = self.sealer().open(SEAL, &state_hash, &kept.payload)?;
        let payload: Payload =
            serde_json::from_slice(plain.expose_secret()).map_err(|_| unknown_state())?;
        let code = query.code.as_deref().ok_or_else(unknown_state)?;
        if kept.purpose == "sign_in" {
            return self.finish_sign_in(&connection, code, payload).await;
        }
        match self.finish_connect(&connection, code, payload).await {
            Ok(outcome) => Ok(outcome),
            Err(error) => Err(self.back_to_waiting(&connection, error).await?),
        }
    }

    async fn redeem(
        &self,
        connection: &Connection,
        authority: Authority,
        scopes: &Scopes,
        code: &str,
        payload: &Payload,
    ) -> Result<Redeemed> {
        let application = self.application(connection).await?;
        let verifier = SecretString::from(payload.verifier.clone());
        let redirect_uri = self.redirect_uri();
        let redemption = Redemption {
            authority,
            code,
            redirect_uri: &redirect_uri,
            verifier: &verifier,
            nonce: &payload.nonce,
            scopes,
        };
        Ok(self.platform().redeem(&application, redemption).await?)
    }

    async fn finish_connect(
        &self,
        connection: &Connection,
        code: &str,
        payload: Payload,
    ) -> Result<CallbackOutcome> {
        let authority = connection
            .tenant_id
            .map_or(Authority::Organizations, |tenant| {
                Authority::Tenant(tenant.0)
            });
        let scopes = Scopes::connection();
        let redeemed = self
            .redeem(connection, authority, &scopes, code, &payload)
            .await?;
        if let Some(missing) = redeemed.tokens.missing_permissions().first() {
            return Err(EngineError::new(
                "permission_missing",
                Class::Upstream,
                format!("the permission {} was not granted", missing.name()),
            )
            .cure("Add the permission to the application registration, grant admin consent, and press Azure Connect again."));
        }
        let refresh = redeemed.tokens.refresh_token.ok_or_else(|| {
            EngineError::new(
                "no_refresh_token",
                Class::Upstream,
                "Microsoft gave no refresh token",
            )
            .cure("Grant the permission offline_access, and press Azure Connect again.")
        })?;
        let id = connection.id;
        let tenant_id = TenantId(redeemed.claims.tenant_id);
        let mut tx = self.begin().await?;
        self.keep_secret(&mut tx, id, REFRESH_TOKEN, &refresh)
            .await?;
        tx.commit().await?;
        self.forget_client(id);
        let mut connection = self.connection(id).await?;
        connection.tenant_id = Some(tenant_id);
        let organization = self.client(&connection).await?.organization().await?;
        self.learn_tenant(id, &organization).await?;
        let who = Consent {
            at: self.now(),
            by: redeemed.claims.preferred_username.clone(),
            object_id: Some(ObjectId(redeemed.claims.object_id)),
        };
        self.now_connected(id, Some(who)).await?;
        Ok(CallbackOutcome::Connected(id))
    }

    /// Writes that the connection works, and queues its first work.
    pub(crate) async fn now_connected(&self, id: ConnectionId, who: Option<Consent>) -> Result<()> {
        let now = self.now();
        let consent = who.unwrap_or(Consent {
            at: now,
            by: None,
            object_id: None,
        });
        let mut tx = self.begin().await?;
        connections::set_consent(&mut tx, id, &consent, now).await?;
        let by = Actor {
            origin: Origin::User,
            name: consent.by.clone().unwrap_or_default(),
        };
        let about = About {
            connection: Some(id),
            body: serde_json::json!({ "object_id": consent.object_id }),
            ..About::default()
        };
        self.note(&mut tx, &by, "connection_consented", about)
            .await?;
        let health = healthy(ConnectionStatus::Connected);
        connections::set_status(&mut tx, id, &health, now).await?;
        jobs::enqueue(&mut tx, SYNC_JOB, &id.to_string(), Some(id), now, now).await?;
        tx.commit().await?;
        self.0.wake.notify_one();
        Ok(())
    }

    /// Nothing came of it: why stands at the connection until something does.
    /// Gives the error back, with the connection it is about.
    async fn back_to_waiting(
        &self,
        connection: &Connection,
        error: EngineError,
    ) -> Result<EngineError> {
        if connection.consent.is_none() {
            let health = store::connections::Health {
                code: Some(error.code.to_owned()),
                reason: Some(error.message.clone()),
                cure: error.cure.clone(),
                ..healthy(ConnectionStatus::AwaitingConsent)
            };
            let mut tx = self.begin().await?;
            connections::set_status(&mut tx, connection.id, &health, self.now()).await?;
            tx.commit().await?;
        }
        Ok(error.detail(serde_json::json!({ "connection_id": connection.id.to_string() })))
    }

    /// A person is known by (tenant id, object id), never by email. Only the
    /// account that a record is made from opens it: a secondary identity lives
    /// in somebody else's tenant, whose administrators could make one, or give
    /// it another password.
    async fn finish_sign_in(
        &self,
        connection: &Connection,
        code: &str,
        payload: Payload,
    ) -> Result<CallbackOutcome> {
        let scopes = Scopes::sign_in();
        let authority = Authority::Organizations;
        let redeemed = self
            .redeem(connection, authority, &scopes, code, &payload)
            .await?;
        let tenant_id = TenantId(redeemed.claims.tenant_id);
        let object_id = ObjectId(redeemed.claims.object_id);
        let refused = || {
            EngineError::new("no_access", Class::Forbidden, "you have no access here")
                .cure("Ask your administrator to add you to a group that has access.")
        };
        let found = links::get(self.db(), tenant_id, &[object_id]).await?;
        let link = found.into_iter().next().ok_or_else(refused)?;
        if link.link.role != LinkRole::Primary {
            return Err(EngineError::new(
                "secondary_identity",
                Class::Forbidden,
                "this account is a guest, or a second account, of somebody known here by another one",
            )
            .cure("Sign in with the account of your own organisation."));
        }
        let rows = records::get(self.db(), &[link.link.record_id]).await?;
        let record = rows.into_iter().next().ok_or_else(refused)?.record;
        if !record.access || record.status != provisioning::psa::Status::Active {
            return Err(refused());
        }
        let mut tx = self.begin().await?;
        records::signed_in(&mut tx, record.id, self.now()).await?;
        tx.commit().await?;
        Ok(CallbackOutcome::SignedIn {
            record: record.id,
            tenant_id,
            object_id,
            return_to: payload.return_to.unwrap_or_else(|| "/".to_owned()),
        })
    }
}

fn unknown_state() -> EngineError {
    EngineError::new(
        "unknown_state",
        Class::Invalid,
        "this sign-in is not one that was started here, was used already, or took too long",
    )
    .cure("Start again.")
}
