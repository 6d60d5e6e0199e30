//! `undo`: takes back what was done to a person; and the way every undo is
//! shown, asked for and followed.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use engine::Undo;
use provisioning::ids::RunId;
use serde_json::json;
use store::plans;
use store::runs::RunStatus;

use super::rule::How;
use crate::installation::Installation;
use crate::output::{self, Output};
use crate::plan_view::{self, SHOWN};
use crate::{person, run_view};

/// Take back what a run did to a person.
#[derive(Debug, Args)]
#[command(after_help = "What somebody changed since stays. Examples:
  rollcall undo ada@contoso.com --plan-only
  rollcall undo ada@contoso.com --run 0198f2c1-…")]
pub(crate) struct UndoPerson {
    /// Our id, an email address, a username or the object id in the directory
    person: String,
    /// The run; the last that did something to the person when left out
    #[arg(long, value_name = "ID")]
    run: Option<RunId>,
    #[command(flatten)]
    how: How,
}

impl UndoPerson {
    /// Shows it, asks, and does it.
    pub(crate) async fn run(
        &self,
        installation: &Installation,
        output: Output,
    ) -> Result<ExitCode> {
        let row = person::find(installation.db(), &self.person).await?;
        let what = Undo::Person {
            record_id: row.record.id,
            run_id: self.run,
        };
        take_back(installation, what, self.how, output).await
    }
}

/// Shows the plan of an undo, asks, takes back.
pub(super) async fn take_back(
    installation: &Installation,
    what: Undo,
    how: How,
    output: Output,
) -> Result<ExitCode> {
    let engine = &installation.engine;
    let actor = installation.actor();
    let preview = engine.undo(what, true, &actor).await?;
    let plan = plans::get(installation.db(), preview.plan_id).await?;
    let plan = plan.context("the plan of the undo is not there")?;
    let limit = if output.is_json() { usize::MAX } else { SHOWN };
    let view = plan_view::read(installation.db(), &plan, limit).await?;
    let conflicts = format!("{} fields were changed since and stay.", preview.conflicts);
    if how.plan_only {
        let mut value = serde_json::to_value(&view)?;
        value["conflicts"] = json!(preview.conflicts);
        value["conflicting"] = json!(preview.conflicting);
        output.show(&value, || format!("{}\n{conflicts}", view.text()))?;
        return Ok(ExitCode::SUCCESS);
    }
    if !output.is_json() {
        output::print(&format!("{}\n{conflicts}", view.text()))?;
    }
    if !output::ask("Take this back?", how.yes)? {
        return Ok(ExitCode::FAILURE);
    }
    let undone = engine.undo(what, false, &actor).await?;
    let run = undone.run_id.context("the undo has no run")?;
    let run = run_view::follow(installation, "undo", run).await?;
    let text = || super::run::text(&run).unwrap_or_default();
    output.show(&run_view::view(&run)?, text)?;
    Ok(match run.status {
        RunStatus::Done => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}
