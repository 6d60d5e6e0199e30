//! The first sync of every tenant, with a progress bar. A run that waits is
//! looked at and approved by its hash, as a person would.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::api::{Api, text};
use super::setup::{self, SetUp};
use super::world::World;
use crate::progress;

/// How often a run is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How many times a plan may change between look and approval.
const APPROVALS: usize = 5;

/// Syncs every tenant: the clients beside each other, then the MSP.
pub(super) async fn everyone(api: &Api, world: &World, set_up: &SetUp) -> Result<()> {
    let bar = progress::bar(Some(world.tenants.len() as u64));
    let (msp, clients): (Vec<_>, Vec<_>) = world.tenants.iter().partition(|tenant| tenant.is_msp);
    for round in [clients, msp] {
        let mut started = Vec::new();
        for tenant in round {
            let run = start(api, set_up, &set_up.connections[&tenant.id]).await?;
            started.push((tenant, run));
        }
        for (tenant, run) in started {
            bar.set_message(tenant.name.clone());
            let run = wait(api, &run).await?;
            if run["status"] != "done" {
                bail!(
                    "{}: the sync ended {}: {}",
                    tenant.name,
                    run["status"],
                    run["error"]
                );
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Lets a connection go on; the run that reads it whole. A new connection's run
/// waits since its rules were saved.
async fn start(api: &Api, set_up: &SetUp, connection: &str) -> Result<String> {
    let path = format!("/connections/{connection}");
    if text(&api.get(&path).await?, "status")? == "paused" {
        setup::pause(api, connection, false).await?;
    }
    if let Some(run) = set_up.first_syncs.get(connection) {
        return Ok(run.clone());
    }
    let whole = json!({ "mode": "full", "reapply": false });
    let run = api.post(&format!("{path}/sync"), &whole).await?;
    Ok(text(&run, "run_id")?.to_owned())
}

/// Waits until a run has ended; approves it when it waits for a person.
pub(super) async fn wait(api: &Api, id: &str) -> Result<Value> {
    let mut approvals = 0;
    loop {
        let run = api.get(&format!("/sync-runs/{id}")).await?;
        match text(&run, "status")? {
            "held" if approvals < APPROVALS => {
                approvals += 1;
                approve(api, text(&run, "plan_id")?).await?;
            }
            "held" => bail!("the plan of run {id} kept changing"),
            "done" | "failed" | "rejected" | "undone" => return Ok(run),
            _ => tokio::time::sleep(LOOK).await,
        }
    }
}

async fn approve(api: &Api, plan: &str) -> Result<()> {
    let plan = api.get(&format!("/plans/{plan}")).await?;
    let path = format!("/plans/{}/approve", text(&plan, "id")?);
    let approved = api
        .post(&path, &json!({ "hash": text(&plan, "hash")? }))
        .await;
    match approved {
        Err(error) if format!("{error:#}").contains("plan_changed") => Ok(()),
        // An approved run shows as held until a worker takes it up.
        Err(error) if format!("{error:#}").contains("plan_not_held") => {
            tokio::time::sleep(LOOK).await;
            Ok(())
        }
        other => other.map(|_| ()),
    }
}
