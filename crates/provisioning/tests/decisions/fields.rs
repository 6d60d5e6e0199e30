//! Which values a record gets, and which it keeps.

use provisioning::directory::{Source, UserType};
use provisioning::field::Field;
use provisioning::policy::{EmailSource, FieldRule};
use provisioning::psa::Kind;

use crate::common::{EXTERNAL, Input, check, contacts, employee, sam, sam_employed};

const SAM: &str = "sam@contoso.com";

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn guest(source: Source, upn: &str, mail: Option<&str>, other: Option<&str>) -> Input {
    sam().person(|person| {
        person.user_type = UserType::Guest;
        person.source = source;
        person.upn = text(upn);
        person.mail = mail.map(str::to_owned);
        person.other_mails = other.map(str::to_owned).into_iter().collect();
    })
}

#[test]
fn email_follows_the_source() {
    let undecodable = "sam#EXT#@contoso.onmicrosoft.com";
    for (input, email) in [
        (sam(), SAM),
        (
            guest(
                Source::ExternalAzureAd,
                EXTERNAL,
                text("m@x.com").as_deref(),
                None,
            ),
            "sam@fabrikam.com",
        ),
        (
            guest(Source::ExternalAzureAd, undecodable, Some("m@x.com"), None),
            "m@x.com",
        ),
        (
            guest(Source::MicrosoftAccount, EXTERNAL, Some("m@live.com"), None),
            "m@live.com",
        ),
        (
            guest(Source::MicrosoftAccount, EXTERNAL, None, Some("o@live.com")),
            "o@live.com",
        ),
    ] {
        assert_eq!(input.record_after().email.as_deref(), Some(email));
    }
}

#[test]
fn a_switch_takes_mail_for_members() {
    let input = sam().with(|input| input.connection.email_source = EmailSource::Mail);
    check(&input, "review no_email");
    let input = input.person(|person| person.mail = text("sam.jones@contoso.com"));
    assert_eq!(
        input.record_after().email.as_deref(),
        Some("sam.jones@contoso.com")
    );
}

#[test]
fn no_usable_email_is_a_question() {
    for input in [
        guest(Source::MicrosoftAccount, EXTERNAL, None, None),
        guest(
            Source::ExternalAzureAd,
            "sam#EXT#@x",
            None,
            Some("self@edited.com"),
        ),
        sam().person(|person| person.upn = None),
        sam().person(|person| person.upn = text("sam@evil@contoso.com")),
        sam().person(|person| person.upn = text("sam\u{200b}@contoso.com")),
    ] {
        check(&input, "review no_email");
    }
    // Once the directory has one, the person is provisioned without an answer.
    let later = sam().person(|person| person.upn = None).applied();
    check(
        &later.person(|person| person.upn = text(SAM)),
        "create employee",
    );
}

#[test]
fn a_linked_person_without_an_email_keeps_the_one_here() {
    let input = sam_employed().person(|person| person.upn = None);
    assert_eq!(input.record_after().email.as_deref(), Some(SAM));
}

#[test]
fn the_username_is_the_local_part_and_gets_the_domain_then_a_number() {
    for (taken, name) in [
        (vec![], "sam"),
        (vec!["sam"], "sam-contoso"),
        (vec!["sam", "sam-contoso"], "sam-contoso2"),
        (vec!["sam", "sam-contoso", "sam-contoso2"], "sam-contoso3"),
    ] {
        let input = sam().with(|input| input.taken = taken);
        assert_eq!(input.record_after().username.as_deref(), Some(name));
    }
    let many = vec!["sam", "sam-contoso", "sam-contoso2", "sam-contoso3"];
    let name = sam()
        .with(|input| input.taken = many)
        .record_after()
        .username
        .unwrap();
    let number: u32 = name.trim_start_matches("sam-contoso").parse().unwrap();
    assert!(number >= 100_000, "{name}");
}

#[test]
fn a_guest_is_named_by_the_email() {
    let input = guest(Source::ExternalAzureAd, EXTERNAL, None, None);
    assert_eq!(input.record_after().username.as_deref(), Some("sam"));
    let taken = input.with(|input| input.taken = vec!["sam"]);
    assert_eq!(
        taken.record_after().username.as_deref(),
        Some("sam-fabrikam")
    );
}

#[test]
fn reserved_names_are_given_to_nobody_however_they_are_written() {
    for (upn, name) in [
        ("root@contoso.com", "root-contoso"),
        ("Admin@contoso.com", "Admin-contoso"),
        ("ADMINISTRATOR@contoso.com", "ADMINISTRATOR-contoso"),
        ("system@contoso.com", "system-contoso"),
        ("\u{ff52}oot@contoso.com", "\u{ff52}oot-contoso"),
        ("rooted@contoso.com", "rooted"),
    ] {
        let input = sam().person(|person| person.upn = text(upn));
        assert_eq!(input.record_after().username.as_deref(), Some(name));
    }
}

#[test]
fn usernames_compare_regardless_of_case() {
    let input = sam()
        .person(|person| person.upn = text("SAM@contoso.com"))
        .with(|input| input.taken = vec!["Sam"]);
    assert_eq!(
        input.record_after().username.as_deref(),
        Some("SAM-contoso")
    );
}

#[test]
fn a_username_never_matches_a_record() {
    let mut local = employee(7, "somebody@else.com");
    local.username = text("sam");
    let input = sam().with(|input| input.taken = vec!["sam"]);
    check(&input, "create employee");
    assert_ne!(input.record_after().id, local.id);
}

#[test]
fn a_upn_change_renames_only_when_the_new_name_is_free() {
    let moved = sam_employed().person(|person| person.upn = text("samantha@contoso.com"));
    assert_eq!(moved.record_after().username.as_deref(), Some("samantha"));
    let taken = moved.clone().with(|input| input.taken = vec!["samantha"]);
    assert_eq!(taken.record_after().username.as_deref(), Some("sam"));
    // Assigned once: a change of something else does not try again.
    let later = taken.applied().with(|input| input.taken = vec![]);
    let later = later.person(|person| person.job_title = text("Boss"));
    assert_eq!(later.record_after().username.as_deref(), Some("sam"));
    let reserved = sam_employed().person(|person| person.upn = text("root@contoso.com"));
    assert_eq!(reserved.record_after().username.as_deref(), Some("sam"));
}

#[test]
fn a_username_that_is_not_mapped_is_left_alone() {
    let moved = sam_employed().person(|person| person.upn = text("samantha@contoso.com"));
    let kept = moved.field(Kind::Employee, Field::Username, FieldRule::KeepLocal);
    assert_eq!(kept.record_after().username.as_deref(), Some("sam"));
}

#[test]
fn blank_in_the_directory_keeps_the_value_unless_the_switch_clears_it() {
    let known = sam()
        .person(|person| person.business_phone = text("555-1"))
        .applied();
    let blank = known.person(|person| person.business_phone = text("  "));
    assert_eq!(blank.record_after().phone.as_deref(), Some("555-1"));
    let clears = blank.with(|input| {
        let fields = input.fields.0.get_mut(&Kind::Employee).unwrap();
        fields.get_mut(&Field::Phone).unwrap().blank_clears = true;
    });
    assert_eq!(clears.record_after().phone, None);
}

#[test]
fn mandatory_employee_fields_take_the_defaults_when_both_are_blank() {
    let defaults = |input: &mut Input| {
        input.defaults.department = text("General");
        input.defaults.job_title = text("Staff");
        input.defaults.employee_role = text("Technician");
    };
    let input = sam().with(defaults);
    let after = input.record_after();
    assert_eq!(after.department.as_deref(), Some("General"));
    assert_eq!(after.job_title.as_deref(), Some("Staff"));
    assert_eq!(after.employee_roles, ["Technician"]);
    let titled = sam()
        .with(defaults)
        .person(|person| person.job_title = text("Boss"));
    assert_eq!(titled.record_after().job_title.as_deref(), Some("Boss"));
    let contact = sam().with(defaults).rules([contacts(1)]);
    assert_eq!(contact.record_after().job_title, None);
    // A changed default reaches who still has nothing, and nobody else.
    let later = sam_employed().with(defaults);
    assert_eq!(later.record_after().department.as_deref(), Some("General"));
    let edited = sam_employed()
        .edit(|record| record.department = text("Lab"))
        .with(defaults);
    assert_eq!(edited.record_after().department.as_deref(), Some("Lab"));
}

#[test]
fn a_rule_without_roles_gives_the_default_security_role_to_employees() {
    let bare = |input: &mut Input| {
        input.rules[0].security_roles.clear();
        input.defaults.security_role = text("Basic");
    };
    assert_eq!(sam().with(bare).record_after().security_roles, ["Basic"]);
    let contact = sam().rules([contacts(1)]).with(bare);
    assert!(contact.record_after().security_roles.is_empty());
}

#[test]
fn only_what_differs_from_what_was_applied_is_acted_on() {
    check(&sam_employed(), "skip unchanged");
    // A notification that names the person is a change, though nothing differs.
    check(&sam_employed().person(|_| ()), "noted");
    check(
        &sam_employed().person(|person| person.surname = text("Smith")),
        "update employee",
    );
}

#[test]
fn a_local_edit_stands_until_the_person_changes_and_is_kept_in_the_history() {
    let edited = sam_employed().edit(|record| record.last_name = text("Local"));
    check(&edited, "skip unchanged");
    let changed = edited.person(|person| person.job_title = text("Boss"));
    check(&changed, "update employee");
    assert_eq!(changed.record_after().last_name.as_deref(), Some("Jones"));
    let changes = &changed.decision().actions[0].changes;
    let name = changes
        .iter()
        .find(|change| change.field == Field::LastName)
        .unwrap();
    assert_eq!(name.old, Some("Local".into()));
}

#[test]
fn applying_again_on_request_overwrites_local_edits() {
    let edited = sam_employed().edit(|record| {
        record.last_name = text("Local");
        record.username = text("local");
    });
    let again = edited.with(|input| input.reapply = true);
    check(&again, "update employee");
    assert_eq!(again.record_after().last_name.as_deref(), Some("Jones"));
    assert_eq!(again.record_after().username.as_deref(), Some("sam"));
}

#[test]
fn field_policies_say_when_a_value_is_taken() {
    let phone = |policy, local: Option<&str>| {
        let start = sam()
            .person(|person| person.business_phone = text("1"))
            .applied();
        let edited = start.edit(|record| record.phone = local.map(str::to_owned));
        let changed = edited.person(|person| person.business_phone = text("2"));
        changed
            .field(Kind::Employee, Field::Phone, policy)
            .record_after()
            .phone
    };
    assert_eq!(phone(FieldRule::Source, Some("9")), text("2"));
    assert_eq!(phone(FieldRule::KeepLocal, Some("9")), text("9"));
    assert_eq!(phone(FieldRule::OnCreate, Some("9")), text("9"));
    assert_eq!(phone(FieldRule::FillBlank, Some("9")), text("9"));
    assert_eq!(phone(FieldRule::FillBlank, None), text("2"));
}

#[test]
fn a_field_mapped_later_reaches_unchanged_people_but_no_local_edit() {
    let start = sam()
        .person(|person| person.department = text("Field"))
        .applied();
    let mapped = start
        .clone()
        .field(Kind::Employee, Field::Department, FieldRule::Source);
    assert_eq!(mapped.record_after().department.as_deref(), Some("Field"));
    let edited = start.edit(|record| record.department = text("Lab"));
    let edited = edited.field(Kind::Employee, Field::Department, FieldRule::Source);
    assert_eq!(edited.record_after().department.as_deref(), Some("Lab"));
}
