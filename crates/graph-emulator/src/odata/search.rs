//! `$search`: words that begin with what was typed, in the properties named.

use crate::directory::objects::View;
use crate::error::GraphError;
use crate::schema::{Kind, PropertyId};

const SEARCHABLE: [&str; 7] = [
    "displayName",
    "mail",
    "mailNickname",
    "userPrincipalName",
    "givenName",
    "surname",
    "description",
];

/// A search, read for one kind of object: any of these, all of those within.
#[derive(Clone, Debug)]
pub(crate) struct Search(Vec<Vec<Term>>);

#[derive(Clone, Debug)]
struct Term {
    property: PropertyId,
    words: Vec<String>,
}

fn words(text: &str) -> Vec<String> {
    let parts = text.split(|letter: char| !letter.is_alphanumeric());
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn syntax(text: &str) -> GraphError {
    GraphError::gateway(format!(
        "Syntax error: character '{text}' is not valid in the search expression."
    ))
}

impl Search {
    /// Reads `"displayName:sal" OR "mail:sal"`.
    ///
    /// # Errors
    /// 400 when a term is not `"property:text"` or the property cannot be searched.
    pub(crate) fn parse(kind: Kind, text: &str) -> Result<Self, GraphError> {
        let mut any = vec![Vec::new()];
        let mut rest = text.trim();
        while !rest.is_empty() {
            let inner = rest.strip_prefix('"').ok_or_else(|| syntax(rest))?;
            let (term, after) = inner.split_once('"').ok_or_else(|| syntax(rest))?;
            if let Some(all) = any.last_mut() {
                all.push(Term::parse(kind, term)?);
            }
            rest = after.trim_start();
            if let Some(after) = rest.strip_prefix("OR ") {
                any.push(Vec::new());
                rest = after.trim_start();
            } else if let Some(after) = rest.strip_prefix("AND ") {
                rest = after.trim_start();
            }
        }
        if any.iter().any(Vec::is_empty) {
            return Err(syntax(text));
        }
        Ok(Self(any))
    }

    pub(crate) fn accepts(&self, view: &View<'_>) -> bool {
        self.0
            .iter()
            .any(|all| all.iter().all(|term| term.accepts(view)))
    }
}

impl Term {
    fn parse(kind: Kind, text: &str) -> Result<Self, GraphError> {
        let (name, wanted) = text.split_once(':').ok_or_else(|| syntax(text))?;
        let known = SEARCHABLE.contains(&name);
        let property = known.then(|| kind.find(name)).flatten();
        let property = property.ok_or_else(|| {
            let message = format!(
                "The property '{name}' cannot be searched on type 'microsoft.graph.{}'.",
                kind.name()
            );
            GraphError::unsupported(message)
        })?;
        Ok(Self {
            property,
            words: words(wanted),
        })
    }

    fn accepts(&self, view: &View<'_>) -> bool {
        let found = view
            .text(self.property)
            .map(|text| words(&text))
            .unwrap_or_default();
        let begins = |wanted: &String| found.iter().any(|word| word.starts_with(wanted));
        !self.words.is_empty() && self.words.iter().all(begins)
    }
}
