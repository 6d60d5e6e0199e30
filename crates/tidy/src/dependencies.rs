//! Who may depend on whom, as ARCHITECTURE.md says, read from the manifests.
//!
//! Direct dependencies only: `deny.toml` says the same of the whole graph.

use toml::{Table, Value};

use crate::{File, Finding, Tree};

/// What a crate of ours may use of ours, and what it must never know.
struct Rule {
    name: &'static str,
    /// Of ours, in the program itself.
    ours: &'static [&'static str],
    /// Of ours, in tests besides.
    in_tests: &'static [&'static str],
    /// Of others, in the program itself.
    never: &'static [&'static str],
}

const EVERYTHING: &[&str] = &[
    "provisioning",
    "graph",
    "graph-emulator",
    "store",
    "engine",
    "web",
];

const RULES: &[Rule] = &[
    Rule {
        name: "provisioning",
        ours: &[],
        in_tests: &[],
        never: &["tokio", "futures", "http", "rand", "rand_core", "tracing"],
    },
    Rule {
        name: "graph",
        ours: &["provisioning"],
        in_tests: &["graph-emulator"],
        never: &[],
    },
    Rule {
        name: "graph-emulator",
        ours: &[],
        in_tests: &[],
        never: &[],
    },
    Rule {
        name: "store",
        ours: &["provisioning"],
        in_tests: &[],
        never: &["http", "url"],
    },
    Rule {
        name: "engine",
        ours: &["provisioning", "graph", "store"],
        in_tests: &["graph-emulator"],
        never: &["http", "askama", "tower"],
    },
    Rule {
        name: "web",
        ours: &["engine", "store", "provisioning"],
        in_tests: &["graph", "graph-emulator"],
        never: &[],
    },
    Rule {
        name: "rollcall",
        ours: EVERYTHING,
        in_tests: &[],
        never: &[],
    },
    Rule {
        name: "benchmark",
        ours: EVERYTHING,
        in_tests: &[],
        never: &[],
    },
    Rule {
        name: "tidy",
        ours: &[],
        in_tests: &[],
        never: &[],
    },
];

/// Crates of others with owners: who may use them in the program, and whether anybody may in tests.
const OWNED: &[(&str, &[&str], bool)] = &[
    ("sqlx", &["store"], false),
    ("axum", &["web", "graph-emulator"], true),
    ("utoipa-axum", &["web"], false),
    (
        "reqwest",
        &["graph", "graph-emulator", "rollcall", "benchmark"],
        true,
    ),
    ("lettre", &["rollcall"], false),
    ("askama", &["web", "graph-emulator"], false),
    ("anyhow", &["rollcall", "benchmark", "graph-emulator"], true),
];

/// Dependencies the architecture does not allow, and crates it does not know.
#[must_use]
pub fn forbidden(tree: &Tree) -> Vec<Finding> {
    let manifests = tree
        .ending("/Cargo.toml")
        .filter(|file| file.path.starts_with("crates/"));
    manifests.flat_map(in_manifest).collect()
}

fn in_manifest(file: &File) -> Vec<Finding> {
    let finding = |what: String| Finding::new(&file.path, 0, what);
    let manifest: Table = match file.text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![finding(format!("is no manifest: {error}"))],
    };
    let name = manifest
        .get("package")
        .and_then(|package| package.get("name"));
    let Some(rule) = RULES
        .iter()
        .find(|rule| name.and_then(Value::as_str) == Some(rule.name))
    else {
        return vec![finding(
            "the architecture does not know this crate".to_owned(),
        )];
    };
    let uses = uses(&manifest);
    let wrong = uses
        .iter()
        .filter_map(|(used, in_tests)| wrong(rule, used, *in_tests));
    wrong.map(finding).collect()
}

/// Why a crate may not use another; `None` when it may.
fn wrong(rule: &Rule, used: &str, in_tests: bool) -> Option<String> {
    let name = rule.name;
    if RULES.iter().any(|rule| rule.name == used) {
        let allowed = rule.ours.contains(&used) || (in_tests && rule.in_tests.contains(&used));
        return (!allowed).then(|| format!("{name} must not depend on {used}"));
    }
    if !in_tests && rule.never.contains(&used) {
        return Some(format!("{name} must never know {used}"));
    }
    let (_, owners, tests_may) = OWNED.iter().find(|(owned, ..)| *owned == used)?;
    let allowed = owners.contains(&name) || (in_tests && *tests_may);
    (!allowed).then(|| format!("{used} belongs to {}", owners.join(", ")))
}

/// Every dependency of a manifest by its real name, and whether it is for tests only.
fn uses(manifest: &Table) -> Vec<(String, bool)> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets
        .into_iter()
        .flat_map(Table::values)
        .filter_map(Value::as_table);
    let mut found = Vec::new();
    for table in std::iter::once(manifest).chain(targets) {
        for (section, in_tests) in [
            ("dependencies", false),
            ("build-dependencies", false),
            ("dev-dependencies", true),
        ] {
            let entries = table.get(section).and_then(Value::as_table);
            for (key, value) in entries.into_iter().flatten() {
                let renamed = value.get("package").and_then(Value::as_str);
                found.push((renamed.unwrap_or(key).to_owned(), in_tests));
            }
        }
    }
    found
}
