//! 0 done, 1 failed, 2 wrong use.

use crate::{run, run_with, text};

#[test]
fn codes_tell_done_failed_and_wrong_use_apart() {
    let here = tempfile::tempdir().unwrap();
    let nobody = "00000000-0000-0000-0000-000000000000";
    let before_migrate: &[(&[&str], i32)] = &[
        (&["no-such-command"], 2),
        (&["sync", "--no-such-flag"], 2),
        (&["sync", "--plan-only", "--yes"], 2),
        (&["plan", "show", "not-an-id"], 2),
        (&["run", "list"], 1),
        (&["doctor"], 1),
        (&["backup", "copy.sqlite"], 2),
    ];
    let after_migrate: &[(&[&str], i32)] = &[
        (&["migrate"], 0),
        (&["run", "list"], 0),
        (&["plan", "list"], 0),
        (&["rule", "list"], 0),
        (&["connection", "list"], 0),
        (&["token", "list"], 0),
        (&["sync"], 1),
        (&["sync", "--connection", "contoso.com"], 2),
        (&["connection", "check", "contoso.com"], 2),
        (&["why", "nobody@contoso.com"], 2),
        (&["timeline", "nobody"], 2),
        (&["plan", "show", nobody], 2),
        (&["run", "show", nobody], 2),
        (&["rule", "rm", "Staff", "--yes"], 2),
        (&["admin", "reset-password", "--username", "nobody"], 2),
        (&["admin", "reset-password"], 1),
        (&["admin", "create-root"], 2),
        (&["restore", "rollcall.toml", "--yes"], 2),
    ];
    for (arguments, code) in before_migrate.iter().chain(after_migrate) {
        let output = run(here.path(), arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {told}");
        assert!(
            *code == 0 || !told.is_empty() || !output.stdout.is_empty(),
            "{arguments:?} says nothing"
        );
    }
}

#[test]
fn a_short_password_is_refused_and_never_repeated() {
    let here = tempfile::tempdir().unwrap();
    run(here.path(), &["migrate"]);
    let output = run_with(
        here.path(),
        &["admin", "create-root", "--password-stdin"],
        "hunter2\n",
    );
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("12 characters") && !told.contains("hunter2"),
        "{told}"
    );
}
