//! Which record a directory person is.

use provisioning::address::Address;
use provisioning::case::Answer;
use provisioning::directory::{Source, UserType};
use provisioning::field_mapping::matching_addresses;
use provisioning::ids::TenantId;
use provisioning::psa::{Kind, Status};

use crate::common::{
    EXTERNAL, Input, account, administrator, check, contact, contacts, employee, id, is_open, sam,
    sam_employed,
};

const SAM: &str = "sam@contoso.com";

fn guest() -> Input {
    sam().rules([contacts(1)]).person(|person| {
        person.upn = Some(EXTERNAL.to_owned());
        person.user_type = UserType::Guest;
        person.source = Source::ExternalAzureAd;
    })
}

fn fabrikam_is_connected(input: Input) -> Input {
    input.with(|input| input.foreign = vec![("fabrikam.com", TenantId(id(0xfab)))])
}

#[test]
fn nobody_with_the_email_makes_a_record() {
    check(&sam(), "create employee");
    check(&sam().rules([contacts(1)]), "create contact");
}

#[test]
fn a_link_decides_and_email_is_not_looked_at_again() {
    let moved = sam_employed()
        .person(|person| person.upn = Some("other@contoso.com".to_owned()))
        .candidate(employee(7, "other@contoso.com"));
    check(&moved, "update employee");
    assert_eq!(
        moved.record_after().id,
        sam_employed().case.record.unwrap().id
    );
}

#[test]
fn without_authority_for_the_kind_a_reviewer_decides() {
    let none = |kind| {
        sam().with(move |input| match kind {
            Kind::Employee => input.connection.provision_employees = false,
            Kind::Contact => input.connection.provision_contacts = false,
        })
    };
    check(&none(Kind::Employee), "review no_authority");
    check(
        &none(Kind::Employee).candidate(employee(7, SAM)),
        "review no_authority",
    );
    check(
        &none(Kind::Contact).rules([contacts(1)]),
        "review no_authority",
    );
    check(&none(Kind::Contact), "create employee");
}

#[test]
fn exactly_one_free_record_is_adopted_and_keeps_what_is_not_mapped() {
    let mut local = employee(7, "SAM@Contoso.com");
    local.department = Some("Service Desk".to_owned());
    local.first_name = Some("Samuel".to_owned());
    let input = sam().candidate(local);
    check(&input, "adopt employee");
    let after = input.record_after();
    assert_eq!(after.id.0, id(7));
    assert_eq!(after.department.as_deref(), Some("Service Desk"));
    assert_eq!(after.first_name.as_deref(), Some("Sam"));
    input.applied();
}

#[test]
fn an_inactive_record_is_reactivated_and_the_plan_says_so() {
    let mut local = employee(7, SAM);
    (local.status, local.access) = (Status::Inactive, false);
    let input = sam().candidate(local);
    check(&input, "adopt employee");
    assert!(is_open(&input.record_after()));
    let changes = &input.decision().actions[0].changes;
    assert!(changes.iter().any(|change| change.field.name() == "status"));
}

#[test]
fn archived_records_are_never_matched() {
    let mut archived = employee(7, SAM);
    archived.status = Status::Archived;
    check(&sam().candidate(archived), "create employee");
}

#[test]
fn two_or_more_records_are_a_question() {
    let input = sam().candidate(employee(8, SAM)).candidate(contact(7, SAM));
    check(&input, "review several_matches");
    let review = input.decision().review.unwrap();
    assert_eq!(
        review.candidates.iter().map(|r| r.0).collect::<Vec<_>>(),
        [id(7), id(8)]
    );
}

#[test]
fn a_record_linked_to_somebody_else_is_never_taken() {
    check(
        &sam().candidate_of(employee(7, SAM), 0x71),
        "review linked_elsewhere",
    );
    check(
        &sam().candidate_of(employee(7, SAM), 0xfab),
        "review linked_elsewhere",
    );
}

#[test]
fn a_privileged_record_needs_a_verified_domain() {
    let mut root = employee(7, "sam@fabrikam.com");
    root.is_root = true;
    for privileged in [root, administrator(7, "sam@fabrikam.com")] {
        let input = |own| {
            guest()
                .rules([crate::common::employees(1)])
                .candidate(privileged.clone())
                .with(move |input| input.own = own)
        };
        check(&input(vec!["contoso.com"]), "review privileged");
        check(
            &input(vec!["contoso.com", "fabrikam.com"]),
            "adopt employee",
        );
        // Look-alike domains are other domains.
        check(&input(vec!["evilfabrikam.com"]), "review privileged");
        check(&input(vec!["sub.fabrikam.com"]), "review privileged");
    }
}

#[test]
fn a_privileged_record_found_by_a_verified_second_address_is_adopted() {
    let input = sam()
        .with(|input| input.own = vec!["contoso.com"])
        .person(|person| {
            person.upn = Some("sam@contoso.onmicrosoft.com".to_owned());
            person.mail = Some(SAM.to_owned());
        })
        .candidate(administrator(7, SAM));
    check(&input, "adopt employee");
}

#[test]
fn a_contact_of_another_account_never_moves_silently() {
    let of = |n: Option<u128>| {
        let mut local = contact(7, SAM);
        local.account_id = n.map(account);
        sam().rules([contacts(1)]).candidate(local)
    };
    check(&of(Some(2)), "review other_account");
    check(&of(Some(1)), "adopt contact");
    check(&of(None), "adopt contact");
    assert_eq!(of(None).record_after().account_id, Some(account(1)));
}

#[test]
fn a_record_of_the_other_kind_is_a_type_change() {
    let input = sam().candidate(contact(7, SAM));
    check(&input, "archive contact; create employee");
    input.applied();
    let no_contacts = sam().candidate(contact(7, SAM)).with(|input| {
        input.connection.provision_contacts = false;
    });
    check(&no_contacts, "review type_change_refused");
}

#[test]
fn home_tenant_wins_and_the_guest_is_a_secondary_identity() {
    let input = fabrikam_is_connected(guest());
    check(&input, "skip at_home_elsewhere");
    let known = input.candidate_of(employee(7, "sam@fabrikam.com"), 0xfab);
    check(&known, "link employee");
    assert!(known.is_secondary());
    // It never writes, archives or converts.
    let linked = known.applied();
    check(
        &linked.clone().person(|person| person.enabled = false),
        "skip secondary",
    );
    check(&linked.left(), "skip secondary");
}

#[test]
fn an_external_member_is_at_home_elsewhere_too() {
    let input = fabrikam_is_connected(guest())
        .person(|person| person.user_type = UserType::Member)
        .candidate_of(contact(7, "sam@fabrikam.com"), 0xfab);
    check(&input, "link contact");
}

#[test]
fn a_member_who_merely_carries_an_address_of_another_tenant_decides_nothing() {
    let input = sam()
        .with(|input| {
            input.connection.email_source = provisioning::policy::EmailSource::Mail;
            input.foreign = vec![("fabrikam.com", TenantId(id(0xfab)))];
        })
        .person(|person| person.mail = Some("boss@fabrikam.com".to_owned()));
    check(&input, "review email_of_another_tenant");
    let aimed = input.candidate_of(employee(7, "boss@fabrikam.com"), 0xfab);
    check(&aimed, "review email_of_another_tenant");
}

#[test]
fn a_guest_of_an_unconnected_tenant_is_a_person_like_others() {
    check(&guest(), "create contact");
    assert_eq!(
        guest().record_after().email.as_deref(),
        Some("sam@fabrikam.com")
    );
}

#[test]
fn matching_uses_mail_and_proxies_of_verified_domains_only() {
    let input = sam().person(|person| {
        person.mail = Some("sam.jones@contoso.com".to_owned());
        person.proxy_addresses = [
            "SMTP:Sam.Jones@contoso.com",
            "smtp:s.jones@CONTOSO.com",
            "smtp:boss@fabrikam.com",
            "sip:sam@contoso.com",
            "smtp:sam@evil@contoso.com",
        ]
        .map(str::to_owned)
        .to_vec();
    });
    let found = matching_addresses(&input.case.person, &input.policy());
    let keys: Vec<&str> = found.iter().map(Address::key).collect();
    assert_eq!(keys, [SAM, "sam.jones@contoso.com", "s.jones@contoso.com"]);
}

#[test]
fn a_recreated_directory_user_is_a_new_person() {
    // The old object is still linked to the record: nothing is taken over.
    let recreated = sam_employed().with(|input| {
        let record = input.case.record.take().unwrap();
        input.case.link = None;
        input.case.person.object_id.0 = id(0x0b2);
        let old = (
            input.case.person.tenant_id,
            provisioning::ids::ObjectId(id(0x0b1)),
        );
        let candidate = provisioning::case::Candidate {
            record,
            linked_to: Some(old),
        };
        input.case.candidates.push(candidate);
    });
    check(&recreated, "review linked_elsewhere");
}

#[test]
fn a_question_is_asked_once_and_its_answer_is_remembered() {
    let asked = sam()
        .candidate(employee(7, SAM))
        .candidate(employee(8, SAM));
    check(&asked.clone().applied(), "skip in_review");
    check(&asked.clone().answered(Answer::Ignore), "skip ignored");
    check(&asked.clone().answered(Answer::Create), "create employee");
    let chosen = asked
        .clone()
        .answered(Answer::Link(asked.case.candidates[1].record.id));
    check(&chosen, "adopt employee");
    assert_eq!(chosen.record_after().id.0, id(8));
    // Another question is asked anew.
    let more = asked.answered(Answer::Ignore).candidate(employee(9, SAM));
    check(&more, "review several_matches");
}

#[test]
fn a_chosen_record_that_is_gone_makes_nothing() {
    let asked = sam()
        .candidate(employee(7, SAM))
        .candidate(employee(8, SAM));
    let chosen = asked.answered(Answer::Link(provisioning::ids::RecordId(id(99))));
    check(&chosen, "skip in_review");
}

#[test]
fn a_chosen_record_of_somebody_else_makes_a_secondary_identity() {
    let asked = sam().candidate_of(employee(7, SAM), 0x71);
    let record_id = asked.case.candidates[0].record.id;
    let chosen = asked.answered(Answer::Link(record_id));
    check(&chosen, "link employee");
    assert!(chosen.is_secondary());
}
