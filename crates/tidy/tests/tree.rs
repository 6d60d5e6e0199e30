//! The rules of the tree, over this repository.

#![allow(clippy::unwrap_used)] // a test fails by it

use std::path::Path;

use tidy::{Finding, Tree, dependencies, documents, migrations, source, words};

fn tree() -> Tree {
    Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

#[track_caller]
fn nothing(findings: &[Finding]) {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

#[test]
fn no_file_outside_tests_is_longer_than_the_hard_stop() {
    nothing(&source::too_long(&tree()));
}

#[test]
fn nearly_all_files_are_short() {
    let sizes = source::sizes(&tree()).unwrap();
    println!("{sizes:?}");
    assert!(sizes.files > 100, "the walk missed the sources: {sizes:?}");
    assert!(sizes.percentile_95 <= 400, "{sizes:?}");
}

#[test]
fn every_file_says_at_once_what_it_is() {
    nothing(&source::without_module_doc(&tree()));
}

#[test]
fn libraries_do_not_print() {
    nothing(&source::printing_libraries(&tree()));
}

#[test]
fn no_file_names_a_path_of_the_machine() {
    nothing(&words::machine_paths(&tree()));
}

#[test]
fn lock_files_name_no_package_host() {
    nothing(&words::package_hosts(&tree()));
}

#[test]
fn every_test_that_a_document_on_security_names_is_there() {
    nothing(&documents::unheld_claims(&tree()));
}

#[test]
fn crates_depend_only_on_what_the_architecture_allows() {
    nothing(&dependencies::forbidden(&tree()));
}

#[test]
fn every_migration_is_there_for_both_databases() {
    nothing(&migrations::unpaired(&tree()));
}

#[test]
fn migrations_only_add() {
    nothing(&migrations::not_additive(&tree()));
}

#[test]
fn every_invariant_of_the_map_is_held_by_a_test() {
    nothing(&documents::unheld_invariants(&tree()));
}

#[test]
fn links_between_documents_lead_somewhere() {
    nothing(&documents::dead_links(&tree()));
}
