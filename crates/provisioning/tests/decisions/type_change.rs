//! A person of the other kind: archive, adopt or create, restore.

use provisioning::absence::Loss;
use provisioning::case::Answer;
use provisioning::psa::{Kind, Status};

use crate::common::{
    Input, account, administrator, check, contact, employee, is_open, sam, sam_of_two_kinds,
};

const SAM: &str = "sam@contoso.com";

fn contact_now() -> Input {
    sam_of_two_kinds().groups(&[2])
}

#[test]
fn an_employee_who_becomes_a_contact_is_archived_first() {
    let input = contact_now();
    check(&input, "archive employee; create contact");
    let archived = &input.records_after()[&input.case.record.as_ref().unwrap().id];
    assert_eq!(archived.username.as_deref(), Some("sam_Archived"));
    assert_eq!(archived.email.as_deref(), Some("sam@contoso.com_Archived"));
    assert_eq!(archived.status, Status::Archived);
    assert!(!archived.access);
    let contact = input.record_after();
    assert_eq!(contact.kind, Kind::Contact);
    assert_eq!(contact.username.as_deref(), Some("sam"));
    assert_eq!(contact.email.as_deref(), Some(SAM));
    assert_eq!(contact.account_id, Some(account(1)));
    assert!(is_open(&contact));
    let loss = input.decision().actions[0].reason.loss.clone();
    assert!(matches!(loss, Some(Loss::OtherKind { .. })));
}

#[test]
fn an_employee_becomes_a_contact_and_comes_back_as_the_same_record() {
    let start = sam_of_two_kinds();
    let employee = start.case.record.clone().unwrap();
    let mut input = start;
    for _ in 0..3 {
        input = input.groups(&[2]);
        assert_eq!(input.decision().actions.len(), 2);
        input = input.applied().groups(&[1]);
        check(&input, "archive contact; restore employee");
        input = input.applied();
        let back = input.case.record.clone().unwrap();
        assert_eq!(back.id, employee.id);
        assert_eq!(back.username, employee.username);
        assert_eq!(back.email, employee.email);
        assert_eq!(back.original_username, None);
        assert!(is_open(&back));
        let archived = input.case.archived.as_ref().unwrap();
        assert_eq!(archived.account_id, Some(account(1)));
    }
    check(&input.groups(&[2]), "archive employee; restore contact");
}

#[test]
fn who_was_closed_by_hand_stays_so_as_the_other_kind_and_on_the_way_back() {
    let by_hand = |status: Status| {
        contact_now().edit(|record| {
            record.status = status;
            record.access = false;
            record.deactivated_by_sync = false;
            record.access_reason = Some("by_hand".to_owned());
        })
    };
    for status in [Status::Inactive, Status::Active] {
        let input = by_hand(status);
        check(&input, "archive employee; create contact");
        let contact = input.record_after();
        assert_eq!(
            (contact.kind, contact.status, contact.access),
            (Kind::Contact, status, false)
        );
        assert_eq!(contact.access_reason.as_deref(), Some("by_hand"));
        assert!(
            !contact.security_roles.is_empty(),
            "rights for when a hand opens it"
        );
        let back = input.applied().groups(&[1]);
        check(&back, "archive contact; restore employee");
        let employee = back.record_after();
        assert_eq!((employee.status, employee.access), (status, false));
        // And nothing opens it by itself.
        let later = back
            .applied()
            .person(|person| person.job_title = Some("Boss".to_owned()));
        assert!(!later.record_after().access);
    }
    // A record of ours that is adopted in its place keeps what it has.
    let mut other = contact(7, SAM);
    other.account_id = Some(account(1));
    let input = by_hand(Status::Inactive).candidate(other);
    check(&input, "archive employee; adopt contact");
    assert!(input.record_after().access);
}

#[test]
fn a_second_archiving_of_the_same_name_is_numbered() {
    for (taken, name) in [
        (vec!["sam_archived"], "sam_Archived2"),
        (vec!["sam_archived", "sam_archived2"], "sam_Archived3"),
    ] {
        let input = contact_now().with(|input| input.taken = taken);
        let archived = &input.records_after()[&input.case.record.as_ref().unwrap().id];
        assert_eq!(archived.username.as_deref(), Some(name));
        let suffix = name.trim_start_matches("sam");
        assert_eq!(archived.email, Some(format!("{SAM}{suffix}")));
    }
}

#[test]
fn a_free_contact_of_the_account_is_adopted_in_place_of_a_new_one() {
    let mut local = contact(7, SAM);
    local.account_id = Some(account(1));
    let input = contact_now().candidate(local.clone());
    check(&input, "archive employee; adopt contact");
    // The name the archived record gives up is free for it.
    assert_eq!(input.record_after().username.as_deref(), Some("sam"));
    local.account_id = Some(account(2));
    check(&contact_now().candidate(local), "review other_account");
}

#[test]
fn a_name_or_email_taken_meanwhile_puts_the_restore_before_a_reviewer() {
    let back = contact_now().applied().groups(&[1]);
    check(&back, "archive contact; restore employee");
    let renamed = back
        .clone()
        .edit(|record| record.username = Some("sammy".to_owned()));
    check(&renamed, "archive contact; restore employee");
    let taken = renamed.with(|input| input.taken = vec!["sam"]);
    check(&taken, "review restore_taken");
    let email = back.candidate(employee(7, "Sam@contoso.com"));
    check(&email, "review restore_taken");
}

#[test]
fn a_reviewer_may_have_a_new_record_made_where_the_old_names_are_taken() {
    let taken = contact_now()
        .applied()
        .groups(&[1])
        .edit(|record| record.username = Some("sammy".to_owned()))
        .with(|input| input.taken = vec!["sam"]);
    check(
        &taken.clone().answered(Answer::Create),
        "archive contact; create employee",
    );
    check(&taken.answered(Answer::Ignore), "skip ignored");
}

#[test]
fn an_address_that_changed_meanwhile_is_followed() {
    let back = contact_now()
        .applied()
        .person(|person| person.upn = Some("samantha@contoso.com".to_owned()))
        .applied()
        .groups(&[1]);
    check(&back, "archive contact; restore employee");
    assert_eq!(
        back.record_after().email.as_deref(),
        Some("samantha@contoso.com")
    );
    assert_eq!(back.record_after().username.as_deref(), Some("sam"));
}

#[test]
fn never_automatic_for_root_pinned_or_the_last_administrator() {
    let start = contact_now();
    let admin = |record: &mut provisioning::psa::Record| {
        record.security_roles = vec!["Administrator".to_owned()];
    };
    let refused = "review type_change_refused";
    check(&start.clone().edit(|record| record.is_root = true), refused);
    check(&start.clone().edit(|record| record.pinned = true), refused);
    let last = start.edit(admin).with(|input| input.administrators = 1);
    check(&last, refused);
    check(&last.clone().answered(Answer::Create), "skip ignored");
    let other = last.with(|input| input.administrators = 2);
    check(&other, "archive employee; create contact");
}

#[test]
fn without_authority_over_the_old_kind_a_reviewer_decides() {
    let input = contact_now().with(|input| input.connection.provision_employees = false);
    check(&input, "review type_change_refused");
    check(
        &input.answered(Answer::Create),
        "archive employee; create contact",
    );
    let wanted = contact_now().with(|input| input.connection.provision_contacts = false);
    check(&wanted, "review no_authority");
    let back = contact_now().applied().groups(&[1]);
    let back = back.with(|input| input.connection.provision_employees = false);
    check(&back, "review no_authority");
}

#[test]
fn an_unlinked_administrator_is_not_archived_by_an_email() {
    let input = sam()
        .rules([crate::common::contacts(1)])
        .candidate(administrator(7, SAM));
    let last = input.clone().with(|input| input.administrators = 1);
    check(&last, "review type_change_refused");
    check(&input.with(|input| input.own = vec![]), "review privileged");
}

#[test]
fn a_disabled_account_changes_no_kind() {
    let input = contact_now().person(|person| person.enabled = false);
    check(&input, "deactivate employee");
    let unlinked = sam()
        .candidate(contact(7, SAM))
        .person(|person| person.enabled = false);
    check(&unlinked, "skip disabled_and_unknown");
}
