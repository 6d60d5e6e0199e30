//! Sets an installation up over its API: accounts, defaults, connections with
//! consent, mapping rules. What is there already is left.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use http::Method;
use serde_json::{Value, json};
use url::Url;

use super::api::{Api, text};
use super::browser::Browser;
use super::local_records;
use super::world::{Tenant, World};
use crate::progress;

/// The callback's path, as Microsoft knows it.
const CALLBACK: &str = "/OAuth/IntegrationCallback.aspx";

/// Connection ids by tenant id.
pub(super) type Connections = BTreeMap<String, String>;

/// What was set up.
pub(super) struct SetUp {
    /// The connections.
    pub(super) connections: Connections,
    /// The first sync that saving the rules asked for, by connection id. It waits
    /// until the connection is resumed.
    pub(super) first_syncs: BTreeMap<String, String>,
}

/// A rule of the sample: group, roles, whether nested groups count.
struct Rule {
    group: &'static str,
    roles: &'static [&'static str],
    nested: bool,
}

const fn rule(group: &'static str, roles: &'static [&'static str], nested: bool) -> Rule {
    Rule {
        group,
        roles,
        nested,
    }
}

/// What the MSP's groups mean, the strongest first.
const EMPLOYEES: &[Rule] = &[
    rule("Administrators", &["Administrator"], false),
    rule("Finance", &["Finance Manager"], false),
    rule("Service Desk", &["Service Desk Manager"], true),
    rule("Projects", &["Project Manager"], false),
    rule("Contractors", &["User"], false),
    rule("Staff", &["User"], true),
];

/// What a client's groups mean, the strongest first.
const CONTACTS: &[Rule] = &[
    rule("Portal Managers", &["External Manager"], false),
    rule("Portal Users", &["External User"], true),
];

/// Sets everything up; at an existing installation only the consents are renewed.
pub(super) async fn everything(api: &Api, world: &World) -> Result<SetUp> {
    let known = api.items("/connections").await?;
    let is_new = known.is_empty();
    let bar = progress::bar(Some(world.tenants.len() as u64));
    let mut accounts = BTreeMap::new();
    if is_new {
        bar.set_message("records that were there before");
        accounts = local_records::make(api, world).await?;
    }
    let mut connections = Connections::new();
    for tenant in &world.tenants {
        bar.set_message(format!("connecting {}", tenant.name));
        let found = known
            .iter()
            .find(|item| item["tenant_id"] == tenant.id.as_str());
        let id = match found {
            Some(item) => text(item, "id")?.to_owned(),
            None => add(api, world, tenant).await?,
        };
        consent(api, world, tenant, &id).await?;
        connections.insert(tenant.id.clone(), id);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let mut first_syncs = BTreeMap::new();
    if is_new {
        first_syncs = rules(api, world, &connections, &accounts).await?;
    }
    Ok(SetUp {
        connections,
        first_syncs,
    })
}

/// Pauses a connection, or lets it go on.
pub(super) async fn pause(api: &Api, connection: &str, paused: bool) -> Result<()> {
    let path = format!("/connections/{connection}");
    let body = json!({ "paused": paused });
    api.answer(Method::PATCH, &path, Some(&body)).await?;
    Ok(())
}

async fn add(api: &Api, world: &World, tenant: &Tenant) -> Result<String> {
    let (application_id, application_key) = world.application();
    let connection = json!({
        "tenant": tenant.domain, "application_id": application_id,
        "application_key": application_key, "auth": "delegated",
        "provision_employees": tenant.is_msp, "provision_contacts": true,
    });
    let made = api.post("/connections", &connection).await?;
    Ok(text(&made, "id")?.to_owned())
}

/// Signs in as the tenant's administrator and consents, as a browser would.
async fn consent(api: &Api, world: &World, tenant: &Tenant, id: &str) -> Result<()> {
    let path = format!("/connections/{id}/connect");
    let answer = api.answer(Method::POST, &path, Some(&json!({}))).await?;
    let mut browser = Browser::new(Arc::clone(api.transport()));
    browser.keep(&Url::parse(api.base())?, &answer.headers);
    let reply: Value = serde_json::from_slice(&answer.body)?;
    let mut authorize = Url::parse(text(&reply, "authorize_url")?)?;
    // The account a person would pick.
    authorize
        .query_pairs_mut()
        .append_pair("login_hint", &tenant.administrator());
    let callback = browser.follow(authorize, CALLBACK).await?;
    if callback.status.is_client_error() || callback.status.is_server_error() {
        let page = String::from_utf8_lossy(&callback.body);
        bail!(
            "{}: the callback answered {}: {page}",
            tenant.name,
            callback.status
        );
    }
    for _ in 0..100 {
        let connection = api.get(&format!("/connections/{id}")).await?;
        match text(&connection, "status")? {
            "awaiting_consent" | "connecting" => {}
            "needs_reconnect" => bail!("{}: {}", tenant.name, connection["status_reason"]),
            _ => return Ok(()),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("{} at {} never became connected", tenant.name, world.base)
}

async fn group_id(api: &Api, connection: &str, name: &str) -> Result<String> {
    let query: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let found = api
        .get(&format!("/connections/{connection}/groups?search={query}"))
        .await?;
    let items = found
        .get("items")
        .unwrap_or(&found)
        .as_array()
        .cloned()
        .unwrap_or_default();
    let group = items.iter().find(|group| group["name"] == name);
    match group {
        Some(group) => Ok(text(group, "id")?.to_owned()),
        None => bail!("the group `{name}` was not found"),
    }
}

/// Clients first: their people are at home there, also where they are guests.
/// Each connection is paused meanwhile, so that one first sync does what all its
/// rules say instead of one beginning with each rule.
async fn rules(
    api: &Api,
    world: &World,
    connections: &Connections,
    accounts: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let mut first_syncs = BTreeMap::new();
    let (msp, clients): (Vec<_>, Vec<_>) = world.tenants.iter().partition(|tenant| tenant.is_msp);
    let bar = progress::bar(Some(world.tenants.len() as u64));
    for (place, tenant) in clients.into_iter().chain(msp).enumerate() {
        bar.set_message(format!("mapping rules of {}", tenant.name));
        let connection = &connections[&tenant.id];
        pause(api, connection, true).await?;
        let list = if tenant.is_msp { EMPLOYEES } else { CONTACTS };
        for (at, rule) in list.iter().enumerate() {
            let first = if tenant.is_msp { 0 } else { 100 * (place + 1) };
            let mut body = json!({
                "name": rule.group, "order": first + 10 * (at + 1), "connection_id": connection,
                "group_id": group_id(api, connection, rule.group).await?,
                "kind": if tenant.is_msp { "employee" } else { "contact" },
                "security_roles": rule.roles, "include_nested": rule.nested,
                "exclude": ["svc-*"], "enabled": true,
            });
            if !tenant.is_msp {
                body["name"] = json!(format!("{}: {}", tenant.name, rule.group));
                body["account_id"] = json!(accounts[&tenant.id]);
            }
            let saved = api.post("/mapping-rules", &body).await?;
            let run = text(&saved, "run_id")?.to_owned();
            first_syncs.insert(connection.clone(), run);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(first_syncs)
}
