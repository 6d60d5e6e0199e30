//! Help is there for every command, with examples where a command has flags.

use crate::{run, text};

const COMMANDS: &[&str] = &[
    "demo",
    "serve",
    "worker",
    "migrate",
    "doctor",
    "admin create-root",
    "admin reset-password",
    "token create",
    "connection list",
    "connection add",
    "connection connect",
    "connection check",
    "rule list",
    "rule add",
    "rule move",
    "rule rm",
    "rule export",
    "rule import",
    "sync",
    "plan show",
    "plan approve",
    "plan reject",
    "run list",
    "run show",
    "why",
    "timeline",
    "backup",
    "restore",
    "openapi",
    "completions",
];

/// Commands whose help has no example: they take nothing or one id.
const PLAIN: &[&str] = &[
    "migrate",
    "connection list",
    "rule list",
    "rule rm",
    "plan reject",
    "run show",
    "openapi",
];

#[test]
fn every_command_has_help_with_examples() {
    let here = tempfile::tempdir().unwrap();
    for command in COMMANDS {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.push("--help");
        let output = run(here.path(), &arguments);
        let help = text(&output.stdout);
        assert!(
            output.status.success(),
            "{command}: {}",
            text(&output.stderr)
        );
        assert!(help.contains("Usage: rollcall"), "{command}: {help}");
        assert!(help.contains("--json"), "{command}: {help}");
        let has_example = help.contains("Example");
        assert_eq!(has_example, !PLAIN.contains(command), "{command}: {help}");
    }
}

#[test]
fn the_overview_names_every_command_and_the_exit_codes() {
    let here = tempfile::tempdir().unwrap();
    let help = text(&run(here.path(), &["--help"]).stdout);
    for command in COMMANDS {
        let first = command.split(' ').next().unwrap();
        assert!(help.contains(&format!("  {first}")), "{first}: {help}");
    }
    assert!(help.contains("0 done, 1 failed, 2 wrong use"), "{help}");
}

#[test]
fn completions_are_written_for_every_shell() {
    let here = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&run(here.path(), &["completions", shell]).stdout);
        assert!(script.contains("create-root"), "{shell}: {script}");
    }
}
