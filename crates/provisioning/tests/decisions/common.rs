//! A small world for one person: what is known, what is decided, and what the
//! records look like afterwards.

use std::collections::HashMap;

use jiff::Timestamp;
use provisioning::absence::Absence;
use provisioning::action::{ActionKind, Decision};
use provisioning::address::{Domain, fold};
use provisioning::case::{Answer, Candidate, Case, ReviewState, Surroundings};
use provisioning::claims::Claims;
use provisioning::decide::{Outcome, decide};
use provisioning::defaults::EmployeeDefaults;
use provisioning::directory::Person;
use provisioning::field::Field;
use provisioning::ids::{AccountId, ConnectionId, GroupId, ObjectId, RecordId, RuleId, TenantId};
use provisioning::link::{Link, LinkRole};
use provisioning::mapping_rule::{MappingRule, Members, RolesMode, ScopeKind, Target};
use provisioning::policy::{
    ConnectionPolicy, EmailSource, FieldPolicies, FieldRule, Nesting, OnDisabled, Policy,
};
use provisioning::psa::{Kind, Record, Status};
use uuid::Uuid;

pub(crate) const EXTERNAL: &str = "sam_fabrikam.com#EXT#@contoso.onmicrosoft.com";

pub(crate) fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

pub(crate) fn group(n: u128) -> GroupId {
    GroupId(id(0x6000 + n))
}

pub(crate) fn account(n: u128) -> AccountId {
    AccountId(id(0xacc0 + n))
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// An enabled rule on group `n` that makes employees, of Order `n`.
pub(crate) fn employees(n: u128) -> MappingRule {
    MappingRule {
        id: RuleId(id(n)),
        name: format!("rule {n}"),
        order: i64::try_from(n).unwrap(),
        connection_id: ConnectionId(id(0xc)),
        tenant_id: TenantId(id(0x71)),
        scope: ScopeKind::Group,
        group_id: group(n),
        group_name: None,
        group_created_at: Some(at(1_000)),
        group_readable: true,
        target: Target::Employee,
        security_roles: vec!["Technician".to_owned()],
        roles_mode: RolesMode::Replace,
        include_nested: false,
        members: Members::All,
        exclude: Vec::new(),
        licensed_only: false,
        enabled: true,
        created_at: at(2_000),
        version: 1,
    }
}

/// The same, making contacts of account 1.
pub(crate) fn contacts(n: u128) -> MappingRule {
    MappingRule {
        target: Target::Contact {
            account_id: account(1),
        },
        security_roles: vec!["Portal User".to_owned()],
        ..employees(n)
    }
}

/// An active local record with a name, an email and access.
pub(crate) fn record(n: u128, kind: Kind, email: &str) -> Record {
    let mut record = Record::blank(RecordId(id(n)), kind);
    record.version = 3;
    record.username = email
        .split('@')
        .next()
        .map(|name| format!("local-{name}{n}"));
    record.email = Some(email.to_owned());
    record.access = true;
    record
}

pub(crate) fn employee(n: u128, email: &str) -> Record {
    record(n, Kind::Employee, email)
}

pub(crate) fn contact(n: u128, email: &str) -> Record {
    record(n, Kind::Contact, email)
}

pub(crate) fn administrator(n: u128, email: &str) -> Record {
    let mut record = employee(n, email);
    record.security_roles = vec!["Administrator".to_owned()];
    record
}

/// Everything there is to know. Starts as Sam of Contoso, in group 1, of which
/// a rule makes employees, known to nobody.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) case: Case,
    pub(crate) connection: ConnectionPolicy,
    pub(crate) defaults: EmployeeDefaults,
    pub(crate) fields: FieldPolicies,
    pub(crate) own: Vec<&'static str>,
    pub(crate) foreign: Vec<(&'static str, TenantId)>,
    pub(crate) rules: Vec<MappingRule>,
    pub(crate) nesting: Nesting,
    pub(crate) taken: Vec<&'static str>,
    pub(crate) administrators: u64,
    pub(crate) reapply: bool,
    next_id: u128,
}

pub(crate) fn sam() -> Input {
    let tenant_id = TenantId(id(0x71));
    let mut person = Person::blank(tenant_id, ObjectId(id(0x0b1)));
    person.upn = Some("sam@contoso.com".to_owned());
    person.display_name = Some("Sam Jones".to_owned());
    person.given_name = Some("Sam".to_owned());
    person.surname = Some("Jones".to_owned());
    Input {
        case: Case {
            person,
            person_version: 1,
            absence: None,
            groups: vec![group(1)],
            doubted: Vec::new(),
            link: None,
            record: None,
            archived: None,
            candidates: Vec::new(),
            review: None,
        },
        connection: ConnectionPolicy {
            connection_id: ConnectionId(id(0xc)),
            tenant_id,
            provision_employees: true,
            provision_contacts: true,
            email_source: EmailSource::Upn,
            on_disabled: OnDisabled::Deactivate,
        },
        defaults: EmployeeDefaults::default(),
        fields: FieldPolicies::default(),
        own: vec!["contoso.com"],
        foreign: Vec::new(),
        rules: vec![employees(1)],
        nesting: Nesting::default(),
        taken: Vec::new(),
        administrators: 2,
        reapply: false,
        next_id: 0x9000,
    }
}

impl Input {
    /// The same with something changed.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The person changed in the directory.
    pub(crate) fn person(self, change: impl FnOnce(&mut Person)) -> Self {
        self.with(|input| {
            change(&mut input.case.person);
            input.case.person_version += 1;
        })
    }

    /// Somebody edited the linked record here.
    pub(crate) fn edit(self, change: impl FnOnce(&mut Record)) -> Self {
        self.with(|input| {
            let record = input.case.record.as_mut().unwrap();
            change(record);
            record.version += 1;
        })
    }

    pub(crate) fn groups(self, groups: &[u128]) -> Self {
        self.with(|input| input.case.groups = groups.iter().map(|n| group(*n)).collect())
    }

    /// The latest reading of these groups did not show the person.
    pub(crate) fn doubted(self, groups: &[u128]) -> Self {
        self.with(|input| input.case.doubted = groups.iter().map(|n| group(*n)).collect())
    }

    /// Out of every group, by the directory's own word.
    pub(crate) fn left(self) -> Self {
        self.groups(&[])
            .with(|input| input.case.absence = Some(Absence::explicit_removal()))
    }

    pub(crate) fn rules(self, rules: impl IntoIterator<Item = MappingRule>) -> Self {
        self.with(|input| input.rules = rules.into_iter().collect())
    }

    /// A record with one of the person's addresses.
    pub(crate) fn candidate(self, record: Record) -> Self {
        self.with(|input| {
            input.case.candidates.push(Candidate {
                record,
                linked_to: None,
            })
        })
    }

    /// The same, linked to somebody of a tenant.
    pub(crate) fn candidate_of(self, record: Record, tenant: u128) -> Self {
        let linked_to = Some((TenantId(id(tenant)), ObjectId(id(0xe15e))));
        self.with(|input| input.case.candidates.push(Candidate { record, linked_to }))
    }

    pub(crate) fn field(self, kind: Kind, field: Field, policy: FieldRule) -> Self {
        self.with(|input| {
            let of_kind = input.fields.0.get_mut(&kind).unwrap();
            let found = of_kind.get_mut(&field).unwrap();
            (found.policy, found.enabled) = (policy, true);
        })
    }

    pub(crate) fn policy(&self) -> Policy {
        let domain = |text: &&str| Domain::parse(text).unwrap();
        Policy::new(
            self.connection.clone(),
            self.defaults.clone(),
            self.fields.clone(),
            self.own.iter().map(domain).collect(),
            self.rules.clone(),
            &self.nesting,
        )
    }

    /// The other tenants by their domains.
    pub(crate) fn homes(&self) -> HashMap<Domain, TenantId> {
        let homes = self.foreign.iter();
        homes
            .map(|(text, tenant)| (Domain::parse(text).unwrap(), *tenant))
            .collect()
    }

    fn records(&self) -> impl Iterator<Item = &Record> {
        let of_candidates = self
            .case
            .candidates
            .iter()
            .map(|candidate| &candidate.record);
        self.case
            .record
            .iter()
            .chain(&self.case.archived)
            .chain(of_candidates)
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let policy = self.policy();
        let used = self
            .records()
            .filter_map(|record| record.username.as_deref());
        let around = Surroundings {
            usernames: used.chain(self.taken.iter().copied()).map(fold).collect(),
            homes: self.homes(),
            administrators: self.administrators,
            reapply: self.reapply,
        };
        let mut next = self.next_id;
        let mut new_id = || {
            next += 1;
            RecordId(id(next))
        };
        decide(
            &self.case,
            &policy,
            &around,
            &mut Claims::default(),
            &mut new_id,
        )
    }

    pub(crate) fn decision(&self) -> Decision {
        match self.outcome() {
            Outcome::Decided(decision) => *decision,
            Outcome::Skipped(skip) => panic!("skipped: {skip:?}"),
        }
    }

    /// Every record as the decision leaves it.
    pub(crate) fn records_after(&self) -> HashMap<RecordId, Record> {
        let mut records: HashMap<RecordId, Record> = self
            .records()
            .map(|record| (record.id, record.clone()))
            .collect();
        for action in &self.decision().actions {
            let Some(id) = action.record_id.filter(|_| action.kind != ActionKind::Link) else {
                continue;
            };
            if action.kind == ActionKind::Create {
                records.insert(id, Record::blank(id, action.record_kind));
            }
            let record = &records[&id];
            assert_eq!(record.version, action.precondition);
            let next = record.apply(&action.changes).unwrap();
            records.insert(id, next);
        }
        records
    }

    /// The record the person is afterwards.
    pub(crate) fn record_after(&self) -> Record {
        let link = self.decision().link.unwrap();
        self.records_after()[&link.record_id].clone()
    }

    /// The world after the decision is applied; planning again then must give
    /// nothing.
    pub(crate) fn applied(self) -> Self {
        let decision = self.decision();
        let mut records = self.records_after();
        for record in records.values_mut() {
            record.version += 1;
        }
        let mut next = self;
        next.next_id += 0x10;
        if let Some(write) = decision.link {
            next.case.record = records.remove(&write.record_id);
            next.case.archived = write.archived_id.and_then(|id| records.remove(&id));
            next.case.candidates.clear();
            next.case.link = Some(Link {
                tenant_id: decision.tenant_id,
                object_id: decision.object_id,
                role: write.role,
                record_id: write.record_id,
                archived_id: write.archived_id,
                applied: write.applied,
                suppressed: None,
            });
        }
        if let Some(review) = decision.review {
            next.case.review = Some(ReviewState {
                reason: review.reason,
                fingerprint: review.fingerprint,
                answer: None,
            });
        }
        next.reapply = false;
        let again = say(&next.outcome());
        assert!(again.starts_with("skip"), "planning again: {again}");
        next
    }

    /// The question of the review queue, answered.
    pub(crate) fn answered(self, answer: Answer) -> Self {
        self.applied().with(|input| {
            input.case.review.as_mut().unwrap().answer = Some(answer);
        })
    }

    pub(crate) fn is_secondary(&self) -> bool {
        self.decision()
            .link
            .is_some_and(|link| link.role == LinkRole::Secondary)
    }
}

/// An outcome in a line: `archive employee; create contact`, `skip frozen`.
pub(crate) fn say(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Skipped(skip) => {
            let value = serde_json::to_value(skip).unwrap();
            let name = value.as_str().map(str::to_owned);
            let name = name.or_else(|| Some(value.as_object()?.keys().next()?.clone()));
            format!("skip {}", name.unwrap())
        }
        Outcome::Decided(decision) if decision.actions.is_empty() => "noted".to_owned(),
        Outcome::Decided(decision) => {
            let actions = decision
                .actions
                .iter()
                .map(|action| match &decision.review {
                    Some(review) => format!("review {}", review.reason.code()),
                    None => format!("{} {}", action.kind.name(), action.record_kind.name()),
                });
            actions.collect::<Vec<_>>().join("; ")
        }
    }
}

#[track_caller]
pub(crate) fn check(input: &Input, expected: &str) {
    assert_eq!(say(&input.outcome()), expected);
}

/// Sam, provisioned as an employee.
pub(crate) fn sam_employed() -> Input {
    sam().applied()
}

/// Sam, in the group of an employee rule (Order 1) or a contact rule (Order 2).
pub(crate) fn sam_of_two_kinds() -> Input {
    sam().rules([employees(1), contacts(2)]).applied()
}

pub(crate) fn is_open(record: &Record) -> bool {
    record.status == Status::Active && record.access
}
