//! The command line: every command and flag, with examples. Does nothing.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::config::{Config, Override};
use crate::failure::wrong_use_curable;

/// Keeps a PSA's people in step with Microsoft Entra ID.
#[derive(Debug, Parser)]
#[command(
    name = "rollcall",
    version,
    after_help = "Examples:
  rollcall demo                              a whole world on this machine, to look around in
  rollcall serve                             the server, on SQLite in ./rollcall-data
  rollcall sync --connection contoso.com     one tenant now: shows the plan and asks
  rollcall why ada@contoso.com --json        why a person is as they are

Settings come from rollcall.toml, then ROLLCALL_SECTION__KEY, then flags.
Exit codes: 0 done, 1 failed, 2 wrong use."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Configuration file instead of ./rollcall.toml
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Global options"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Where the master key and the SQLite file live
    #[arg(
        long,
        global = true,
        value_name = "DIRECTORY",
        help_heading = "Global options"
    )]
    pub(crate) data_dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
}

impl Global {
    /// The configuration, with flags on top.
    pub(crate) fn load(&self, flags: Vec<Override>) -> anyhow::Result<Config> {
        let mut all = flags;
        if let Some(directory) = &self.data_dir {
            all.push(("data_dir", directory.display().to_string()));
        }
        Config::load(self.config.as_deref(), &all)
            .map_err(|problem| wrong_use_curable(problem.to_string(), problem.cure()))
    }
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the emulator with a sample MSP and its clients, and a server that syncs them
    Demo(crate::demo::Demo),
    /// Run the server: pages, API, callback, notifications, worker
    Serve(commands::serve::Serve),
    /// Run a worker without the server
    Worker(commands::serve::Worker),
    /// Bring the database's schema up to date
    Migrate,
    /// Check configuration, database, secrets, network, permissions, subscriptions
    Doctor(commands::doctor::Doctor),
    /// The root user
    #[command(subcommand)]
    Admin(commands::admin::Admin),
    /// Whether the audit log is as it was written
    #[command(subcommand)]
    Audit(commands::audit::Audit),
    /// The master key
    #[command(subcommand)]
    Secrets(commands::secrets::Secrets),
    /// API tokens
    #[command(subcommand)]
    Token(commands::token::Token),
    /// Connections to tenants
    #[command(subcommand)]
    Connection(commands::connection::Connections),
    /// Mapping rules
    #[command(subcommand)]
    Rule(commands::rule::Rules),
    /// Read the directory, show the plan, apply it
    Sync(commands::sync::Sync),
    /// Plans that wait for a person
    #[command(subcommand)]
    Plan(commands::plan::Plans),
    /// Sync runs
    #[command(subcommand)]
    Run(commands::run::Runs),
    /// Why a person is as they are
    Why(commands::why::Why),
    /// Everything that happened to a person, newest first
    Timeline(commands::timeline::Timeline),
    /// Take back what a run did to a person
    Undo(commands::undo::UndoPerson),
    /// Copy the SQLite database while it is in use
    Backup(commands::backup::Backup),
    /// Put a backup in the place of the SQLite database
    Restore(commands::backup::Restore),
    /// Print the description of the REST API
    Openapi,
    /// Print completions for a shell
    Completions(commands::completions::Completions),
}
