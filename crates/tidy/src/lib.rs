//! Checks over the source tree itself: what clippy and the compiler cannot see.
//!
//! Each check reads a [`Tree`] and returns what it found, nothing when all is
//! well. `tests/tree.rs` runs them over this repository, `tests/planted.rs`
//! over trees with a fault planted in them. It knows no crate but by its files.

pub mod dependencies;
pub mod documents;
pub mod migrations;
pub mod source;
pub mod tree;
pub mod words;

pub use tree::{File, Tree};

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, relative to the root of the tree.
    pub path: String,
    /// The line, from 1; 0 when it is about the whole file.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}
