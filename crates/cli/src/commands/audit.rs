//! `audit`: whether the journal is as it was written.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::installation::Installation;
use crate::output::Output;

/// The audit log.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Read the whole journal again and hold it against its seals; exit 1 when it was changed
    #[command(after_help = "Examples:
  rollcall audit verify
  rollcall audit verify --json")]
    Verify,
}

impl Audit {
    /// Runs it.
    pub(crate) async fn run(
        &self,
        installation: &Installation,
        output: Output,
    ) -> Result<ExitCode> {
        match self {
            Self::Verify => verify(installation, output).await,
        }
    }
}

async fn verify(installation: &Installation, output: Output) -> Result<ExitCode> {
    let engine = &installation.engine;
    // What was written since the last seal is sealed first.
    while engine.seal_journal().await? > 0 {}
    let report = engine.verify_journal().await?;
    output.show(&report, || match &report.broken {
        None => format!(
            "{} entries under {} seals are as they were written. The newest seal:\n{}",
            report.verified,
            report.seals,
            report.head.as_deref().unwrap_or("none yet")
        ),
        Some(broken) => format!(
            "The journal was changed after entry {} and not after entry {}: {}.",
            broken.after, broken.through, broken.what
        ),
    })?;
    Ok(match report.broken {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::FAILURE,
    })
}
