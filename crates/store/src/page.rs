//! Pages of lists: keyset paging, never an offset, so that the last page costs
//! what the first one does. Does not know what is listed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::db::{Source, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Arg, Row, Text};

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, K> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// The key of the last item, when more follow.
    pub next: Option<K>,
}

/// A cursor that this list did not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one of this list")]
pub struct BadCursor;

/// The place in a list ordered by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameKey {
    /// The folded name.
    pub name: String,
    /// The item's id.
    pub id: Uuid,
}

/// The place in a list ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeKey {
    /// The item's time, whole microseconds.
    pub at: Timestamp,
    /// The item's id.
    pub id: Uuid,
}

/// A key as opaque text for a client.
pub fn encode<K: Serialize>(key: &K) -> String {
    // Keys are plain structs of texts, numbers and ids: they always serialize.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

/// A key from what a client sends back.
pub fn decode<K: DeserializeOwned>(text: &str) -> Result<K, BadCursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
    serde_json::from_slice(&bytes).map_err(|_| BadCursor)
}

impl<T, K> Page<T, K> {
    /// A page out of one item more than was asked for.
    pub(crate) fn cut(mut items: Vec<T>, limit: i64, key: impl Fn(&T) -> K) -> Self {
        let limit = usize::try_from(limit).unwrap_or_default();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(key);
        Self { items, next }
    }

    /// The same page of something made from its items.
    pub fn map<U>(self, make: impl FnMut(T) -> U) -> Page<U, K> {
        Page {
            items: self.items.into_iter().map(make).collect(),
            next: self.next,
        }
    }
}

impl<T, K: Serialize> Page<T, K> {
    /// The next page's cursor for a client.
    pub fn cursor(&self) -> Option<String> {
        self.next.as_ref().map(encode)
    }
}

/// A statement put together from fixed pieces: each `?` of a piece takes the
/// next argument's number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    text: String,
    args: Vec<Arg>,
}

impl Query {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            args: Vec::new(),
        }
    }

    /// Adds a piece.
    pub(crate) fn push(&mut self, piece: &str, args: impl IntoIterator<Item = Arg>) -> &mut Self {
        let mut parts = piece.split('?');
        self.text.push_str(parts.next().unwrap_or_default());
        for (part, arg) in parts.zip(args) {
            self.args.push(arg);
            self.text.push_str(&format!("${}", self.args.len()));
            self.text.push_str(part);
        }
        self
    }

    /// Adds a piece when there is a value for it.
    pub(crate) fn maybe(&mut self, piece: &str, arg: Option<impl Into<Arg>>) -> &mut Self {
        if let Some(arg) = arg {
            self.push(piece, [arg.into()]);
        }
        self
    }

    /// Adds the number of rows: one more than a page has.
    pub(crate) fn limit(&mut self, limit: i64) -> &mut Self {
        self.push(" LIMIT ?", [Arg::from(limit.max(0).saturating_add(1))])
    }

    /// The same, asking how it would be done.
    #[cfg(test)]
    pub(crate) fn explained(mut self) -> Self {
        self.text.insert_str(0, "EXPLAIN QUERY PLAN ");
        self
    }

    pub(crate) async fn rows(self, on: &mut Source<'_>) -> Result<Vec<Row>> {
        on.rows(Text::Owned(self.text), self.args).await
    }

    /// Reads all rows and cuts them to a page.
    pub(crate) async fn page<T, K>(
        mut self,
        on: impl Into<Source<'_>>,
        limit: i64,
        read: impl Fn(&Row) -> Result<T>,
        key: impl Fn(&T) -> K,
    ) -> Result<Page<T, K>> {
        self.limit(limit);
        let rows = self.rows(&mut on.into()).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(Page::cut(items, limit, key))
    }
}

/// What an update or delete guarded by a version means when it changed nothing.
/// `exists` selects the row by id, whatever its version.
pub(crate) async fn guarded(
    tx: &mut Tx,
    changed: u64,
    what: &'static str,
    exists: impl Into<Text>,
    id: impl Into<Arg>,
) -> Result<()> {
    if changed > 0 {
        return Ok(());
    }
    match tx.row(exists, vec![id.into()]).await? {
        Some(_) => Err(StoreError::Stale { what }),
        None => Err(StoreError::NotFound { what }),
    }
}

/// A refusal of ours, in the form of the database's own.
pub(crate) fn refused(code: &str, detail: impl Into<String>) -> StoreError {
    StoreError::Conflict {
        code: code.to_owned(),
        detail: detail.into(),
    }
}

/// Text for `LIKE … ESCAPE '!'` that finds `word` anywhere.
pub(crate) fn containing(word: &str) -> String {
    let mut pattern = String::from("%");
    for letter in word.chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_and_nothing_else_is_one() {
        let key = NameKey {
            name: "émile/+".to_owned(),
            id: Uuid::from_u128(7),
        };
        assert_eq!(decode::<NameKey>(&encode(&key)), Ok(key));
        for text in ["", "!", "e30", "bnVsbA"] {
            assert_eq!(decode::<NameKey>(text), Err(BadCursor), "{text}");
        }
    }

    #[test]
    fn more_follows_only_when_one_more_was_found() {
        let page = Page::cut(vec![1, 2, 3], 2, |n| *n);
        assert_eq!((page.items, page.next), (vec![1, 2], Some(2)));
        let page = Page::cut(vec![1, 2], 2, |n| *n);
        assert_eq!((page.items, page.next), (vec![1, 2], None));
        let page = Page::cut(vec![1], 0, |n| *n);
        assert_eq!((page.items, page.next), (vec![], None));
    }

    #[test]
    fn the_pieces_of_a_statement_count_their_arguments() {
        let mut query = Query::new("SELECT 1 WHERE TRUE");
        query.push(" AND (a, b) > (?, ?)", [Arg::from(1_i64), Arg::from("x")]);
        query
            .maybe(" AND c = ?", None::<i64>)
            .maybe(" AND d = ?", Some(true))
            .limit(5);
        assert_eq!(
            query.text,
            "SELECT 1 WHERE TRUE AND (a, b) > ($1, $2) AND d = $3 LIMIT $4"
        );
        assert_eq!(query.args.len(), 4);
    }

    #[test]
    fn signs_with_a_meaning_in_like_are_taken_by_the_letter() {
        assert_eq!(containing("50%_!"), "%50!%!_!!%");
    }
}
