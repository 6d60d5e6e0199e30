//! What is wrong with the configuration is told with key, place and cure.

use crate::{json, rollcall, run, text};

/// A file, an environment variable, arguments; then key, place and cure.
type Case = (
    &'static str,
    Option<(&'static str, &'static str)>,
    &'static [&'static str],
    [&'static str; 3],
);

const FILE: &str = "rollcall.toml";

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("[sync]\npoll_interval = \"2\"", None, &["migrate"], ["sync.poll_interval", FILE, "\"10m\""]),
    ("[sync]\npoll_interval = 2", None, &["migrate"], ["sync.poll_interval", FILE, "\"10m\""]),
    ("[sync]\nreconcile_interval = \"1 day\"", None, &["migrate"], ["sync.reconcile_interval", FILE, "\"24h\""]),
    ("[sync]\nnotifications = \"sometimes\"", None, &["migrate"], ["sync.notifications", FILE, "\"auto\""]),
    ("[sync]\nauto_approve_first = \"yes\"", None, &["migrate"], ["sync.auto_approve_first", FILE, "true or false"]),
    ("[sync]\npol_interval = \"2s\"", None, &["migrate"], ["sync.pol_interval", FILE, "poll_interval"]),
    ("[snyc]\npoll_interval = \"2s\"", None, &["migrate"], ["snyc", FILE, "sync"]),
    ("[server]\nlisten = \"8080\"", None, &["migrate"], ["server.listen", FILE, "HOST:PORT"]),
    ("[server]\npublic_url = \"psa.example.com\"", None, &["migrate"], ["server.public_url", FILE, "https://"]),
    ("[database]\nurl = \"mysql://root@db\"", None, &["migrate"], ["database.url", FILE, "postgres://"]),
    ("[microsoft]\ncloud = \"mars\"", None, &["migrate"], ["microsoft.cloud", FILE, "us-gov"]),
    ("[microsoft]\ncloud = \"custom\"", None, &["migrate"], ["microsoft.login_url", "defaults", "https"]),
    (
        "[microsoft]\ncloud = \"custom\"\nlogin_url = \"http://login.example.com\"\ngraph_url = \"http://localhost:1\"",
        None, &["migrate"], ["microsoft.login_url", FILE, "this machine"],
    ),
    ("[limits.deactivate]\npercent = 101", None, &["migrate"], ["limits.deactivate.percent", FILE, "0 to 100"]),
    ("[limits.revoke]\nwindow = \"1\"", None, &["migrate"], ["limits.revoke.window", FILE, "\"24h\""]),
    ("[limits.archive]\ncount = -1", None, &["migrate"], ["limits.archive.count", FILE, "whole number"]),
    ("[webhooks]\nallow_private = 1", None, &["migrate"], ["webhooks.allow_private", FILE, "true or false"]),
    ("[mail]\nhost = \"smtp.example.com\"", None, &["migrate"], ["mail.from", "defaults", "rollcall@example.com"]),
    ("[mail]\nhost = \"smtp.example.com\"\nfrom = \"nobody\"", None, &["migrate"], ["mail.from", FILE, "rollcall@example.com"]),
    (
        "[mail]\nhost = \"smtp.example.com\"\nfrom = \"a@example.com\"\nusername = \"a\"",
        None, &["migrate"], ["mail.password", "defaults", "mail.username"],
    ),
    (
        "[mail]\nhost = \"smtp.example.com\"\nfrom = \"a@example.com\"", Some(("ROLLCALL_MAIL__PASSWORD", "0123")),
        &["migrate"], ["mail.username", "defaults", "mail.password"],
    ),
    (
        "[mail]\nhost = \"smtp.example.com\"\nfrom = \"a@example.com\"\nsecurity = \"none\"",
        None, &["migrate"], ["mail.security", FILE, "this machine"],
    ),
    ("[mail]\nport = 99999", None, &["migrate"], ["mail.port", FILE, "587"]),
    ("[log]\nformat = \"xml\"", None, &["migrate"], ["log.format", FILE, "\"json\""]),
    ("", Some(("ROLLCALL_SYNC__POLL_INTERVAL", "soon")), &["migrate"],
        ["sync.poll_interval", "environment variable ROLLCALL_SYNC__POLL_INTERVAL", "\"2s\""]),
    ("", Some(("ROLLCALL_SERVER__PORT", "80")), &["migrate"],
        ["server.port", "environment variable ROLLCALL_SERVER__PORT", "listen"]),
    ("", None, &["serve", "--listen", "everywhere"], ["server.listen", "a flag", "HOST:PORT"]),
    ("", None, &["migrate", "--config", "absent.toml"], ["absent.toml", "flag --config", "cure"]),
    ("[sync", None, &["migrate"], ["", FILE, "cure"]),
];

#[test]
fn every_bad_value_gives_key_place_and_cure_and_exit_code_2() {
    for (file, variable, arguments, wanted) in CASES {
        let here = tempfile::tempdir().unwrap();
        std::fs::write(here.path().join("rollcall.toml"), file).unwrap();
        let output = rollcall(here.path(), arguments)
            .envs(*variable)
            .output()
            .unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{file} {variable:?}: {told}");
        for part in wanted {
            assert!(
                told.contains(part),
                "{file} {variable:?}: no {part:?} in\n{told}"
            );
        }
        assert!(told.contains("cure: "), "{file} {variable:?}: {told}");
    }
}

#[test]
fn a_password_in_a_bad_database_address_is_not_repeated() {
    let here = tempfile::tempdir().unwrap();
    let output = rollcall(here.path(), &["migrate"])
        .env("ROLLCALL_DATABASE__URL", "mysql://root:hunter2@db/x")
        .output()
        .unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn flags_override_variables_and_variables_override_the_file() {
    for (variable, flag, wanted) in [
        (None, None, "one"),
        (Some("two"), None, "two"),
        (Some("two"), Some("three"), "three"),
    ] {
        let here = tempfile::tempdir().unwrap();
        std::fs::write(here.path().join("rollcall.toml"), "data_dir = \"one\"").unwrap();
        let mut command = rollcall(here.path(), &["migrate", "--json"]);
        command.envs(variable.map(|value| ("ROLLCALL_DATA_DIR", value)));
        command.args(
            flag.map(|value| ["--data-dir", value])
                .into_iter()
                .flatten(),
        );
        json(&command.output().unwrap());
        assert!(
            here.path().join(wanted).join("rollcall.sqlite").is_file(),
            "{wanted}"
        );
    }
}

#[test]
fn errors_are_json_when_json_is_asked_for() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("rollcall.toml"), "[log]\nformat = \"xml\"").unwrap();
    let output = run(here.path(), &["migrate", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(told["error"]["code"], "wrong_use", "{told}");
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("log.format"),
        "{told}"
    );
    assert!(
        told["error"]["cure"].as_str().unwrap().contains("\"text\""),
        "{told}"
    );
}
