//! Why a record is as it is: the rule that won and those that lost, where each
//! value is from, and what would change it, each answer planned and not guessed.

use std::collections::BTreeMap;

use provisioning::absence::Absence;
use provisioning::action::{ActionKind, Decision};
use provisioning::case::{Case, Surroundings};
use provisioning::claims::Claims;
use provisioning::decide::{Outcome, decide};
use provisioning::defaults::EmployeeDefaults;
use provisioning::field::{Field, Value};
use provisioning::ids::{GroupId, RecordId};
use provisioning::mapping_rule::Target;
use provisioning::policy::{CompiledRule, Policy};
use provisioning::why::Standing;
use serde_json::json;
use store::links::LinkRow;
use store::{directory_groups, mirror, records};

use crate::engine::Engine;
use crate::error::{Class, EngineError, Result};
use crate::input::{self, Hypothesis};
use crate::model::{FieldOrigin, Why};

/// How many rules a person is tried under.
const TRIED: usize = 3;

impl Engine {
    /// Why a record is as it is, and what planning it now would do.
    pub async fn why(&self, record: RecordId) -> Result<Why> {
        let row = self.link_of(record).await?;
        let connection = self.connection(row.connection_id).await?;
        let policy = input::policy(self.db(), &connection, &Hypothesis::default()).await?;
        let batch = mirror::get(self.db(), connection.id, &[row.link.object_id]).await?;
        let mut around = Surroundings {
            administrators: records::active_administrators(self.db()).await?,
            ..Surroundings::default()
        };
        let cases = input::gather(self.db(), &policy, batch, &mut around, None).await?;
        let case = cases.into_iter().next().ok_or_else(|| {
            EngineError::new(
                "not_mirrored",
                Class::Conflict,
                "the person is not in the mirror",
            )
        })?;
        let mut standings = provisioning::why::standings(&case, &policy).into_iter();
        let winner = standings.next();
        let losers: Vec<_> = standings.collect();
        let if_planned = Trial {
            engine: self,
            policy: &policy,
            around: &around,
        };
        let now = match if_planned.outcome(&case) {
            Outcome::Skipped(skip) => json!({ "skipped": skip }),
            Outcome::Decided(decision) => json!({ "actions": decision.actions }),
        };
        Ok(Why {
            what_if: if_planned.changes(&case, winner.as_ref()),
            group_path: self.group_names(&row, winner.as_ref()).await?,
            fields: fields(&case, &row, &policy.defaults),
            access: json!({
                "granted": case.record.as_ref().is_some_and(|record| record.access),
                "reason": case.record.as_ref().and_then(|record| record.access_reason.clone()),
            }),
            winner,
            losers,
            now,
        })
    }

    async fn group_names(&self, row: &LinkRow, winner: Option<&Standing>) -> Result<Vec<String>> {
        let Some(winner) = winner else {
            return Ok(Vec::new());
        };
        let known = directory_groups::list(self.db(), row.connection_id).await?;
        let name = |id: GroupId| {
            let group = known.iter().find(|group| group.group_id == id);
            let name = group.and_then(|group| group.name.clone());
            name.unwrap_or_else(|| id.to_string())
        };
        Ok(winner.group_path.iter().map(|id| name(*id)).collect())
    }
}

/// Plans a person who might be otherwise. Nothing of it is kept.
struct Trial<'a> {
    engine: &'a Engine,
    policy: &'a Policy,
    around: &'a Surroundings,
}

impl Trial<'_> {
    fn outcome(&self, case: &Case) -> Outcome {
        let mut claims = Claims::default();
        let mut new_id = || RecordId(self.engine.new_id());
        decide(case, self.policy, self.around, &mut claims, &mut new_id)
    }

    /// What would change the person, in sentences.
    fn changes(&self, case: &Case, winner: Option<&Standing>) -> Vec<String> {
        let mut said = Vec::new();
        let mut say = |condition: String, case: &Case| {
            if let Outcome::Decided(decision) = self.outcome(case)
                && let Some(outcome) = self.describe(case, &decision)
            {
                said.push(format!("{condition}: {outcome}."));
            }
        };
        let rules = &self.policy.rules;
        if let Some(winner) = winner
            && let Some(rule) = rules.iter().find(|rule| rule.rule.id == winner.rule_id)
        {
            let condition = format!("Out of the group of `{}`", winner.name);
            say(condition, &without(case, rule));
        }
        if case.person.enabled {
            let mut disabled = case.clone();
            disabled.person.enabled = false;
            say("Disabled in the directory".to_owned(), &disabled);
        } else {
            let mut enabled = case.clone();
            enabled.person.enabled = true;
            say("Enabled in the directory".to_owned(), &enabled);
        }
        let place = |rule: &CompiledRule| {
            winner.is_none_or(|winner| {
                rules.iter().position(|known| known.rule.id == rule.rule.id)
                    < rules
                        .iter()
                        .position(|known| known.rule.id == winner.rule_id)
            })
        };
        for rule in rules.iter().filter(|rule| place(rule)).take(TRIED) {
            let mut inside = case.clone();
            inside.groups.push(rule.rule.group_id);
            say(format!("In the group of `{}`", rule.rule.name), &inside);
        }
        said
    }

    /// What a decision makes of the person, in words.
    fn describe(&self, case: &Case, decision: &Decision) -> Option<String> {
        if let Some(review) = &decision.review {
            return Some(format!(
                "would wait in the review queue ({})",
                review.reason.describe()
            ));
        }
        let does = |kind: ActionKind| decision.actions.iter().any(|action| action.kind == kind);
        let before = case.record.as_ref()?;
        if does(ActionKind::Archive) {
            let becomes = before.kind.other().name();
            return Some(
                format!("would be archived and be a {becomes} instead").replace("a e", "an e"),
            );
        }
        if does(ActionKind::Deactivate) {
            return Some("would be deactivated".to_owned());
        }
        if does(ActionKind::Revoke) {
            return Some("would have no access".to_owned());
        }
        let rule = decision.link.as_ref()?.applied.rule_id?;
        let rule = self
            .policy
            .rules
            .iter()
            .find(|known| known.rule.id == rule)?;
        let kind = match rule.rule.target {
            Target::Employee => "an employee",
            Target::Contact { .. } => "a contact",
        };
        let roles = rule.rule.security_roles.join(", ");
        Some(format!(
            "`{}` would decide: {kind} with the roles {roles}",
            rule.rule.name
        ))
    }
}

/// The person outside every group through which a rule takes them.
fn without(case: &Case, rule: &CompiledRule) -> Case {
    let mut outside = case.clone();
    outside
        .groups
        .retain(|group| !rule.groups.contains_key(group));
    outside.absence = Some(Absence::explicit_removal());
    outside
}

/// Where each value of the record is from.
fn fields(
    case: &Case,
    row: &LinkRow,
    defaults: &EmployeeDefaults,
) -> BTreeMap<&'static str, FieldOrigin> {
    let Some(record) = &case.record else {
        return BTreeMap::new();
    };
    let applied = &row.link.applied;
    let mut fields = BTreeMap::new();
    for field in Field::ALL {
        let value = record.get(field);
        let from = match (applied.value(field), field) {
            (_, Field::SecurityRoles | Field::Access | Field::Account)
                if applied.rule_id.is_some() =>
            {
                "rule"
            }
            (Some(given), _) if *given == value => "directory",
            (Some(Some(_)), _) => "local",
            (_, Field::Status | Field::AccessReason | Field::DeactivatedBySync) => "directory",
            _ if value.is_none() => continue,
            _ if is_default(field, value.as_ref(), defaults) => "default",
            _ => "local",
        };
        let at = matches!(from, "directory" | "rule")
            .then_some(row.last_applied_at)
            .flatten();
        fields.insert(field.path(record.kind), FieldOrigin { value, from, at });
    }
    fields
}

fn is_default(field: Field, value: Option<&Value>, defaults: &EmployeeDefaults) -> bool {
    let text = match field {
        Field::Department => &defaults.department,
        Field::Location => &defaults.location,
        Field::JobTitle => &defaults.job_title,
        Field::EmploymentType => &defaults.employment_type,
        Field::EmployeeRoles => &defaults.employee_role,
        Field::Manager => {
            let manager = defaults.manager_id.map(|id| json!(id));
            return manager.is_some() && manager == value.map(|value| json!(value));
        }
        _ => return false,
    };
    let wanted = match (text, field) {
        (None, _) => return false,
        (Some(text), Field::EmployeeRoles) => json!([text]),
        (Some(text), _) => json!(text),
    };
    value.is_some_and(|value| json!(value) == wanted)
}
