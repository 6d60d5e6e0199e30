//! The sample world: a scenario with its numbers scaled and its applications
//! added, in an emulator.

use anyhow::{Context as _, Result};
use graph::{Clock as _, SystemClock};
use graph_emulator::{Emulator, Options};
use serde_json::json;
use toml::{Table, Value};

/// The scenario: tenants with their people and groups, and administrators.
const SCENARIO: &str = include_str!("../../../../scenarios/demo.toml");
/// Ids and secrets of the emulated applications; they open nothing else.
const APPLICATION: &str = "0d6f6c7e-5a55-4c0e-9a4e-52a1f0c0de01";
const WRITER: &str = "0d6f6c7e-5a55-4c0e-9a4e-52a1f0c0de02";
const KEY: &str = "only-the-emulator-takes-this-key";

/// The emulator and what is in it.
pub(super) struct World {
    /// The emulator.
    pub(super) emulator: Emulator,
    /// Its address, without a slash at its end.
    pub(super) base: String,
    /// The MSP first, then its clients.
    pub(super) tenants: Vec<Tenant>,
}

/// A tenant of the scenario.
#[derive(Debug, Clone)]
pub(super) struct Tenant {
    /// Its id.
    pub(super) id: String,
    /// Its name.
    pub(super) name: String,
    /// Its initial domain.
    pub(super) host: String,
    /// The domain its people's addresses are in.
    pub(super) domain: String,
    /// Whether it is the MSP's own.
    pub(super) is_msp: bool,
}

impl Tenant {
    /// The administrator who consents.
    pub(super) fn administrator(&self) -> String {
        format!("admin@{}", self.host)
    }
}

impl World {
    /// Loads the scenario with about `people` people.
    pub(super) fn new(base: &str, public_url: &str, people: u32) -> Result<Self> {
        let mut scenario: Table = toml::from_str(SCENARIO).context("scenarios/demo.toml")?;
        scale(&mut scenario, people);
        let tenants = tenants(&scenario)?;
        let apps = json!([
            {
                "app_id": APPLICATION, "display_name": "Rollcall", "secret": KEY,
                "redirect_uris": [format!("{public_url}/OAuth/IntegrationCallback.aspx")],
                "delegated": ["Directory.Read.All", "Group.Read.All", "User.Read", "User.Read.All"],
                "application": ["Directory.Read.All", "Group.Read.All", "User.Read.All"],
            },
            {
                "app_id": WRITER, "display_name": "Life goes on", "secret": KEY,
                "tenants": tenants.iter().map(|tenant| &tenant.id).collect::<Vec<_>>(),
                "application": ["User.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"],
            },
        ]);
        scenario.insert("apps".to_owned(), Value::try_from(apps)?);
        let start = SystemClock.now();
        let emulator = Emulator::new(Options { seed: 20, start });
        emulator
            .load_scenario(&toml::to_string(&scenario)?)
            .context("scenarios/demo.toml")?;
        Ok(Self {
            emulator,
            base: base.to_owned(),
            tenants,
        })
    }

    /// The application connections sign in as: id and key.
    pub(super) fn application(&self) -> (&'static str, &'static str) {
        (APPLICATION, KEY)
    }

    /// The application that changes the directories: id and key.
    pub(super) fn writer(&self) -> (&'static str, &'static str) {
        (WRITER, KEY)
    }
}

fn entries<'a>(scenario: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    let list = scenario.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_table)
}

fn count(scenario: &Table) -> u32 {
    let lists = entries(scenario, "tenants").filter_map(|tenant| tenant.get("people")?.as_array());
    let named: usize = lists.map(Vec::len).sum();
    u32::try_from(named + entries(scenario, "accounts").count()).unwrap_or(u32::MAX)
}

/// Gives each tenant with generated people its share of what is wanted beside
/// those who have names in the scenario.
fn scale(scenario: &mut Table, people: u32) {
    let wanted = people.saturating_sub(count(scenario));
    let tenants = scenario.get_mut("tenants").and_then(Value::as_array_mut);
    let amounts: Vec<&mut Table> = tenants
        .into_iter()
        .flatten()
        .filter_map(|tenant| tenant.as_table_mut()?.get_mut("generate")?.as_table_mut())
        .collect();
    let shares = u32::try_from(amounts.len()).unwrap_or(1).max(1);
    for amount in amounts {
        let groups = amount
            .get("groups")
            .and_then(Value::as_integer)
            .unwrap_or(1)
            .max(1);
        let share = i64::from(wanted / shares);
        amount.insert("people".to_owned(), share.into());
        amount.insert("members_per_group".to_owned(), (share / groups).into());
    }
}

fn tenants(scenario: &Table) -> Result<Vec<Tenant>> {
    let text = |table: &Table, key: &str| {
        let found = table.get(key).and_then(Value::as_str).map(str::to_owned);
        found.with_context(|| format!("scenarios/demo.toml: a tenant without {key}"))
    };
    let tenants = entries(scenario, "tenants").enumerate().map(|(at, table)| {
        let domains = table.get("verified_domains").and_then(Value::as_array);
        let domain = domains.and_then(|list| list.first()?.as_str());
        let host = text(table, "domain")?;
        Ok(Tenant {
            id: text(table, "tenant_id")?,
            name: text(table, "display_name")?,
            domain: domain.unwrap_or(&host).to_owned(),
            host,
            is_msp: at == 0,
        })
    });
    tenants.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scenario_loads_at_every_size() {
        for people in [110, 430, 5_000] {
            let world = World::new("http://127.0.0.1:1", "http://localhost:2", people).unwrap();
            assert_eq!(world.tenants.len(), 5);
            assert!(world.tenants[0].is_msp);
        }
    }

    #[test]
    fn people_are_shared_out_among_the_tenants() {
        let mut scenario: Table = toml::from_str(SCENARIO).unwrap();
        scale(&mut scenario, 1_000);
        let generated: i64 = entries(&scenario, "tenants")
            .filter_map(|tenant| {
                tenant
                    .get("generate")?
                    .as_table()?
                    .get("people")?
                    .as_integer()
            })
            .sum();
        let all = i64::from(count(&scenario)) + generated;
        assert!((996..=1_000).contains(&all), "{all}");
    }
}
