//! `why`: the explanation of one person.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use crate::installation::Installation;
use crate::output::{self, Output};
use crate::person;

/// Why a person is as they are.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall why ada@contoso.com
  rollcall why ada --json")]
pub(crate) struct Why {
    /// Our id, an email address, a username or the object id in the directory
    person: String,
}

impl Why {
    /// Prints it.
    pub(crate) async fn run(&self, installation: &Installation, output: Output) -> Result<()> {
        let row = person::find(installation.db(), &self.person).await?;
        let why = installation.engine.why(row.record.id).await?;
        let value = serde_json::to_value(&why)?;
        output.show(&value, || text(&person::name(&row), &value))
    }
}

fn text(name: &str, why: &Value) -> String {
    let words = |value: &Value| match value {
        Value::Null => "(blank)".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let standing = |rule: &Value| format!("{} (order {})", words(&rule["name"]), rule["order"]);
    let winner = match &why["winner"] {
        Value::Null => "no mapping rule applies".to_owned(),
        rule => standing(rule),
    };
    let empty = Vec::new();
    let items = |key: &str| why[key].as_array().unwrap_or(&empty).clone();
    let losers = items("losers");
    let losers = losers
        .iter()
        .map(|rule| format!("{}: {}", standing(rule), words(&rule["lost_by"])));
    let path = items("group_path")
        .iter()
        .map(words)
        .collect::<Vec<_>>()
        .join(" > ");
    let head = output::list([
        ("person", name.to_owned()),
        ("rule", winner),
        ("lost", losers.collect::<Vec<_>>().join("; ")),
        ("groups", path),
        ("access", words(&why["access"])),
    ]);
    let fields = why["fields"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(field, origin)| {
            let at = origin["at"].as_str().unwrap_or_default().to_owned();
            [
                field.clone(),
                words(&origin["value"]),
                words(&origin["from"]),
                at,
            ]
        });
    let table = output::table(["field", "value", "from", "at"], fields);
    let what_if: Vec<_> = items("what_if")
        .iter()
        .map(|item| format!("- {}", words(item)))
        .collect();
    let what_if = if what_if.is_empty() {
        String::new()
    } else {
        format!("\n\nWhat would change it:\n{}", what_if.join("\n"))
    };
    format!("{head}\n\n{table}{what_if}")
}
