//! Life goes on: every couple of seconds something changes in a directory,
//! through Graph's own write API, as an administrator's tools would do it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use graph::{
    Application, Clock as _, Cloud, Credential, Entropy as _, Environment, IdentityPlatform,
    OsEntropy, SystemClock, Tokens, Transport,
};
use http::{Method, Request};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::api::{self, Api, text};
use super::world::{Tenant, World};
use crate::output::{self, Output};

/// Between two changes.
const PAUSE: Duration = Duration::from_secs(2);
/// How often, and how many times, it is looked for what became of a change.
const RECEIPT_LOOK: Duration = Duration::from_millis(50);
const RECEIPT_LOOKS: usize = 60;
/// Accounts disabled per tenant at most: more would pass the limits, and the
/// demo would stop at a held run.
const DISABLED_MAX: usize = 3;

const GIVEN: [&str; 12] = [
    "Alma", "Boris", "Chiara", "Dylan", "Eszter", "Farid", "Gemma", "Hiro", "Isla", "Jovan",
    "Kira", "Lionel",
];
const SURNAMES: [&str; 12] = [
    "Abbott", "Bianco", "Crane", "Dunne", "Eriksen", "Fuchs", "Grant", "Hobbs", "Ito", "Juric",
    "Kessler", "Lund",
];
const TITLES: [&str; 6] = [
    "Team Lead",
    "Coordinator",
    "Senior Engineer",
    "Analyst",
    "Consultant",
    "Trainee",
];

/// Changes directories until the future is dropped.
pub(super) async fn trickle(world: &World, api: &Api, output: Output) -> Result<()> {
    let mut life = Life::new(world, Arc::clone(api.transport()))?;
    let mut number = 0_u64;
    loop {
        tokio::time::sleep(PAUSE).await;
        let tenant = &world.tenants[pick(world.tenants.len())];
        let before = newest_run(api).await?;
        let began = SystemClock.now();
        match life.change(tenant, number).await {
            Ok(told) if !output.is_json() => {
                let receipt = receipt(api, &before, began).await?;
                output::note(&format!("{}: {told}{receipt}", tenant.name));
            }
            Ok(_) => {}
            Err(error) => tracing::warn!("{}: {error:#}", tenant.name),
        }
        number += 1;
    }
}

/// The newest run and how it stands.
async fn newest_run(api: &Api) -> Result<(Value, Value)> {
    let mut runs = api.get("/sync-runs?limit=1").await?;
    let run = &mut runs["items"][0];
    Ok((run["id"].take(), run["status"].take()))
}

/// When a change that was made at `began` stood in Rollcall, in words. Some never
/// do: of people whom no rule takes.
async fn receipt(api: &Api, before: &(Value, Value), began: jiff::Timestamp) -> Result<String> {
    for _ in 0..RECEIPT_LOOKS {
        let (id, status) = newest_run(api).await?;
        if id != before.0 && status == "done" {
            let seconds = SystemClock.now().duration_since(began).as_secs_f64();
            return Ok(format!(" · in Rollcall after {seconds:.1} s"));
        }
        tokio::time::sleep(RECEIPT_LOOK).await;
    }
    Ok(String::new())
}

/// A number below `below`.
fn pick(below: usize) -> usize {
    let mut bytes = [0; 4];
    OsEntropy.fill(&mut bytes);
    u32::from_le_bytes(bytes) as usize % below.max(1)
}

struct Life {
    transport: Arc<dyn Transport>,
    platform: IdentityPlatform,
    application: Application,
    base: String,
    tokens: HashMap<String, Tokens>,
    disabled: HashMap<String, Vec<(String, String)>>,
}

impl Life {
    fn new(world: &World, transport: Arc<dyn Transport>) -> Result<Self> {
        let cloud = Cloud::custom(&world.base, &world.base)?;
        let environment = Environment::system(Arc::clone(&transport));
        let (id, key) = world.writer();
        Ok(Self {
            transport,
            platform: IdentityPlatform::new(environment, cloud),
            application: Application {
                id: id.parse()?,
                credential: Credential::Secret(key.into()),
            },
            base: world.base.clone(),
            tokens: HashMap::new(),
            disabled: HashMap::new(),
        })
    }

    /// One change, and what to say about it.
    async fn change(&mut self, tenant: &Tenant, number: u64) -> Result<String> {
        match pick(10) {
            0..=2 => self.new_title(tenant).await,
            3..=4 => self.new_name(tenant).await,
            5..=6 => self.new_hire(tenant, number).await,
            7..=8 => self.new_group(tenant).await,
            _ => self.disable_or_enable(tenant).await,
        }
    }

    async fn token(&mut self, tenant: &Tenant) -> Result<String> {
        let soon = graph::environment::later(SystemClock.now(), Duration::from_secs(60));
        let is_fresh = self
            .tokens
            .get(&tenant.id)
            .is_some_and(|tokens| tokens.expires > soon);
        if !is_fresh {
            let id = tenant.id.parse()?;
            let fresh = self
                .platform
                .client_credentials(&self.application, id)
                .await?;
            self.tokens.insert(tenant.id.clone(), fresh);
        }
        let tokens = self.tokens.get(&tenant.id).context("no token")?;
        Ok(tokens.access_token.expose_secret().to_owned())
    }

    async fn graph(
        &mut self,
        tenant: &Tenant,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value> {
        let token = self.token(tenant).await?;
        let uri = format!("{}/v1.0/{path}", self.base);
        let request = Request::builder().method(method).uri(uri);
        let answer = api::send(&*self.transport, request, &token, body.as_ref()).await?;
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// Somebody on the payroll: no guest, no service account, nobody disabled.
    async fn somebody(&mut self, tenant: &Tenant) -> Result<(String, String)> {
        let path =
            "users?$select=id,displayName,userPrincipalName,userType,accountEnabled&$top=200";
        let page = self.graph(tenant, Method::GET, path, None).await?;
        let people = page["value"].as_array().cloned().unwrap_or_default();
        let is_usual = |person: &&Value| {
            let upn = person["userPrincipalName"].as_str().unwrap_or_default();
            person["userType"] != "Guest"
                && person["accountEnabled"] == true
                && !upn.starts_with("svc-")
                && !upn.starts_with("admin@")
        };
        let usual: Vec<&Value> = people.iter().filter(is_usual).collect();
        let person = usual.get(pick(usual.len())).context("nobody to change")?;
        Ok((
            text(person, "id")?.to_owned(),
            text(person, "displayName")?.to_owned(),
        ))
    }

    async fn patch(&mut self, tenant: &Tenant, id: &str, body: Value) -> Result<()> {
        self.graph(tenant, Method::PATCH, &format!("users/{id}"), Some(body))
            .await?;
        Ok(())
    }

    async fn new_title(&mut self, tenant: &Tenant) -> Result<String> {
        let (id, name) = self.somebody(tenant).await?;
        let title = TITLES[pick(TITLES.len())];
        self.patch(tenant, &id, json!({ "jobTitle": title }))
            .await?;
        Ok(format!("{name} is {title} now"))
    }

    async fn new_name(&mut self, tenant: &Tenant) -> Result<String> {
        let (id, name) = self.somebody(tenant).await?;
        let surname = SURNAMES[pick(SURNAMES.len())];
        let given = name.split(' ').next().unwrap_or(&name);
        let display = format!("{given} {surname}");
        self.patch(
            tenant,
            &id,
            json!({ "surname": surname, "displayName": display }),
        )
        .await?;
        Ok(format!("{name} is called {display} now"))
    }

    async fn new_hire(&mut self, tenant: &Tenant, number: u64) -> Result<String> {
        let (given, surname) = (GIVEN[pick(GIVEN.len())], SURNAMES[pick(SURNAMES.len())]);
        let nickname = format!("{given}.{surname}{number}").to_lowercase();
        let address = format!("{nickname}@{}", tenant.domain);
        let person = json!({
            "accountEnabled": true, "displayName": format!("{given} {surname}"),
            "givenName": given, "surname": surname, "mailNickname": nickname,
            "userPrincipalName": address, "mail": address, "jobTitle": TITLES[pick(TITLES.len())],
            "department": "Operations",
            "passwordProfile": { "password": "Never-used-1", "forceChangePasswordNextSignIn": true },
        });
        let made = self
            .graph(tenant, Method::POST, "users", Some(person))
            .await?;
        let group = if tenant.is_msp {
            "Staff"
        } else {
            "Portal Users"
        };
        self.join(tenant, group, text(&made, "id")?).await?;
        Ok(format!("{given} {surname} is new, in {group}"))
    }

    async fn group(&mut self, tenant: &Tenant, name: &str) -> Result<String> {
        let query: String =
            url::form_urlencoded::byte_serialize(format!("displayName eq '{name}'").as_bytes())
                .collect();
        let path = format!("groups?$filter={query}&$select=id,displayName");
        let page = self.graph(tenant, Method::GET, &path, None).await?;
        Ok(text(&page["value"][0], "id")?.to_owned())
    }

    async fn join(&mut self, tenant: &Tenant, group: &str, person: &str) -> Result<()> {
        let group = self.group(tenant, group).await?;
        let reference = format!("{}/v1.0/directoryObjects/{person}", self.base);
        let path = format!("groups/{group}/members/$ref");
        self.graph(
            tenant,
            Method::POST,
            &path,
            Some(json!({ "@odata.id": reference })),
        )
        .await?;
        Ok(())
    }

    /// Into the stronger group, or out of it when the person is there.
    async fn new_group(&mut self, tenant: &Tenant) -> Result<String> {
        let name = if tenant.is_msp {
            "Projects"
        } else {
            "Portal Managers"
        };
        let (person, called) = self.somebody(tenant).await?;
        let group = self.group(tenant, name).await?;
        let members = format!("groups/{group}/members?$select=id&$top=999");
        let page = self.graph(tenant, Method::GET, &members, None).await?;
        let members = page["value"].as_array().cloned().unwrap_or_default();
        if members.iter().any(|member| member["id"] == person.as_str()) {
            let path = format!("groups/{group}/members/{person}/$ref");
            self.graph(tenant, Method::DELETE, &path, None).await?;
            return Ok(format!("{called} left {name}"));
        }
        self.join(tenant, name, &person).await?;
        Ok(format!("{called} joined {name}"))
    }

    async fn disable_or_enable(&mut self, tenant: &Tenant) -> Result<String> {
        let disabled = self.disabled.entry(tenant.id.clone()).or_default();
        if disabled.len() >= DISABLED_MAX {
            let (id, name) = disabled.remove(0);
            self.patch(tenant, &id, json!({ "accountEnabled": true }))
                .await?;
            return Ok(format!("{name} is back"));
        }
        let (id, name) = self.somebody(tenant).await?;
        self.patch(tenant, &id, json!({ "accountEnabled": false }))
            .await?;
        let disabled = self.disabled.entry(tenant.id.clone()).or_default();
        disabled.push((id, name.clone()));
        Ok(format!("{name}'s account is disabled"))
    }
}
