//! Which rules apply to a person, which one wins and why the others lose.

use serde::Serialize;

use crate::case::Case;
use crate::decide::applicable;
use crate::ids::{GroupId, RuleId};
use crate::policy::Policy;

/// A rule in an explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The rule.
    pub rule_id: RuleId,
    /// What it is called.
    pub name: String,
    /// Its Order.
    pub order: i64,
    /// From the rule's group down to the group that holds the person.
    pub group_path: Vec<GroupId>,
    /// Why it lost; the winner has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_by: Option<&'static str>,
}

/// The rules that apply, the winner first.
pub fn standings(case: &Case, policy: &Policy) -> Vec<Standing> {
    let mut found = applicable(case, policy);
    let Some(winner) = found.next() else {
        return Vec::new();
    };
    let best = &winner.rule.rule;
    let standing = |winner: crate::decide::Winner<'_>, lost_by| Standing {
        rule_id: winner.rule.rule.id,
        name: winner.rule.rule.name.clone(),
        order: winner.rule.rule.order,
        group_path: winner.path.to_vec(),
        lost_by,
    };
    let mut all = vec![standing(winner, None)];
    for loser in found {
        let rule = &loser.rule.rule;
        let lost_by = if rule.order != best.order {
            "higher Order"
        } else if rule.group_created_at != best.group_created_at {
            "younger group"
        } else if rule.created_at != best.created_at {
            "younger rule"
        } else {
            "rule id"
        };
        all.push(standing(loser, Some(lost_by)));
    }
    all
}
