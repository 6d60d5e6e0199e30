//! `$filter`: what an expression means, and what it says about an object.
//! Text compares without regard to case, as the directory does.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::directory::objects::View;
use crate::schema::{Kind, PropertyId, known};

/// Where a value is taken from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Path {
    /// A property, and the way into it.
    Property(PropertyId, Vec<String>),
    /// The element an `any` looks at, and the way into it.
    Element(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Compare(Path, Operator, Value),
    In(Path, Vec<Value>),
    StartsWith(Path, String),
    EndsWith(Path, String),
    /// Some element fulfils it; without one: there is an element.
    Any(Path, Option<Box<Expression>>),
}

/// A filter, read for one kind of object.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(super) expression: Expression,
    /// The operator that needs the advanced query parameters, if any does.
    pub(crate) advanced: Option<&'static str>,
}

impl Filter {
    /// Whether an object passes.
    pub(crate) fn accepts(&self, view: &View<'_>) -> bool {
        accepts(&self.expression, view, None)
    }

    /// The ids the filter is limited to, when it names some and nothing else.
    pub(crate) fn ids(&self) -> Option<Vec<Uuid>> {
        let mut ids = Vec::new();
        only_ids(&self.expression, &mut ids).then_some(ids)
    }

    /// The user principal name an object must have to pass, when there is just one.
    pub(crate) fn upn(&self, kind: Kind) -> Option<&str> {
        match &self.expression {
            Expression::Compare(
                Path::Property(known::user::UPN, rest),
                Operator::Equal,
                Value::String(upn),
            ) if kind == Kind::User && rest.is_empty() => Some(upn),
            _ => None,
        }
    }
}

fn only_ids(expression: &Expression, ids: &mut Vec<Uuid>) -> bool {
    let mut add = |value: &Value| {
        let id: Option<Uuid> = value.as_str().and_then(|text| text.parse().ok());
        ids.extend(id);
        id.is_some()
    };
    match expression {
        Expression::Or(left, right) => only_ids(left, ids) && only_ids(right, ids),
        Expression::Compare(Path::Property(known::user::ID, _), Operator::Equal, value) => {
            add(value)
        }
        Expression::In(Path::Property(known::user::ID, _), values) => values.iter().all(add),
        _ => false,
    }
}

fn accepts(expression: &Expression, view: &View<'_>, element: Option<&Value>) -> bool {
    let text = |path| value(path, view, element).as_str().map(str::to_lowercase);
    match expression {
        Expression::And(left, right) => {
            accepts(left, view, element) && accepts(right, view, element)
        }
        Expression::Or(left, right) => {
            accepts(left, view, element) || accepts(right, view, element)
        }
        Expression::Not(inner) => !accepts(inner, view, element),
        Expression::Compare(path, operator, wanted) => {
            holds(&value(path, view, element), *operator, wanted)
        }
        Expression::In(path, wanted) => {
            let found = value(path, view, element);
            wanted
                .iter()
                .any(|wanted| holds(&found, Operator::Equal, wanted))
        }
        Expression::StartsWith(path, start) => {
            text(path).is_some_and(|text| text.starts_with(start))
        }
        Expression::EndsWith(path, end) => text(path).is_some_and(|text| text.ends_with(end)),
        Expression::Any(path, inner) => {
            let list = value(path, view, element);
            let mut elements = list.as_array().into_iter().flatten();
            match inner {
                Some(inner) => elements.any(|element| accepts(inner, view, Some(element))),
                None => elements.next().is_some(),
            }
        }
    }
}

fn value<'a>(path: &Path, view: &View<'a>, element: Option<&'a Value>) -> Cow<'a, Value> {
    let (start, way) = match path {
        Path::Property(property, way) => (view.get(*property), way),
        Path::Element(way) => (element.map(Cow::Borrowed), way),
    };
    let start = start.unwrap_or(Cow::Owned(Value::Null));
    if way.is_empty() {
        return start;
    }
    let mut at = start.as_ref();
    for step in way {
        if step == "$count" {
            return Cow::Owned(at.as_array().map_or(0, Vec::len).into());
        }
        at = &at[step.as_str()];
    }
    Cow::Owned(at.clone())
}

fn holds(found: &Value, operator: Operator, wanted: &Value) -> bool {
    let ordering = compare(found, wanted);
    match operator {
        Operator::Equal => ordering == Some(Ordering::Equal),
        Operator::NotEqual => ordering != Some(Ordering::Equal),
        Operator::Less => ordering == Some(Ordering::Less),
        Operator::LessOrEqual => ordering.is_some_and(Ordering::is_le),
        Operator::Greater => ordering == Some(Ordering::Greater),
        Operator::GreaterOrEqual => ordering.is_some_and(Ordering::is_ge),
    }
}

fn compare(found: &Value, wanted: &Value) -> Option<Ordering> {
    match (found, wanted) {
        (Value::String(found), Value::String(wanted)) => {
            let instants = (found.parse::<Timestamp>(), wanted.parse::<Timestamp>());
            if let (Ok(found), Ok(wanted)) = instants {
                return Some(found.cmp(&wanted));
            }
            Some(found.to_lowercase().cmp(&wanted.to_lowercase()))
        }
        (Value::Number(found), Value::Number(wanted)) => {
            found.as_f64()?.partial_cmp(&wanted.as_f64()?)
        }
        (found, wanted) => (found == wanted).then_some(Ordering::Equal),
    }
}
