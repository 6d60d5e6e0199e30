//! What proves that somebody is gone, and what does not; and what is given to
//! whoever may be gone.

use std::collections::{BTreeMap, BTreeSet};

use provisioning::absence::Ledger;
use provisioning::ids::GenerationId;

use crate::common::{Input, check, contacts, employees, group, id, sam, sam_employed};

fn read(groups: &[(u128, Option<u64>)]) -> Ledger {
    let all = groups.iter().map(|(n, _)| group(*n));
    let mut ledger = Ledger::open(GenerationId(id(1)), all);
    for (n, members) in groups {
        match members {
            Some(members) => ledger.ended(group(*n), *members),
            None => ledger.unreadable(group(*n)),
        }
    }
    ledger
}

#[test]
fn a_complete_reading_proves_who_is_not_there() {
    let done = read(&[(1, Some(3))]).finish().unwrap();
    let absence = done.absence_from(group(1), 4);
    let left = sam_employed()
        .groups(&[])
        .with(|input| input.case.absence = absence);
    check(&left, "revoke employee");
}

#[test]
fn an_answer_that_lists_nobody_is_not_proof() {
    let done = read(&[(1, Some(0))]).finish().unwrap();
    let absence = done.absence_from(group(1), 4);
    assert!(done.is_empty(group(1)));
    let left = sam_employed()
        .groups(&[])
        .with(|input| input.case.absence = absence);
    check(&left, "skip no_proof");
}

#[test]
fn a_group_that_cannot_be_read_or_was_not_asked_proves_nothing() {
    let done = read(&[(1, None), (2, Some(1))]).finish().unwrap();
    assert!(done.absence_from(group(1), 4).is_none());
    assert!(done.absence_from(group(9), 4).is_none());
    assert!(done.absence_from(group(2), 4).is_some());
}

#[test]
fn a_reading_that_broke_off_proves_nothing() {
    let mut ledger = read(&[(1, Some(3))]);
    ledger.add(group(2));
    assert_eq!(ledger.finish().unwrap_err().0, group(2));
}

#[test]
fn nobody_becomes_anything_by_a_membership_that_is_doubted() {
    check(&sam().doubted(&[1]), "skip doubted");
    let both = |rules| sam_employed().groups(&[1, 2]).doubted(&[2]).rules(rules);
    // The rule that made an employee was deleted.
    check(&both(vec![contacts(2)]), "skip doubted");
    check(
        &both(vec![contacts(2)]).doubted(&[]),
        "archive employee; create contact",
    );
    check(&both(vec![contacts(2), employees(1)]), "skip unchanged");
    // A doubted rule that comes first changes nobody, and takes nothing either.
    check(
        &both(vec![employees(3), contacts(2)]).groups(&[2, 3]),
        "skip doubted",
    );
}

#[test]
fn who_has_access_by_a_rule_stays_in_step_while_the_membership_is_doubted() {
    let held = sam_employed().doubted(&[1]);
    check(&held, "skip unchanged");
    let moved = held
        .clone()
        .person(|sam| sam.job_title = Some("Lead".to_owned()));
    check(&moved, "update employee");
    let changed = held.clone().with(|input| {
        input.rules[0].security_roles = vec!["Dispatcher".to_owned()];
        input.rules[0].version += 1;
    });
    check(&changed, "skip doubted");
    let disabled = held.person(|sam| sam.enabled = false);
    check(&disabled, "deactivate employee");
    let enabled = disabled.applied().person(|sam| sam.enabled = true);
    check(&enabled, "skip doubted");
    check(&enabled.doubted(&[]), "reactivate employee");
}

#[test]
fn access_that_was_taken_does_not_come_back_by_a_membership_that_is_doubted() {
    let back = sam_employed().left().applied().groups(&[1]);
    check(&back, "grant employee");
    check(&back.doubted(&[1]), "skip doubted");
}

#[test]
fn a_group_inside_is_doubted_unless_some_way_to_it_is_not() {
    let inside = |edges: &[(u128, u128)], doubted: &[(u128, u128)]| -> Input {
        sam().groups(&[5]).with(|input| {
            input.rules[0].include_nested = true;
            for (outer, inner) in edges {
                let nesting: &mut BTreeMap<_, BTreeSet<_>> = &mut input.nesting.inside;
                nesting
                    .entry(group(*outer))
                    .or_default()
                    .insert(group(*inner));
            }
            let doubted = doubted
                .iter()
                .map(|(outer, inner)| (group(*outer), group(*inner)));
            input.nesting.doubted = doubted.collect();
        })
    };
    let short = inside(&[(1, 5)], &[(1, 5)]);
    check(&short, "skip doubted");
    check(&short.groups(&[5, 1]), "create employee");
    let below = inside(&[(1, 3), (3, 5)], &[(1, 3)]);
    check(&below, "skip doubted");
    let two_ways = inside(&[(1, 5), (1, 3), (3, 5)], &[(1, 5)]);
    check(&two_ways, "create employee");
    let path = &two_ways.decision().actions[0].reason.group_path;
    assert_eq!(path, &[group(1), group(3), group(5)]);
}
