//! What commands print: tables or JSON on standard output, notes and questions
//! on standard error. Knows nothing of what is printed.

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use anyhow::{Context as _, Result};
use comfy_table::{ContentArrangement, Table, presets};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::failure::{wrong_use, wrong_use_curable};

/// Tables or JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// JSON when asked for.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether JSON was asked for.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a value as JSON, or the text made of it.
    pub(crate) fn show(self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<()> {
        if self.json {
            print(&serde_json::to_string(value).context("this cannot be written as JSON")?)
        } else {
            print(&text())
        }
    }
}

/// A line, or several, on standard output. A reader who has left (`| head`) is
/// no failure.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output cannot be written"),
    }
}

/// A line on standard error. There is nowhere to complain when that fails.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A table with a head.
pub(crate) fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(head.map(str::to_uppercase));
    for row in rows {
        table.add_row(row);
    }
    table.trim_fmt()
}

/// Two columns without a head: names and values.
pub(crate) fn list(rows: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = rows
        .iter()
        .map(|(name, value)| format!("{name:width$}  {value}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Asks a yes-or-no question on the terminal; `yes` answers it beforehand.
pub(crate) fn ask(question: &str, yes: bool) -> Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(wrong_use(format!(
            "this needs an answer: \"{question}\" (no terminal to ask on; --yes answers yes)"
        )));
    }
    let mut err = std::io::stderr().lock();
    write!(err, "{question} [y/N] ").and_then(|()| err.flush())?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// A secret from standard input (its first line), or asked for.
pub(crate) fn secret(what: &str, from_stdin: bool) -> Result<SecretString> {
    if from_stdin {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).into());
    }
    if !std::io::stdin().is_terminal() {
        let message = format!("there is no terminal to ask for this on: {what}");
        return Err(wrong_use_curable(
            message,
            "Give it on standard input, with the --…-stdin flag.",
        ));
    }
    Ok(rpassword::prompt_password(format!("{what}: "))?.into())
}

/// A new password: from standard input, or asked for twice.
pub(crate) fn new_password(from_stdin: bool) -> Result<SecretString> {
    let password = secret("Password", from_stdin)?;
    if !from_stdin {
        let again = secret("Once more", false)?;
        if password.expose_secret() != again.expose_secret() {
            return Err(wrong_use("the two passwords differ"));
        }
    }
    if password.expose_secret().chars().count() < web::auth::SHORTEST_PASSWORD {
        return Err(wrong_use(format!(
            "a password has at least {} characters",
            web::auth::SHORTEST_PASSWORD
        )));
    }
    Ok(password)
}
