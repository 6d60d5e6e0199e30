//! Which rule wins.

use std::collections::{BTreeMap, BTreeSet};

use provisioning::mapping_rule::{MappingRule, Members, ScopeKind};
use provisioning::psa::Kind;
use provisioning::why::standings;

use crate::common::{Input, at, check, contacts, employees, group, id, sam, sam_employed};

fn equal(
    change_first: impl Fn(&mut MappingRule),
    change_second: impl Fn(&mut MappingRule),
) -> Input {
    let (mut first, mut second) = (employees(1), contacts(2));
    second.order = first.order;
    change_first(&mut first);
    change_second(&mut second);
    sam().groups(&[1, 2]).rules([first, second])
}

#[test]
fn lowest_order_wins() {
    for (orders, expected) in [((1, 2), "create employee"), ((2, 1), "create contact")] {
        let (mut first, mut second) = (employees(1), contacts(2));
        (first.order, second.order) = orders;
        // Neither the order of the rules nor that of the groups matters.
        check(
            &sam().groups(&[1, 2]).rules([first.clone(), second.clone()]),
            expected,
        );
        check(&sam().groups(&[2, 1]).rules([second, first]), expected);
    }
}

#[test]
fn equal_order_the_oldest_group_wins() {
    let young = |rule: &mut MappingRule| rule.group_created_at = Some(at(1_001));
    check(&equal(young, |_| ()), "create contact");
    check(&equal(|_| (), young), "create employee");
}

#[test]
fn a_group_of_unknown_age_is_youngest() {
    let unknown = |rule: &mut MappingRule| rule.group_created_at = None;
    check(&equal(unknown, |_| ()), "create contact");
    check(&equal(|_| (), unknown), "create employee");
}

#[test]
fn groups_equally_old_the_oldest_rule_wins_then_the_rule_id() {
    check(
        &equal(|rule| rule.created_at = at(2_001), |_| ()),
        "create contact",
    );
    check(&equal(|_| (), |_| ()), "create employee");
    check(&equal(|rule| rule.id.0 = id(3), |_| ()), "create contact");
}

#[test]
fn the_losers_are_kept_in_the_explanation() {
    let input = sam().groups(&[1, 2]).rules([employees(1), contacts(2)]);
    let found = standings(&input.case, &input.policy());
    let lost: Vec<_> = found.iter().map(|rule| rule.lost_by).collect();
    assert_eq!(lost, [None, Some("higher Order")]);
    let equal = equal(|_| (), |rule| rule.group_created_at = None);
    assert_eq!(
        standings(&equal.case, &equal.policy())[1].lost_by,
        Some("younger group")
    );
}

#[test]
fn only_enabled_rules_of_the_connection_whose_group_holds_the_person_count() {
    let other = |change: fn(&mut MappingRule)| {
        let mut rule = employees(1);
        change(&mut rule);
        sam().rules([rule])
    };
    check(&other(|rule| rule.enabled = false), "skip not_mapped");
    check(
        &other(|rule| rule.connection_id.0 = id(77)),
        "skip not_mapped",
    );
    check(&other(|rule| rule.group_id = group(5)), "skip not_mapped");
    check(&other(|_| ()), "create employee");
}

#[test]
fn nested_groups_count_when_the_rule_says_so_and_give_the_shortest_path() {
    let nested = BTreeMap::from([
        (group(1), BTreeSet::from([group(3), group(4)])),
        (group(3), BTreeSet::from([group(5), group(1)])),
        (group(4), BTreeSet::from([group(5)])),
    ]);
    let input = sam()
        .groups(&[5])
        .with(|input| input.nesting.inside = nested);
    check(&input, "skip not_mapped");
    let input = input.with(|input| input.rules[0].include_nested = true);
    check(&input, "create employee");
    let path = &input.decision().actions[0].reason.group_path;
    assert_eq!(path, &[group(1), group(3), group(5)]);
    let direct = input.groups(&[5, 1]);
    assert_eq!(direct.decision().actions[0].reason.group_path, [group(1)]);
}

#[test]
fn of_a_group_that_is_assigned_only_direct_members_count() {
    let nested = BTreeMap::from([
        (group(1), BTreeSet::from([group(3)])),
        (group(3), BTreeSet::from([group(5)])),
    ]);
    let assigned = |groups: &[u128]| {
        sam().groups(groups).with(|input| {
            input.nesting.inside = nested.clone();
            input.rules[0].scope = ScopeKind::Assigned;
        })
    };
    check(&assigned(&[1]), "create employee");
    check(&assigned(&[3]), "create employee");
    check(&assigned(&[5]), "skip not_mapped");
}

#[test]
fn scope_filters_leave_people_out() {
    let filtered = |change: fn(&mut MappingRule)| {
        let mut rule = employees(1);
        change(&mut rule);
        sam().rules([rule])
    };
    for (input, expected) in [
        (
            filtered(|rule| rule.members = Members::Guests),
            "skip not_mapped",
        ),
        (
            filtered(|rule| rule.members = Members::Members),
            "create employee",
        ),
        (
            filtered(|rule| rule.exclude = vec!["SAM@*".to_owned()]),
            "skip not_mapped",
        ),
        (
            filtered(|rule| rule.exclude = vec!["admin-*".to_owned()]),
            "create employee",
        ),
        (
            filtered(|rule| rule.licensed_only = true),
            "skip not_mapped",
        ),
    ] {
        check(&input, expected);
    }
    let licensed = filtered(|rule| rule.licensed_only = true);
    check(
        &licensed.person(|person| person.licensed = Some(true)),
        "create employee",
    );
}

#[test]
fn a_filtered_winner_leaves_the_next_rule_to_decide() {
    let mut first = employees(1);
    first.exclude = vec!["sam@*".to_owned()];
    let input = sam().groups(&[1, 2]).rules([first, contacts(2)]);
    check(&input, "create contact");
}

#[test]
fn members_of_an_unreadable_group_are_frozen() {
    let frozen = |input: Input| input.with(|input| input.rules[0].group_readable = false);
    check(&frozen(sam()), "skip frozen");
    let linked = frozen(sam_employed());
    for (input, expected) in [
        (
            linked
                .clone()
                .person(|p| p.business_phone = Some("1".to_owned())),
            "skip frozen",
        ),
        (linked.clone().person(|p| p.enabled = false), "skip frozen"),
        (linked.clone().left(), "skip frozen"),
    ] {
        check(&input, expected);
    }
    let readable = linked.with(|input| input.rules[0].group_readable = true);
    check(&readable, "skip unchanged");
}

#[test]
fn a_readable_rule_that_wins_is_not_hindered_by_an_unreadable_loser() {
    let mut loser = contacts(2);
    loser.group_readable = false;
    let input = sam().groups(&[1, 2]).rules([employees(1), loser]);
    check(&input, "create employee");
    // Without the winner, the unreadable rule would decide: nobody loses anything.
    check(&input.applied().groups(&[2]), "skip frozen");
}

#[test]
fn the_winning_rule_is_in_the_reason() {
    let decision = sam().decision();
    assert_eq!(decision.actions[0].reason.rule_id, Some(employees(1).id));
    assert_eq!(decision.actions[0].record_kind, Kind::Employee);
}
