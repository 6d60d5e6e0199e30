//! Each check fails on a tree with a fault planted for it, and only there.

#![allow(clippy::unwrap_used)] // a test fails by it

use tidy::{Finding, Tree, dependencies, documents, migrations, source, words};

/// A tree of these files in a temporary folder.
struct Planted {
    folder: tempfile::TempDir,
}

impl Planted {
    fn new(files: &[(&str, &str)]) -> Self {
        let planted = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for (path, text) in files {
            planted.add(path, text);
        }
        planted
    }

    fn add(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn tree(&self) -> Tree {
        Tree::read(self.folder.path()).unwrap()
    }
}

/// Where a check found something: `path:line`.
fn places(check: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<String> {
    let found = check(&Planted::new(files).tree());
    found
        .iter()
        .map(|finding| format!("{}:{}", finding.path, finding.line))
        .collect()
}

#[test]
fn long_files_are_found_outside_tests() {
    let (most, more) = ("//\n".repeat(600), "//\n".repeat(601));
    let files = [
        ("crates/a/src/most.rs", most.as_str()),
        ("crates/a/src/more.rs", more.as_str()),
        ("crates/a/src/more/tests.rs", more.as_str()),
        ("crates/a/tests/more.rs", more.as_str()),
        ("target/debug/build/more.rs", more.as_str()),
    ];
    assert_eq!(places(source::too_long, &files), ["crates/a/src/more.rs:0"]);
}

#[test]
fn sizes_are_those_of_the_files_outside_tests() {
    let lines = |count: usize| "//\n".repeat(count);
    let planted = Planted::new(&[("crates/a/tests/t.rs", &lines(9000))]);
    assert_eq!(source::sizes(&planted.tree()), None);
    for count in 1..=101 {
        planted.add(&format!("crates/a/src/f{count}.rs"), &lines(count));
    }
    let sizes = source::sizes(&planted.tree()).unwrap();
    assert_eq!(
        (
            sizes.files,
            sizes.median,
            sizes.percentile_95,
            sizes.longest
        ),
        (101, 51, 96, 101)
    );
}

#[test]
fn a_missing_module_doc_is_found() {
    let files = [
        ("crates/a/src/lib.rs", "//! Says what it is.\n"),
        ("crates/a/src/late.rs", "use std::io;\n//! Too late.\n"),
        ("crates/a/tests/t.rs", "// A comment is no doc.\n"),
    ];
    let found = ["crates/a/src/late.rs:1", "crates/a/tests/t.rs:1"];
    assert_eq!(places(source::without_module_doc, &files), found);
}

#[test]
fn printing_is_found_in_libraries_alone() {
    let printing = "//! Doc.\nfn f() {\n    println!(\"x\");\n}\n";
    let files = [
        ("crates/a/src/lib.rs", printing),
        (
            "crates/a/src/other.rs",
            "//! Doc.\n// println!(no) \nfn f() { my_print!(1); dbg!(2); }\n",
        ),
        ("crates/a/src/main.rs", printing),
        ("crates/a/src/bin/a.rs", printing),
        ("crates/a/tests/t.rs", printing),
        ("crates/a/build.rs", printing),
        ("crates/cli/src/show.rs", printing),
    ];
    let found = ["crates/a/src/lib.rs:3", "crates/a/src/other.rs:3"];
    assert_eq!(places(source::printing_libraries, &files), found);
}

#[test]
fn paths_of_the_machine_are_found() {
    let home = format!("one\nsee /{}/ada/notes\n", "home");
    let other = "GET /v1.0/users/home/x and ${ROOT}/root/x are no such path\n";
    let planted = Planted::new(&[("a.md", &home), ("b.md", other)]);
    let root = planted.tree().root;
    planted.add("c.toml", &format!("path = \"{root}/crates\"\n"));
    let found: Vec<_> = words::machine_paths(&planted.tree());
    let found: Vec<_> = found.iter().map(|f| (f.path.as_str(), f.line)).collect();
    assert_eq!(found, [("a.md", 2), ("c.toml", 1)]);
}

#[test]
fn a_checkout_in_a_folder_of_its_own_betrays_neither() {
    let planted = Planted::new(&[("here/a.md", "")]);
    let above = planted.tree().root;
    planted.add("here/a.md", &format!("{above}/there\n"));
    let found = words::machine_paths(&Tree::read(&planted.folder.path().join("here")).unwrap());
    assert_eq!(found.len(), 1);
}

#[test]
fn package_hosts_are_found_in_lock_files() {
    let good = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
    let files = [
        ("Cargo.lock", good),
        (
            "a/Cargo.lock",
            "name = \"x\"\nsource = \"registry+https://crates.example/index\"\n",
        ),
        ("b/Cargo.lock", "source = \"git+https://git.example/x\"\n"),
        (
            "package-lock.json",
            "{\n  \"resolved\": \"https://packages.example/x.tgz\"\n}\n",
        ),
        (
            "requirements.txt",
            "msal==1\n--index-url https://packages.example/simple\n",
        ),
        (
            "sub/.cargo/config.toml",
            "index = \"sparse+https://crates.example/\"\n",
        ),
        ("README.md", "https://packages.example is not a lock file\n"),
    ];
    let found = [
        "a/Cargo.lock:2",
        "b/Cargo.lock:1",
        "package-lock.json:2",
        "requirements.txt:2",
        "sub/.cargo/config.toml:1",
    ];
    assert_eq!(places(words::package_hosts, &files), found);
}

/// What is said of a manifest of `name` with these lines.
fn said_of(name: &str, lines: &str) -> Vec<String> {
    let manifest = format!("[package]\nname = \"{name}\"\n{lines}\n");
    let found =
        dependencies::forbidden(&Planted::new(&[("crates/x/Cargo.toml", &manifest)]).tree());
    found.into_iter().map(|finding| finding.what).collect()
}

#[test]
fn dependencies_against_the_architecture_are_found() {
    let table: &[(&str, &str, &str)] = &[
        (
            "provisioning",
            "[dependencies]\nstore.workspace = true",
            "provisioning must not depend on store",
        ),
        (
            "provisioning",
            "[dependencies]\ntokio = \"1\"",
            "provisioning must never know tokio",
        ),
        (
            "graph",
            "[dependencies]\nstore.workspace = true",
            "graph must not depend on store",
        ),
        (
            "graph",
            "[dependencies]\ngraph-emulator.workspace = true",
            "graph must not depend on graph-emulator",
        ),
        (
            "graph-emulator",
            "[dev-dependencies]\ngraph.workspace = true",
            "graph-emulator must not depend on graph",
        ),
        (
            "store",
            "[dependencies]\nreqwest.workspace = true",
            "reqwest belongs to graph, graph-emulator, rollcall, benchmark",
        ),
        (
            "engine",
            "[dependencies]\naxum.workspace = true",
            "axum belongs to web, graph-emulator",
        ),
        (
            "engine",
            "[build-dependencies]\nsqlx.workspace = true",
            "sqlx belongs to store",
        ),
        (
            "web",
            "[dev-dependencies]\nsqlx.workspace = true",
            "sqlx belongs to store",
        ),
        (
            "web",
            "[dependencies]\ngraph.workspace = true",
            "web must not depend on graph",
        ),
        (
            "web",
            "[target.'cfg(unix)'.dependencies]\nsql = { package = \"sqlx\", version = \"0\" }",
            "sqlx belongs to store",
        ),
        ("newcomer", "", "the architecture does not know this crate"),
    ];
    for (name, lines, what) in table {
        assert_eq!(said_of(name, lines), [*what], "{name}: {lines}");
    }
}

#[test]
fn dependencies_the_architecture_allows_are_not_found() {
    let table: &[(&str, &str)] = &[
        (
            "graph",
            "[dev-dependencies]\ngraph-emulator.workspace = true\naxum.workspace = true",
        ),
        (
            "engine",
            "[dependencies]\nprovisioning.workspace = true\ngraph.workspace = true\nstore.workspace = true",
        ),
        (
            "store",
            "[dependencies]\nsqlx.workspace = true\nprovisioning.workspace = true",
        ),
        (
            "web",
            "[dependencies]\naxum.workspace = true\n[dev-dependencies]\ngraph.workspace = true\nreqwest = \"0\"",
        ),
        (
            "rollcall",
            "[dependencies]\nweb.workspace = true\nengine.workspace = true\nanyhow = \"1\"",
        ),
    ];
    for (name, lines) in table {
        assert_eq!(said_of(name, lines), [""; 0], "{name}: {lines}");
    }
}

#[test]
fn a_migration_of_one_database_is_found() {
    let files = [
        ("crates/store/migrations/sqlite/0001_a.sql", ""),
        ("crates/store/migrations/postgres/0001_a.sql", ""),
        ("crates/store/migrations/sqlite/0002_b.sql", ""),
        ("crates/store/migrations/postgres/0003_c.sql", ""),
    ];
    let found = [
        "crates/store/migrations/sqlite/0002_b.sql:0",
        "crates/store/migrations/postgres/0003_c.sql:0",
    ];
    assert_eq!(places(migrations::unpaired, &files), found);
}

#[test]
fn invariants_without_their_test_are_found() {
    let map = "# Map\n- No invariant.\n## Invariants\n### `a`\n- One. Held by `one`.\n- Two,\n  told long.\n  Held by `two`, `one`.\n\
        - Nobody holds this.\n- Gone. Held by `gone`.\n- A helper is no test. Held by `helper`.\n### `b`\n- Elsewhere. Held by `one`.\n## After\n- No invariant.\n";
    let code = "//! Doc.\n#[test]\nfn one() {}\n#[tokio::test(start_paused = true)]\nasync fn two() {}\n\n\n\nfn helper() {}\n";
    let files = [
        ("ARCHITECTURE.md", map),
        ("crates/a/tests/t.rs", code),
        ("crates/b/src/lib.rs", "//! Doc.\n"),
    ];
    let found = [
        "ARCHITECTURE.md:9",
        "ARCHITECTURE.md:10",
        "ARCHITECTURE.md:11",
        "ARCHITECTURE.md:13",
    ];
    assert_eq!(places(documents::unheld_invariants, &files), found);
}

#[test]
fn claims_on_security_without_their_test_are_found() {
    let text =
        "# Claims\n`one_is_held_here`, `some_setting`, `crates/a/src`\n`nobody_has_this_test`\n";
    let code = "//! Doc.\n#[test]\nfn one_is_held_here() {}\n";
    let files = [
        ("docs/security/claims.md", text),
        ("docs/other.md", "`nobody_has_this_test`\n"),
        ("crates/a/tests/t.rs", code),
    ];
    let found = places(documents::unheld_claims, &files);
    assert_eq!(found, ["docs/security/claims.md:3"]);
}

#[test]
fn a_map_without_invariants_is_found() {
    assert_eq!(
        places(documents::unheld_invariants, &[]),
        ["ARCHITECTURE.md:0"]
    );
    let files = [("ARCHITECTURE.md", "# Map\n")];
    assert_eq!(
        places(documents::unheld_invariants, &files),
        ["ARCHITECTURE.md:0"]
    );
}

#[test]
fn dead_links_are_found() {
    let files = [
        (
            "README.md",
            "[map](ARCHITECTURE.md#shape) [docs](docs/) [out](https://example.com)\n[gone](docs/gone.md)\n",
        ),
        ("ARCHITECTURE.md", "[here](#shape)\n"),
        (
            "docs/one/a.md",
            "[up](../../README.md) [side](b.md)\n[beyond](../../../x.md)\n",
        ),
        ("docs/one/b.md", ""),
    ];
    assert_eq!(
        places(documents::dead_links, &files),
        ["README.md:2", "docs/one/a.md:2"]
    );
}

#[test]
fn migrations_that_do_more_than_add_are_found() {
    let path = |name: &str| format!("crates/store/migrations/postgres/{name}");
    let adds = "-- All that may be done.
CREATE TABLE cats (
    id uuid NOT NULL PRIMARY KEY,
    name text NOT NULL UNIQUE -- of our own
);
CREATE UNIQUE INDEX cats_name ON cats (name);
INSERT INTO cats (id, name) VALUES (1, 'Tom');
ALTER TABLE dogs ADD COLUMN age bigint;
ALTER TABLE dogs ADD COLUMN tail text NOT NULL DEFAULT 'long';
CREATE INDEX dogs_age ON dogs (age) WHERE age > 3;
";
    let more = "DROP INDEX dogs_age;
ALTER TABLE dogs RENAME COLUMN age TO years;
ALTER TABLE dogs ADD COLUMN name text NOT NULL;
ALTER TABLE dogs
    ADD COLUMN cat uuid REFERENCES cats (id);
CREATE UNIQUE INDEX dogs_tail ON dogs (tail);
INSERT INTO dogs (age) VALUES (7);
UPDATE dogs SET age = 3;
";
    let said = format!("-- Not additive.\n{more}");
    let files = [
        (path("0005_old.sql"), more),
        (path("0006_adds.sql"), adds),
        (path("0007_more.sql"), more),
        (path("0008_says_so.sql"), said.as_str()),
        (
            path("0009_second.sql"),
            "-- Makes old programs refuse the one before.\n",
        ),
        (path("0011_says_so.sql"), said.as_str()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (&**path, *text)).collect();
    let mut wanted: Vec<String> = [1, 2, 3, 5, 6, 7, 8]
        .map(|line| format!("{}:{line}", path("0007_more.sql")))
        .to_vec();
    wanted.push(format!("{}:0", path("0011_says_so.sql")));
    assert_eq!(places(migrations::not_additive, &files), wanted);
}
