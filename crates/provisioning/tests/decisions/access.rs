//! Who may sign in, with which roles, and why not.

use provisioning::absence::{Absence, Loss};
use provisioning::directory::Presence;
use provisioning::mapping_rule::RolesMode;
use provisioning::policy::OnDisabled;
use provisioning::psa::{Record, Status};

use crate::common::{Input, check, employees, is_open, sam, sam_employed};

fn roles(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn disabled(input: Input) -> Input {
    input.person(|person| person.enabled = false)
}

fn enabled(input: Input) -> Input {
    input.person(|person| person.enabled = true)
}

fn deleted(input: Input) -> Input {
    input
        .with(|input| input.case.absence = Some(Absence::explicit_removal()))
        .person(|person| {
            person.presence = Presence::SoftDeleted;
        })
}

fn make_administrator(record: &mut Record) {
    record.security_roles = roles(&["Administrator"]);
}

#[test]
fn a_rules_roles_replace_are_added_or_given_once() {
    for (mode, expected) in [
        (RolesMode::Replace, roles(&["Dispatcher"])),
        (RolesMode::Add, roles(&["Auditor", "Dispatcher"])),
        (RolesMode::OnCreate, roles(&["Auditor"])),
    ] {
        let input = sam_employed()
            .edit(|record| record.security_roles = roles(&["Auditor"]))
            .with(|input| {
                input.rules[0].security_roles = roles(&["Dispatcher"]);
                input.rules[0].roles_mode = mode;
                input.rules[0].version += 1;
            });
        let after = match mode {
            RolesMode::OnCreate => {
                check(&input, "noted");
                input.case.record.clone().unwrap()
            }
            _ => input.record_after(),
        };
        assert_eq!(after.security_roles, expected, "{mode:?}");
        input.applied();
    }
    let fresh = sam().with(|input| input.rules[0].roles_mode = RolesMode::OnCreate);
    assert_eq!(fresh.record_after().security_roles, ["Technician"]);
}

#[test]
fn without_a_rule_the_record_stays_and_access_goes() {
    let input = sam_employed().left();
    check(&input, "revoke employee");
    let after = input.record_after();
    assert_eq!(after.status, Status::Active);
    assert!(!after.access && after.security_roles.is_empty());
    assert_eq!(after.access_reason.as_deref(), Some("no_rule"));
    let loss = input.decision().actions[0].reason.loss.clone();
    assert!(matches!(loss, Some(Loss::LeftGroups { .. })));
    let back = input.applied().groups(&[1]);
    check(&back, "grant employee");
    assert!(is_open(&back.record_after()));
}

#[test]
fn an_absence_without_proof_takes_nothing() {
    check(&sam_employed().groups(&[]), "skip no_proof");
    let gone = sam_employed().person(|person| person.presence = Presence::Purged);
    check(&gone, "skip no_proof");
}

#[test]
fn a_rule_that_is_disabled_or_changed_by_an_administrator_needs_no_proof() {
    let loss = |input: Input| {
        check(&input, "revoke employee");
        input.decision().actions[0].reason.loss.clone()
    };
    let off = sam_employed().with(|input| input.rules[0].enabled = false);
    let filtered = sam_employed().with(|input| {
        input.rules[0].exclude = vec!["sam@*".to_owned()];
        input.rules[0].version += 1;
    });
    let by_itself = sam()
        .with(|input| input.rules[0].exclude = vec!["old-*".to_owned()])
        .applied()
        .person(|person| person.upn = Some("old-sam@contoso.com".to_owned()));
    for input in [sam_employed().rules([]), off, filtered, by_itself] {
        assert!(matches!(loss(input), Some(Loss::RuleChanged { .. })));
    }
}

#[test]
fn never_linked_and_no_rule_is_not_imported() {
    check(&sam().groups(&[]), "skip not_mapped");
    check(
        &sam()
            .groups(&[])
            .candidate(crate::common::employee(7, "sam@contoso.com")),
        "skip not_mapped",
    );
}

#[test]
fn a_disabled_account_is_deactivated_and_reactivated_by_the_sync() {
    let off = disabled(sam_employed());
    check(&off, "deactivate employee");
    let after = off.record_after();
    assert_eq!((after.status, after.access), (Status::Inactive, false));
    assert_eq!(after.access_reason.as_deref(), Some("disabled"));
    let on = enabled(off.applied());
    check(&on, "reactivate employee");
    assert!(is_open(&on.record_after()));
    on.applied();
}

#[test]
fn a_connection_may_ignore_disabled_accounts() {
    let ignoring = |input: Input| {
        input
            .with(|input| input.connection.on_disabled = OnDisabled::Ignore)
            .applied()
    };
    check(&disabled(ignoring(sam())), "noted");
}

#[test]
fn a_person_deactivated_by_hand_stays_so() {
    let by_hand = sam_employed().edit(|record| {
        record.status = Status::Inactive;
        record.access = false;
        record.access_reason = Some("by_hand".to_owned());
    });
    check(&by_hand.clone().person(|_| ()), "noted");
    let off = disabled(by_hand.clone());
    check(&off, "noted");
    check(&enabled(off.applied()), "noted");
    let changed = by_hand.person(|person| person.job_title = Some("Boss".to_owned()));
    check(&changed, "update employee");
    assert!(!is_open(&changed.record_after()));
}

#[test]
fn access_taken_by_hand_does_not_come_back_by_itself() {
    let by_hand = sam_employed().edit(|record| {
        record.access = false;
        record.access_reason = Some("by_hand".to_owned());
    });
    check(&by_hand.clone().person(|_| ()), "noted");
    let off = disabled(by_hand);
    check(&off, "deactivate employee");
    let on = enabled(off.applied());
    check(&on, "reactivate employee");
    assert!(!on.record_after().access);
}

#[test]
fn a_deleted_account_is_deactivated_and_comes_back_as_the_same_record() {
    let gone = deleted(sam_employed());
    check(&gone, "deactivate employee");
    assert_eq!(
        gone.record_after().access_reason.as_deref(),
        Some("deleted")
    );
    let gone = gone.applied();
    let back = gone
        .clone()
        .person(|person| person.presence = Presence::Live);
    check(&back, "reactivate employee");
    assert_eq!(
        back.record_after().id,
        sam_employed().case.record.unwrap().id
    );
    // Purged: stays deactivated, the link is a tombstone.
    let purged = gone.person(|person| person.presence = Presence::Purged);
    check(&purged, "noted");
    assert!(purged.applied().case.link.is_some());
}

#[test]
fn deleted_and_never_linked_is_left_out() {
    check(&deleted(sam()), "skip deleted_and_unknown");
}

#[test]
fn enabled_again_without_a_rule_is_active_without_access() {
    let input = enabled(disabled(sam_employed()).applied().left());
    check(&input, "reactivate employee; revoke employee");
    let after = input.record_after();
    assert_eq!((after.status, after.access), (Status::Active, false));
    assert_eq!(after.access_reason.as_deref(), Some("no_rule"));
    input.applied();
}

#[test]
fn root_follows_the_directory_in_its_profile_only() {
    let root = sam_employed().edit(|record| {
        record.is_root = true;
        record.security_roles = roles(&["Administrator"]);
    });
    let profile = root.clone().person(|person| {
        person.surname = Some("Smith".to_owned());
        person.upn = Some("chief@contoso.com".to_owned());
    });
    check(&profile, "update employee");
    let after = profile.record_after();
    assert_eq!(after.last_name.as_deref(), Some("Smith"));
    assert_eq!(after.security_roles, ["Administrator"]);
    assert_eq!(after.username.as_deref(), Some("sam"));
    for input in [disabled(root.clone()), deleted(root.clone()), root.left()] {
        check(&input, "skip protected");
    }
}

#[test]
fn the_last_active_administrator_is_protected() {
    let last = sam_employed()
        .edit(make_administrator)
        .with(|input| input.administrators = 1);
    for (input, otherwise) in [
        (disabled(last.clone()), "deactivate employee"),
        (deleted(last.clone()), "deactivate employee"),
        (last.left(), "revoke employee"),
    ] {
        check(&input, "skip protected");
        check(&input.with(|input| input.administrators = 2), otherwise);
    }
}

#[test]
fn replacing_roles_leaves_the_last_administrator_one() {
    let last = sam_employed().edit(make_administrator).person(|_| ());
    let kept = last.clone().with(|input| input.administrators = 1);
    assert_eq!(
        kept.record_after().security_roles,
        ["Administrator", "Technician"]
    );
    kept.applied();
    assert_eq!(last.record_after().security_roles, ["Technician"]);
}

#[test]
fn a_pinned_record_is_never_closed_or_stripped() {
    let pinned = sam_employed().edit(|record| {
        record.pinned = true;
        record.security_roles = roles(&["Auditor"]);
    });
    for input in [
        disabled(pinned.clone()),
        deleted(pinned.clone()),
        pinned.clone().left(),
    ] {
        check(&input, "skip protected");
    }
    let changed = pinned.person(|_| ());
    assert_eq!(
        changed.record_after().security_roles,
        ["Auditor", "Technician"]
    );
}

#[test]
fn what_an_undo_took_back_is_not_done_again() {
    let revoked = sam_employed().left();
    let undone = revoked.clone().with(|input| {
        let basis = revoked.decision().link.unwrap().applied.basis;
        input.case.link.as_mut().unwrap().suppressed = Some(basis);
    });
    check(&undone, "skip suppressed");
    check(&undone.person(|_| ()), "revoke employee");
}

#[test]
fn a_change_of_rule_reaches_its_people() {
    let changed = sam_employed().with(|input| {
        input.rules[0].security_roles = roles(&["Dispatcher"]);
        input.rules[0].version += 1;
    });
    check(&changed, "update employee");
    let swapped = sam_employed().rules([employees(1), {
        let mut rule = employees(2);
        rule.order = 0;
        rule.security_roles = roles(&["Dispatcher"]);
        rule
    }]);
    check(&swapped, "skip unchanged");
    check(&swapped.groups(&[1, 2]), "update employee");
}
