//! What a plan decides for each person, in order.

use provisioning::action::{ActionKind, Decision};
use provisioning::ids::{ObjectId, PlanId};

use crate::bulk::{Rows, Type};
use crate::db::{Source, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Row, Where, containing};
use crate::{args, cells, decision_text, keys};

/// A decision in its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    /// Its place.
    pub seq: i64,
    /// What is decided.
    pub decision: Decision,
    /// What became of it, in a word of the caller's.
    pub state: Option<String>,
}

const COLUMNS: &[(&str, Type)] = &[
    ("plan_id", Type::Uuid),
    ("seq", Type::Int),
    ("tenant_id", Type::Uuid),
    ("object_id", Type::Uuid),
    ("record_id", Type::Uuid),
    ("headline", Type::Text),
    ("name_key", Type::Text),
    ("body", Type::Text),
];

fn read(row: &Row) -> Result<DecisionRow> {
    let body: String = row.get("body")?;
    Ok(DecisionRow {
        seq: row.get("seq")?,
        decision: decision_text::read(row.get("tenant_id")?, row.get("object_id")?, &body)?,
        state: row.maybe("state")?,
    })
}

/// Adds decisions at `first_seq` and after it.
pub async fn append<'a>(
    tx: &mut Tx,
    plan_id: PlanId,
    first_seq: i64,
    decisions: impl IntoIterator<Item = &'a Decision, IntoIter: ExactSizeIterator>,
) -> Result<()> {
    let decisions = decisions.into_iter();
    let mut rows = Rows::new(COLUMNS, decisions.len());
    for (seq, decision) in (first_seq..).zip(decisions) {
        let acted_on = decision.actions.iter().find_map(|action| action.record_id);
        let record_id = decision.link.as_ref().map(|link| link.record_id);
        rows.push(cells![
            plan_id,
            seq,
            decision.tenant_id,
            decision.object_id,
            record_id.or(acted_on),
            decision.headline().map(ActionKind::name),
            keys::fold(&decision.name),
            decision_text::write(decision)?,
        ]);
    }
    tx.bulk_insert("decisions", rows).await
}

/// Which decisions to show.
#[derive(Debug, Clone, Default)]
pub struct DecisionFilter {
    /// With this as their most important action.
    pub headline: Option<ActionKind>,
    /// Whose person's name contains this.
    pub search: Option<String>,
    /// Only those that do something a person would see.
    pub visible_only: bool,
    /// Only those that nobody has approved yet, in this plan or the one before.
    pub unapproved_only: bool,
}

/// Decisions after `after_seq`, in order.
pub async fn page(
    on: impl Into<Source<'_>>,
    plan_id: PlanId,
    after_seq: i64,
    limit: u32,
    filter: &DecisionFilter,
) -> Result<Vec<DecisionRow>> {
    let mut conditions = Where::new();
    conditions.and("plan_id = $?", plan_id);
    conditions.and("seq > $?", after_seq);
    if filter.visible_only || filter.headline.is_some() {
        conditions.fixed("headline IS NOT NULL");
    }
    if filter.unapproved_only {
        conditions.fixed("state IS NULL");
    }
    if let Some(headline) = filter.headline {
        conditions.and("headline = $?", headline.name());
        if headline != ActionKind::Create {
            // The condition of the index decisions_by_headline.
            conditions.fixed("headline <> 'create'");
        }
    }
    let search = filter.search.as_deref().map(keys::fold);
    let pattern = search.map(|search| containing(&search));
    conditions.and_some("name_key LIKE $? ESCAPE '\\'", pattern);
    let limit = conditions.arg(limit);
    let text = format!(
        "SELECT seq, tenant_id, object_id, body, state FROM decisions{} ORDER BY seq LIMIT {limit}",
        conditions.text()
    );
    let rows = on.into().rows(text, conditions.into_args()).await?;
    rows.iter().map(read).collect()
}

/// How many decisions of a plan follow `after_seq`.
pub async fn count(on: impl Into<Source<'_>>, plan_id: PlanId, after_seq: i64) -> Result<u64> {
    let text = "SELECT COUNT(*) AS decisions FROM decisions WHERE plan_id = $1 AND seq > $2";
    let row = on.into().row(text, args![plan_id, after_seq]).await?;
    row.map_or(Ok(0), |row| row.get("decisions"))
}

/// One decision.
pub async fn get(
    on: impl Into<Source<'_>>,
    plan_id: PlanId,
    seq: i64,
) -> Result<Option<DecisionRow>> {
    let text = "SELECT seq, tenant_id, object_id, body, state FROM decisions WHERE plan_id = $1 AND seq = $2";
    let row = on.into().row(text, args![plan_id, seq]).await?;
    row.as_ref().map(read).transpose()
}

/// Notes what became of decisions.
pub async fn mark(tx: &mut Tx, plan_id: PlanId, states: &[(i64, &str)]) -> Result<()> {
    let text = "UPDATE decisions SET state = r.state FROM {rows}
        WHERE decisions.plan_id = $1 AND decisions.seq = r.seq";
    let columns = &[("seq", Type::Int), ("state", Type::Text)];
    let mut rows = Rows::new(columns, states.len());
    for (seq, state) in states {
        rows.push(cells![*seq, *state]);
    }
    tx.bulk_execute(text, rows, args![plan_id]).await?;
    Ok(())
}

/// Whose decisions of a plan have this state.
pub async fn people_in_state(
    on: impl Into<Source<'_>>,
    plan_id: PlanId,
    state: &str,
) -> Result<Vec<ObjectId>> {
    let text = "SELECT object_id FROM decisions WHERE plan_id = $1 AND state = $2";
    let rows = on.into().rows(text, args![plan_id, state]).await?;
    rows.iter().map(|row| row.get("object_id")).collect()
}

/// Puts another decision about the same person in a decision's place.
pub async fn rewrite(tx: &mut Tx, plan_id: PlanId, seq: i64, decision: &Decision) -> Result<()> {
    let text = "DELETE FROM decisions
        WHERE plan_id = $1 AND seq = $2 AND tenant_id = $3 AND object_id = $4";
    let args = args![plan_id, seq, decision.tenant_id, decision.object_id];
    match tx.execute(text, args).await? {
        0 => Err(StoreError::NotFound { what: "decision" }),
        _ => append(tx, plan_id, seq, std::slice::from_ref(decision)).await,
    }
}

/// Deletes the decisions of a plan; how many.
pub async fn delete(tx: &mut Tx, plan_id: PlanId) -> Result<u64> {
    let text = "DELETE FROM decisions WHERE plan_id = $1";
    tx.execute(text, args![plan_id]).await
}
