//! `plan`: what waits for a person's word.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use provisioning::ids::PlanId;
use serde_json::json;
use store::plans::{self, PlanFilter, PlanRow, PlanStatus};
use store::runs::RunStatus;

use crate::failure::wrong_use;
use crate::installation::Installation;
use crate::output::{self, Output};
use crate::plan_view::{self, SHOWN};
use crate::run_view;

/// Plans that wait for a person.
#[derive(Debug, Subcommand)]
pub(crate) enum Plans {
    /// The plans that wait
    List,
    /// Who, what and why
    #[command(after_help = "Example:\n  rollcall plan show 0198f2c1-… --all")]
    Show {
        /// Its id
        id: PlanId,
        /// Everybody, not only the first people
        #[arg(long)]
        all: bool,
    },
    /// Apply it
    #[command(after_help = "Example:\n  rollcall plan approve 0198f2c1-… --yes")]
    Approve {
        /// Its id
        id: PlanId,
        /// Only if the plan still has this hash
        #[arg(long)]
        hash: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Drop it: nothing of it happens
    Reject {
        /// Its id
        id: PlanId,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Plans {
    /// Runs it.
    pub(crate) async fn run(
        &self,
        installation: &Installation,
        output: Output,
    ) -> Result<ExitCode> {
        match self {
            Self::List => list(installation, output).await?,
            Self::Show { id, all } => {
                let plan = get(installation, *id).await?;
                let limit = if *all || output.is_json() {
                    usize::MAX
                } else {
                    SHOWN
                };
                let view = plan_view::read(installation.db(), &plan, limit).await?;
                output.show(&view, || view.text())?;
            }
            Self::Approve { id, hash, yes } => {
                let plan = get(installation, *id).await?;
                let hash = hash
                    .clone()
                    .or_else(|| plan.hash.clone())
                    .unwrap_or_default();
                return approve(installation, &plan, &hash, *yes, output).await;
            }
            Self::Reject { id, yes } => {
                let plan = get(installation, *id).await?;
                let counts = plan_view::counts_text(&plan.counts);
                if !output::ask(&format!("Reject plan {id} ({counts})?"), *yes)? {
                    return Ok(ExitCode::FAILURE);
                }
                installation
                    .engine
                    .reject(*id, &installation.actor())
                    .await?;
                output.show(&json!({ "id": id, "status": "rejected" }), || {
                    "Rejected.".to_owned()
                })?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn get(installation: &Installation, id: PlanId) -> Result<PlanRow> {
    let plan = plans::get(installation.db(), id).await?;
    plan.ok_or_else(|| {
        wrong_use(format!(
            "there is no plan {id}; `rollcall plan list` shows those that wait"
        ))
    })
}

async fn list(installation: &Installation, output: Output) -> Result<()> {
    let filter = PlanFilter {
        status: Some(PlanStatus::Held),
        ..PlanFilter::default()
    };
    let held = plans::list(installation.db(), &filter, None, 200).await?;
    let mut rows = Vec::new();
    let mut items = Vec::new();
    for plan in &held {
        let name = match plan.connection_id {
            Some(id) => installation.connection_name(id).await?,
            None => "all".to_owned(),
        };
        let why = plan
            .hold
            .as_ref()
            .and_then(|hold| hold.get("message")?.as_str());
        rows.push([
            plan.id.to_string(),
            name,
            plan.created_at.to_string(),
            plan_view::counts_text(&plan.counts),
            why.unwrap_or_default().to_owned(),
        ]);
        items.push(plan_view::read(installation.db(), plan, 0).await?);
    }
    output.show(&json!({ "items": items }), || {
        output::table(
            ["id", "connection", "made", "actions", "waits because"],
            rows,
        )
    })
}

/// The saved change would pass a limit.
fn waits(plan: Option<PlanId>) -> anyhow::Error {
    let plan = plan.map_or_else(String::new, |id| id.to_string());
    anyhow::anyhow!(
        "the change would pass a limit, and waits: `rollcall plan approve {plan}` applies it"
    )
}

/// Asks, approves, and waits for the run.
pub(crate) async fn approve(
    installation: &Installation,
    plan: &PlanRow,
    hash: &str,
    yes: bool,
    output: Output,
) -> Result<ExitCode> {
    let counts = plan_view::counts_text(&plan.counts);
    if !output::ask(&format!("Apply this plan ({counts})?"), yes)? {
        return Ok(ExitCode::FAILURE);
    }
    let (engine, actor) = (&installation.engine, installation.actor());
    let run = match plan.status {
        // Of a change that was looked at: it is saved now.
        PlanStatus::Preview => {
            let change = engine.save_preview(plan.id, hash, &actor).await?;
            match change.run_id {
                Some(run) if !change.held => run,
                Some(_) => return Err(waits(change.plan_id)),
                None => {
                    output.show(&json!({ "plan_id": plan.id, "status": "saved" }), || {
                        "Saved; nobody is concerned.".to_owned()
                    })?;
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
        _ => engine.approve(plan.id, hash, &actor).await?,
    };
    let done = run_view::follow(installation, "applying", run).await?;
    let outcome = run_view::outcome(&done)?;
    output.show(&run_view::view(&done)?, || {
        format!("Run {}: {outcome}", done.id)
    })?;
    let is_done = done.status == RunStatus::Done;
    Ok(if is_done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
