//! The query string taken apart: each `$` option at most once, unknown ones refused.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::error::GraphError;

/// What is escaped when options are written back into a link.
const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'&')
    .add(b'+')
    .add(b'%');

const KNOWN: [&str; 12] = [
    "$select",
    "$top",
    "$filter",
    "$search",
    "$orderby",
    "$count",
    "$expand",
    "$skiptoken",
    "$deltatoken",
    "$format",
    "$skip",
    "$levels",
];

/// The largest page a client may ask for.
pub(crate) const TOP_MAX: u32 = 999;

/// The options of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Name in lower case and decoded value, in the order given; options without `$` too.
    all: Vec<(String, String)>,
    /// Names as they were written, for links back.
    written: Vec<String>,
}

fn decode(text: &str) -> Result<String, GraphError> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    let decoded =
        decoded.map_err(|_| GraphError::gateway("The query string is not valid UTF-8."))?;
    Ok(decoded.into_owned())
}

impl Options {
    /// # Errors
    /// 400 for an unknown `$` option or one given twice.
    pub(crate) fn parse(query: &str) -> Result<Self, GraphError> {
        let mut options = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (written, value) = (decode(name)?, decode(value)?);
            let name = written.to_ascii_lowercase();
            if name.starts_with('$') && !KNOWN.contains(&name.as_str()) {
                let message = format!("The query parameter '{written}' is not supported.");
                return Err(GraphError::gateway(message));
            }
            if name.starts_with('$') && options.get(&name).is_some() {
                let message = format!(
                    "Query option '{written}' was specified more than once, but it must be specified at most once."
                );
                return Err(GraphError::gateway(message));
            }
            options.all.push((name, value));
            options.written.push(written);
        }
        Ok(options)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.all.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Refuses every `$` option but these.
    ///
    /// # Errors
    /// 400 naming the option.
    pub(crate) fn only(&self, allowed: &[&str]) -> Result<(), GraphError> {
        for (name, _) in &self.all {
            if name.starts_with('$') && !allowed.contains(&name.as_str()) {
                let message =
                    format!("The query option '{name}' is not supported for this request.");
                return Err(GraphError::unsupported(message));
            }
        }
        Ok(())
    }

    /// `$count=true`.
    pub(crate) fn wants_count(&self) -> bool {
        self.get("$count")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The page size asked for.
    ///
    /// # Errors
    /// 400 for anything but 1 to 999.
    pub(crate) fn top(&self) -> Result<Option<u32>, GraphError> {
        let Some(text) = self.get("$top") else {
            return Ok(None);
        };
        match text.parse() {
            Ok(top @ 1..=TOP_MAX) => Ok(Some(top)),
            _ => Err(GraphError::unsupported(format!(
                "Invalid page size specified: '{text}'. Must be between 1 and {TOP_MAX} inclusive."
            ))),
        }
    }

    /// The options without the page token, name by name, for a fingerprint that order does not matter to.
    pub(crate) fn canonical(&self) -> Vec<String> {
        let others = self.all.iter().filter(|(name, _)| name != "$skiptoken");
        let mut pairs: Vec<String> = others
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.sort();
        pairs
    }

    /// The query string of the next page: every option as given, and the token.
    pub(crate) fn with_token(&self, token: &str) -> String {
        let mut query = String::new();
        for ((name, value), written) in self.all.iter().zip(&self.written) {
            if name != "$skiptoken" {
                query.push_str(&utf8_percent_encode(written, QUERY).to_string());
                query.push('=');
                query.push_str(&utf8_percent_encode(value, QUERY).to_string());
                query.push('&');
            }
        }
        query + "$skiptoken=" + token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_in_any_case_and_encoding() {
        for query in [
            "$select=id,mail",
            "%24select=id%2Cmail",
            "$Select=id,mail&client=x",
        ] {
            let options = Options::parse(query).unwrap();
            assert_eq!(options.get("$select"), Some("id,mail"), "{query}");
        }
    }

    #[test]
    fn unknown_and_repeated_options_are_refused() {
        for query in ["$selct=id", "$top=5&%24top=6", "$apply=x"] {
            assert!(Options::parse(query).is_err(), "{query}");
        }
    }

    #[test]
    fn pages_are_from_1_to_999() {
        for (query, expected) in [
            ("", Some(None)),
            ("$top=1", Some(Some(1))),
            ("$top=999", Some(Some(999))),
            ("$top=1000", None),
            ("$top=0", None),
            ("$top=-1", None),
            ("$top=ten", None),
        ] {
            let top = Options::parse(query).unwrap().top().ok();
            assert_eq!(top, expected, "{query}");
        }
    }

    #[test]
    fn the_next_link_carries_the_options_as_given() {
        let options =
            Options::parse("$filter=displayName%20eq%20'a%26b'&$skiptoken=old&$top=5").unwrap();
        let query = options.with_token("new");
        assert_eq!(
            query,
            "$filter=displayName%20eq%20'a%26b'&$top=5&$skiptoken=new"
        );
        let again = Options::parse(&query).unwrap();
        assert_eq!(again.canonical(), options.canonical());
    }
}
