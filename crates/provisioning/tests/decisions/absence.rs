//! What proves that somebody is gone, and what does not.

use provisioning::absence::Ledger;
use provisioning::ids::GenerationId;

use crate::common::{check, group, id, sam_employed};

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
