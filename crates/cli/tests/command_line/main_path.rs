//! The main job by commands alone: a tenant connected, rules, a plan looked at
//! and approved, changes, explanations. Without a server, on both databases.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::directory::{APPLICATION, Directory, KEY};
use crate::killed::server::{Schema, postgres_url};
use crate::{json, rollcall, text};

const PASSWORD: &str = "correct horse battery staple";

/// An installation whose Microsoft is an emulator.
pub(crate) struct Installation {
    here: tempfile::TempDir,
    directory: Directory,
    database: Option<String>,
}

impl Installation {
    pub(crate) async fn new(database: Option<String>) -> Self {
        let directory = Directory::new().await;
        let here = tempfile::tempdir().unwrap();
        let file = format!(
            "[microsoft]\ncloud = \"custom\"\nlogin_url = \"{0}\"\ngraph_url = \"{0}\"\n",
            directory.base
        );
        std::fs::write(here.path().join("rollcall.toml"), file).unwrap();
        Self {
            here,
            directory,
            database,
        }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = rollcall(self.path(), arguments);
        command.envs(
            self.database
                .iter()
                .map(|url| ("ROLLCALL_DATABASE__URL", url)),
        );
        command
    }

    pub(crate) fn path(&self) -> &Path {
        self.here.path()
    }

    /// Runs it off the test's threads: the emulator answers on them.
    pub(crate) async fn run_with(&self, arguments: &[&str], input: &'static str) -> Output {
        use std::io::Write as _;
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let run = move || {
            let mut child = command.spawn().unwrap();
            // A command that reads nothing may be gone before it is written.
            let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
            child.wait_with_output().unwrap()
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, "").await
    }

    /// What it prints with `--json`; it must have succeeded.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        json(&self.run(&all).await)
    }

    pub(crate) async fn refused(&self, arguments: &[&str], code: i32, says: &[&str]) {
        let output = self.run(arguments).await;
        let told = text(&output.stderr) + &text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        for part in says {
            assert!(told.contains(part), "{arguments:?}: no {part:?} in\n{told}");
        }
    }

    /// Schema, root, tenant.
    pub(crate) async fn set_up(&self) {
        self.json(&["migrate"]).await;
        let root = ["admin", "create-root", "--password-stdin", "--json"];
        json(&self.run_with(&root, PASSWORD).await);
        let added = self.add("contoso.com", APPLICATION, KEY).await;
        assert_eq!(json(&added)["status"], "connected");
    }

    async fn add(&self, tenant: &str, application: &str, key: &'static str) -> Output {
        let add = [
            "connection",
            "add",
            "--tenant",
            tenant,
            "--application-id",
            application,
            "--application-key-stdin",
            "--auth",
            "application",
            "--json",
        ];
        self.run_with(&add, key).await
    }

    async fn staff_rule(&self) -> Value {
        self.json(&[
            "rule",
            "add",
            "--connection",
            "contoso.com",
            "--group",
            "Staff",
            "--kind",
            "employee",
            "--role",
            "User",
            "--order",
            "10",
            "--yes",
        ])
        .await
    }
}

async fn the_whole_way(database: Option<String>) {
    let it = Installation::new(database).await;
    it.set_up().await;
    let check = it.json(&["connection", "check", "contoso.com"]).await;
    assert_eq!(check["ok"], true, "{check}");

    // A rule, and the plan that follows from it.
    let rule = it.staff_rule().await;
    assert_eq!(rule["rule"]["group_name"], "Staff", "{rule}");
    let planned = it.json(&["sync", "--plan-only"]).await;
    let run = &planned["runs"][0];
    assert_eq!(run["status"], "held", "{planned}");
    assert_eq!(run["counts"]["create"], 6, "{planned}");
    let plan = run["plan_id"].as_str().unwrap();
    let shown = it.json(&["plan", "show", plan]).await;
    assert_eq!(shown["actions"].as_array().unwrap().len(), 6, "{shown}");
    let listed = it.json(&["plan", "list"]).await;
    assert_eq!(listed["items"][0]["id"], plan, "{listed}");
    it.refused(
        &["plan", "approve", plan, "--hash", "0123", "--yes"],
        1,
        &["plan"],
    )
    .await;
    let approved = it.json(&["plan", "approve", plan, "--yes"]).await;
    assert_eq!(approved["status"], "done", "{approved}");

    // Everybody has four names.
    let by_email = it.json(&["why", "p1@contoso.com"]).await;
    assert_eq!(by_email["winner"]["name"], "Staff", "{by_email}");
    assert_eq!(by_email["fields"]["security_roles"]["from"], "rule");
    assert_eq!(by_email["fields"]["job_title"]["from"], "directory");
    let what_if = by_email["what_if"].to_string();
    for said in [
        "Out of the group of `Staff`: would have no access.",
        "Disabled in the directory: would be deactivated.",
    ] {
        assert!(what_if.contains(said), "{what_if}");
    }
    let object = it.directory.id("p1@contoso.com").to_owned();
    for name in ["p1", object.as_str()] {
        assert_eq!(it.json(&["why", name]).await["winner"], by_email["winner"]);
    }
    let history = it.json(&["timeline", "p1"]).await;
    assert_eq!(history["items"][0]["action"], "create", "{history}");

    // What changes in the directory, first looked at and refused, then taken.
    it.directory.changes().await;
    let planned = it.json(&["sync", "--full", "--plan-only"]).await;
    let run = &planned["runs"][0];
    assert_eq!(run["counts"]["deactivate"], 1, "{planned}");
    assert_eq!(run["counts"]["revoke"], 2, "{planned}");
    let plan = run["plan_id"].as_str().unwrap();
    it.json(&["plan", "reject", plan, "--yes"]).await;
    let done = it.json(&["sync", "--full", "--yes"]).await;
    assert_eq!(done["runs"][0]["status"], "done", "{done}");
    let history = it.json(&["timeline", "p1"]).await;
    assert_eq!(history["items"][0]["action"], "update", "{history}");
    let runs = it.json(&["run", "list"]).await;
    let newest = runs["items"][0]["id"].as_str().unwrap();
    let run = it.json(&["run", "show", newest]).await;
    assert_eq!(run["id"], newest, "{run}");
    let again = it.json(&["sync", "--full", "--yes"]).await;
    assert_eq!(
        again["runs"][0]["counts"]["update"].as_u64().unwrap_or(0),
        0
    );

    it.json(&["run", "undo", newest, "--plan-only"]).await;
    let of_rule = it.json(&["rule", "undo", "Staff", "--plan-only"]).await;
    assert_eq!(of_rule["conflicts"], 0, "{of_rule}");
    it.json(&["undo", "p1", "--yes"]).await;
    let history = it.json(&["timeline", "p1"]).await;
    let newest = &history["items"][0];
    assert_eq!(
        (&newest["action"], &newest["origin"]),
        (&json!("update"), &json!("undo"))
    );
    rules_travel(&it).await;
    let well = it.json(&["doctor"]).await;
    assert_eq!(well["ok"], true, "{well}");
}

/// Export, removal, import: the same rule, and the same people.
async fn rules_travel(it: &Installation) {
    assert!(
        it.run(&["rule", "export", "rules.toml"])
            .await
            .status
            .success()
    );
    let before = std::fs::read_to_string(it.path().join("rules.toml")).unwrap();
    it.refused(&["rule", "rm", "Staff", "--plan-only"], 0, &["revoke"])
        .await;
    it.json(&["rule", "rm", "Staff", "--yes"]).await;
    let why = it.json(&["why", "p1"]).await;
    assert!(why["winner"].is_null(), "{why}");
    let import = [
        "rule",
        "import",
        "rules.toml",
        "--tenant",
        "contoso.com",
        "--yes",
    ];
    let output = it.run(&import).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let why = it.json(&["why", "p1"]).await;
    assert_eq!(why["winner"]["name"], "Staff", "{why}");
    assert!(
        it.run(&["rule", "export", "again.toml"])
            .await
            .status
            .success()
    );
    let after = std::fs::read_to_string(it.path().join("again.toml")).unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn the_whole_way_on_sqlite() {
    the_whole_way(None).await;
}

#[tokio::test]
async fn the_whole_way_on_postgres() {
    let Some(url) = postgres_url() else { return };
    let (schema, own) = Schema::new(&url).await;
    the_whole_way(Some(own)).await;
    schema.gone().await;
}

/// Somebody who was made what nothing makes them is named; an edit is not.
#[tokio::test]
async fn doctor_recomputes_everybody_and_names_who_is_not_as_they_should_be() {
    let it = Installation::new(None).await;
    it.set_up().await;
    it.staff_rule().await;
    it.json(&["sync", "--yes"]).await;
    let well = it.json(&["doctor"]).await;
    let said = "6 recomputed, all as they should be";
    assert!(well.to_string().contains(said), "{well}");
    // Nobody listens at the public address yet: polling does the work.
    let said = "changes are found by polling";
    assert!(well.to_string().contains(said), "{well}");
    // Whoever insists on notifications is told that they do not work.
    let mut insisting = it.command(&["doctor"]);
    insisting.env("ROLLCALL_SYNC__NOTIFICATIONS", "on");
    let told = tokio::task::spawn_blocking(move || insisting.output().unwrap());
    let told = told.await.unwrap();
    assert_eq!(told.status.code(), Some(1), "{}", text(&told.stdout));
    assert!(text(&told.stdout).contains("could not validate"));
    for (plant, wanted) in [
        ("security_roles = '[\"Administrator\"]'", "security_roles"),
        ("access = 0", "access"),
        ("first_name = 'Mallory'", "first_name"),
    ] {
        let file = it.path().join("rollcall-data/rollcall.sqlite");
        let options = store::Options::new(format!("sqlite:{}", file.display()));
        let db = store::Db::open(&options).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let text = format!("UPDATE records SET {plant} WHERE username = 'p2'");
        assert_eq!(tx.execute(text, Vec::new()).await.unwrap(), 1);
        tx.commit().await.unwrap();
        db.close().await;
        it.refused(&["doctor"], 1, &["Person 2", wanted]).await;
        it.json(&["sync", "--full", "--reapply", "--yes"]).await;
        assert_eq!(it.json(&["doctor"]).await["ok"], true, "{plant} stays");
    }
}

#[tokio::test]
async fn wrong_credentials_and_wrong_names_say_what_where_and_how_to_mend_it() {
    let it = Installation::new(None).await;
    it.json(&["migrate"]).await;
    let unknown = "0d6f6c7e-5a55-4c0e-9a4e-52a1f0c0de99";
    for (tenant, application, key, says) in [
        ("nowhere.example", APPLICATION, KEY, "nowhere.example"),
        ("contoso.com", unknown, KEY, unknown),
        ("contoso.com", APPLICATION, "a wrong key", "key"),
    ] {
        let output = it.add(tenant, application, key).await;
        let told = text(&output.stderr);
        let listed = it.json(&["connection", "list"]).await;
        let items = listed["items"].as_array().unwrap();
        let (said, cure) = match items.first() {
            // Added, and shown as what cannot work yet.
            Some(item) => (item["status_reason"].to_string(), item["cure"].to_string()),
            None => (told.clone(), told.clone()),
        };
        assert!(said.contains(says), "{tenant} {key}: {told} {listed}");
        assert!(cure.len() > 10, "{tenant} {key}: {told} {listed}");
        assert!(!told.contains("a wrong key"), "{told}");
        assert!(
            !items.iter().any(|item| item["status"] == "connected"),
            "{listed}"
        );
        for item in items {
            let id = item["id"].as_str().unwrap();
            let check = it.run(&["connection", "check", id]).await;
            assert_eq!(check.status.code(), Some(1), "{}", text(&check.stdout));
        }
        if !items.is_empty() {
            // Start over.
            std::fs::remove_dir_all(it.path().join("rollcall-data")).unwrap();
            it.json(&["migrate"]).await;
        }
    }
}

#[tokio::test]
async fn a_rule_that_cannot_work_is_refused_and_not_kept() {
    let it = Installation::new(None).await;
    it.set_up().await;
    let rule = |more: &[&'static str]| {
        let mut all = vec!["rule", "add", "--connection", "contoso.com", "--yes"];
        all.extend(more);
        all
    };
    let person = it.directory.id("p1@contoso.com").to_owned();
    for (more, says) in [
        (
            &["--group", "Nobody", "--kind", "employee", "--role", "User"][..],
            "Nobody",
        ),
        (
            &[
                "--group",
                "Portal",
                "--kind",
                "contact",
                "--role",
                "External User",
            ],
            "account",
        ),
        (
            &[
                "--group",
                "Staff",
                "--kind",
                "employee",
                "--role",
                "External User",
            ],
            "External User",
        ),
        (
            &["--group", "Staff", "--kind", "employee", "--role", "Wizard"],
            "Wizard",
        ),
    ] {
        it.refused(&rule(more), 2, &[says]).await;
    }
    let mut a_person = rule(&["--kind", "employee", "--role", "User", "--group"]);
    a_person.push(&person);
    it.refused(&a_person, 2, &["group"]).await;
    let listed = it.json(&["rule", "list"]).await;
    assert_eq!(listed["items"], serde_json::json!([]));
}
