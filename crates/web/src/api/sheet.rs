//! Lists as CSV, safe to open in a spreadsheet. Does not know what the rows are.

use serde_json::Value;

use crate::error::{Problem, Result};

/// Rows of these columns, with their names above if wanted.
pub(super) fn rows(columns: &[&str], with_head: bool, items: &[Value]) -> Result<Vec<u8>> {
    let failed = |error: csv::Error| Problem::internal(&error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    if with_head {
        writer.write_record(columns).map_err(failed)?;
    }
    for item in items {
        let cells = columns.iter().map(|column| cell(&item[*column]));
        writer.write_record(cells).map_err(failed)?;
    }
    writer
        .into_inner()
        .map_err(|error| Problem::internal(error.error()))
}

/// A value as text. What a spreadsheet would take for a formula is quoted, but
/// a phone number stays one.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    };
    let is_number = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_digit() || " +-()./".contains(c))
    };
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number(&text) {
        return format!("'{text}");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let table = [
            (json!("=1+1"), "'=1+1"),
            (json!("@SUM(A1)"), "'@SUM(A1)"),
            (json!("-2+cmd|' /C calc'!A0"), "'-2+cmd|' /C calc'!A0"),
            (json!("+1 (555) 01-00"), "+1 (555) 01-00"),
            (json!(null), ""),
            (json!(true), "true"),
            (json!(["User", "CRM Manager"]), "User; CRM Manager"),
        ];
        for (value, expected) in table {
            assert_eq!(cell(&value), expected);
        }
    }
}
