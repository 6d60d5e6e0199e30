//! `completions`: a script for the shell.

use anyhow::Result;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::output;

/// Print completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall completions bash > /etc/bash_completion.d/rollcall
  rollcall completions zsh > ~/.zfunc/_rollcall")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    pub(crate) fn run(&self) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(
            self.shell,
            &mut Arguments::command(),
            "rollcall",
            &mut script,
        );
        output::print(&String::from_utf8_lossy(&script))
    }
}
