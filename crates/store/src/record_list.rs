//! Lists of employees and contacts, made for a million of them.
//!
//! A list is read in segments, each in the order of one index: records without a
//! username come after those with one, and a search gives last names, then first
//! names, usernames and addresses. A page continues where the last one ended.

use provisioning::ids::RecordId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::args;
use crate::db::Source;
use crate::error::Result;
use crate::keys::prefix_end;
use crate::narrow;
use crate::page::{self, BadCursor, Page, Query};
pub use crate::record_filter::RecordFilter;
use crate::record_filter::{Condition, Find};
use crate::records::{self, RecordRow};
use crate::sql::{Arg, Row};

/// What a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Last name, then first name.
    #[default]
    Name,
    /// Username; records without one last.
    Username,
    /// Email; records without one last.
    Email,
    /// Id, which grows with time.
    Created,
}

/// The order of a list. A search has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Order {
    /// By what.
    pub sort: Sort,
    /// Backwards.
    pub descending: bool,
}

/// The place of a record in a list of one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    order: Option<Order>,
    segment: usize,
    keys: Vec<String>,
    id: RecordId,
}

impl Position {
    /// Reads what [`Page::cursor`] gave for the same order; another list's place
    /// is refused.
    pub fn parse(text: &str, filter: &RecordFilter, order: Order) -> Result<Self, BadCursor> {
        let position: Self = page::decode(text)?;
        let segments = segments(filter, order);
        let columns = segments.get(position.segment).ok_or(BadCursor)?.columns;
        let fits = position.order == shown(filter, order) && position.keys.len() == columns.len();
        fits.then_some(position).ok_or(BadCursor)
    }
}

/// The order, unless the search has its own.
fn shown(filter: &RecordFilter, order: Order) -> Option<Order> {
    filter.words().is_empty().then_some(order)
}

const BY_NAME: &[&str] = &["last_name_key", "first_name_key"];
const BY_FIRST_NAME: &[&str] = &["first_name_key", "last_name_key"];
const BY_USERNAME: &[&str] = &["username_key"];
const BY_EMAIL: &[&str] = &["email_key"];
const BY_ID: &[&str] = &[];

/// A part of a list in the order of one index.
#[derive(Debug)]
struct Segment {
    /// What is ordered by before the id.
    columns: &'static [&'static str],
    descending: bool,
    conditions: Vec<Condition>,
}

impl Segment {
    fn new(columns: &'static [&'static str], order: Order, condition: &'static str) -> Self {
        Self {
            columns,
            descending: order.descending,
            conditions: vec![Condition::new(condition, Find::No, args![])],
        }
    }

    fn by_name(&self) -> bool {
        self.columns == BY_NAME
    }

    /// Whether its index begins with the kind.
    fn begins_with_kind(&self) -> bool {
        self.by_name() || self.columns == BY_FIRST_NAME
    }
}

fn segments(filter: &RecordFilter, order: Order) -> Vec<Segment> {
    if let Some(word) = filter.words().first() {
        return search(word);
    }
    // Records without a key come last in name order, whichever way the others go.
    let blank = |condition| Segment::new(BY_NAME, Order::default(), condition);
    match order.sort {
        Sort::Name => vec![Segment::new(BY_NAME, order, "TRUE")],
        Sort::Created => vec![Segment::new(BY_ID, order, "TRUE")],
        Sort::Username => vec![
            Segment::new(BY_USERNAME, order, "username_key IS NOT NULL"),
            blank("username_key IS NULL"),
        ],
        Sort::Email => vec![
            Segment::new(BY_EMAIL, order, "email_key IS NOT NULL"),
            blank("email_key IS NULL"),
        ],
    }
}

/// Each segment leaves out what the ones before it have shown.
fn search(word: &str) -> Vec<Segment> {
    const FOUND: [(&[&str], &str, &str); 4] = [
        (
            BY_NAME,
            "last_name_key >= ? AND last_name_key < ?",
            "(last_name_key < ? OR last_name_key >= ?)",
        ),
        (
            BY_FIRST_NAME,
            "first_name_key >= ? AND first_name_key < ?",
            "(first_name_key < ? OR first_name_key >= ?)",
        ),
        (
            BY_USERNAME,
            "username_key >= ? AND username_key < ?",
            "(username_key IS NULL OR username_key < ? OR username_key >= ?)",
        ),
        (BY_EMAIL, "email_key >= ? AND email_key < ?", ""),
    ];
    let range = args![word, prefix_end(word)];
    let condition = |text| Condition::new(text, Find::No, range.clone());
    let segment = |index: usize| Segment {
        columns: FOUND[index].0,
        descending: false,
        conditions: std::iter::once(condition(FOUND[index].1))
            .chain(FOUND[..index].iter().map(|(_, _, other)| condition(other)))
            .collect(),
    };
    (0..FOUND.len()).map(segment).collect()
}

/// Employees or contacts, one page.
pub async fn list(
    on: impl Into<Source<'_>>,
    filter: &RecordFilter,
    order: Order,
    after: Option<&Position>,
    limit: i64,
) -> Result<Page<RecordRow, Position>> {
    let mut on = on.into();
    let conditions = filter.conditions();
    let few = fewest(&mut on, filter, order, &conditions).await?;
    let mut found: Vec<(RecordRow, Position)> = Vec::new();
    let first = after.map_or(0, |after| after.segment);
    for (index, segment) in segments(filter, order).into_iter().enumerate().skip(first) {
        let missing = limit.saturating_sub(i64::try_from(found.len()).unwrap_or(i64::MAX));
        if few.as_ref().is_some_and(Vec::is_empty) || missing < 0 {
            break;
        }
        let after = after.filter(|after| after.segment == index);
        let mut query = statement(filter, &segment, &conditions, few.as_deref(), after);
        query.limit(missing);
        for row in query.rows(&mut on).await? {
            let record = records::read(&row)?;
            let keys = keys(&row, &segment)?;
            let order = shown(filter, order);
            let id = record.record.id;
            found.push((
                record,
                Position {
                    order,
                    segment: index,
                    keys,
                    id,
                },
            ));
        }
    }
    let page = Page::cut(found, limit, |(_, position)| position.clone());
    Ok(page.map(|(record, _)| record))
}

/// The smallest set of ids that some filter narrows the list to, if one is small.
async fn fewest(
    on: &mut Source<'_>,
    filter: &RecordFilter,
    order: Order,
    conditions: &[Condition],
) -> Result<Option<Vec<Uuid>>> {
    let by_name = shown(filter, order).is_some_and(|order| order.sort == Sort::Name);
    let kind = Condition::new("TRUE", Find::OfKind, args![]);
    let mut fewest: Option<Vec<Uuid>> = None;
    for condition in conditions.iter().chain([&kind]) {
        let mut query = match condition.find {
            // Walking in name order, the index of these is walked itself.
            Find::OfKind if by_name => continue,
            Find::No => continue,
            Find::Links(text) => {
                let mut query = Query::new("SELECT record_id AS id FROM links WHERE ");
                query
                    .push("role = 'primary' AND ", [])
                    .push(text, condition.args.clone());
                query
            }
            Find::Records | Find::OfKind => {
                let mut query = Query::new("SELECT id FROM records WHERE ");
                query.push(condition.text, condition.args.clone());
                query
            }
        };
        if condition.find == Find::OfKind {
            query.push(" AND kind = ?", args![filter.kind.name()]);
        }
        let Some(ids) = narrow::few(on, query).await? else {
            continue;
        };
        if fewest
            .as_ref()
            .is_none_or(|fewest| ids.len() < fewest.len())
        {
            fewest = Some(ids);
        }
    }
    Ok(fewest)
}

/// The query of one segment. What must not choose the index is hidden.
fn statement(
    filter: &RecordFilter,
    segment: &Segment,
    conditions: &[Condition],
    few: Option<&[Uuid]>,
    after: Option<&Position>,
) -> Query {
    let mut query = Query::new("SELECT ");
    query.push(records::COLUMNS, []);
    for column in segment.columns {
        query.push(", ", []).push(column, []);
    }
    query.push(" FROM records WHERE ", []);
    let walk = few.is_none();
    match few {
        Some(ids) => query.push("id IN (?)", [Arg::Uuids(ids.to_vec())]),
        None => query.push("TRUE", []),
    };
    let mut and = |plain: bool, text: &str, args: Vec<Arg>| {
        query.push(" AND ", []);
        match plain {
            true => query.push(text, args),
            false => query.push(&narrow::hidden(text), args),
        };
    };
    and(
        walk && segment.begins_with_kind(),
        "kind = ?",
        args![filter.kind.name()],
    );
    for condition in &segment.conditions {
        and(walk, condition.text, condition.args.clone());
    }
    for condition in conditions {
        let plain = walk && segment.by_name() && condition.named;
        and(plain, condition.text, condition.args.clone());
    }
    let mut columns: Vec<&str> = segment.columns.to_vec();
    columns.push("id");
    if let Some(after) = after {
        let marks = vec!["?"; columns.len()].join(", ");
        let than = if segment.descending { "<" } else { ">" };
        let text = format!("({}) {than} ({marks})", columns.join(", "));
        let mut place: Vec<Arg> = after.keys.iter().map(Arg::from).collect();
        place.push(after.id.into());
        and(walk, &text, place);
    }
    let direction = if segment.descending { " DESC" } else { "" };
    let order: Vec<String> = columns
        .iter()
        .map(|name| format!("{name}{direction}"))
        .collect();
    query.push(" ORDER BY ", []).push(&order.join(", "), []);
    query
}

fn keys(row: &Row, segment: &Segment) -> Result<Vec<String>> {
    segment
        .columns
        .iter()
        .map(|column| row.get(column))
        .collect()
}

#[cfg(test)]
mod tests;
