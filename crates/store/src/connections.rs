//! Connections: one tenant with its credentials, settings and health. The
//! credentials themselves are in [`crate::secrets`].

use std::collections::BTreeSet;

use jiff::Timestamp;
use provisioning::address::Domain;
use provisioning::ids::{ConnectionId, ObjectId, RunId, TenantId};
use provisioning::limits::Limits;
use provisioning::policy::{EmailSource, OnDisabled};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bulk::{Rows, Type};
use crate::db::{Source, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Arg, Row};
use crate::{args, cells, json};

/// On whose behalf the connector reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Of the administrator who consented.
    Delegated,
    /// Of the application.
    Application,
}

/// How the application proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// With a secret ("Application Key").
    Secret,
    /// With a certificate.
    Certificate,
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionStatus {
    /// Nobody has consented yet.
    AwaitingConsent,
    /// Consent was given, nothing was read yet.
    Connecting,
    /// Working.
    Connected,
    /// Credentials or consent are gone.
    NeedsReconnect,
    /// A run waits for a person.
    Held,
    /// Its answers are not to be believed.
    Quarantined,
    /// Switched off here.
    Paused,
}

/// What an administrator decides about a connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    /// The tenant as it was typed: domain or id.
    pub tenant_input: String,
    /// The application's (client) id.
    pub application_id: String,
    /// On whose behalf.
    pub auth: Auth,
    /// Secret or certificate.
    pub credential: CredentialKind,
    /// The certificate's public part.
    pub certificate_pem: Option<String>,
    /// Authority over employees.
    pub provision_employees: bool,
    /// Authority over contacts.
    pub provision_contacts: bool,
    /// Where a member's email comes from.
    pub email_source: EmailSource,
    /// What a disabled account means.
    pub on_disabled: OnDisabled,
    /// Whether the first sync is approved without asking.
    pub auto_approve: bool,
    /// Limits of its own.
    pub limits: Option<Limits>,
    /// Further settings.
    pub settings: Value,
    /// When the secret or certificate ends, when that is known.
    pub secret_expires_at: Option<Timestamp>,
}

/// What was learnt of the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub tenant_id: TenantId,
    /// Its default domain.
    pub domain: Option<String>,
    /// Its display name.
    pub name: Option<String>,
    /// Its verified domains.
    pub verified_domains: Vec<String>,
}

/// Who consented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// When.
    pub at: Timestamp,
    /// The administrator's name.
    pub by: Option<String>,
    /// The administrator's object id.
    pub object_id: Option<ObjectId>,
}

/// Where a connection stands, with words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The state.
    pub status: ConnectionStatus,
    /// A stable code of what is wrong.
    pub code: Option<String>,
    /// What is wrong.
    pub reason: Option<String>,
    /// What to do about it.
    pub cure: Option<String>,
}

/// How far reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The mirror shows the directory as it was then, or later.
    pub as_of: Option<Timestamp>,
    /// When the last change happened at Microsoft.
    pub changed_at_microsoft: Option<Timestamp>,
    /// From that change to our learning of it, in milliseconds.
    pub delay_microsoft_ms: Option<i64>,
    /// From learning of it to the commit, in milliseconds.
    pub delay_ours_ms: Option<i64>,
    /// When a run ended well.
    pub last_success_at: Option<Timestamp>,
    /// The latest run.
    pub last_run_id: Option<RunId>,
    /// When everything was last read in full.
    pub last_reconcile_at: Option<Timestamp>,
    /// Whether the first sync was applied.
    pub first_sync_done: bool,
}

/// A connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// Ours.
    pub id: ConnectionId,
    /// What an administrator decided.
    pub configuration: Configuration,
    /// The tenant, once known.
    pub tenant_id: Option<TenantId>,
    /// Its default domain.
    pub tenant_domain: Option<String>,
    /// Its display name.
    pub tenant_name: Option<String>,
    /// Its verified domains.
    pub verified_domains: Vec<String>,
    /// Where it stands.
    pub health: Health,
    /// How far reading has come.
    pub progress: Progress,
    /// Who consented.
    pub consent: Option<Consent>,
    /// Counts changes of the configuration.
    pub version: i64,
    /// When it was added.
    pub created_at: Timestamp,
    /// When its configuration, tenant, consent or state changed last.
    pub updated_at: Timestamp,
}

impl Connection {
    /// What it is called: the tenant's name, else its domain, else what was
    /// entered.
    pub fn name(&self) -> &str {
        let tenant = self
            .tenant_name
            .as_deref()
            .or(self.tenant_domain.as_deref());
        tenant.unwrap_or(&self.configuration.tenant_input)
    }
}

pub(crate) fn read(row: &Row) -> Result<Connection> {
    let configuration = Configuration {
        tenant_input: row.get("tenant_input")?,
        application_id: row.get("application_id")?,
        auth: row.named("auth")?,
        credential: row.named("credential")?,
        certificate_pem: row.maybe("certificate_pem")?,
        provision_employees: row.get("provision_employees")?,
        provision_contacts: row.get("provision_contacts")?,
        email_source: row.named("email_source")?,
        on_disabled: row.named("on_disabled")?,
        auto_approve: row.get("auto_approve")?,
        limits: row.maybe_json("limits")?,
        settings: row.json("settings")?,
        secret_expires_at: row.maybe("secret_expires_at")?,
    };
    let progress = Progress {
        as_of: row.maybe("as_of")?,
        changed_at_microsoft: row.maybe("changed_at_microsoft")?,
        delay_microsoft_ms: row.maybe("delay_microsoft_ms")?,
        delay_ours_ms: row.maybe("delay_ours_ms")?,
        last_success_at: row.maybe("last_success_at")?,
        last_run_id: row.maybe("last_run_id")?,
        last_reconcile_at: row.maybe("last_reconcile_at")?,
        first_sync_done: row.get("first_sync_done")?,
    };
    let consent = match row.maybe("consented_at")? {
        None => None,
        Some(at) => Some(Consent {
            at,
            by: row.maybe("consented_by")?,
            object_id: row.maybe("connected_object_id")?,
        }),
    };
    Ok(Connection {
        id: row.get("id")?,
        configuration,
        tenant_id: row.maybe("tenant_id")?,
        tenant_domain: row.maybe("tenant_domain")?,
        tenant_name: row.maybe("tenant_name")?,
        verified_domains: row.json("verified_domains")?,
        health: Health {
            status: row.named("status")?,
            code: row.maybe("status_code")?,
            reason: row.maybe("status_reason")?,
            cure: row.maybe("status_cure")?,
        },
        progress,
        consent,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

/// `$1` is the connection, `$2` the time; then these in order.
fn configuration_args(
    id: ConnectionId,
    now: Timestamp,
    configuration: &Configuration,
) -> Result<Vec<Arg>> {
    Ok(args![
        id,
        now,
        &configuration.tenant_input,
        &configuration.application_id,
        json::name(&configuration.auth)?,
        json::name(&configuration.credential)?,
        configuration.certificate_pem.clone(),
        configuration.provision_employees,
        configuration.provision_contacts,
        json::name(&configuration.email_source)?,
        json::name(&configuration.on_disabled)?,
        configuration.auto_approve,
        json::maybe_text(configuration.limits.as_ref())?,
        json::text(&configuration.settings)?,
        configuration.secret_expires_at,
    ])
}

/// Adds a connection.
pub async fn insert(
    tx: &mut Tx,
    id: ConnectionId,
    configuration: &Configuration,
    health: &Health,
    now: Timestamp,
) -> Result<()> {
    let text = "INSERT INTO connections (id, created_at, updated_at, tenant_input, application_id,
            auth, credential, certificate_pem, provision_employees, provision_contacts,
            email_source, on_disabled, auto_approve, limits, settings, secret_expires_at,
            verified_domains, status, first_sync_done, version)
        VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
            '[]', $16, FALSE, 1)";
    let mut args = configuration_args(id, now, configuration)?;
    args.push(json::name(&health.status)?.into());
    tx.execute(text, args).await?;
    set_status(tx, id, health, now).await
}

/// One connection.
pub async fn get(on: impl Into<Source<'_>>, id: ConnectionId) -> Result<Option<Connection>> {
    let text = "SELECT * FROM connections WHERE id = $1";
    let row = on.into().row(text, args![id]).await?;
    row.as_ref().map(read).transpose()
}

/// All connections, oldest first.
pub async fn list(on: impl Into<Source<'_>>) -> Result<Vec<Connection>> {
    let text = "SELECT * FROM connections ORDER BY created_at, id";
    let rows = on.into().rows(text, args![]).await?;
    rows.iter().map(read).collect()
}

/// The ids of all, oldest first.
pub async fn ids(on: impl Into<Source<'_>>) -> Result<Vec<ConnectionId>> {
    let text = "SELECT id FROM connections ORDER BY created_at, id";
    let rows = on.into().rows(text, args![]).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// What all of them are called, as [`Connection::name`] says it, oldest first:
/// lists that name tenants need no more, be they thousands.
pub async fn names(on: impl Into<Source<'_>>) -> Result<Vec<(ConnectionId, String)>> {
    let text = "SELECT id, COALESCE(tenant_name, tenant_domain, tenant_input) AS name
        FROM connections ORDER BY created_at, id";
    let rows = on.into().rows(text, args![]).await?;
    rows.iter()
        .map(|row| Ok((row.get("id")?, row.get("name")?)))
        .collect()
}

/// Which of these are there.
pub async fn there(
    on: impl Into<Source<'_>>,
    ids: &BTreeSet<ConnectionId>,
) -> Result<BTreeSet<ConnectionId>> {
    let ids: Vec<ConnectionId> = ids.iter().copied().collect();
    let text = "SELECT id FROM connections WHERE id IN ($1)";
    let rows = on.into().rows(text, args![&ids[..]]).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// Which other tenants have verified these domains; of several that say so, in
/// no time but while one is read after the other, the least.
pub async fn homes(
    on: impl Into<Source<'_>>,
    domains: &[Domain],
    tenant_id: TenantId,
) -> Result<Vec<(Domain, TenantId)>> {
    if domains.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = domains.iter().map(Domain::as_str).collect();
    let text = "SELECT domain, tenant_id FROM verified_domains
        WHERE domain IN ($1) AND tenant_id <> $2 ORDER BY domain, tenant_id";
    let rows = on
        .into()
        .rows(text, args![names.as_slice(), tenant_id])
        .await?;
    let mut found: Vec<(Domain, TenantId)> = Vec::with_capacity(rows.len());
    for row in rows {
        let domain: String = row.get("domain")?;
        let Some(domain) = Domain::parse(&domain) else {
            continue;
        };
        if found.last().is_none_or(|(known, _)| *known != domain) {
            found.push((domain, row.get("tenant_id")?));
        }
    }
    Ok(found)
}

/// How many connections have had their first sync.
pub async fn first_syncs_done(on: impl Into<Source<'_>>) -> Result<u64> {
    let text = "SELECT COUNT(*) AS done FROM connections WHERE first_sync_done";
    let row = on.into().row(text, args![]).await?;
    row.map_or(Ok(0), |row| row.get("done"))
}

/// The connection of a tenant.
pub async fn by_tenant(
    on: impl Into<Source<'_>>,
    tenant_id: TenantId,
) -> Result<Option<Connection>> {
    let text = "SELECT * FROM connections WHERE tenant_id = $1";
    let row = on.into().row(text, args![tenant_id]).await?;
    row.as_ref().map(read).transpose()
}

/// Changes the configuration, if it is still at the expected version; the new
/// version.
pub async fn update(
    tx: &mut Tx,
    id: ConnectionId,
    configuration: &Configuration,
    expected_version: i64,
    now: Timestamp,
) -> Result<i64> {
    let text = "UPDATE connections SET version = version + 1, updated_at = $2, tenant_input = $3,
            application_id = $4, auth = $5, credential = $6, certificate_pem = $7,
            provision_employees = $8, provision_contacts = $9, email_source = $10,
            on_disabled = $11, auto_approve = $12, limits = $13, settings = $14,
            secret_expires_at = $15
        WHERE id = $1 AND version = $16";
    let mut args = configuration_args(id, now, configuration)?;
    args.push(expected_version.into());
    match tx.execute(text, args).await? {
        0 => Err(StoreError::Stale { what: "connection" }),
        _ => Ok(expected_version + 1),
    }
}

async fn change(tx: &mut Tx, text: &'static str, args: Vec<Arg>) -> Result<()> {
    match tx.execute(text, args).await? {
        0 => Err(StoreError::NotFound { what: "connection" }),
        _ => Ok(()),
    }
}

/// Sets where the connection stands.
pub async fn set_status(
    tx: &mut Tx,
    id: ConnectionId,
    health: &Health,
    now: Timestamp,
) -> Result<()> {
    let text = "UPDATE connections SET status = $2, status_code = $3, status_reason = $4,
            status_cure = $5, updated_at = $6
        WHERE id = $1";
    let args = args![
        id,
        json::name(&health.status)?,
        health.code.clone(),
        health.reason.clone(),
        health.cure.clone(),
        now,
    ];
    change(tx, text, args).await
}

/// Notes what was learnt of the tenant. A tenant that another connection has is
/// a conflict (`connections_tenant_id`).
pub async fn set_tenant(
    tx: &mut Tx,
    id: ConnectionId,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<()> {
    let text = "UPDATE connections SET tenant_id = $2, tenant_domain = $3, tenant_name = $4,
            verified_domains = $5, updated_at = $6
        WHERE id = $1";
    let args = args![
        id,
        tenant.tenant_id,
        tenant.domain.clone(),
        tenant.name.clone(),
        json::text(&tenant.verified_domains)?,
        now,
    ];
    change(tx, text, args).await?;
    let text = "DELETE FROM verified_domains WHERE connection_id = $1";
    tx.execute(text, args![id]).await?;
    let domains = tenant.verified_domains.iter();
    let domains: BTreeSet<Domain> = domains.filter_map(|name| Domain::parse(name)).collect();
    for domain in domains {
        let text = "INSERT INTO verified_domains (domain, connection_id, tenant_id)
            VALUES ($1, $2, $3)";
        let args = args![domain.as_str().to_owned(), id, tenant.tenant_id];
        tx.execute(text, args).await?;
    }
    Ok(())
}

/// Notes who consented.
pub async fn set_consent(
    tx: &mut Tx,
    id: ConnectionId,
    consent: &Consent,
    now: Timestamp,
) -> Result<()> {
    let text = "UPDATE connections SET consented_at = $2, consented_by = $3,
            connected_object_id = $4, updated_at = $5
        WHERE id = $1";
    let args = args![id, consent.at, consent.by.clone(), consent.object_id, now];
    change(tx, text, args).await
}

/// Notes completed reads: the mirrors show their directories as they were then.
/// What is known to be newer stays.
pub async fn record_reads(tx: &mut Tx, reads: &[(ConnectionId, Timestamp)]) -> Result<()> {
    const COLUMNS: &[(&str, Type)] = &[("id", Type::Uuid), ("as_of", Type::Time)];
    let mut rows = Rows::new(COLUMNS, reads.len());
    for (id, as_of) in reads {
        rows.push(cells![*id, *as_of]);
    }
    let text = "UPDATE connections SET as_of = r.as_of FROM {rows}
        WHERE connections.id = r.id AND (connections.as_of IS NULL OR connections.as_of < r.as_of)";
    tx.bulk_execute(text, rows, args![]).await?;
    Ok(())
}

/// Notes how late a change was learnt of, and when it happened at Microsoft.
pub async fn record_microsoft_delay(
    tx: &mut Tx,
    id: ConnectionId,
    changed_at: Timestamp,
    milliseconds: i64,
) -> Result<()> {
    let text = "UPDATE connections SET changed_at_microsoft = $2, delay_microsoft_ms = $3
        WHERE id = $1";
    change(tx, text, args![id, changed_at, milliseconds]).await
}

/// Notes how long it took from learning of a change to its commit.
pub async fn record_our_delay(tx: &mut Tx, id: ConnectionId, milliseconds: i64) -> Result<()> {
    let text = "UPDATE connections SET delay_ours_ms = $2 WHERE id = $1";
    change(tx, text, args![id, milliseconds]).await
}

/// Notes the latest run.
pub async fn record_run(tx: &mut Tx, id: ConnectionId, run_id: RunId) -> Result<()> {
    let text = "UPDATE connections SET last_run_id = $2 WHERE id = $1";
    change(tx, text, args![id, run_id]).await
}

/// Notes that the latest run ended well, and whether the first sync is applied
/// by it.
pub async fn record_success(
    tx: &mut Tx,
    id: ConnectionId,
    run_id: RunId,
    is_first_sync: bool,
    now: Timestamp,
) -> Result<()> {
    let text = "UPDATE connections SET last_run_id = $2, last_success_at = $4,
            first_sync_done = first_sync_done OR $3
        WHERE id = $1";
    change(tx, text, args![id, run_id, is_first_sync, now]).await
}

/// Notes that everything was read in full.
pub async fn record_reconcile(tx: &mut Tx, id: ConnectionId, now: Timestamp) -> Result<()> {
    let text = "UPDATE connections SET last_reconcile_at = $2 WHERE id = $1";
    change(tx, text, args![id, now]).await
}

/// Removes a connection with everything read through it and its secrets. Links,
/// records, plans, runs and the journal stay.
pub async fn delete(tx: &mut Tx, id: ConnectionId) -> Result<()> {
    for text in [
        "DELETE FROM memberships WHERE connection_id = $1",
        "DELETE FROM doubted_memberships WHERE connection_id = $1",
        "DELETE FROM people WHERE connection_id = $1",
        "DELETE FROM pending WHERE connection_id = $1",
        "DELETE FROM jobs WHERE connection_id = $1",
        "DELETE FROM review_items WHERE connection_id = $1 AND status = 'open'",
        "DELETE FROM secrets WHERE data_key_id IN
            (SELECT id FROM data_keys WHERE connection_id = $1)",
        "DELETE FROM data_keys WHERE connection_id = $1",
        "DELETE FROM verified_domains WHERE connection_id = $1",
    ] {
        tx.execute(text, args![id]).await?;
    }
    change(tx, "DELETE FROM connections WHERE id = $1", args![id]).await
}
