//! `timeline`: everything that happened to a person.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use store::journal::{self, Entry};
use store::json as store_json;

use crate::installation::Installation;
use crate::output::{self, Output};
use crate::{person, plan_view};

/// Everything that happened to a person, newest first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall timeline ada@contoso.com
  rollcall timeline ada --limit 5 --json")]
pub(crate) struct Timeline {
    /// Our id, an email address, a username or the object id in the directory
    person: String,
    /// How much of it
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

impl Timeline {
    /// Prints it.
    pub(crate) async fn run(&self, installation: &Installation, output: Output) -> Result<()> {
        let db = installation.db();
        let id = person::find(db, &self.person).await?.record.id;
        let entries = journal::by_record(db, id, None, self.limit).await?;
        let items = entries.iter().map(view).collect::<Result<Vec<_>>>()?;
        output.show(&json!({ "items": items }), || {
            let rows = items.iter().map(|item| {
                let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
                let changes = item["changes"]
                    .as_array()
                    .map(Vec::as_slice)
                    .unwrap_or_default();
                let changes = plan_view::changes_text(changes);
                [
                    text("at"),
                    text("origin"),
                    text("actor"),
                    text("action"),
                    changes,
                    text("reason"),
                ]
            });
            output::table(["at", "origin", "actor", "action", "changes", "why"], rows)
        })
    }
}

/// An entry in the shape of the REST API.
fn view(entry: &Entry) -> Result<Value> {
    let written = &entry.entry;
    let actions = entry.decision.iter().flat_map(|decision| &decision.actions);
    let mut own = actions.filter(|action| {
        action.kind.name() == written.action && action.record_id == written.record_id
    });
    let (changes, reason) = match (own.next(), &written.body) {
        (Some(action), _) => {
            let changes = action.changes.iter().map(|change| {
                let path = change.field.path(action.record_kind);
                json!({ "field": path, "old": change.old, "new": change.new })
            });
            (changes.collect(), json!(action.reason.cause.describe()))
        }
        (None, Some(body)) => (body["changes"].clone(), body["reason"].clone()),
        (None, None) => (Value::Array(Vec::new()), Value::Null),
    };
    Ok(json!({
        "seq": entry.seq, "at": written.at, "origin": store_json::name(&written.origin)?,
        "actor": written.actor, "action": written.action, "changes": changes, "reason": reason,
        "run_id": written.run_id,
    }))
}
