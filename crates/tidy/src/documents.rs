//! Checks of what the documents promise: invariants name tests that exist, links lead somewhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::{File, Finding, Tree};

/// The map of the house; its invariants are promises.
const MAP: &str = "ARCHITECTURE.md";
/// Where claims on security are made.
const SECURITY: &str = "docs/security/";

/// Bullets under "Invariants" of the map that name no test, or one that its crate does not have.
///
/// A subsection is headed by the folder of its crate (`` ### `graph` ``); a bullet ends in "Held by" and the names
/// of tests in backticks. Lines that go on from a bullet belong to it.
#[must_use]
pub fn unheld_invariants(tree: &Tree) -> Vec<Finding> {
    let Some(map) = tree.file(MAP) else {
        return vec![Finding::new(MAP, 0, "is missing")];
    };
    let bullets = invariants(map);
    if bullets.is_empty() {
        return vec![Finding::new(MAP, 0, "has no invariants")];
    }
    let known = tests(tree);
    let has =
        |folder: &str, test: &str| known.get(folder).is_some_and(|names| names.contains(test));
    let mut found = Vec::new();
    for bullet in bullets {
        let promised = bullet
            .text
            .split_once("Held by")
            .map(|(_, tests)| in_backticks(tests));
        let Some(tests) = promised.filter(|tests| !tests.is_empty()) else {
            found.push(Finding::new(
                MAP,
                bullet.line,
                "no test holds this invariant",
            ));
            continue;
        };
        for test in tests.iter().filter(|test| !has(&bullet.folder, test)) {
            let what = format!("{} has no test {test}", bullet.folder);
            found.push(Finding::new(MAP, bullet.line, what));
        }
    }
    found
}

/// Names of tests in the documents on security that no crate has. A name of a test is told from other words in
/// backticks by its shape: a sentence of at least four words.
#[must_use]
pub fn unheld_claims(tree: &Tree) -> Vec<Finding> {
    let known: BTreeSet<&str> = tests(tree).into_values().flatten().collect();
    let mut found = Vec::new();
    let about = tree
        .ending(".md")
        .filter(|file| file.path.starts_with(SECURITY));
    for file in about {
        for (number, line) in file.lines() {
            let names = in_backticks(line).into_iter();
            for name in names.filter(|name| is_sentence(name) && !known.contains(name)) {
                let what = format!("there is no test {name}");
                found.push(Finding::new(&file.path, number, what));
            }
        }
    }
    found
}

fn is_sentence(name: &str) -> bool {
    let is_plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let mut words = name.split('_');
    words.clone().count() >= 4 && words.all(|word| !word.is_empty() && word.bytes().all(is_plain))
}

struct Bullet {
    folder: String,
    line: usize,
    text: String,
}

fn invariants(map: &File) -> Vec<Bullet> {
    let mut bullets: Vec<Bullet> = Vec::new();
    let (mut inside, mut folder) = (false, String::new());
    for (line, text) in map.lines() {
        if let Some(title) = text.strip_prefix("## ") {
            inside = title.trim() == "Invariants";
        } else if let Some(title) = text.strip_prefix("### ") {
            folder = title.trim().trim_matches('`').to_owned();
        } else if inside && text.starts_with("- ") {
            let folder = folder.clone();
            let text = text.to_owned();
            bullets.push(Bullet { folder, line, text });
        } else if inside
            && text.starts_with("  ")
            && let Some(bullet) = bullets.last_mut()
        {
            bullet.text.push_str(text);
        }
    }
    bullets
}

fn in_backticks(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The tests of each crate, by its folder: functions that stand under a test attribute, or are given to the macro
/// `both!`, which makes a test of them for each database.
fn tests(tree: &Tree) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for file in tree.ending(".rs") {
        let Some(folder) = file.crate_folder() else {
            continue;
        };
        let names = found.entry(folder).or_default();
        let lines: Vec<&str> = file.text.lines().map(str::trim_start).collect();
        let makes_both = lines.iter().any(|line| line.starts_with("both! {"));
        for (at, line) in lines.iter().enumerate() {
            if makes_both && line.ends_with(") {") && !line.contains("fn ") {
                names.extend(line.split_once('(').map(|(name, _)| name));
            }
            let Some((_, rest)) = line.split_once("fn ") else {
                continue;
            };
            let mut above = lines[at.saturating_sub(4)..at].iter();
            let marks = ["#[test]", "#[tokio::test", "both! {"];
            if above.any(|line| marks.iter().any(|mark| line.starts_with(mark))) {
                names.extend(rest.split_once('(').map(|(name, _)| name));
            }
        }
    }
    found
}

/// Relative links of Markdown files to files or folders that are not there.
#[must_use]
pub fn dead_links(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.ending(".md") {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (number, line) in file.lines() {
            let targets = line
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split(')').next());
            let local = targets.filter(|target| !target.contains(':') && !target.starts_with('#'));
            for target in local {
                let path = target.split('#').next().unwrap_or_default();
                if !leads_somewhere(tree, folder, path) {
                    found.push(Finding::new(
                        &file.path,
                        number,
                        format!("{target} is not there"),
                    ));
                }
            }
        }
    }
    found
}

fn leads_somewhere(tree: &Tree, folder: &str, target: &str) -> bool {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return false;
                }
            }
            name => parts.push(name),
        }
    }
    let path = parts.join("/");
    let below = format!("{path}/");
    let texts = tree.files.iter().map(|file| &file.path);
    let mut all = texts.chain(&tree.others);
    all.any(|known| *known == path || known.starts_with(&below))
}
