//! What an administrator has decided: connection settings, rules, defaults and
//! field policies, compiled once for a plan.
//!
//! Does not know people. A policy's hash is part of every link's basis, so a
//! change of policy makes its people be looked at again.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::address::Domain;
use crate::defaults::EmployeeDefaults;
use crate::field::Field;
use crate::ids::{ConnectionId, GroupId, RuleId, TenantId};
use crate::mapping_rule::{MappingRule, ScopeKind};
use crate::psa::Kind;
use crate::scope::Scope;

/// Settings of one connection that decide about people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionPolicy {
    /// The connection.
    pub connection_id: ConnectionId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// May create and change employees.
    pub provision_employees: bool,
    /// May create and change contacts.
    pub provision_contacts: bool,
    /// Where a member's email comes from.
    pub email_source: EmailSource,
    /// What a disabled account means.
    pub on_disabled: OnDisabled,
}

impl ConnectionPolicy {
    /// Whether the connection has authority over a kind.
    pub fn may_provision(&self, kind: Kind) -> bool {
        match kind {
            Kind::Employee => self.provision_employees,
            Kind::Contact => self.provision_contacts,
        }
    }
}

/// Where a member's email comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailSource {
    /// `userPrincipalName`, as the original does.
    #[default]
    Upn,
    /// `mail`.
    Mail,
}

/// What a disabled account means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDisabled {
    /// The record is deactivated.
    #[default]
    Deactivate,
    /// Nothing.
    Ignore,
}

/// When the directory's value of a field is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldRule {
    /// Whenever the person changed.
    #[default]
    Source,
    /// Never once the record exists.
    KeepLocal,
    /// Only where the record has nothing.
    FillBlank,
    /// Only when the record is made or adopted.
    OnCreate,
}

/// The policy of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldPolicy {
    /// When the directory's value is taken.
    #[serde(default)]
    pub policy: FieldRule,
    /// Whether a blank in the directory clears the record's value.
    #[serde(default)]
    pub blank_clears: bool,
    /// Whether the field is mapped at all.
    #[serde(default = "enabled")]
    pub enabled: bool,
}

fn enabled() -> bool {
    true
}

/// Policies of all mapped fields, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldPolicies(pub BTreeMap<Kind, BTreeMap<Field, FieldPolicy>>);

impl Default for FieldPolicies {
    /// As the original: the six mapped fields follow the source; the optional
    /// targets are off.
    fn default() -> Self {
        let on = |enabled| FieldPolicy {
            policy: FieldRule::Source,
            blank_clears: false,
            enabled,
        };
        let common = [
            (Field::FirstName, true),
            (Field::LastName, true),
            (Field::Username, true),
            (Field::Email, true),
            (Field::Phone, true),
            (Field::JobTitle, true),
            (Field::MobilePhone, false),
        ];
        let employee = [
            (Field::Department, false),
            (Field::Location, false),
            (Field::EmployeeId, false),
        ];
        let contact = common.iter().map(|(field, is_on)| (*field, on(*is_on)));
        let employee = contact
            .clone()
            .chain(employee.iter().map(|(field, is_on)| (*field, on(*is_on))));
        Self(BTreeMap::from([
            (Kind::Employee, employee.collect()),
            (Kind::Contact, contact.collect()),
        ]))
    }
}

impl FieldPolicies {
    /// The policy of a field, off when it is not mapped.
    pub fn of(&self, kind: Kind, field: Field) -> FieldPolicy {
        let off = FieldPolicy {
            policy: FieldRule::Source,
            blank_clears: false,
            enabled: false,
        };
        let of_kind = self.0.get(&kind);
        of_kind
            .and_then(|fields| fields.get(&field).copied())
            .unwrap_or(off)
    }
}

/// Everything an administrator decided that one tenant's plan needs.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The connection.
    pub connection: ConnectionPolicy,
    /// Employee Defaults.
    pub defaults: EmployeeDefaults,
    /// Field policies.
    pub fields: FieldPolicies,
    /// This tenant's verified domains.
    pub own_domains: BTreeSet<Domain>,
    /// Enabled rules of this tenant, each with the groups that count for it,
    /// first the one that wins.
    pub rules: Arc<[CompiledRule]>,
    /// Which of the rules a group counts for.
    by_group: Arc<HashMap<GroupId, Vec<usize>>>,
    /// A hash of everything above that every person depends on.
    pub settings_hash: String,
    /// Whether the connection is about to be removed, and what of its people.
    pub leaving: Option<Leaving>,
}

/// What becomes of the people of a connection that is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leaving {
    /// They stay as they are, local from then on.
    Keep,
    /// They are deactivated.
    Deactivate,
}

/// Which groups are direct members of which, as last read.
#[derive(Debug, Clone, Default)]
pub struct Nesting {
    /// The groups inside a group.
    pub inside: BTreeMap<GroupId, BTreeSet<GroupId>>,
    /// Of those, as (outer, inner), what the latest reading of the outer one
    /// did not show and what is not believed to have ended either.
    pub doubted: BTreeSet<(GroupId, GroupId)>,
}

/// How a group counts for a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// From the rule's group (which comes first, with itself as path) down.
    pub path: Vec<GroupId>,
    /// Whether every way there is doubted: see [`Nesting::doubted`].
    pub is_doubted: bool,
}

/// A rule with its filters compiled and its nested groups resolved.
#[derive(Debug, Clone)]
pub struct CompiledRule {
    /// The rule.
    pub rule: MappingRule,
    /// Its filters.
    pub scope: Scope,
    /// The groups whose direct members count.
    pub groups: BTreeMap<GroupId, Way>,
    /// A hash of what of the rule decides about a person.
    pub hash: String,
}

impl Policy {
    /// Compiles.
    pub fn new(
        connection: ConnectionPolicy,
        defaults: EmployeeDefaults,
        fields: FieldPolicies,
        own_domains: BTreeSet<Domain>,
        rules: Vec<MappingRule>,
        nesting: &Nesting,
    ) -> Self {
        let mut compiled: Vec<CompiledRule> = rules
            .into_iter()
            .filter(|rule| rule.enabled && rule.connection_id == connection.connection_id)
            .map(|rule| CompiledRule::new(rule, nesting))
            .collect();
        compiled.sort_by(|a, b| crate::precedence::compare(&a.rule, &b.rule));
        let settings_hash = hash(&(&connection, &defaults, &fields));
        let mut by_group: HashMap<GroupId, Vec<usize>> = HashMap::new();
        for (index, rule) in compiled.iter().enumerate() {
            for group in rule.groups.keys() {
                by_group.entry(*group).or_default().push(index);
            }
        }
        Self {
            connection,
            defaults,
            fields,
            own_domains,
            rules: compiled.into(),
            by_group: Arc::new(by_group),
            settings_hash,
            leaving: None,
        }
    }

    /// The policy of a connection that is removed.
    #[must_use]
    pub fn leaving(mut self, leaving: Option<Leaving>) -> Self {
        self.leaving = leaving;
        if leaving.is_some() {
            // Nobody is as they were decided about before.
            self.settings_hash = hash(&(&self.settings_hash, leaving));
        }
        self
    }

    /// The rules for which one of these groups counts, first the one that wins.
    pub(crate) fn rules_of(&self, groups: &[GroupId]) -> impl Iterator<Item = &CompiledRule> {
        let of_groups = groups.iter().filter_map(|group| self.by_group.get(group));
        let mut indexes: Vec<usize> = of_groups.flatten().copied().collect();
        indexes.sort_unstable();
        indexes.dedup();
        indexes.into_iter().map(|index| &self.rules[index])
    }

    /// The rule with this id, when it is enabled.
    pub fn rule(&self, id: RuleId) -> Option<&CompiledRule> {
        self.rules.iter().find(|rule| rule.rule.id == id)
    }
}

impl CompiledRule {
    fn new(rule: MappingRule, nesting: &Nesting) -> Self {
        let depth = match (rule.scope, rule.include_nested) {
            (ScopeKind::Assigned, _) => 1,
            (ScopeKind::Group, true) => usize::MAX,
            (ScopeKind::Group, false) => 0,
        };
        let groups = inside(rule.group_id, nesting, depth);
        let hash = hash(&(
            rule.id,
            rule.target,
            &rule.security_roles,
            rule.roles_mode,
            rule.version,
        ));
        Self {
            scope: Scope::of(&rule),
            groups,
            hash,
            rule,
        }
    }
}

/// `root` and every group at most `depth` steps below it, with the shortest
/// path to it that is not doubted, or else a doubted one; loops end.
fn inside(root: GroupId, nesting: &Nesting, depth: usize) -> BTreeMap<GroupId, Way> {
    let start = Way {
        path: vec![root],
        is_doubted: false,
    };
    let mut found = BTreeMap::from([(root, start)]);
    for is_doubted in [false, true] {
        let mut queue: Vec<GroupId> = found.keys().copied().collect();
        queue.sort_by_key(|group| found[group].path.len());
        let mut queue = VecDeque::from(queue);
        while let Some(outer) = queue.pop_front() {
            let path = found[&outer].path.clone();
            if path.len() > depth {
                continue;
            }
            for inner in nesting.inside.get(&outer).into_iter().flatten() {
                let is_seen = !nesting.doubted.contains(&(outer, *inner));
                if found.contains_key(inner) || !(is_seen || is_doubted) {
                    continue;
                }
                let mut path = path.clone();
                path.push(*inner);
                found.insert(*inner, Way { path, is_doubted });
                queue.push_back(*inner);
            }
        }
    }
    found
}

/// A short, stable hash of anything that serialises.
pub(crate) fn hash(value: &impl Serialize) -> String {
    let mut hasher = blake3::Hasher::new();
    // Serialising our own plain structs into a hasher cannot fail.
    let _ = serde_json::to_writer(&mut hasher, value);
    hasher.finalize().to_hex()[..16].to_owned()
}
