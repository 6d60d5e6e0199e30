//! Help is there for every command, with examples where a command has flags.

use crate::{run, text};

const COMMANDS: &[&str] = &[
    "demo",
    "serve",
    "worker",
    "migrate",
    "doctor",
    "admin create-root",
    "admin set-up-code",
    "admin reset-password",
    "admin reset-second-factor",
    "secrets rotate",
    "token create",
    "connection list",
    "connection add",
    "connection connect",
    "connection check",
    "rule list",
    "rule add",
    "rule move",
    "rule rm",
    "rule undo",
    "rule export",
    "rule import",
    "sync",
    "plan show",
    "plan approve",
    "plan reject",
    "run list",
    "run show",
    "run undo",
    "why",
    "timeline",
    "undo",
    "audit verify",
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

/// The reference is the help, word for word. `UPDATE_REFERENCE=1` writes it.
#[test]
fn the_reference_of_commands_is_what_help_says() {
    let here = tempfile::tempdir().unwrap();
    let mut written = String::from(
        "# Commands\n\nWhat `--help` says, word for word; a test holds it so. \
         `UPDATE_REFERENCE=1 cargo test -p rollcall --test command_line` writes it anew.\n",
    );
    for command in std::iter::once(&"").chain(COMMANDS) {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        arguments.push("--help");
        let help = text(&run(here.path(), &arguments).stdout);
        let title = format!("rollcall {command}");
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        let body = lines.join("\n");
        written.push_str(&format!("\n## {}\n\n```text\n{body}\n```\n", title.trim()));
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/cli.md");
    if std::env::var("UPDATE_REFERENCE").is_ok_and(|value| value == "1") {
        std::fs::write(file, &written).unwrap();
    }
    let committed = std::fs::read_to_string(file).unwrap();
    assert!(
        committed == written,
        "docs/reference/cli.md is stale: see its head"
    );
}

/// Every setting the program knows is explained, and no other.
#[test]
fn the_reference_of_settings_names_every_setting_and_no_other() {
    let here = tempfile::tempdir().unwrap();
    let page = include_str!("../../../../docs/operate/configuration.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let named: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    // What the program itself answers to a setting it does not know.
    let known = |section: &str| -> Vec<String> {
        let line = match section {
            "" => "no_such_setting = 1".to_owned(),
            section => format!("[{section}]\nno_such_setting = 1"),
        };
        std::fs::write(here.path().join("rollcall.toml"), line).unwrap();
        let told = text(&run(here.path(), &["migrate"]).stderr);
        let list = told.split("here are ").nth(1).unwrap_or_default();
        let list = list.split(" (from").next().unwrap_or_default();
        list.split(", ").map(str::to_owned).collect()
    };
    let mut settings = Vec::new();
    let mut sections = vec![String::new()];
    while let Some(section) = sections.pop() {
        for name in known(&section) {
            let path = if section.is_empty() {
                name.clone()
            } else {
                format!("{section}.{name}")
            };
            let inner = path == "limits" || section == "limits";
            let is_section = section.is_empty() && name != "data_dir" || inner;
            if is_section {
                sections.push(path);
            } else {
                settings.push(path);
            }
        }
    }
    settings.sort_unstable();
    let mut named: Vec<String> = named.into_iter().map(str::to_owned).collect();
    named.sort_unstable();
    assert_eq!(named, settings);
}
