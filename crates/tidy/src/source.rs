//! Checks of Rust files one by one: their size, their opening, what they print.

use crate::{File, Finding, Tree};

/// A file outside tests has no more lines than this.
pub const MOST_LINES: usize = 600;

/// How long the files outside tests are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Files counted.
    pub files: usize,
    /// Half of them have at most so many lines.
    pub median: usize,
    /// 95 of 100 have at most so many.
    pub percentile_95: usize,
    /// The longest has so many.
    pub longest: usize,
}

/// Rust files outside tests.
fn sources(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.ending(".rs").filter(|file| !file.is_test())
}

/// Measures the files outside tests; `None` when there are none.
#[must_use]
pub fn sizes(tree: &Tree) -> Option<Sizes> {
    let mut lines: Vec<usize> = sources(tree)
        .map(|file| file.text.lines().count())
        .collect();
    lines.sort_unstable();
    let longest = *lines.last()?;
    Some(Sizes {
        files: lines.len(),
        median: lines[lines.len() / 2],
        percentile_95: lines[(lines.len() - 1) * 95 / 100],
        longest,
    })
}

/// Files longer than [`MOST_LINES`].
#[must_use]
pub fn too_long(tree: &Tree) -> Vec<Finding> {
    let lengths = sources(tree).map(|file| (file, file.text.lines().count()));
    lengths
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(file, lines)| {
            let what = format!("{lines} lines; no file outside tests has more than {MOST_LINES}");
            Finding::new(&file.path, 0, what)
        })
        .collect()
}

/// Files that do not say at once what they are.
#[must_use]
pub fn without_module_doc(tree: &Tree) -> Vec<Finding> {
    tree.ending(".rs")
        .filter(|file| !file.text.starts_with("//!"))
        .map(|file| Finding::new(&file.path, 1, "does not open with a `//!` doc"))
        .collect()
}

/// Macros that write to the terminal of whoever uses a library.
const PRINTING: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];

/// Libraries that print. Programs (`main.rs`, `bin/`, the command line and the benchmark) may.
#[must_use]
pub fn printing_libraries(tree: &Tree) -> Vec<Finding> {
    let libraries = sources(tree).filter(|file| {
        file.path.contains("/src/")
            && !file.path.contains("/src/bin/")
            && !file.path.ends_with("/src/main.rs")
            && !matches!(file.crate_folder(), Some("cli" | "benchmark"))
    });
    libraries.flat_map(printing_lines).collect()
}

fn printing_lines(file: &File) -> Vec<Finding> {
    let code = file
        .lines()
        .filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.filter_map(|(number, line)| {
        let name = PRINTING.iter().find(|name| calls_macro(line, name))?;
        Some(Finding::new(
            &file.path,
            number,
            format!("a library uses {name}!"),
        ))
    })
    .collect()
}

fn calls_macro(line: &str, name: &str) -> bool {
    line.match_indices(&format!("{name}!(")).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    })
}
