//! An installation without a server: schema, key, root, tokens, backup.

use std::os::unix::fs::PermissionsExt as _;

use crate::{json, run, run_with, text};

const PASSWORD: &str = "correct horse battery staple";

#[test]
fn migrating_twice_applies_nothing_the_second_time() {
    let here = tempfile::tempdir().unwrap();
    let first = json(&run(here.path(), &["migrate", "--json"]));
    assert!(!first["applied"].as_array().unwrap().is_empty(), "{first}");
    let second = json(&run(here.path(), &["migrate", "--json"]));
    assert_eq!(second["applied"], serde_json::json!([]));
}

#[test]
fn root_is_made_once_and_gets_a_new_password() {
    let here = tempfile::tempdir().unwrap();
    run(here.path(), &["migrate"]);
    let create = [
        "admin",
        "create-root",
        "--username",
        "Boss",
        "--password-stdin",
        "--json",
    ];
    let made = json(&run_with(here.path(), &create, PASSWORD));
    assert_eq!(made["username"], "Boss");
    let again = run_with(here.path(), &create, PASSWORD);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("reset-password"));
    let reset = [
        "admin",
        "reset-password",
        "--username",
        "boss",
        "--password-stdin",
        "--json",
    ];
    let reset = json(&run_with(here.path(), &reset, PASSWORD));
    assert_eq!(reset["id"], made["id"]);
    let history = json(&run(here.path(), &["timeline", "boss", "--json"]));
    let actions: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["action"])
        .collect();
    assert_eq!(actions, ["password_reset", "root_created"]);
}

#[test]
fn a_token_is_shown_once_and_listed_without_itself() {
    let here = tempfile::tempdir().unwrap();
    run(here.path(), &["migrate"]);
    let create = [
        "token",
        "create",
        "--name",
        "ci",
        "--scopes",
        "read,people",
        "--json",
    ];
    let made = json(&run(here.path(), &create));
    let token = made["token"].as_str().unwrap().to_owned();
    let listed = run(here.path(), &["token", "list", "--json"]);
    assert!(!text(&listed.stdout).contains(&token));
    let item = &json(&listed)["items"][0];
    assert_eq!(
        (&item["name"], &item["scopes"]),
        (&made["name"], &made["scopes"])
    );
    for bad in ["everything", ""] {
        let output = run(
            here.path(),
            &["token", "create", "--name", "x", "--scopes", bad],
        );
        assert_eq!(output.status.code(), Some(2), "{bad}");
    }
}

#[test]
fn the_master_key_is_made_once_for_its_owner_only_and_doctor_watches_it() {
    let here = tempfile::tempdir().unwrap();
    run(here.path(), &["migrate"]);
    run_with(
        here.path(),
        &["admin", "create-root", "--password-stdin"],
        PASSWORD,
    );
    let key = here.path().join("rollcall-data/master.key");
    assert_eq!(
        std::fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let before = std::fs::read(&key).unwrap();
    run(here.path(), &["connection", "list"]);
    assert_eq!(std::fs::read(&key).unwrap(), before);
    let well = json(&run(here.path(), &["doctor", "--json"]));
    assert_eq!(well["ok"], true, "{well}");

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = run(here.path(), &["doctor"]);
    assert_eq!(exposed.status.code(), Some(1));
    assert!(
        text(&exposed.stdout).contains("chmod 600"),
        "{}",
        text(&exposed.stdout)
    );
    std::fs::remove_file(&key).unwrap();
    assert_eq!(run(here.path(), &["doctor"]).status.code(), Some(1));
    assert!(!key.exists(), "doctor changes nothing");
}

#[test]
fn a_restored_backup_is_what_was_there_and_the_newer_database_is_kept() {
    let here = tempfile::tempdir().unwrap();
    run(here.path(), &["migrate"]);
    run_with(
        here.path(),
        &["admin", "create-root", "--password-stdin"],
        PASSWORD,
    );
    let backup = json(&run(here.path(), &["backup", "copy.sqlite", "--json"]));
    assert!(backup["bytes"].as_u64().unwrap() > 0);
    assert_eq!(
        run(here.path(), &["backup", "copy.sqlite"]).status.code(),
        Some(2),
        "never overwritten"
    );
    json(&run(
        here.path(),
        &[
            "token", "create", "--name", "later", "--scopes", "read", "--json",
        ],
    ));

    let unasked = run(here.path(), &["restore", "copy.sqlite"]);
    assert_eq!(unasked.status.code(), Some(2));
    let restored = json(&run(
        here.path(),
        &["restore", "copy.sqlite", "--yes", "--json"],
    ));
    assert!(
        restored["kept"]
            .as_str()
            .unwrap()
            .ends_with(".before-restore")
    );
    let tokens = json(&run(here.path(), &["token", "list", "--json"]));
    assert_eq!(tokens["items"], serde_json::json!([]));
    assert_eq!(json(&run(here.path(), &["doctor", "--json"]))["ok"], true);
}

#[test]
fn the_exported_rules_of_an_empty_installation_import_again() {
    let here = tempfile::tempdir().unwrap();
    run(here.path(), &["migrate"]);
    assert!(
        run(here.path(), &["rule", "export", "rules.toml"])
            .status
            .success()
    );
    let output = run(here.path(), &["rule", "import", "rules.toml"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    std::fs::write(here.path().join("rules.toml"), "[[rules]]\nname = 1").unwrap();
    let output = run(here.path(), &["rule", "import", "rules.toml"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_set_up_code_is_printed_until_there_is_a_root_user() {
    let here = tempfile::tempdir().unwrap();
    run(here.path(), &["migrate"]);
    let code = json(&run(here.path(), &["admin", "set-up-code", "--json"]));
    let code = code["code"].as_str().unwrap().to_owned();
    assert_eq!(code.len(), 19, "{code}");
    let again = run(here.path(), &["admin", "set-up-code"]);
    assert_eq!(
        text(&again.stdout).trim(),
        code,
        "every process has the same"
    );
    let root = ["admin", "create-root", "--password-stdin"];
    run_with(here.path(), &root, PASSWORD);
    let refused = run(here.path(), &["admin", "set-up-code"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(!text(&refused.stderr).contains(&code));
}
