//! Lists that a rare value narrows: instead of walking the list's order past a
//! million rows, find the few through the value's own index and sort those.
//! When the value is not rare, walking soon finds a page's worth.

use uuid::Uuid;

use crate::args;
use crate::db::Source;
use crate::error::Result;
use crate::page::Query;
use crate::sql::Row;

/// As many rows as are found one by one and sorted in some ten milliseconds;
/// when there are more in a million, a walk meets one in 250 rows.
const FEW: i64 = 4000;

/// The ids that a query of a column `id` gives, when they are few.
pub(crate) async fn few(on: &mut Source<'_>, mut query: Query) -> Result<Option<Vec<Uuid>>> {
    query.push(" LIMIT ?", args![FEW + 1]);
    let rows = query.rows(on).await?;
    if i64::try_from(rows.len()).is_ok_and(|found| found > FEW) {
        return Ok(None);
    }
    rows.iter()
        .map(|row: &Row| row.get("id"))
        .collect::<Result<Vec<Uuid>>>()
        .map(Some)
}

/// A condition that both planners see nothing in, and so choose no index for:
/// without statistics they take any equality for rare.
pub(crate) fn hidden(condition: &str) -> String {
    format!("CASE WHEN {condition} THEN TRUE ELSE FALSE END")
}
