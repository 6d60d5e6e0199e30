//! `run`: the sync runs there were.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use provisioning::ids::RunId;
use serde_json::{Value, json};
use store::plans;
use store::runs::{self, RunFilter, RunStatus};

use crate::failure::wrong_use;
use crate::installation::Installation;
use crate::output::{self, Output};
use crate::plan_view::{self, SHOWN};
use crate::run_view;

/// Sync runs.
#[derive(Debug, Subcommand)]
pub(crate) enum Runs {
    /// The latest runs
    #[command(after_help = "Example:\n  rollcall run list --connection contoso.com --limit 5")]
    List {
        /// Of this connection only
        #[arg(long, value_name = "ID|TENANT")]
        connection: Option<String>,
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One run
    Show {
        /// Its id
        id: RunId,
    },
    /// Take back what a run did
    #[command(
        after_help = "What somebody changed since stays. Example:\n  rollcall run undo 0198f2c1-… --plan-only"
    )]
    Undo {
        /// Its id
        id: RunId,
        /// Show what would happen, change nothing
        #[arg(long, conflicts_with = "yes")]
        plan_only: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Runs {
    /// Runs it.
    pub(crate) async fn run(
        &self,
        installation: &Installation,
        output: Output,
    ) -> Result<ExitCode> {
        match self {
            Self::Undo { id, plan_only, yes } => {
                return undo(installation, *id, *plan_only, *yes, output).await;
            }
            Self::List { connection, limit } => {
                list(installation, connection.as_deref(), *limit, output).await?;
            }
            Self::Show { id } => {
                let run = get(installation, *id).await?;
                output.show(&run_view::view(&run)?, || text(&run).unwrap_or_default())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Shows the plan, asks, takes back.
async fn undo(
    installation: &Installation,
    id: RunId,
    plan_only: bool,
    yes: bool,
    output: Output,
) -> Result<ExitCode> {
    let engine = &installation.engine;
    let actor = installation.actor();
    let preview = engine.undo_run(id, true, &actor).await?;
    let plan = plans::get(installation.db(), preview.plan_id).await?;
    let plan = plan.context("the plan of the undo is not there")?;
    let limit = if output.is_json() { usize::MAX } else { SHOWN };
    let view = plan_view::read(installation.db(), &plan, limit).await?;
    if plan_only {
        let mut value = serde_json::to_value(&view)?;
        value["conflicts"] = json!(preview.conflicts);
        value["conflicting"] = json!(preview.conflicting);
        let text = || {
            format!(
                "{}\n{} fields were changed since and stay.",
                view.text(),
                preview.conflicts
            )
        };
        output.show(&value, text)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !output.is_json() {
        output::print(&view.text())?;
    }
    if !output::ask("Take this back?", yes)? {
        return Ok(ExitCode::FAILURE);
    }
    let undone = engine.undo_run(id, false, &actor).await?;
    let run = undone.run_id.context("the undo has no run")?;
    let run = run_view::follow(installation, "undo", run).await?;
    output.show(&run_view::view(&run)?, || text(&run).unwrap_or_default())?;
    Ok(match run.status {
        RunStatus::Done => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

async fn get(installation: &Installation, id: RunId) -> Result<runs::RunRow> {
    let run = runs::get(installation.db(), id).await?;
    run.ok_or_else(|| {
        wrong_use(format!(
            "there is no run {id}; `rollcall run list` shows them"
        ))
    })
}

fn text(run: &runs::RunRow) -> Result<String> {
    Ok(output::list([
        ("run", run.id.to_string()),
        (
            "plan",
            run.plan_id.map(|id| id.to_string()).unwrap_or_default(),
        ),
        ("trigger", run.cause.clone()),
        ("started", run.started_at.to_string()),
        (
            "finished",
            run.finished_at.map(|at| at.to_string()).unwrap_or_default(),
        ),
        ("outcome", run_view::outcome(run)?),
        ("requests", run.requests.to_string()),
        ("units", run.resource_units.to_string()),
        ("by", run.actor.clone().unwrap_or_default()),
    ]))
}

async fn list(
    installation: &Installation,
    connection: Option<&str>,
    limit: u32,
    output: Output,
) -> Result<()> {
    let connection_id = match connection {
        Some(text) => Some(installation.connection(text).await?.id),
        None => None,
    };
    let filter = RunFilter {
        connection_id,
        ..RunFilter::default()
    };
    let found = runs::list(installation.db(), &filter, None, limit).await?;
    let items = found
        .iter()
        .map(run_view::view)
        .collect::<Result<Vec<Value>>>()?;
    let mut rows = Vec::new();
    for run in &found {
        let name = match run.connection_id {
            Some(id) => installation.connection_name(id).await?,
            None => "all".to_owned(),
        };
        rows.push([
            run.id.to_string(),
            name,
            run.started_at.to_string(),
            run.cause.clone(),
            run_view::outcome(run)?,
        ]);
    }
    output.show(&json!({ "items": items }), || {
        output::table(["id", "connection", "started", "trigger", "outcome"], rows)
    })
}
