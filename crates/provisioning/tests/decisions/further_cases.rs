//! Cases between the sections: what one plan's people do to one another, and
//! the ends that are easily forgotten.

use provisioning::action::Decision;
use provisioning::address::fold;
use provisioning::case::Surroundings;
use provisioning::claims::Claims;
use provisioning::decide::{Outcome, decide, names_needed};
use provisioning::directory::{Source, UserType};
use provisioning::ids::RecordId;
use provisioning::psa::Status;

use crate::common::{
    EXTERNAL, Input, account, check, contacts, employee, id, is_open, record, sam, sam_employed,
    sam_of_two_kinds, say,
};

const SAM: &str = "sam@contoso.com";

/// Several people of one plan, in this order.
fn together(inputs: &[Input]) -> Vec<Outcome> {
    let mut claims = Claims::default();
    let mut next = 0x9900;
    let administrators = inputs[0].administrators;
    let outcomes = inputs.iter().map(|input| {
        let records = input.case.record.iter().chain(&input.case.archived);
        let around = Surroundings {
            usernames: records
                .filter_map(|r| r.username.as_deref())
                .map(fold)
                .collect(),
            homes: input.homes(),
            administrators,
            reapply: false,
        };
        let mut new_id = || {
            next += 1;
            RecordId(id(next))
        };
        decide(
            &input.case,
            &input.policy(),
            &around,
            &mut claims,
            &mut new_id,
        )
    });
    outcomes.collect()
}

fn another(input: Input, n: u128) -> Input {
    input.with(|input| input.case.person.object_id.0 = id(0xb00 + n))
}

fn lines(outcomes: &[Outcome]) -> Vec<String> {
    outcomes.iter().map(say).collect()
}

fn decided(outcome: &Outcome) -> &Decision {
    match outcome {
        Outcome::Decided(decision) => decision,
        Outcome::Skipped(skip) => panic!("skipped: {skip:?}"),
    }
}

#[test]
fn a_disabled_account_that_was_never_linked_is_not_created() {
    let input = sam().person(|person| person.enabled = false);
    check(&input, "skip disabled_and_unknown");
}

#[test]
fn a_disabled_account_that_matches_is_adopted_inactive() {
    let input = sam()
        .candidate(employee(7, SAM))
        .person(|person| person.enabled = false);
    check(&input, "adopt employee; deactivate employee");
    assert!(!is_open(&input.record_after()));
    let again = input.applied().person(|person| person.enabled = true);
    check(&again, "reactivate employee");
    assert!(is_open(&again.record_after()));
}

#[test]
fn a_disabled_account_neither_opens_nor_closes_a_protected_record() {
    let mut pinned = employee(7, SAM);
    (pinned.pinned, pinned.access) = (true, false);
    pinned.status = Status::Inactive;
    let input = sam()
        .candidate(pinned)
        .person(|person| person.enabled = false);
    check(&input, "adopt employee");
    assert_eq!(input.record_after().status, Status::Inactive);
    assert!(!input.record_after().access);
}

#[test]
fn an_external_member_gets_the_home_upn_like_a_guest() {
    let input = sam().person(|person| {
        person.upn = Some(EXTERNAL.to_owned());
        person.user_type = UserType::Member;
        person.source = Source::AzureAd;
    });
    assert_eq!(
        input.record_after().email.as_deref(),
        Some("sam@fabrikam.com")
    );
}

#[test]
fn a_change_of_membership_leaves_local_edits_alone() {
    let edited = sam_of_two_kinds().edit(|record| record.phone = Some("local".to_owned()));
    let mut other = crate::common::employees(3);
    other.order = 0;
    other.security_roles = vec!["Dispatcher".to_owned()];
    let moved = edited.with(|input| input.rules.push(other)).groups(&[1, 3]);
    check(&moved, "update employee");
    let after = moved.record_after();
    assert_eq!(after.phone.as_deref(), Some("local"));
    assert_eq!(after.security_roles, ["Dispatcher"]);
}

#[test]
fn a_change_of_rule_moves_a_contact_to_the_rules_account() {
    let start = sam().rules([contacts(1)]).applied();
    let moved = start.with(|input| {
        let account_id = account(2);
        input.rules[0].target = provisioning::mapping_rule::Target::Contact { account_id };
        input.rules[0].version += 1;
    });
    check(&moved, "update contact");
    assert_eq!(moved.record_after().account_id, Some(account(2)));
}

#[test]
fn employees_and_contacts_share_one_pool_of_usernames() {
    let guest = another(sam(), 2).rules([contacts(1)]).person(|person| {
        person.upn = Some("sam@fabrikam.com".to_owned());
    });
    let outcomes = together(&[sam(), guest]);
    let names: Vec<_> = outcomes
        .iter()
        .map(|o| decided(o).username.clone())
        .collect();
    assert_eq!(
        names,
        [Some("sam".to_owned()), Some("sam-fabrikam".to_owned())]
    );
}

#[test]
fn two_people_of_one_plan_with_one_email_never_share_or_double_a_record() {
    let twin = another(sam(), 2);
    assert_eq!(
        lines(&together(&[sam(), twin.clone()])),
        ["create employee", "review linked_elsewhere"]
    );
    let local = employee(7, SAM);
    let outcomes = together(&[
        sam().candidate(local.clone()),
        twin.candidate(local.clone()),
    ]);
    assert_eq!(
        lines(&outcomes),
        ["adopt employee", "review linked_elsewhere"]
    );
}

#[test]
fn a_twin_found_in_the_plan_and_one_found_later_are_the_same_question() {
    let outcomes = together(&[sam(), another(sam(), 2)]);
    let first = decided(&outcomes[1]).review.clone().unwrap();
    let later = another(sam(), 2).candidate_of(employee(7, SAM), 0x71);
    assert_eq!(
        first.fingerprint,
        later.decision().review.unwrap().fingerprint
    );
}

#[test]
fn an_address_given_up_in_the_same_plan_is_free() {
    let leaver = sam_employed().person(|person| person.upn = Some("old@contoso.com".to_owned()));
    let record = leaver.case.record.clone().unwrap();
    let heir = another(sam(), 2).candidate_of(record, 0x71);
    check(&heir, "review linked_elsewhere");
    assert_eq!(
        lines(&together(&[leaver, heir])),
        ["update employee", "create employee"]
    );
}

#[test]
fn one_plan_never_takes_all_administrators() {
    let admin = |n| {
        another(sam_employed(), n).edit(|record| {
            record.security_roles = vec!["Administrator".to_owned()];
            record.id.0 = id(0x700 + n);
        })
    };
    let off = |n| admin(n).person(|person| person.enabled = false);
    assert_eq!(
        lines(&together(&[off(2), off(3)])),
        ["deactivate employee", "skip protected"]
    );
    // Roles that a rule replaces count as well.
    let outcomes = together(&[admin(2).person(|_| ()), off(3)]);
    assert_eq!(lines(&outcomes), ["update employee", "skip protected"]);
}

#[test]
fn a_link_to_an_archived_record_brings_it_back_and_closes_nothing() {
    let archived = sam_employed().edit(|record| {
        record.original_username = record.username.take();
        record.original_email = record.email.take();
        record.username = Some("sam_Archived".to_owned());
        record.status = Status::Archived;
        record.access = false;
    });
    let back = archived.clone().person(|_| ());
    check(&back, "restore employee");
    assert_eq!(back.record_after().username.as_deref(), Some("sam"));
    check(&archived.clone().left(), "noted");
    check(&archived.person(|person| person.enabled = false), "noted");
}

#[test]
fn a_reviewer_may_bring_an_archived_record_back() {
    let mut archived = employee(8, SAM);
    archived.status = Status::Archived;
    archived.original_username = Some("sam".to_owned());
    archived.original_email = Some(SAM.to_owned());
    let record_id = archived.id;
    let asked = sam()
        .candidate(employee(7, SAM))
        .candidate(employee(9, SAM));
    let chosen = asked
        .answered(provisioning::case::Answer::Link(record_id))
        .candidate(archived);
    // The address belongs to two active records: that is asked, not overrun.
    check(&chosen, "review restore_taken");
}

#[test]
fn every_username_a_decision_takes_was_asked_for() {
    for input in [
        sam(),
        sam_employed().person(|person| person.upn = Some("new@contoso.com".to_owned())),
        sam_of_two_kinds().groups(&[2]),
        sam_of_two_kinds().groups(&[2]).applied().groups(&[1]),
        sam().candidate(record(7, provisioning::psa::Kind::Contact, SAM)),
    ] {
        let needed = names_needed(&input.case, &input.policy());
        for record in input.records_after().values() {
            let before = input.case.record.as_ref().and_then(|r| r.username.clone());
            let name = record
                .username
                .clone()
                .filter(|name| Some(name) != before.as_ref());
            if let Some(name) = name {
                assert!(needed.contains(&fold(&name)), "{name}: {needed:?}");
            }
        }
    }
}
