//! Which rule wins: lowest Order, then the oldest group, then the oldest rule,
//! then the rule id.

use std::cmp::Ordering;

use crate::mapping_rule::MappingRule;

/// Orders rules; the winner comes first. A group of unknown age is youngest.
pub fn compare(a: &MappingRule, b: &MappingRule) -> Ordering {
    let age = |rule: &MappingRule| (rule.group_created_at.is_none(), rule.group_created_at);
    a.order
        .cmp(&b.order)
        .then_with(|| age(a).cmp(&age(b)))
        .then_with(|| a.created_at.cmp(&b.created_at))
        .then_with(|| a.id.cmp(&b.id))
}
