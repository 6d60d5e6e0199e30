//! A small installation in memory: a directory, rules, records, links and a
//! review queue; and the steps that may happen to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use proptest::prelude::*;
use provisioning::absence::Absence;
use provisioning::action::ActionKind;
use provisioning::address::{Address, Domain, fold};
use provisioning::case::{Answer, Candidate, Case, ReviewState, Surroundings};
use provisioning::claims::Claims;
use provisioning::decide::{Outcome, decide, names_needed};
use provisioning::defaults::EmployeeDefaults;
use provisioning::directory::{Person, Presence, Source, UserType};
use provisioning::field_mapping::matching_addresses;
use provisioning::ids::{AccountId, ConnectionId, GroupId, ObjectId, RecordId, RuleId, TenantId};
use provisioning::link::{Link, LinkRole};
use provisioning::mapping_rule::{MappingRule, Members, RolesMode, ScopeKind, Target};
use provisioning::policy::{
    ConnectionPolicy, EmailSource, FieldPolicies, Nesting, OnDisabled, Policy,
};
use provisioning::psa::{ADMINISTRATOR, Kind, Record, Status};
use uuid::Uuid;

const PEOPLE: usize = 7;
const GROUPS: u128 = 4;
const RULES: usize = 4;
const NAMES: [&str; 5] = ["amy", "bob", "amy", "root", "cleo"];
const DOMAINS: [&str; 3] = ["contoso.com", "contoso.de", "fabrikam.com"];

pub(crate) type Planned = Vec<(ObjectId, Outcome)>;

/// Which way round lists are handed to the planner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Given,
    Reversed,
}

/// Something that happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Rename {
        person: usize,
        name: usize,
        domain: usize,
    },
    Retitle {
        person: usize,
        value: u8,
    },
    Mail {
        person: usize,
        name: usize,
        domain: usize,
    },
    Enable {
        person: usize,
        enabled: bool,
    },
    Presence {
        person: usize,
        presence: u8,
    },
    Guest {
        person: usize,
    },
    Join {
        person: usize,
        group: u128,
    },
    Leave {
        person: usize,
        group: u128,
        proven: bool,
    },
    RuleEnabled {
        rule: usize,
        enabled: bool,
    },
    RuleReadable {
        rule: usize,
        readable: bool,
    },
    RuleOrder {
        rule: usize,
        order: i64,
    },
    RuleKind {
        rule: usize,
    },
    RuleRoles {
        rule: usize,
        roles: u8,
        mode: u8,
    },
    Authority {
        employees: bool,
        contacts: bool,
    },
    EditPhone {
        record: usize,
        value: u8,
    },
    EditEmail {
        record: usize,
        name: usize,
        domain: usize,
    },
    EditUsername {
        record: usize,
        name: usize,
    },
    CloseByHand {
        record: usize,
    },
    TakeAccess {
        record: usize,
    },
    Promote {
        record: usize,
    },
    Pin {
        record: usize,
        pinned: bool,
    },
    Answer {
        person: usize,
        answer: u8,
        record: usize,
    },
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let person = 0..PEOPLE;
    let rule = 0..RULES;
    let group = 0..GROUPS;
    let record = 0..24_usize;
    let (name, domain) = (0..NAMES.len(), 0..DOMAINS.len());
    let p = move || person.clone();
    let r = move || record.clone();
    let l = move || rule.clone();
    let (n, d) = (move || name.clone(), move || domain.clone());
    let g = move || group.clone();
    prop_oneof![
        2 => (p(), n(), d()).prop_map(|(person, name, domain)| Step::Rename { person, name, domain }),
        1 => (p(), any::<u8>()).prop_map(|(person, value)| Step::Retitle { person, value }),
        1 => (p(), n(), d()).prop_map(|(person, name, domain)| Step::Mail { person, name, domain }),
        2 => (p(), any::<bool>()).prop_map(|(person, enabled)| Step::Enable { person, enabled }),
        2 => (p(), 0..4_u8).prop_map(|(person, presence)| Step::Presence { person, presence }),
        1 => p().prop_map(|person| Step::Guest { person }),
        4 => (p(), g()).prop_map(|(person, group)| Step::Join { person, group }),
        3 => (p(), g(), any::<bool>())
            .prop_map(|(person, group, proven)| Step::Leave { person, group, proven }),
        1 => (l(), any::<bool>()).prop_map(|(rule, enabled)| Step::RuleEnabled { rule, enabled }),
        1 => (l(), any::<bool>()).prop_map(|(rule, readable)| Step::RuleReadable { rule, readable }),
        1 => (l(), 0..4_i64).prop_map(|(rule, order)| Step::RuleOrder { rule, order }),
        1 => l().prop_map(|rule| Step::RuleKind { rule }),
        1 => (l(), 0..3_u8, 0..3_u8)
            .prop_map(|(rule, roles, mode)| Step::RuleRoles { rule, roles, mode }),
        1 => any::<(bool, bool)>()
            .prop_map(|(employees, contacts)| Step::Authority { employees, contacts }),
        1 => (r(), any::<u8>()).prop_map(|(record, value)| Step::EditPhone { record, value }),
        1 => (r(), n(), d())
            .prop_map(|(record, name, domain)| Step::EditEmail { record, name, domain }),
        1 => (r(), n()).prop_map(|(record, name)| Step::EditUsername { record, name }),
        1 => r().prop_map(|record| Step::CloseByHand { record }),
        1 => r().prop_map(|record| Step::TakeAccess { record }),
        1 => r().prop_map(|record| Step::Promote { record }),
        1 => (r(), any::<bool>()).prop_map(|(record, pinned)| Step::Pin { record, pinned }),
        2 => (p(), 0..3_u8, r())
            .prop_map(|(person, answer, record)| Step::Answer { person, answer, record }),
    ]
}

/// A person in the mirror.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    person: Person,
    pub(crate) version: i64,
    groups: Vec<GroupId>,
    absence: Option<Absence>,
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) people: BTreeMap<ObjectId, Entry>,
    pub(crate) records: BTreeMap<RecordId, Record>,
    pub(crate) links: BTreeMap<ObjectId, Link>,
    reviews: BTreeMap<ObjectId, ReviewState>,
    rules: Vec<MappingRule>,
    connection: ConnectionPolicy,
    next_id: u128,
}

fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// Somebody of another connected tenant, at home in fabrikam.com: the contact
/// with an address there is theirs.
fn abroad() -> (TenantId, ObjectId) {
    (TenantId(uuid(0xfab)), ObjectId(uuid(0xab)))
}

const OF_ABROAD: RecordId = RecordId(Uuid::from_u128(0x14));

fn object(n: usize) -> ObjectId {
    ObjectId(uuid(0x0b00 + n as u128))
}

fn email(name: usize, domain: usize) -> String {
    format!("{}@{}", NAMES[name], DOMAINS[domain])
}

fn roles(n: u8) -> Vec<String> {
    let names = [ADMINISTRATOR, "Technician", "Dispatcher"];
    vec![names[usize::from(n)].to_owned()]
}

impl World {
    pub(crate) fn new(root_administers: bool) -> Self {
        let tenant_id = TenantId(uuid(1));
        let connection_id = ConnectionId(uuid(2));
        let rule = |n: usize| MappingRule {
            id: RuleId(uuid(0x100 + n as u128)),
            name: format!("rule {n}"),
            order: n as i64 % 3,
            connection_id,
            tenant_id,
            scope: ScopeKind::Group,
            group_id: GroupId(uuid(0x600 + n as u128 % GROUPS)),
            group_name: None,
            group_created_at: None,
            group_readable: true,
            target: Target::Employee,
            security_roles: roles(1),
            roles_mode: RolesMode::Replace,
            include_nested: n == 0,
            members: Members::All,
            exclude: Vec::new(),
            licensed_only: false,
            enabled: true,
            created_at: Timestamp::UNIX_EPOCH,
            version: 1,
        };
        let mut world = Self {
            people: BTreeMap::new(),
            records: BTreeMap::new(),
            links: BTreeMap::new(),
            reviews: BTreeMap::new(),
            rules: (0..RULES).map(rule).collect(),
            connection: ConnectionPolicy {
                connection_id,
                tenant_id,
                provision_employees: true,
                provision_contacts: true,
                email_source: EmailSource::Upn,
                on_disabled: OnDisabled::Deactivate,
            },
            next_id: 0x9000,
        };
        world.rules[1].target = Target::Contact {
            account_id: AccountId(uuid(0xa)),
        };
        world.rules[3].target = Target::Contact {
            account_id: AccountId(uuid(0xb)),
        };
        for n in 0..PEOPLE {
            let mut person = Person::blank(tenant_id, object(n));
            person.upn = Some(email(n % NAMES.len(), n % 2));
            person.given_name = Some(format!("Given {n}"));
            let groups = vec![GroupId(uuid(0x600 + n as u128 % GROUPS))];
            let entry = Entry {
                person,
                version: 1,
                groups,
                absence: None,
            };
            world.people.insert(object(n), entry);
        }
        let locals = [
            (Kind::Employee, "root", "root@contoso.com"),
            (Kind::Employee, "boss", "bob@contoso.de"),
            (Kind::Employee, "amy", "amy@contoso.com"),
            (Kind::Contact, "client", "cleo@contoso.com"),
            (Kind::Contact, "bob", "bob@fabrikam.com"),
        ];
        for (n, (kind, name, email)) in locals.into_iter().enumerate() {
            let mut record = Record::blank(RecordId(uuid(0x10 + n as u128)), kind);
            record.version = 1;
            record.username = Some(name.to_owned());
            record.email = Some(email.to_owned());
            record.access = true;
            record.is_root = n == 0;
            if n == 1 || (n == 0 && root_administers) {
                record.security_roles = roles(0);
            }
            world.records.insert(record.id, record);
        }
        world
    }

    pub(crate) fn primaries(&self) -> impl Iterator<Item = (RecordId, ObjectId)> + '_ {
        let primary = self
            .links
            .values()
            .filter(|link| link.role == LinkRole::Primary);
        primary.map(|link| (link.record_id, link.object_id))
    }

    fn policy(&self) -> Policy {
        let nesting = Nesting {
            inside: BTreeMap::from([(
                GroupId(uuid(0x600)),
                BTreeSet::from([GroupId(uuid(0x601)), GroupId(uuid(0x603))]),
            )]),
            doubted: BTreeSet::new(),
        };
        Policy::new(
            self.connection.clone(),
            EmployeeDefaults::default(),
            FieldPolicies::default(),
            DOMAINS[..2]
                .iter()
                .filter_map(|domain| Domain::parse(domain))
                .collect(),
            self.rules.clone(),
            &nesting,
        )
    }

    fn candidates(
        &self,
        person: &Person,
        policy: &Policy,
        chosen: Option<Answer>,
    ) -> Vec<Candidate> {
        let addresses = matching_addresses(person, policy);
        let owners: HashMap<RecordId, ObjectId> = self.primaries().collect();
        let matches = |record: &Record| {
            let email = record.email.as_deref().and_then(Address::parse);
            let found = email.is_some_and(|email| addresses.iter().any(|a| a.key() == email.key()));
            (found && record.status != Status::Archived) || chosen == Some(Answer::Link(record.id))
        };
        let found = self.records.values().filter(|record| matches(record));
        let candidate = |record: &Record| Candidate {
            record: record.clone(),
            linked_to: match owners.get(&record.id) {
                Some(id) => Some((person.tenant_id, *id)),
                None => (record.id == OF_ABROAD).then(abroad),
            },
        };
        found.map(candidate).collect()
    }

    fn case(&self, id: ObjectId, policy: &Policy, order: Order) -> Case {
        let entry = &self.people[&id];
        let link = self.links.get(&id).cloned();
        let review = self.reviews.get(&id).cloned();
        let record = |id: Option<RecordId>| id.and_then(|id| self.records.get(&id)).cloned();
        let answer = review.as_ref().and_then(|review| review.answer);
        let mut case = Case {
            person: entry.person.clone(),
            person_version: entry.version,
            absence: entry.absence.clone(),
            groups: entry.groups.clone(),
            doubted: Vec::new(),
            record: record(link.as_ref().map(|link| link.record_id)),
            archived: record(link.as_ref().and_then(|link| link.archived_id)),
            candidates: self.candidates(&entry.person, policy, answer),
            link,
            review,
        };
        if order == Order::Reversed {
            case.groups.reverse();
            case.candidates.reverse();
        }
        case
    }

    /// Plans everybody, in the order of ids. Only names that are asked for are
    /// known, as in a real run.
    pub(crate) fn plan(&self, order: Order) -> Planned {
        let policy = self.policy();
        let used = self
            .records
            .values()
            .filter_map(|record| record.username.as_deref());
        let used: BTreeSet<String> = used.map(fold).collect();
        let administrators = self.records.values().filter(|record| {
            record.is_administrator() && record.access && record.status == Status::Active
        });
        let administrators = administrators.count() as u64;
        let mut claims = Claims::default();
        let mut next = self.next_id + if order == Order::Reversed { 0x5000 } else { 0 };
        let mut new_id = || {
            next += 1;
            RecordId(uuid(next))
        };
        let plan = self.people.keys().map(|id| {
            let case = self.case(*id, &policy, order);
            let names = names_needed(&case, &policy);
            let around = Surroundings {
                usernames: names
                    .into_iter()
                    .filter(|name| used.contains(name))
                    .collect(),
                homes: HashMap::from([(Domain::parse("fabrikam.com").unwrap(), abroad().0)]),
                administrators,
                reapply: false,
            };
            (
                *id,
                decide(&case, &policy, &around, &mut claims, &mut new_id),
            )
        });
        plan.collect()
    }

    pub(crate) fn apply(&mut self, planned: &Planned) {
        self.next_id += 0x100;
        for (id, outcome) in planned {
            let Outcome::Decided(decision) = outcome else {
                continue;
            };
            let mut touched = BTreeSet::new();
            for action in &decision.actions {
                let Some(record_id) = action.record_id else {
                    continue;
                };
                if action.kind == ActionKind::Link {
                    continue;
                }
                if action.kind == ActionKind::Create {
                    let blank = Record::blank(record_id, action.record_kind);
                    assert!(self.records.insert(record_id, blank).is_none());
                }
                let record = &self.records[&record_id];
                assert_eq!(record.version, action.precondition);
                let next = record.apply(&action.changes).unwrap();
                self.records.insert(record_id, next);
                touched.insert(record_id);
            }
            for record_id in touched {
                self.records.get_mut(&record_id).unwrap().version += 1;
            }
            if let Some(write) = &decision.link {
                self.reviews.remove(id);
                let link = Link {
                    tenant_id: decision.tenant_id,
                    object_id: *id,
                    role: write.role,
                    record_id: write.record_id,
                    archived_id: write.archived_id,
                    applied: write.applied.clone(),
                    suppressed: None,
                };
                self.links.insert(*id, link);
            }
            if let Some(review) = &decision.review {
                let state = ReviewState {
                    reason: review.reason,
                    fingerprint: review.fingerprint.clone(),
                    answer: None,
                };
                self.reviews.insert(*id, state);
            }
        }
    }

    fn change_person(&mut self, n: usize, change: impl FnOnce(&mut Person)) {
        let entry = self.people.get_mut(&object(n)).unwrap();
        change(&mut entry.person);
        entry.version += 1;
    }

    fn change_rule(&mut self, n: usize, change: impl FnOnce(&mut MappingRule)) {
        change(&mut self.rules[n]);
        self.rules[n].version += 1;
    }

    /// Archived records cannot be edited.
    fn edit(&mut self, n: usize, change: impl FnOnce(&mut Record)) {
        let n = n % self.records.len();
        let record = self.records.values_mut().nth(n).unwrap();
        if record.status != Status::Archived {
            change(record);
            record.version += 1;
        }
    }

    pub(crate) fn take(&mut self, step: Step) {
        match step {
            Step::Rename { .. }
            | Step::Retitle { .. }
            | Step::Mail { .. }
            | Step::Enable { .. }
            | Step::Presence { .. }
            | Step::Guest { .. }
            | Step::Join { .. }
            | Step::Leave { .. } => self.directory(step),
            Step::RuleEnabled { rule, enabled } => self.change_rule(rule, |r| r.enabled = enabled),
            Step::RuleReadable { rule, readable } => self.rules[rule].group_readable = readable,
            Step::RuleOrder { rule, order } => self.change_rule(rule, |r| r.order = order),
            Step::RuleKind { rule } => self.change_rule(rule, |r| {
                r.target = match r.target {
                    Target::Employee => Target::Contact {
                        account_id: AccountId(uuid(0xa)),
                    },
                    Target::Contact { .. } => Target::Employee,
                };
            }),
            Step::RuleRoles {
                rule,
                roles: n,
                mode,
            } => self.change_rule(rule, |r| {
                r.security_roles = roles(n);
                r.roles_mode =
                    [RolesMode::Replace, RolesMode::Add, RolesMode::OnCreate][usize::from(mode)];
            }),
            Step::Authority {
                employees,
                contacts,
            } => {
                self.connection.provision_employees = employees;
                self.connection.provision_contacts = contacts;
            }
            Step::Answer {
                person,
                answer,
                record,
            } => self.answer(person, answer, record),
            _ => self.by_hand(step),
        }
    }

    fn directory(&mut self, step: Step) {
        match step {
            Step::Rename {
                person,
                name,
                domain,
            } => {
                self.change_person(person, |p| p.upn = Some(email(name, domain)));
            }
            Step::Retitle { person, value } => {
                self.change_person(person, |p| p.job_title = Some(format!("title {value}")));
            }
            Step::Mail {
                person,
                name,
                domain,
            } => {
                self.change_person(person, |p| p.mail = Some(email(name, domain)));
            }
            Step::Enable { person, enabled } => self.change_person(person, |p| p.enabled = enabled),
            Step::Presence { person, presence } => {
                let entry = self.people.get_mut(&object(person)).unwrap();
                let (presence, absence) = match presence {
                    0 | 1 => (Presence::Live, entry.absence.clone()),
                    2 => (Presence::SoftDeleted, Some(Absence::explicit_removal())),
                    _ => (Presence::Purged, Some(Absence::explicit_removal())),
                };
                (entry.person.presence, entry.absence) = (presence, absence);
                entry.version += 1;
            }
            Step::Guest { person } => self.change_person(person, |p| {
                p.user_type = UserType::Guest;
                p.source = Source::ExternalAzureAd;
                p.upn = Some("bob_fabrikam.com#EXT#@contoso.onmicrosoft.com".to_owned());
            }),
            Step::Join { person, group } => {
                let entry = self.people.get_mut(&object(person)).unwrap();
                let group = GroupId(uuid(0x600 + group));
                if !entry.groups.contains(&group) {
                    entry.groups.push(group);
                }
            }
            Step::Leave {
                person,
                group,
                proven,
            } => {
                let entry = self.people.get_mut(&object(person)).unwrap();
                entry
                    .groups
                    .retain(|known| *known != GroupId(uuid(0x600 + group)));
                entry.absence = proven.then(Absence::explicit_removal);
            }
            _ => unreachable!("no step of the directory: {step:?}"),
        }
    }

    fn by_hand(&mut self, step: Step) {
        match step {
            Step::EditPhone { record, value } => {
                self.edit(record, |r| r.phone = Some(format!("local {value}")));
            }
            Step::EditEmail {
                record,
                name,
                domain,
            } => {
                self.edit(record, |r| r.email = Some(email(name, domain)));
            }
            Step::EditUsername { record, name } => {
                let name = NAMES[name].to_owned();
                let mut names = self.records.values().filter_map(|r| r.username.as_deref());
                if !names.any(|used| fold(used) == name) {
                    self.edit(record, |r| r.username = Some(name));
                }
            }
            Step::CloseByHand { record } => self.edit(record, |r| {
                (r.status, r.access, r.deactivated_by_sync) = (Status::Inactive, r.is_root, false);
            }),
            Step::TakeAccess { record } => self.edit(record, |r| {
                r.access = r.is_root;
                r.access_reason = (!r.is_root).then(|| "by_hand".to_owned());
            }),
            Step::Promote { record } => self.edit(record, |r| {
                if r.kind == Kind::Employee {
                    r.security_roles = roles(0);
                }
            }),
            Step::Pin { record, pinned } => self.edit(record, |r| r.pinned = pinned),
            _ => unreachable!("no step by hand: {step:?}"),
        }
    }

    fn answer(&mut self, person: usize, answer: u8, record: usize) {
        let chosen = self
            .records
            .keys()
            .nth(record % self.records.len())
            .copied()
            .unwrap();
        if let Some(review) = self.reviews.get_mut(&object(person)) {
            review.answer = Some(match answer {
                0 => Answer::Link(chosen),
                1 => Answer::Create,
                _ => Answer::Ignore,
            });
        }
    }
}
