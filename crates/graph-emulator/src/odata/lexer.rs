//! Words of a filter expression.

use crate::error::GraphError;

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// A name, an operator or a path.
    Name(String),
    /// Text in single quotes.
    Text(String),
    /// A number, date or id without quotes.
    Literal(String),
    Open,
    Close,
    Comma,
    Colon,
}

/// Takes an expression apart.
///
/// # Errors
/// 400 for a character that has no place in one.
pub(super) fn words(text: &str) -> Result<Vec<Word>, GraphError> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, length) = match first {
            '(' => (Word::Open, 1),
            ')' => (Word::Close, 1),
            ',' => (Word::Comma, 1),
            ':' => (Word::Colon, 1),
            '\'' => quoted(rest)?,
            '0'..='9' | '-' => {
                let length = rest.find([' ', ',', ')', '(']).unwrap_or(rest.len());
                // A bare id may begin with a digit; so may a date.
                (Word::Literal(rest[..length].to_owned()), length)
            }
            'a'..='z' | 'A'..='Z' | '_' | '@' | '$' => {
                let inside =
                    |letter: char| letter.is_ascii_alphanumeric() || "_@$./-".contains(letter);
                let length = rest.find(|letter| !inside(letter)).unwrap_or(rest.len());
                (Word::Name(rest[..length].to_owned()), length)
            }
            other => {
                let message =
                    format!("Invalid filter clause: syntax error at '{other}' in '{text}'.");
                return Err(GraphError::gateway(message));
            }
        };
        words.push(word);
        rest = rest[length..].trim_start();
    }
    Ok(words)
}

/// Text in quotes, where a quote is written twice.
fn quoted(rest: &str) -> Result<(Word, usize), GraphError> {
    let mut text = String::new();
    let mut letters = rest.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter != '\'' {
            text.push(letter);
        } else if letters.next_if(|(_, next)| *next == '\'').is_some() {
            text.push('\'');
        } else {
            return Ok((Word::Text(text), at + 1));
        }
    }
    let message =
        format!("Invalid filter clause: there is an unterminated string literal in '{rest}'.");
    Err(GraphError::gateway(message))
}
