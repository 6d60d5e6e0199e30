//! Scenarios: tenants, people, groups, applications and accounts written down in TOML.
//! People and groups take the properties of Graph by their names; a person may name a manager, a group its members.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::app::App;
use crate::control::tenants::{TenantSpec, add, fill};
use crate::directory::generate::Amount;
use crate::directory::membership::Member;
use crate::directory::tenant::Tenant;
use crate::graph::changes;
use crate::login::{AccountSpec, AppSpec};
use crate::principals::fill_account;
use crate::schema::{Kind, known};

/// What is wrong with a scenario, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ScenarioError {
    /// Like `tenants[0].people[2]`, or `scenario` for the text as a whole.
    pub place: String,
    /// What is wrong there.
    pub message: String,
}

fn wrong(place: impl Into<String>, message: impl ToString) -> ScenarioError {
    ScenarioError {
        place: place.into(),
        message: message.to_string(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    #[serde(default)]
    tenants: Vec<TenantEntry>,
    #[serde(default)]
    apps: Vec<AppSpec>,
    #[serde(default)]
    accounts: Vec<AccountSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantEntry {
    domain: String,
    tenant_id: Option<Uuid>,
    display_name: Option<String>,
    #[serde(default)]
    verified_domains: Vec<String>,
    generate: Option<Amount>,
    #[serde(default)]
    people: Vec<Map<String, Value>>,
    #[serde(default)]
    groups: Vec<Map<String, Value>>,
}

/// Makes everything a scenario describes.
pub(crate) fn load(app: &Arc<App>, text: &str) -> Result<(), ScenarioError> {
    let scenario: Scenario = toml::from_str(text).map_err(|error| wrong("scenario", error))?;
    for (at, entry) in scenario.tenants.into_iter().enumerate() {
        tenant(app, &format!("tenants[{at}]"), entry)?;
    }
    for (at, spec) in scenario.apps.into_iter().enumerate() {
        app.login
            .add_app(spec)
            .map_err(|error| wrong(format!("apps[{at}]"), error))?;
    }
    for (at, spec) in scenario.accounts.into_iter().enumerate() {
        let added = app.login.add_account(spec);
        added.map_err(|error| wrong(format!("accounts[{at}]"), error))?;
    }
    Ok(())
}

fn tenant(app: &App, place: &str, entry: TenantEntry) -> Result<(), ScenarioError> {
    let spec = TenantSpec {
        domain: entry.domain,
        tenant_id: entry.tenant_id,
        display_name: entry.display_name,
        verified_domains: entry.verified_domains,
    };
    let tenant_id = add(&app.core, spec).map_err(|refused| wrong(place, refused.1))?;
    if let Some(amount) = entry.generate {
        fill(&app.core, tenant_id, amount)
            .map_err(|refused| wrong(format!("{place}.generate"), refused.1))?;
    }
    for (at, body) in entry.people.iter().enumerate() {
        object(
            app,
            tenant_id,
            Kind::User,
            &format!("{place}.people[{at}]"),
            body.clone(),
        )?;
    }
    for (at, body) in entry.people.iter().enumerate() {
        manager(app, tenant_id, &format!("{place}.people[{at}]"), body)?;
    }
    for (at, body) in entry.groups.iter().enumerate() {
        object(
            app,
            tenant_id,
            Kind::Group,
            &format!("{place}.groups[{at}]"),
            body.clone(),
        )?;
    }
    for (at, body) in entry.groups.iter().enumerate() {
        members(app, tenant_id, &format!("{place}.groups[{at}]"), body)?;
    }
    Ok(())
}

/// Runs a step on a tenant that was just made.
fn step<T>(
    app: &App,
    tenant_id: Uuid,
    place: &str,
    step: impl FnOnce(&mut Tenant, jiff::Timestamp) -> Result<T, String>,
) -> Result<T, ScenarioError> {
    let done = app.core.edit(tenant_id, step);
    let done = done.unwrap_or_else(|| Err("the tenant is gone".to_owned()));
    done.map_err(|message| wrong(place, message))
}

fn object(
    app: &App,
    tenant_id: Uuid,
    kind: Kind,
    place: &str,
    mut body: Map<String, Value>,
) -> Result<(), ScenarioError> {
    for relationship in ["members", "owners", "manager"] {
        body.remove(relationship);
    }
    let given = body.remove("id");
    let id = match given
        .as_ref()
        .map(|id| id.as_str().and_then(|id| id.parse().ok()))
    {
        None => app.core.chance.uuid(),
        Some(Some(id)) => id,
        Some(None) => return Err(wrong(format!("{place}.id"), "no object id")),
    };
    step(app, tenant_id, place, |tenant, now| {
        let mut changes = changes(kind, tenant, &body).map_err(|error| error.message)?;
        match kind {
            Kind::User => {
                let upn = changes.text(known::user::UPN).map(str::to_owned);
                fill_account(&mut changes, &upn.ok_or("userPrincipalName is missing")?);
            }
            Kind::Group => {
                let name = changes.text(known::group::DISPLAY_NAME).map(str::to_owned);
                let name = name.ok_or("displayName is missing")?;
                changes.fill(
                    known::group::MAIL_NICKNAME,
                    name.to_lowercase().replace(' ', "-"),
                );
            }
        }
        tenant
            .create(kind, id, changes, now)
            .map(|_| ())
            .map_err(|error| error.to_string())
    })
}

fn manager(
    app: &App,
    tenant_id: Uuid,
    place: &str,
    body: &Map<String, Value>,
) -> Result<(), ScenarioError> {
    let Some(manager) = body.get("manager") else {
        return Ok(());
    };
    step(
        app,
        tenant_id,
        &format!("{place}.manager"),
        |tenant, now| {
            let upn = body["userPrincipalName"].as_str().unwrap_or_default();
            let person = tenant.user_slot(upn).ok_or("the person is gone")?;
            let name = manager.as_str().unwrap_or_default();
            let slot = tenant
                .user_slot(name)
                .ok_or_else(|| format!("no person {manager}"))?;
            let id = tenant.users.view(slot).map(|view| view.id());
            tenant
                .set_manager(person, id, now)
                .map_err(|error| error.to_string())
        },
    )
}

/// A member by user principal name, object id or the name of a group.
fn find_member(tenant: &Tenant, name: &str) -> Option<Member> {
    let by_id = name.parse().ok().and_then(|id| tenant.find(id));
    let person = || {
        tenant
            .users
            .by_upn(name)
            .map(|slot| Member::new(Kind::User, slot))
    };
    let group = || {
        let named = |slot: u32| {
            let view = tenant.groups.view(slot);
            view.and_then(|view| view.text(known::group::DISPLAY_NAME))
                .as_deref()
                == Some(name)
        };
        let mut groups = tenant.groups.after(None);
        groups
            .find(|(_, slot)| named(*slot))
            .map(|(_, slot)| Member::new(Kind::Group, slot))
    };
    by_id.or_else(person).or_else(group)
}

fn members(
    app: &App,
    tenant_id: Uuid,
    place: &str,
    body: &Map<String, Value>,
) -> Result<(), ScenarioError> {
    for relationship in ["members", "owners"] {
        let Some(names) = body.get(relationship) else {
            continue;
        };
        let place = format!("{place}.{relationship}");
        step(app, tenant_id, &place, |tenant, now| {
            let own = body["displayName"].as_str().unwrap_or_default();
            let group = find_member(tenant, own).ok_or("the group is gone")?.slot();
            for name in names.as_array().ok_or("must be a list")? {
                let member = name.as_str().and_then(|name| find_member(tenant, name));
                let member = member.ok_or_else(|| format!("no person or group {name}"))?;
                if relationship == "owners" {
                    tenant.owners.add(group, member);
                } else {
                    tenant.add_member(group, member, now);
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}
