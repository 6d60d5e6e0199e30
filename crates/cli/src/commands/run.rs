//! `run`: the sync runs there were.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use engine::Undo;
use provisioning::ids::RunId;
use serde_json::{Value, json};
use store::runs::{self, RunFilter};

use super::rule::How;
use super::undo::take_back;
use crate::failure::wrong_use;
use crate::installation::Installation;
use crate::output::{self, Output};
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
        #[command(flatten)]
        how: How,
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
            Self::Undo { id, how } => {
                return take_back(installation, Undo::Run(*id), *how, output).await;
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

async fn get(installation: &Installation, id: RunId) -> Result<runs::RunRow> {
    let run = runs::get(installation.db(), id).await?;
    run.ok_or_else(|| {
        wrong_use(format!(
            "there is no run {id}; `rollcall run list` shows them"
        ))
    })
}

pub(super) fn text(run: &runs::RunRow) -> Result<String> {
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
