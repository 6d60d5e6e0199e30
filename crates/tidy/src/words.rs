//! What no file may say: where somebody's checkout lies, and where packages were fetched from.

use std::path::Path;

use crate::{File, Finding, Tree};

/// The one source of packages a lock file may name.
const CRATES: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Folders that many machines share: a path below them tells nothing about anybody.
const SHARED: &[&str] = &[
    "/",
    "/opt",
    "/srv",
    "/tmp",
    "/usr",
    "/var",
    "/private/var",
    "/mnt",
];

/// Absolute paths of the machine the tree lies on, and of home folders.
#[must_use]
pub fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut words: Vec<String> = ["root", "home"].map(|home| format!("/{home}/")).to_vec();
    words.push(tree.root.clone());
    let above = Path::new(&tree.root)
        .parent()
        .map(|path| path.to_string_lossy());
    words.extend(
        above
            .filter(|path| !SHARED.contains(&&**path))
            .map(|path| format!("{path}/")),
    );
    let mut found = Vec::new();
    for file in &tree.files {
        for (number, line) in file.lines() {
            let word = words.iter().find(|word| names_path(line, word));
            found.extend(word.map(|word| {
                Finding::new(
                    &file.path,
                    number,
                    format!("names the machine's path {word}"),
                )
            }));
        }
    }
    found
}

/// Whether `path` stands in the line as a path of its own, not as the end of a longer one.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || "._-}/".contains(letter))
    })
}

/// Lock files and settings of package clients that say which host packages came from.
#[must_use]
pub fn package_hosts(tree: &Tree) -> Vec<Finding> {
    tree.files.iter().flat_map(hosts_in).collect()
}

fn hosts_in(file: &File) -> Vec<Finding> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let names_a_host: fn(&str) -> bool = match name {
        "Cargo.lock" => {
            |line| line.starts_with("source = ") && line != format!("source = \"{CRATES}\"")
        }
        "package-lock.json" => |line| line.trim_start().starts_with("\"resolved\""),
        ".npmrc" | "pip.conf" => |line| line.contains("://"),
        _ if name.starts_with("requirements") => |line| line.contains("://"),
        _ if file.path.contains(".cargo/config") => |line| line.contains("://"),
        _ => return Vec::new(),
    };
    let lines = file.lines().filter(|(_, line)| names_a_host(line));
    lines
        .map(|(number, line)| {
            Finding::new(
                &file.path,
                number,
                format!("names a package host: {}", line.trim()),
            )
        })
        .collect()
}
