//! What the first sync came to.

use std::collections::BTreeMap;

use anyhow::Result;
use graph::{Clock as _, SystemClock};
use serde::Serialize;
use serde_json::Value;

use super::api::{Api, LONGEST, text};
use super::setup::Connections;
use super::world::World;
use crate::output;

/// Counts of one demo.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// Connected tenants.
    tenants: usize,
    /// People in all directories.
    people: u64,
    /// Employees with a person behind them.
    employees: usize,
    /// Contacts with a person behind them.
    contacts: usize,
    /// Records that were there and were adopted.
    adopted: u64,
    /// Records that were made.
    created: u64,
    /// Questions for a person.
    review: usize,
    /// Every run.
    runs: Vec<RunSummary>,
    /// From the start of the program.
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct RunSummary {
    id: String,
    tenant: String,
    status: String,
    counts: BTreeMap<String, u64>,
}

/// Reads it from the API, and the number of people from the emulator.
pub(super) async fn read(
    api: &Api,
    world: &World,
    connections: &Connections,
    began: jiff::Timestamp,
) -> Result<Summary> {
    let mut runs = Vec::new();
    for run in api.items("/sync-runs").await? {
        let connection = run["connection_id"].as_str().unwrap_or_default();
        let tenant = world
            .tenants
            .iter()
            .find(|tenant| connections[&tenant.id] == connection);
        let counts: BTreeMap<String, Value> =
            serde_json::from_value(run["counts"].clone()).unwrap_or_default();
        let counts = counts.into_iter().filter_map(|(kind, count)| {
            let count = count.as_u64().filter(|count| *count > 0)?;
            Some((kind, count))
        });
        runs.push(RunSummary {
            id: text(&run, "id")?.to_owned(),
            tenant: tenant.map(|tenant| tenant.name.clone()).unwrap_or_default(),
            status: text(&run, "status")?.to_owned(),
            counts: counts.collect(),
        });
    }
    runs.reverse();
    let done = || runs.iter().filter(|run| run.status == "done");
    let sum = |kind: &str| done().filter_map(|run| run.counts.get(kind)).sum();
    Ok(Summary {
        tenants: world.tenants.len(),
        people: people(api, world).await?,
        employees: linked(api, "/employees").await?,
        contacts: linked(api, "/contacts").await?,
        adopted: sum("adopt"),
        created: sum("create"),
        review: api.items("/review-items?status=open").await?.len(),
        seconds: SystemClock.now().duration_since(began).as_secs_f64(),
        runs,
    })
}

/// Records with a source in a directory.
async fn linked(api: &Api, path: &str) -> Result<usize> {
    let items = api.items(path).await?;
    Ok(items
        .iter()
        .filter(|item| !item["source"].is_null())
        .count())
}

async fn people(api: &Api, world: &World) -> Result<u64> {
    let url = format!("{}/emulator/v1/tenants", world.base);
    let request = http::Request::get(url).body(bytes::Bytes::new())?;
    let answer = api.transport().send(request, LONGEST).await?;
    let tenants: Value = serde_json::from_slice(&answer.body)?;
    let items = tenants["items"].as_array().into_iter().flatten();
    Ok(items.filter_map(|tenant| tenant["people"].as_u64()).sum())
}

impl Summary {
    /// As text.
    pub(super) fn text(&self) -> String {
        let head = output::list([
            ("tenants", self.tenants.to_string()),
            ("people", format!("{} in the directories", self.people)),
            ("employees", self.employees.to_string()),
            ("contacts", self.contacts.to_string()),
            (
                "adopted",
                format!("{} records that were there", self.adopted),
            ),
            ("created", format!("{} records", self.created)),
            ("review", format!("{} questions for a person", self.review)),
            ("seconds", format!("{:.1}", self.seconds)),
        ]);
        let with_counts = self.runs.iter().filter(|run| !run.counts.is_empty());
        let rows = with_counts.map(|run| {
            let counts: Vec<_> = run
                .counts
                .iter()
                .map(|(kind, count)| format!("{count} {kind}"))
                .collect();
            [run.tenant.clone(), run.status.clone(), counts.join(", ")]
        });
        format!(
            "{head}\n\n{}",
            output::table(["tenant", "run", "actions"], rows)
        )
    }
}
