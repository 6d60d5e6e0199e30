//! Connections: adding, changing, checking, pausing; looking up groups.

use graph::{CheckOptions, CheckOutcome, CheckSubject, IdentityPlatform};
use provisioning::ids::{ConnectionId, GroupId, TenantId};
use secrecy::SecretString;
use store::connections::{
    Auth, Configuration, Connection, ConnectionStatus, CredentialKind, Health, Tenant,
};
use store::{connections, mapping_rules};

use crate::acts::About;
use crate::client::{APPLICATION_KEY, CERTIFICATE};
use crate::engine::{Engine, Notifications};
use crate::error::{Class, EngineError, Result};
use crate::model::{Actor, CheckLine, ConnectionChange, GroupInfo, NewConnection};
use crate::run::healthy;

impl Engine {
    pub(crate) fn platform(&self) -> &IdentityPlatform {
        &self.0.platform
    }

    /// Adds a connection. The tenant must exist; a second connection to it is
    /// refused. An application connection is tried at once.
    pub async fn add_connection(&self, new: NewConnection, actor: &Actor) -> Result<Connection> {
        let tenant = new.tenant.trim();
        if tenant.is_empty() {
            return Err(EngineError::invalid("tenant is empty")
                .cure("Enter the tenant's domain name or its tenant ID."));
        }
        if new.application_key.is_none() && new.certificate.is_none() {
            return Err(EngineError::invalid("application_key is missing")
                .cure("Enter the Value of the client secret, or give a certificate."));
        }
        let tenant_id = TenantId(self.platform().tenant_id(tenant).await?);
        if connections::by_tenant(self.db(), tenant_id)
            .await?
            .is_some()
        {
            return Err(already_connected());
        }
        let is_first = self.connection_ids().await?.is_empty();
        let credential = match new.certificate {
            Some(_) => CredentialKind::Certificate,
            None => CredentialKind::Secret,
        };
        let configuration = Configuration {
            tenant_input: tenant.to_owned(),
            application_id: new.application_id.to_string(),
            auth: new.auth,
            credential,
            certificate_pem: None,
            provision_employees: new.provision_employees.unwrap_or(is_first),
            provision_contacts: new.provision_contacts.unwrap_or(true),
            email_source: new.email_source,
            on_disabled: new.on_disabled,
            auto_approve: new.auto_approve,
            limits: new.limits,
            settings: serde_json::json!({ "added_by": actor.name }),
            secret_expires_at: new.secret_expires_at,
        };
        let id = ConnectionId(self.new_id());
        let now = self.now();
        let mut tx = self.begin().await?;
        let health = healthy(ConnectionStatus::AwaitingConsent);
        connections::insert(&mut tx, id, &configuration, &health, now).await?;
        let tenant = Tenant {
            tenant_id,
            domain: Some(tenant.to_owned()).filter(|text| text.contains('.')),
            name: None,
            verified_domains: Vec::new(),
        };
        let set = connections::set_tenant(&mut tx, id, &tenant, now).await;
        set.map_err(|error| match error {
            error if error.is_conflict("connections_tenant_id") => already_connected(),
            error => error.into(),
        })?;
        self.keep_credentials(&mut tx, id, new.application_key, new.certificate)
            .await?;
        let about = About {
            connection: Some(id),
            body: serde_json::json!({
                "tenant_id": tenant_id, "settings": shown(&configuration),
            }),
            ..About::default()
        };
        self.note(&mut tx, actor, "connection_added", about).await?;
        tx.commit().await?;
        if configuration.auth == Auth::Application {
            let connected = self.connect_application(id).await;
            if let Err(error) = connected {
                let mut tx = self.begin().await?;
                connections::delete(&mut tx, id).await?;
                tx.commit().await?;
                return Err(error);
            }
        }
        self.connection(id).await
    }

    async fn keep_credentials(
        &self,
        tx: &mut store::Tx,
        id: ConnectionId,
        key: Option<SecretString>,
        certificate: Option<SecretString>,
    ) -> Result<()> {
        if let Some(key) = key {
            self.keep_secret(tx, id, APPLICATION_KEY, &key).await?;
        }
        if let Some(certificate) = certificate {
            self.keep_secret(tx, id, CERTIFICATE, &certificate).await?;
        }
        Ok(())
    }

    /// An application connection needs no person: its token is the proof. A new
    /// one, as the old does not know of permissions granted since.
    pub(crate) async fn connect_application(&self, id: ConnectionId) -> Result<()> {
        self.forget_client(id);
        let connection = self.connection(id).await?;
        let client = self.client(&connection).await?;
        let organization = client.organization().await?;
        self.learn_tenant(id, &organization).await?;
        self.now_connected(id, None).await
    }

    /// Adds a connection that must have its permissions already: an application
    /// connection that Microsoft refuses something is not kept.
    pub async fn add_proven_connection(
        &self,
        new: NewConnection,
        actor: &Actor,
    ) -> Result<Connection> {
        let connection = self.add_connection(new, actor).await?;
        if connection.configuration.auth == Auth::Delegated {
            return Ok(connection);
        }
        let client = self.client(&connection).await?;
        let lines = client.check(&CheckOptions::default()).await;
        // That nobody is to be seen yet is no refusal: it has no status.
        let failed = lines.into_iter().find_map(|line| match line.outcome {
            CheckOutcome::Failed(error) => Some(error).filter(|error| error.status().is_some()),
            CheckOutcome::Passed { .. } | CheckOutcome::Skipped { .. } => None,
        });
        let Some(error) = failed else {
            return Ok(connection);
        };
        self.forget_client(connection.id);
        let mut tx = self.begin().await?;
        connections::delete(&mut tx, connection.id).await?;
        tx.commit().await?;
        Err(error.into())
    }

    pub(crate) async fn learn_tenant(
        &self,
        id: ConnectionId,
        organization: &graph::Organization,
    ) -> Result<()> {
        let domains = &organization.verified_domains;
        let default = domains.iter().find(|domain| domain.is_default);
        let tenant = Tenant {
            tenant_id: TenantId(organization.tenant_id),
            domain: default
                .or(domains.first())
                .map(|domain| domain.name.clone()),
            name: organization.display_name.clone(),
            verified_domains: domains.iter().map(|domain| domain.name.clone()).collect(),
        };
        let mut tx = self.begin().await?;
        connections::set_tenant(&mut tx, id, &tenant, self.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Changes a connection's settings.
    pub async fn update_connection(
        &self,
        id: ConnectionId,
        change: ConnectionChange,
        expected_version: Option<i64>,
        actor: &Actor,
    ) -> Result<Connection> {
        let connection = self.connection(id).await?;
        let mut configuration = connection.configuration.clone();
        if let Some(application_id) = change.application_id {
            configuration.application_id = application_id.to_string();
        }
        configuration.auth = change.auth.unwrap_or(configuration.auth);
        configuration.provision_employees = change
            .provision_employees
            .unwrap_or(configuration.provision_employees);
        configuration.provision_contacts = change
            .provision_contacts
            .unwrap_or(configuration.provision_contacts);
        configuration.email_source = change.email_source.unwrap_or(configuration.email_source);
        configuration.on_disabled = change.on_disabled.unwrap_or(configuration.on_disabled);
        configuration.auto_approve = change.auto_approve.unwrap_or(configuration.auto_approve);
        configuration.secret_expires_at = change
            .secret_expires_at
            .unwrap_or(configuration.secret_expires_at);
        configuration.limits = change.limits.unwrap_or(configuration.limits);
        if change.certificate.is_some() {
            configuration.credential = CredentialKind::Certificate;
        } else if change.application_key.is_some() {
            configuration.credential = CredentialKind::Secret;
        }
        let mut tx = self.begin().await?;
        let version = expected_version.unwrap_or(connection.version);
        let about = About {
            connection: Some(id),
            body: serde_json::json!({
                "before": shown(&connection.configuration), "after": shown(&configuration),
                "new_key": change.application_key.is_some(),
                "new_certificate": change.certificate.is_some(),
            }),
            ..About::default()
        };
        connections::update(&mut tx, id, &configuration, version, self.now()).await?;
        self.keep_credentials(&mut tx, id, change.application_key, change.certificate)
            .await?;
        self.note(&mut tx, actor, "connection_changed", about)
            .await?;
        tx.commit().await?;
        self.forget_client(id);
        self.connection(id).await
    }

    /// Pauses or resumes a connection; nothing is lost meanwhile.
    pub async fn pause(&self, id: ConnectionId, paused: bool, actor: &Actor) -> Result<Connection> {
        let connection = self.connection(id).await?;
        let health = if paused {
            Health {
                status: ConnectionStatus::Paused,
                code: Some("paused".to_owned()),
                reason: Some(format!("Paused by {}.", actor.name)),
                cure: Some("Resume the connection.".to_owned()),
            }
        } else if connection.consent.is_some() {
            healthy(ConnectionStatus::Connected)
        } else {
            healthy(ConnectionStatus::AwaitingConsent)
        };
        let now = self.now();
        let mut tx = self.begin().await?;
        connections::set_status(&mut tx, id, &health, now).await?;
        let act = if paused {
            "connection_paused"
        } else {
            "connection_resumed"
        };
        let about = About {
            connection: Some(id),
            ..About::default()
        };
        self.note(&mut tx, actor, act, about).await?;
        let job = crate::run::SYNC_JOB;
        store::jobs::enqueue(&mut tx, job, &id.to_string(), Some(id), now, now).await?;
        tx.commit().await?;
        self.0.wake.notify_one();
        self.connection(id).await
    }

    /// The self-check, line by line, each failure with its cure.
    pub async fn check(&self, id: ConnectionId) -> Result<Vec<CheckLine>> {
        let connection = self.connection(id).await?;
        let client = self.client(&connection).await?;
        let rules = mapping_rules::of_connection(self.db(), id).await?;
        let mut groups: Vec<uuid::Uuid> = rules.iter().map(|row| row.rule.group_id.0).collect();
        groups.sort_unstable();
        groups.dedup();
        let options = CheckOptions {
            groups,
            notifications: self.trial_subscription(),
        };
        // Nobody asked for notifications by name: where they cannot reach us,
        // polling does the work, and the connection works.
        let polls_instead = self.options().notifications == Notifications::Auto;
        let lines = client.check(&options).await;
        Ok(lines
            .into_iter()
            .map(|line| {
                let works_without = line.subject == CheckSubject::Notifications && polls_instead;
                let (ok, detail, cure) = match line.outcome {
                    CheckOutcome::Passed { detail } => (Some(true), detail, None),
                    CheckOutcome::Failed(error) if works_without => {
                        let detail = format!("changes are found by polling: {error}");
                        (None, detail, Some(error.cure()))
                    }
                    CheckOutcome::Failed(error) => {
                        (Some(false), error.to_string(), Some(error.cure()))
                    }
                    CheckOutcome::Skipped { reason } => (None, reason, None),
                };
                CheckLine {
                    subject: line.subject.to_string(),
                    ok,
                    detail,
                    cure,
                }
            })
            .collect())
    }

    /// Groups of the tenant whose name contains the text, for the picker.
    pub async fn groups(&self, id: ConnectionId, search: Option<&str>) -> Result<Vec<GroupInfo>> {
        let connection = self.connection(id).await?;
        let client = self.client(&connection).await?;
        let search = search.map(str::trim).filter(|text| !text.is_empty());
        let page = client.groups_page(search, None).await?;
        Ok(page
            .groups
            .into_iter()
            .map(|group| GroupInfo {
                id: GroupId(group.id),
                name: group.display_name.into_value(),
                description: group.description.into_value(),
                created_at: group.created.into_value(),
                security_enabled: group.security_enabled.value() == Some(&true),
            })
            .collect())
    }
}

fn already_connected() -> EngineError {
    EngineError::new(
        "tenant_already_connected",
        Class::Conflict,
        "this tenant has a connection already",
    )
    .cure("Change the existing connection, or remove it first.")
}

/// Settings as the journal has them; certificate and key are kept elsewhere.
fn shown(settings: &Configuration) -> serde_json::Value {
    serde_json::json!({
        "application_id": settings.application_id, "auth": settings.auth,
        "credential": settings.credential,
        "provision_employees": settings.provision_employees,
        "provision_contacts": settings.provision_contacts,
        "email_source": settings.email_source, "on_disabled": settings.on_disabled,
        "auto_approve": settings.auto_approve, "limits": settings.limits,
        "secret_expires_at": settings.secret_expires_at,
    })
}
