//! Reads `$filter` for one kind of object; names that do not exist and operators Graph lacks are refused.

use serde_json::Value;

use super::filter::{Expression, Filter, Operator, Path};
use super::lexer::{Word, words};
use crate::error::GraphError;
use crate::schema::{Kind, Place};

struct Parser<'a> {
    kind: Kind,
    text: &'a str,
    words: std::iter::Peekable<std::vec::IntoIter<Word>>,
    /// Names of the elements enclosing `any`s look at.
    elements: Vec<String>,
    advanced: Option<&'static str>,
}

impl Filter {
    /// # Errors
    /// 400 for a syntax error, an unknown property or an operator the directory does not have.
    pub(crate) fn parse(kind: Kind, text: &str) -> Result<Self, GraphError> {
        let mut parser = Parser {
            kind,
            text,
            words: words(text)?.into_iter().peekable(),
            elements: Vec::new(),
            advanced: None,
        };
        let expression = parser.disjunction()?;
        if parser.words.next().is_some() {
            return Err(parser.syntax());
        }
        Ok(Self {
            expression,
            advanced: parser.advanced,
        })
    }
}

impl Parser<'_> {
    fn syntax(&self) -> GraphError {
        let message = format!("Invalid filter clause: syntax error in '{}'.", self.text);
        GraphError::gateway(message)
    }

    fn expect(&mut self, wanted: &Word) -> Result<(), GraphError> {
        let found = self.words.next_if_eq(wanted);
        found.map(|_| ()).ok_or_else(|| self.syntax())
    }

    fn keyword(&mut self, name: &str) -> bool {
        self.words
            .next_if(|word| matches!(word, Word::Name(found) if found == name))
            .is_some()
    }

    fn disjunction(&mut self) -> Result<Expression, GraphError> {
        let mut left = self.conjunction()?;
        while self.keyword("or") {
            left = Expression::Or(Box::new(left), Box::new(self.conjunction()?));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Expression, GraphError> {
        let mut left = self.term()?;
        while self.keyword("and") {
            left = Expression::And(Box::new(left), Box::new(self.term()?));
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Expression, GraphError> {
        if self.keyword("not") {
            self.advanced = self.advanced.or(Some("Not"));
            return Ok(Expression::Not(Box::new(self.term()?)));
        }
        if self.words.next_if_eq(&Word::Open).is_some() {
            let inner = self.disjunction()?;
            self.expect(&Word::Close)?;
            return Ok(inner);
        }
        let Some(Word::Name(name)) = self.words.next() else {
            return Err(self.syntax());
        };
        if self.words.peek() != Some(&Word::Open) {
            return self.comparison(&name);
        }
        self.expect(&Word::Open)?;
        let lower = name.to_ascii_lowercase();
        match (lower.as_str(), lower.rsplit_once('/')) {
            ("startswith" | "endswith", _) => self.text_function(&lower),
            (_, Some((_, "any"))) => self.any(&name[..name.len() - 4]),
            _ => {
                let message = format!("The function '{name}' is not supported in $filter.");
                Err(GraphError::unsupported(message))
            }
        }
    }

    fn text_function(&mut self, name: &str) -> Result<Expression, GraphError> {
        let Some(Word::Name(path)) = self.words.next() else {
            return Err(self.syntax());
        };
        let path = self.path(&path)?;
        self.expect(&Word::Comma)?;
        let Some(Word::Text(text)) = self.words.next() else {
            return Err(self.syntax());
        };
        self.expect(&Word::Close)?;
        let text = text.to_lowercase();
        if name == "startswith" {
            return Ok(Expression::StartsWith(path, text));
        }
        self.advanced = self.advanced.or(Some("EndsWith"));
        Ok(Expression::EndsWith(path, text))
    }

    fn any(&mut self, path: &str) -> Result<Expression, GraphError> {
        let path = self.path(path)?;
        if self.words.next_if_eq(&Word::Close).is_some() {
            return Ok(Expression::Any(path, None));
        }
        let Some(Word::Name(element)) = self.words.next() else {
            return Err(self.syntax());
        };
        self.expect(&Word::Colon)?;
        self.elements.push(element);
        let inner = self.disjunction()?;
        self.elements.pop();
        self.expect(&Word::Close)?;
        Ok(Expression::Any(path, Some(Box::new(inner))))
    }

    fn comparison(&mut self, path: &str) -> Result<Expression, GraphError> {
        let path_text = path;
        let path = self.path(path)?;
        let Some(Word::Name(operator)) = self.words.next() else {
            return Err(self.syntax());
        };
        let operator = match operator.as_str() {
            "eq" => Operator::Equal,
            "ne" => {
                self.advanced = self.advanced.or(Some("NotEqual"));
                Operator::NotEqual
            }
            "lt" => Operator::Less,
            "le" => Operator::LessOrEqual,
            "gt" => Operator::Greater,
            "ge" => Operator::GreaterOrEqual,
            "in" => return self.list(path),
            _ => return Err(self.syntax()),
        };
        if path_text.ends_with("$count") {
            self.advanced = self.advanced.or(Some("Count"));
        }
        Ok(Expression::Compare(path, operator, self.literal()?))
    }

    fn list(&mut self, path: Path) -> Result<Expression, GraphError> {
        self.expect(&Word::Open)?;
        let mut values = vec![self.literal()?];
        while self.words.next_if_eq(&Word::Comma).is_some() {
            values.push(self.literal()?);
        }
        self.expect(&Word::Close)?;
        Ok(Expression::In(path, values))
    }

    fn literal(&mut self) -> Result<Value, GraphError> {
        match self.words.next() {
            Some(Word::Text(text)) => Ok(text.into()),
            Some(Word::Literal(text)) => {
                let number = text.parse::<i64>().map(Value::from);
                Ok(number.unwrap_or_else(|_| text.into()))
            }
            Some(Word::Name(name)) if name == "true" => Ok(true.into()),
            Some(Word::Name(name)) if name == "false" => Ok(false.into()),
            Some(Word::Name(name)) if name == "null" => Ok(Value::Null),
            // An id without quotes may begin with a letter.
            Some(Word::Name(name)) if name.parse::<uuid::Uuid>().is_ok() => Ok(name.into()),
            _ => Err(self.syntax()),
        }
    }

    fn path(&self, text: &str) -> Result<Path, GraphError> {
        let mut steps = text.split('/').map(str::to_owned);
        let first = steps.next().unwrap_or_default();
        let rest: Vec<String> = steps.collect();
        if self.elements.contains(&first) {
            return Ok(Path::Element(rest));
        }
        let property = self.kind.find(&first).ok_or_else(|| {
            let message = format!(
                "Invalid filter clause: Could not find a property named '{first}' on type 'microsoft.graph.{}'.",
                self.kind.name()
            );
            GraphError::gateway(message)
        })?;
        match self.kind.property(property).place {
            Place::Outside | Place::Relationship => Err(GraphError::unsupported(format!(
                "Unsupported or invalid query filter clause specified for property '{first}' of resource '{}'.",
                self.kind.resource().trim_end_matches('s')
            ))),
            Place::Default | Place::Selected | Place::Untracked => {
                Ok(Path::Property(property, rest))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::directory::objects::View;
    use crate::directory::record::Record;

    fn amy() -> Record {
        let mut record = Record::new(Uuid::from_u128(0xa));
        for (name, value) in [
            ("displayName", json!("Amy O'Neil")),
            ("accountEnabled", json!(true)),
            ("department", json!(null)),
            (
                "proxyAddresses",
                json!(["SMTP:amy@contoso.com", "smtp:a@contoso.com"]),
            ),
            (
                "identities",
                json!([{"issuer": "contoso.com", "issuerAssignedId": "amy@contoso.com"}]),
            ),
            ("createdDateTime", json!("2026-01-09T02:02:12Z")),
            (
                "onPremisesExtensionAttributes",
                json!({"extensionAttribute1": "x"}),
            ),
        ] {
            record.set(Kind::User.find(name).unwrap(), value);
        }
        record
    }

    #[test]
    fn filters_select_as_written() {
        let record = amy();
        for (text, expected) in [
            ("displayName eq 'amy o''neil'", true),
            ("displayName eq 'amy'", false),
            ("startsWith(displayName,'am')", true),
            (
                "startswith(displayName, 'b') or accountEnabled eq true",
                true,
            ),
            ("not(startswith(displayName,'am'))", false),
            ("displayName ne 'x' and endsWith(displayName,'NEIL')", true),
            ("department eq null", true),
            ("mail eq null", true),
            ("id eq '00000000-0000-0000-0000-00000000000a'", true),
            ("id in ('1','00000000-0000-0000-0000-00000000000a')", true),
            ("proxyAddresses/any(p:p eq 'smtp:A@contoso.com')", true),
            ("proxyAddresses/any(p:startsWith(p,'SIP:'))", false),
            ("otherMails/any()", false),
            (
                "identities/any(c:c/issuerAssignedId eq 'amy@contoso.com' and c/issuer eq 'contoso.com')",
                true,
            ),
            ("createdDateTime ge 2026-01-09T02:02:12.000Z", true),
            ("createdDateTime lt 2026-01-01T00:00:00Z", false),
            (
                "onPremisesExtensionAttributes/extensionAttribute1 eq 'x'",
                true,
            ),
            ("proxyAddresses/$count eq 2", true),
            (
                "(displayName eq 'x' or displayName eq 'amy o''neil') and accountEnabled eq true",
                true,
            ),
        ] {
            let filter = Filter::parse(Kind::User, text)
                .unwrap_or_else(|error| panic!("{text}: {}", error.message));
            assert_eq!(filter.accepts(&View::Stored(&record)), expected, "{text}");
        }
    }

    #[test]
    fn what_graph_does_not_have_is_refused() {
        for text in [
            "displayname2 eq 'x'",
            "displayName eq",
            "displayName like 'x'",
            "contains(displayName,'x')",
            "skills/any(s:s eq 'x')",
            "displayName eq 'x",
            "displayName eq 'x' and",
            "displayName eq 'x') ",
            "",
            "displayName = 'x'",
        ] {
            assert!(Filter::parse(Kind::User, text).is_err(), "{text}");
        }
    }

    #[test]
    fn advanced_operators_are_named() {
        for (text, expected) in [
            ("displayName eq 'x'", None),
            ("displayName ne 'x'", Some("NotEqual")),
            ("endsWith(mail,'x')", Some("EndsWith")),
            ("not(displayName eq 'x')", Some("Not")),
        ] {
            assert_eq!(
                Filter::parse(Kind::User, text).unwrap().advanced,
                expected,
                "{text}"
            );
        }
    }
}
