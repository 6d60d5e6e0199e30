//! JSON written straight into a buffer: what makes a page of a thousand people cheap.
//! Knows JSON, nothing of Graph.

use serde_json::Value;
use uuid::Uuid;

/// Writes a string with its quotes.
pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing to a buffer in memory cannot fail.
        let _ = serde_json::to_writer(out, text);
    }
}

/// Writes any value.
pub(crate) fn value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(string) => text(out, string),
        // Writing to a buffer in memory cannot fail, and a value is always valid JSON.
        other => drop(serde_json::to_writer(out, other)),
    }
}

/// Writes an id as a string.
pub(crate) fn uuid(out: &mut Vec<u8>, id: Uuid) {
    let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
    out.push(b'"');
    out.extend_from_slice(id.hyphenated().encode_lower(&mut buffer).as_bytes());
    out.push(b'"');
}

/// Writes the members of an object or an array with commas between them.
#[derive(Debug)]
pub(crate) struct Sequence {
    first: bool,
}

impl Sequence {
    pub(crate) fn new() -> Self {
        Self { first: true }
    }

    /// Call before each member.
    pub(crate) fn next(&mut self, out: &mut Vec<u8>) {
        if !std::mem::take(&mut self.first) {
            out.push(b',');
        }
    }

    /// Writes a name and the colon after it.
    pub(crate) fn name(&mut self, out: &mut Vec<u8>, name: &str) {
        self.next(out);
        text(out, name);
        out.push(b':');
    }

    /// Writes a name with a text.
    pub(crate) fn pair(&mut self, out: &mut Vec<u8>, name: &str, value: &str) {
        self.name(out, name);
        text(out, value);
    }
}
