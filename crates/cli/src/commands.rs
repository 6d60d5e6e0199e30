//! Runs the command that was asked for.

pub(crate) mod admin;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod connection;
pub(crate) mod doctor;
pub(crate) mod plan;
pub(crate) mod rule;
mod rule_file;
pub(crate) mod run;
pub(crate) mod secrets;
pub(crate) mod serve;
pub(crate) mod sync;
pub(crate) mod timeline;
pub(crate) mod token;
pub(crate) mod undo;
pub(crate) mod why;

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use crate::arguments::{Arguments, Command, Global};
use crate::compose::{self, Migrate};
use crate::installation::Installation;
use crate::output::Output;

/// Runs a command; the code is 1 when it did its work and found something off.
pub(crate) async fn run(arguments: Arguments, output: Output) -> Result<ExitCode> {
    let global = arguments.global;
    match arguments.command {
        Command::Demo(demo) => demo.run(&global, output).await?,
        Command::Serve(serve) => serve.run(&global).await?,
        Command::Worker(worker) => worker.run(&global).await?,
        Command::Migrate => migrate(&global, output).await?,
        Command::Doctor(doctor) => return doctor.run(&global, output).await,
        Command::Admin(admin) => admin.run(&open(&global).await?, output).await?,
        Command::Audit(audit) => return audit.run(&open(&global).await?, output).await,
        Command::Secrets(secrets) => secrets.run(&open(&global).await?, output).await?,
        Command::Token(token) => token.run(&open(&global).await?, output).await?,
        Command::Connection(command) => return command.run(&open(&global).await?, output).await,
        Command::Rule(rule) => return rule.run(&open(&global).await?, output).await,
        Command::Sync(sync) => return sync.run(&open(&global).await?, output).await,
        Command::Plan(plan) => return plan.run(&open(&global).await?, output).await,
        Command::Run(run) => return run.run(&open(&global).await?, output).await,
        Command::Undo(undo) => return undo.run(&open(&global).await?, output).await,
        Command::Why(why) => why.run(&open(&global).await?, output).await?,
        Command::Timeline(timeline) => timeline.run(&open(&global).await?, output).await?,
        Command::Backup(backup) => backup.run(&global, output).await?,
        Command::Restore(restore) => restore.run(&global, output).await?,
        Command::Openapi => crate::output::print(&web::openapi_json())?,
        Command::Completions(completions) => completions.run()?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the installation for a command that works on it and ends.
async fn open(global: &Global) -> Result<Installation> {
    let config = global.load(Vec::new())?;
    compose::start_log(&config);
    compose::installation(config, Migrate::Refuse).await
}

async fn migrate(global: &Global, output: Output) -> Result<()> {
    let config = global.load(Vec::new())?;
    compose::start_log(&config);
    let db = compose::open_database(&config).await?;
    let applied = compose::migrate(&db).await?;
    output.show(&json!({ "applied": applied }), || match applied.len() {
        0 => "The schema is up to date.".to_owned(),
        _ => format!("Applied {}.", applied.join(", ")),
    })
}
