//! The files of a tree, read once. Does not know what is checked.

use std::io;
use std::path::Path;

use walkdir::{DirEntry, WalkDir};

/// Folders that hold nothing of ours: version control, build results, installed packages, data of a running server.
const SKIPPED: &[&str] = &[
    ".git",
    ".venv",
    "__pycache__",
    "node_modules",
    "rollcall-data",
    "target",
];

/// A text file.
#[derive(Debug, Clone)]
pub struct File {
    /// Relative to the root, with `/` between the parts.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// All text files below a folder.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The folder, absolute.
    pub root: String,
    /// In the order of their paths.
    pub files: Vec<File>,
    /// Paths of what is no text: pictures.
    pub others: Vec<String>,
}

impl Tree {
    /// Reads every file that is UTF-8 text; of others (pictures, databases) the path is kept.
    ///
    /// # Errors
    /// A folder or file that cannot be read.
    pub fn read(root: &Path) -> io::Result<Self> {
        let root = root.canonicalize()?;
        let (mut files, mut others) = (Vec::new(), Vec::new());
        let walk = WalkDir::new(&root).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(|entry| !is_skipped(entry)) {
            let entry = entry?;
            if !entry.file_type().is_file() {
                continue;
            }
            let path = entry.path().strip_prefix(&root).unwrap_or(entry.path());
            let path = path.to_string_lossy().replace('\\', "/");
            match String::from_utf8(std::fs::read(entry.path())?) {
                Ok(text) => files.push(File { path, text }),
                Err(_) => others.push(path),
            }
        }
        let root = root.to_string_lossy().into_owned();
        Ok(Self {
            root,
            files,
            others,
        })
    }

    /// The file at a path.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Files whose path ends so.
    pub fn ending<'a>(&'a self, end: &'a str) -> impl Iterator<Item = &'a File> + 'a {
        self.files
            .iter()
            .filter(move |file| file.path.ends_with(end))
    }
}

impl File {
    /// Lines with their number, from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line))
    }

    /// Whether the file holds tests alone: under `tests/` or named `tests.rs`.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// The folder below `crates/` it belongs to.
    #[must_use]
    pub fn crate_folder(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }
}

fn is_skipped(entry: &DirEntry) -> bool {
    entry.file_type().is_dir() && SKIPPED.iter().any(|name| entry.file_name() == *name)
}
