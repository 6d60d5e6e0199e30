//! Gathers what the planner needs: the policy of a connection, and the cases
//! of a batch of people with a handful of queries for the whole batch.

use std::collections::{BTreeSet, HashMap, HashSet};

use provisioning::address::{Domain, fold};
use provisioning::case::{Answer, Candidate, Case, Surroundings};
use provisioning::decide::{applicable, names_needed};
use provisioning::defaults::EmployeeDefaults;
use provisioning::field_mapping::matching_addresses;
use provisioning::ids::{ConnectionId, GroupId, ObjectId, RecordId, TenantId};
use provisioning::link::{Link, LinkRole};
use provisioning::mapping_rule::MappingRule;
use provisioning::policy::{ConnectionPolicy, FieldPolicies, Leaving, Nesting, Policy};
use provisioning::psa::{Record, Status};
use store::connections::Connection;
use store::mirror::Mirrored;
use store::{Db, connections, links, mapping_rules, memberships, records, review_items, settings};

use crate::error::{Class, EngineError, Result};

/// Keys of settings.
pub(crate) const EMPLOYEE_DEFAULTS: &str = "employee_defaults";
pub(crate) const FIELD_POLICIES: &str = "field_policies";
/// Whether the directory is followed at all.
pub(crate) const PROVISIONING_MODE: &str = "provisioning_mode";

/// What an administrator might have decided instead, for plans of a change
/// that is not saved yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hypothesis {
    pub(crate) rules: Option<Vec<MappingRule>>,
    pub(crate) defaults: Option<EmployeeDefaults>,
    pub(crate) fields: Option<FieldPolicies>,
    pub(crate) leaving: Option<Leaving>,
}

/// The policy of a connection.
pub(crate) async fn policy(
    db: &Db,
    connection: &Connection,
    instead: &Hypothesis,
) -> Result<Policy> {
    let tenant_id = connection.tenant_id.ok_or_else(|| {
        EngineError::new(
            "not_connected",
            Class::Conflict,
            "the connection has no consent yet",
        )
    })?;
    let rules = match &instead.rules {
        Some(rules) => rules.clone(),
        None => {
            let rows = mapping_rules::of_connection(db, connection.id).await?;
            rows.into_iter().map(|row| row.rule).collect()
        }
    };
    let defaults = match &instead.defaults {
        Some(defaults) => defaults.clone(),
        None => stored(db, EMPLOYEE_DEFAULTS).await?,
    };
    let fields = match &instead.fields {
        Some(fields) => fields.clone(),
        None => stored(db, FIELD_POLICIES).await?,
    };
    let nesting = nesting(db, connection.id).await?;
    let configuration = &connection.configuration;
    let policy = ConnectionPolicy {
        connection_id: connection.id,
        tenant_id,
        provision_employees: configuration.provision_employees,
        provision_contacts: configuration.provision_contacts,
        email_source: configuration.email_source,
        on_disabled: configuration.on_disabled,
    };
    let own = connection.verified_domains.iter();
    let own = own.filter_map(|domain| Domain::parse(domain)).collect();
    let policy = Policy::new(policy, defaults, fields, own, rules, &nesting);
    Ok(policy.leaving(instead.leaving))
}

async fn nesting(db: &Db, id: ConnectionId) -> Result<Nesting> {
    let mut nesting = Nesting::default();
    let mut inner = BTreeSet::new();
    for (parent, child) in memberships::nested(db, id).await? {
        nesting.inside.entry(parent).or_default().insert(child);
        inner.insert(ObjectId(child.0));
    }
    let inner: Vec<ObjectId> = inner.into_iter().collect();
    let doubted = memberships::doubted(db, id, &inner).await?.into_iter();
    nesting.doubted = doubted.map(|(c, parent)| (parent, GroupId(c.0))).collect();
    Ok(nesting)
}

/// A setting, or its default.
pub(crate) async fn stored<T>(db: &Db, key: &str) -> Result<T>
where
    T: serde::de::DeserializeOwned + Default,
{
    let found = settings::get::<T>(db, key).await?;
    Ok(found.map(|(value, _)| value).unwrap_or_default())
}

/// The cases of a batch, and what they need to know about everybody else; as if
/// the question about somebody had been answered, when an answer is `tried`.
pub(crate) async fn gather(
    db: &Db,
    policy: &Policy,
    batch: Vec<Mirrored>,
    around: &mut Surroundings,
    tried: Option<(ObjectId, Answer)>,
) -> Result<Vec<Case>> {
    let tenant_id = policy.connection.tenant_id;
    let ids: Vec<ObjectId> = batch.iter().map(|m| m.person.object_id).collect();
    let connection_id = policy.connection.connection_id;
    let (memberships, doubted, links, reviews) = tokio::try_join!(
        memberships::of_members(db, connection_id, &ids),
        memberships::doubted(db, connection_id, &ids),
        links::get(db, tenant_id, &ids),
        review_items::states(db, tenant_id, &ids),
    )?;
    let mut groups = by_member(memberships);
    let mut doubted = by_member(doubted);
    let mut linked: HashMap<ObjectId, Link> = HashMap::new();
    for row in links {
        linked.insert(row.link.object_id, row.link);
    }
    let mut reviews: HashMap<_, _> = reviews.into_iter().collect();
    if let Some((id, answer)) = tried
        && let Some(review) = reviews.get_mut(&id)
    {
        review.answer = Some(answer);
    }
    let wanted: Vec<RecordId> = linked
        .values()
        .flat_map(|link| std::iter::once(link.record_id).chain(link.archived_id))
        .collect();
    let found = by_id(db, &wanted).await?;
    let mut cases: Vec<Case> = batch
        .into_iter()
        .map(|mirrored| {
            let id = mirrored.person.object_id;
            let link = linked.remove(&id);
            let record = link.as_ref().and_then(|link| found.get(&link.record_id));
            let archived = link.as_ref().and_then(|link| link.archived_id);
            let archived = archived.and_then(|id| found.get(&id));
            Case {
                record: record.cloned(),
                archived: archived.filter(|r| r.status == Status::Archived).cloned(),
                person: mirrored.person,
                person_version: mirrored.version,
                absence: mirrored.absence,
                groups: groups.remove(&id).unwrap_or_default(),
                doubted: doubted.remove(&id).unwrap_or_default(),
                link,
                candidates: Vec::new(),
                review: reviews.remove(&id),
            }
        })
        .collect();
    add_candidates(db, policy, &mut cases, around).await?;
    add_usernames(db, policy, &cases, around).await?;
    Ok(cases)
}

fn by_member(memberships: Vec<(ObjectId, GroupId)>) -> HashMap<ObjectId, Vec<GroupId>> {
    let mut groups: HashMap<ObjectId, Vec<GroupId>> = HashMap::new();
    for (member, group) in memberships {
        groups.entry(member).or_default().push(group);
    }
    groups
}

async fn by_id(db: &Db, ids: &[RecordId]) -> Result<HashMap<RecordId, Record>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = records::get(db, ids).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.record.id, row.record))
        .collect())
}

/// Whether records with the person's addresses matter: for people who are not
/// linked, and for linked ones whose kind changes.
fn needs_candidates(case: &Case, policy: &Policy) -> bool {
    let Some(winner) = applicable(case, policy).next() else {
        return false;
    };
    match &case.record {
        Some(record) => record.kind != winner.rule.rule.target.kind(),
        None => true,
    }
}

async fn add_candidates(
    db: &Db,
    policy: &Policy,
    cases: &mut [Case],
    around: &mut Surroundings,
) -> Result<()> {
    let mut keys: Vec<Vec<String>> = Vec::with_capacity(cases.len());
    let mut domains: BTreeSet<Domain> = BTreeSet::new();
    let mut chosen: Vec<RecordId> = Vec::new();
    for case in cases.iter() {
        if !needs_candidates(case, policy) {
            keys.push(Vec::new());
            continue;
        }
        let addresses = matching_addresses(&case.person, policy);
        domains.extend(addresses.iter().map(|a| a.domain().clone()));
        keys.push(addresses.iter().map(|a| a.key().to_owned()).collect());
        if let Some(Answer::Link(id)) = case.review.as_ref().and_then(|review| review.answer) {
            chosen.push(id);
        }
    }
    let domains: Vec<Domain> = domains.into_iter().collect();
    let homes = connections::homes(db, &domains, policy.connection.tenant_id).await?;
    around.homes = homes.into_iter().collect();
    let all: Vec<String> = keys.iter().flatten().cloned().collect();
    if all.is_empty() {
        return Ok(());
    }
    let mut by_key: HashMap<String, Vec<Record>> = HashMap::new();
    for row in records::by_email_keys(db, &all).await? {
        let email = row.record.email.as_deref();
        let key = email.and_then(provisioning::address::Address::parse);
        let key = key.map_or_else(|| fold(email.unwrap_or_default()), |a| a.key().to_owned());
        by_key.entry(key).or_default().push(row.record);
    }
    let chosen = by_id(db, &chosen).await?;
    let ids: Vec<RecordId> = by_key
        .values()
        .flatten()
        .map(|record| record.id)
        .chain(chosen.keys().copied())
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut owners: HashMap<RecordId, (TenantId, ObjectId)> = HashMap::new();
    for row in links::by_records(db, &ids).await? {
        if row.link.role == LinkRole::Primary {
            owners.insert(row.link.record_id, (row.link.tenant_id, row.link.object_id));
        }
    }
    for (case, keys) in cases.iter_mut().zip(keys) {
        let answer = case.review.as_ref().and_then(|review| review.answer);
        let picked = match answer {
            Some(Answer::Link(id)) => chosen.get(&id),
            _ => None,
        };
        let of_keys = keys.iter().filter_map(|key| by_key.get(key)).flatten();
        for record in of_keys.chain(picked) {
            if case
                .candidates
                .iter()
                .all(|known| known.record.id != record.id)
            {
                case.candidates.push(Candidate {
                    record: record.clone(),
                    linked_to: owners.get(&record.id).copied(),
                });
            }
        }
    }
    Ok(())
}

async fn add_usernames(
    db: &Db,
    policy: &Policy,
    cases: &[Case],
    around: &mut Surroundings,
) -> Result<()> {
    let mut names: HashSet<String> = HashSet::new();
    for case in cases {
        if applicable(case, policy).next().is_some() {
            names.extend(names_needed(case, policy));
        }
    }
    let names: Vec<String> = names.into_iter().collect();
    around.usernames = if names.is_empty() {
        HashSet::new()
    } else {
        records::usernames_in_use(db, &names)
            .await?
            .into_iter()
            .collect()
    };
    Ok(())
}
