//! A plan as it is shown: counts, then who, what and why.

use std::collections::BTreeMap;

use anyhow::Result;
use provisioning::action::{Action, Decision};
use provisioning::field::FieldChange;
use provisioning::plan::Counts;
use serde::Serialize;
use serde_json::{Value, json};
use store::decisions::{self, DecisionFilter};
use store::plans::PlanRow;
use store::{Db, json as store_json};

use crate::output;

/// Decisions read at a time.
const PAGE: u32 = 500;

/// How many people a plan on a terminal lists.
pub(crate) const SHOWN: usize = 50;

/// A plan in the shape of the REST API.
#[derive(Debug, Serialize)]
pub(crate) struct PlanView {
    id: String,
    hash: Option<String>,
    status: Value,
    people: u64,
    counts: BTreeMap<&'static str, u64>,
    hold: Option<Value>,
    actions: Vec<ActionView>,
}

/// One action on one person.
#[derive(Debug, Serialize)]
struct ActionView {
    person: Value,
    kind: &'static str,
    action: &'static str,
    changes: Vec<Value>,
    reason: Value,
}

/// Reads a plan with at most `limit` people.
pub(crate) async fn read(db: &Db, plan: &PlanRow, limit: usize) -> Result<PlanView> {
    let mut actions = Vec::new();
    let filter = DecisionFilter {
        visible_only: true,
        ..DecisionFilter::default()
    };
    let (mut after, mut people) = (0, 0);
    'pages: loop {
        let page = decisions::page(db, plan.id, after, PAGE, &filter).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for row in &page {
            if people == limit {
                break 'pages;
            }
            people += 1;
            actions.extend(
                row.decision
                    .actions
                    .iter()
                    .map(|action| view(&row.decision, action)),
            );
        }
    }
    Ok(PlanView {
        id: plan.id.to_string(),
        hash: plan.hash.clone(),
        status: store_json::name(&plan.status)?.into(),
        people: plan.people,
        counts: counts(&plan.counts),
        hold: plan.hold.clone(),
        actions,
    })
}

/// Counts by the names of the API; what is zero is left out.
pub(crate) fn counts(counts: &Counts) -> BTreeMap<&'static str, u64> {
    let counted = counts.0.iter().filter(|(_, count)| **count > 0);
    counted.map(|(kind, count)| (kind.name(), *count)).collect()
}

/// Counts as a sentence: `12 create, 3 update`.
pub(crate) fn counts_text(found: &Counts) -> String {
    let parts: Vec<_> = counts(found)
        .into_iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    if parts.is_empty() {
        "nothing to do".to_owned()
    } else {
        parts.join(", ")
    }
}

fn view(decision: &Decision, action: &Action) -> ActionView {
    let change = |change: &FieldChange| {
        let path = change.field.path(action.record_kind);
        json!({ "field": path, "old": change.old, "new": change.new })
    };
    ActionView {
        person: json!({
            "kind": action.record_kind.name(), "id": action.record_id, "name": decision.name,
            "email": decision.email, "username": decision.username,
            "tenant_id": decision.tenant_id, "object_id": decision.object_id,
        }),
        kind: action.record_kind.name(),
        action: action.kind.name(),
        changes: action.changes.iter().map(change).collect(),
        reason: json!({ "code": action.reason.cause, "text": action.reason.cause.describe() }),
    }
}

impl PlanView {
    /// As text: a head, and one line for each action.
    pub(crate) fn text(&self) -> String {
        let counts: Vec<_> = self
            .counts
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        let hold = self
            .hold
            .as_ref()
            .and_then(|hold| hold.get("message")?.as_str());
        let head = output::list([
            ("plan", self.id.clone()),
            (
                "status",
                self.status.as_str().unwrap_or_default().to_owned(),
            ),
            ("people", self.people.to_string()),
            (
                "actions",
                if counts.is_empty() {
                    "none".to_owned()
                } else {
                    counts.join(", ")
                },
            ),
            ("waits", hold.unwrap_or_default().to_owned()),
        ]);
        if self.actions.is_empty() {
            return head;
        }
        let rows = self.actions.iter().map(|action| {
            let text = |name: &str| action.person[name].as_str().unwrap_or_default().to_owned();
            [
                action.action.to_owned(),
                action.kind.to_owned(),
                text("name"),
                text("email"),
                changes_text(&action.changes),
                action.reason["text"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            ]
        });
        let table = output::table(["action", "kind", "name", "email", "changes", "why"], rows);
        format!("{head}\n\n{table}")
    }
}

/// Changes as `field: old -> new`, one a line.
pub(crate) fn changes_text(changes: &[Value]) -> String {
    let lines = changes.iter().map(|change| {
        let field = change["field"].as_str().unwrap_or_default();
        format!(
            "{field}: {} -> {}",
            value(&change["old"]),
            value(&change["new"])
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "(blank)".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().filter_map(Value::as_str).collect();
            items.join(", ")
        }
        other => other.to_string(),
    }
}
