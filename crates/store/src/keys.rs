//! Comparable forms of names and addresses, kept beside the originals so that
//! an index can find them.

/// Text without surrounding blanks, in lower case.
pub fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// The key of text that has something to say; `None` for blank text.
pub fn key(text: Option<&str>) -> Option<String> {
    text.map(fold).filter(|key| !key.is_empty())
}

/// The end of the range that begins with `prefix`: every key that starts with
/// it is less, in byte order.
pub fn prefix_end(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}
