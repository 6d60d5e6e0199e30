//! `sync`: reads the directory, shows the plan, asks, applies.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use engine::{Mode, SyncRequest};
use serde_json::{Value, json};
use store::connections::{self, Connection, ConnectionStatus};
use store::plans;
use store::runs::{RunRow, RunStatus};

use crate::failure::curable;
use crate::installation::{self, Installation};
use crate::output::{self, Output};
use crate::plan_view::{self, SHOWN};
use crate::run_view;

/// Read the directory, show the plan, apply it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall sync                                   every connection; asks before it applies
  rollcall sync --connection contoso.com --yes    one, without asking
  rollcall sync --plan-only                       what would happen
  rollcall sync --full --reapply                  read everything; local edits go

--yes approves a first sync, never a run that a limit holds: that needs `rollcall plan approve`.")]
pub(crate) struct Sync {
    /// One connection instead of all
    #[arg(long, value_name = "ID|TENANT")]
    connection: Option<String>,
    /// Read everything, not only what changed
    #[arg(long)]
    full: bool,
    /// Overwrite local edits with the directory
    #[arg(long)]
    reapply: bool,
    /// Make the plan and leave it waiting
    #[arg(long, conflicts_with = "yes")]
    plan_only: bool,
    /// Apply without asking
    #[arg(long)]
    yes: bool,
}

impl Sync {
    /// Syncs one connection after the other; 1 when one of them failed or waits.
    pub(crate) async fn run(
        &self,
        installation: &Installation,
        output: Output,
    ) -> Result<ExitCode> {
        let wanted = match &self.connection {
            Some(text) => vec![installation.connection(text).await?],
            None => ready(connections::list(installation.db()).await?),
        };
        if wanted.is_empty() {
            return Err(curable(
                "there is no connected tenant",
                "Add one with `rollcall connection add`, then connect it.",
            ));
        }
        let mut runs = Vec::new();
        let mut all_well = true;
        for connection in &wanted {
            let name = installation::name(connection);
            let run = self.one(installation, connection, &name, output).await?;
            all_well &=
                run.status == RunStatus::Done || (self.plan_only && run.status == RunStatus::Held);
            if !output.is_json() {
                output::print(&format!("{name}: {}", run_view::outcome(&run)?))?;
            }
            runs.push(self.view(installation, &run).await?);
        }
        if output.is_json() {
            output.show(&json!({ "runs": runs }), String::new)?;
        }
        Ok(if all_well {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// A run, with its plan when only that was asked for.
    async fn view(&self, installation: &Installation, run: &RunRow) -> Result<Value> {
        let mut view = run_view::view(run)?;
        if let (true, Some(plan_id)) = (self.plan_only, run.plan_id)
            && let Some(plan) = plans::get(installation.db(), plan_id).await?
        {
            let plan = plan_view::read(installation.db(), &plan, usize::MAX).await?;
            view["plan"] = serde_json::to_value(plan)?;
        }
        Ok(view)
    }

    async fn one(
        &self,
        installation: &Installation,
        connection: &Connection,
        name: &str,
        output: Output,
    ) -> Result<RunRow> {
        let engine = &installation.engine;
        let request = SyncRequest {
            mode: if self.full { Mode::Full } else { Mode::Delta },
            reapply: self.reapply,
            plan_only: !self.yes,
        };
        let id = engine
            .sync(connection.id, request, &installation.actor())
            .await?;
        let run = run_view::follow(installation, name, id).await?;
        let (RunStatus::Held, Some(plan_id)) = (run.status, run.plan_id) else {
            return Ok(run);
        };
        let Some(plan) = plans::get(installation.db(), plan_id).await? else {
            return Ok(run);
        };
        if !output.is_json() {
            let view = plan_view::read(installation.db(), &plan, SHOWN).await?;
            output::print(&view.text())?;
        }
        let held_by_limit = self.yes && hold_code(&run) != Some("first_sync");
        if self.plan_only || held_by_limit {
            return Ok(run);
        }
        let actor = installation.actor();
        if !output::ask("Apply this plan?", self.yes)? {
            engine.reject(plan_id, &actor).await?;
            return run_view::follow(installation, name, id).await;
        }
        let hash = plan.hash.clone().unwrap_or_default();
        let id = engine.approve(plan_id, &hash, &actor).await?;
        run_view::follow(installation, name, id).await
    }
}

fn hold_code(run: &RunRow) -> Option<&str> {
    run.hold.as_ref()?.get("code")?.as_str()
}

/// Connections that can be synced without being named.
fn ready(all: Vec<Connection>) -> Vec<Connection> {
    let is_ready = |connection: &Connection| {
        let status = connection.health.status;
        connection.tenant_id.is_some()
            && !matches!(
                status,
                ConnectionStatus::Paused | ConnectionStatus::AwaitingConsent
            )
    };
    all.into_iter().filter(is_ready).collect()
}
