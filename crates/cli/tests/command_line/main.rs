//! The binary from outside: help, exit codes, configuration errors, and what
//! each command does on an empty installation.

#![allow(clippy::unwrap_used)] // a test fails by unwrap

mod configuration;
mod directory;
mod exit_codes;
mod help;
mod installation;
mod killed;
mod main_path;
mod master_key;
mod near_duplicates;
mod several;

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The binary in a directory of its own, with nothing of this process's
/// configuration.
pub(crate) fn rollcall(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command
        .current_dir(directory)
        .args(arguments)
        .stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ROLLCALL_")) {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG");
    command
}

/// Runs it to its end.
pub(crate) fn run(directory: &Path, arguments: &[&str]) -> Output {
    rollcall(directory, arguments).output().unwrap()
}

/// Runs it with text on standard input.
pub(crate) fn run_with(directory: &Path, arguments: &[&str], input: &str) -> Output {
    use std::io::Write as _;
    let mut child = rollcall(directory, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Standard output as JSON; the command must have succeeded.
pub(crate) fn json(output: &Output) -> serde_json::Value {
    let told = text(&output.stderr) + &text(&output.stdout);
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).unwrap()
}
