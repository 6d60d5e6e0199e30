//! Checks of migrations: each is there for both databases, and only adds, so that programs one version older go on
//! working on what it leaves.

use crate::{File, Finding, Tree};

const FOLDER: &str = "crates/store/migrations/";

/// Up to here migrations came before the promise.
const BEFORE: u32 = 5;

/// What a migration says that old programs cannot work on; the next one is made with it, and they refuse both.
const BREAKS: &str = "-- Not additive.";

/// Migrations that one database has and the other has not.
#[must_use]
pub fn unpaired(tree: &Tree) -> Vec<Finding> {
    let folder = |database: &str| format!("{FOLDER}{database}/");
    let mut found = Vec::new();
    for (here, there) in [("sqlite", "postgres"), ("postgres", "sqlite")] {
        for file in &tree.files {
            let twin = file
                .path
                .strip_prefix(&folder(here))
                .map(|name| folder(there) + name);
            if twin.is_some_and(|twin| tree.file(&twin).is_none()) {
                let what = format!("{there} has no such migration");
                found.push(Finding::new(&file.path, 0, what));
            }
        }
    }
    found
}

/// Statements of migrations that do more than add.
#[must_use]
pub fn not_additive(tree: &Tree) -> Vec<Finding> {
    let ours = tree
        .ending(".sql")
        .filter(|file| file.path.starts_with(FOLDER));
    let ours: Vec<(&File, u32)> = ours
        .filter_map(|file| Some((file, number(file)?)))
        .filter(|(_, number)| *number > BEFORE)
        .collect();
    let mut found = Vec::new();
    for (file, number) in &ours {
        if file.text.contains(BREAKS) {
            if !ours.iter().any(|(_, other)| *other == number + 1) {
                let what = "breaks old programs, and no second migration makes them refuse it";
                found.push(Finding::new(&file.path, 0, what));
            }
            continue;
        }
        found.extend(statements(file).filter_map(|(line, statement)| {
            let why = why_not(&statement, &file.text)?;
            Some(Finding::new(&file.path, line, why))
        }));
    }
    found
}

fn number(file: &File) -> Option<u32> {
    let name = file.path.rsplit('/').next()?;
    name.split('_').next()?.parse().ok()
}

/// The statements of a file in capitals and single spaces, with the lines they end on.
fn statements(file: &File) -> impl Iterator<Item = (usize, String)> {
    let (mut all, mut statement) = (Vec::new(), String::new());
    for (number, line) in file.lines() {
        let code = line.split("--").next().unwrap_or_default().trim();
        statement.extend(code.split_whitespace().flat_map(|word| [word, " "]));
        if code.ends_with(';') {
            let whole = std::mem::take(&mut statement).to_ascii_uppercase();
            all.push((number, whole.trim_end_matches([';', ' ']).to_owned()));
        }
    }
    all.into_iter()
}

/// Why a statement is more than an addition, if it is.
fn why_not(statement: &str, file: &str) -> Option<&'static str> {
    let words: Vec<&str> = statement.split(' ').collect();
    match words[..] {
        ["CREATE", "TABLE", ..] => None,
        ["CREATE", "INDEX", ..] => None,
        ["CREATE", "UNIQUE", "INDEX", _, "ON", table, ..] | ["INSERT", "INTO", table, ..] => {
            let made = format!("CREATE TABLE {table} (");
            let is_own = file.to_ascii_uppercase().contains(&made);
            (!is_own).then_some("old programs write this table, and do not know of it")
        }
        ["ALTER", "TABLE", _, "ADD", "COLUMN", ..] => {
            let is_filled = !statement.contains("NOT NULL") || statement.contains("DEFAULT");
            let is_free = !["CHECK", "UNIQUE", "REFERENCES"]
                .iter()
                .any(|word| words.contains(word));
            (!(is_filled && is_free)).then_some("old programs leave this column out")
        }
        _ => Some("only tables, columns and indexes are added"),
    }
}
