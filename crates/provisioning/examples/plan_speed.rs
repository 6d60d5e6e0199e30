//! How many people one core plans in a second, as JSON: a first sync of people
//! who become records, and a round in which nobody changed.
//!
//! `cargo run --release -p provisioning --example plan_speed`

#![allow(clippy::print_stdout)] // the result is what it prints

use jiff::Timestamp;
use provisioning::address::Domain;
use provisioning::case::{Case, Surroundings};
use provisioning::claims::Claims;
use provisioning::decide::{Outcome, decide};
use provisioning::defaults::EmployeeDefaults;
use provisioning::directory::Person;
use provisioning::ids::{ConnectionId, GroupId, ObjectId, RecordId, RuleId, TenantId};
use provisioning::link::{Link, LinkRole};
use provisioning::mapping_rule::{MappingRule, Members, RolesMode, ScopeKind, Target};
use provisioning::plan::Tally;
use provisioning::policy::{
    ConnectionPolicy, EmailSource, FieldPolicies, Nesting, OnDisabled, Policy,
};
use provisioning::psa::Record;
use uuid::Uuid;

const PEOPLE: u128 = 200_000;
const RULES: u128 = 500;

fn policy() -> Policy {
    let (connection_id, tenant_id) = (ConnectionId(Uuid::nil()), TenantId(Uuid::nil()));
    let rule = |n: u128| MappingRule {
        id: RuleId(Uuid::from_u128(n)),
        name: format!("rule {n}"),
        order: 1,
        connection_id,
        tenant_id,
        scope: ScopeKind::Group,
        group_id: GroupId(Uuid::from_u128(n)),
        group_name: None,
        group_created_at: None,
        group_readable: true,
        target: Target::Employee,
        security_roles: vec!["Technician".to_owned()],
        roles_mode: RolesMode::Replace,
        include_nested: false,
        members: Members::All,
        exclude: Vec::new(),
        licensed_only: false,
        enabled: true,
        created_at: Timestamp::UNIX_EPOCH,
        version: 1,
    };
    Policy::new(
        ConnectionPolicy {
            connection_id,
            tenant_id,
            provision_employees: true,
            provision_contacts: true,
            email_source: EmailSource::Upn,
            on_disabled: OnDisabled::Deactivate,
        },
        EmployeeDefaults::default(),
        FieldPolicies::default(),
        Domain::parse("contoso.com").into_iter().collect(),
        (0..RULES).map(rule).collect(),
        &Nesting::default(),
    )
}

fn case(n: u128) -> Case {
    let text = |text: String| Some(text);
    let mut person = Person::blank(TenantId(Uuid::nil()), ObjectId(Uuid::from_u128(n)));
    person.upn = text(format!("given.surname{n}@contoso.com"));
    person.display_name = text(format!("Given Surname {n}"));
    person.given_name = text("Given".to_owned());
    person.surname = text(format!("Surname {n}"));
    person.business_phone = text(format!("+1 555 {n}"));
    person.job_title = text("Engineer".to_owned());
    Case {
        person,
        person_version: 1,
        absence: None,
        groups: vec![GroupId(Uuid::from_u128(n % RULES))],
        doubted: Vec::new(),
        link: None,
        record: None,
        archived: None,
        candidates: Vec::new(),
        review: None,
    }
}

/// The case after its decision is applied.
fn settle(case: &mut Case, decision: &provisioning::action::Decision) {
    let Some(write) = &decision.link else { return };
    let action = &decision.actions[0];
    let blank = Record::blank(write.record_id, action.record_kind);
    case.record = blank.apply(&action.changes).ok();
    case.link = Some(Link {
        tenant_id: decision.tenant_id,
        object_id: decision.object_id,
        role: LinkRole::Primary,
        record_id: write.record_id,
        archived_id: None,
        applied: write.applied.clone(),
        suppressed: None,
    });
}

#[allow(clippy::disallowed_methods)] // a stopwatch is what this is
fn per_second(people: usize, work: impl FnOnce()) -> u64 {
    let start = std::time::Instant::now();
    work();
    (people as f64 / start.elapsed().as_secs_f64()) as u64
}

fn main() {
    let policy = policy();
    let mut cases: Vec<Case> = (0..PEOPLE).map(case).collect();
    let around = Surroundings::default();
    let mut claims = Claims::default();
    let mut next = 0_u128;
    let mut new_id = || {
        next += 1;
        RecordId(Uuid::from_u128(next))
    };
    let mut decisions = Vec::with_capacity(cases.len());
    let creates = per_second(cases.len(), || {
        for case in &cases {
            let outcome = decide(case, &policy, &around, &mut claims, &mut new_id);
            if let Outcome::Decided(decision) = outcome {
                decisions.push(decision);
            }
        }
    });
    let mut tally = Tally::default();
    let hashed = per_second(cases.len(), || decisions.iter().for_each(|d| tally.add(d)));
    for (case, decision) in cases.iter_mut().zip(&decisions) {
        settle(case, decision);
    }
    let mut skipped = 0_u64;
    let unchanged = per_second(cases.len(), || {
        for case in &cases {
            let outcome = decide(case, &policy, &around, &mut claims, &mut new_id);
            skipped += u64::from(matches!(outcome, Outcome::Skipped(_)));
        }
    });
    let result = serde_json::json!({
        "people": cases.len(),
        "rules": RULES as u64,
        "decided": decisions.len(),
        "unchanged": skipped,
        "creates_per_second": creates,
        "hashed_per_second": hashed,
        "unchanged_per_second": unchanged,
    });
    println!("{result}");
}
