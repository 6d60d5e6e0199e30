//! The judge: what a person should have become, from what the directory holds,
//! the rules and the edits made by hand. Written from the product's decisions,
//! deliberately naive, and without the planner's code: it loops over everything.
//!
//! Where the decisions leave two answers open, both are right here.

use std::collections::{BTreeMap, BTreeSet};

use provisioning::action::ActionKind;
use provisioning::field::{Field, Value};
use provisioning::ids::{AccountId, RecordId, RuleId};
use provisioning::link::LinkRole;
use provisioning::mapping_rule::Members;
use provisioning::policy::OnDisabled;
use provisioning::psa::{Kind, Record, Status};
use store::links::LinkRow;
use uuid::Uuid;

use crate::truth::{Crowd, Human, Truth};
use crate::world::DOMAINS;

/// The job title of Employee Defaults.
pub(crate) const DEFAULT_TITLE: &str = "Staff";

/// Fields the directory gives.
pub(crate) const MAPPED: [Field; 5] = [
    Field::FirstName,
    Field::LastName,
    Field::Email,
    Field::Phone,
    Field::JobTitle,
];

/// A rule, as it was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) id: RuleId,
    pub(crate) order: i64,
    /// Counts up: older rules have smaller numbers.
    pub(crate) made: u64,
    pub(crate) group: Uuid,
    pub(crate) kind: Kind,
    pub(crate) account: Option<AccountId>,
    pub(crate) roles: Vec<String>,
    pub(crate) nested: bool,
    pub(crate) members: Members,
    /// UPNs that begin with this are left out.
    pub(crate) without: Option<String>,
    pub(crate) enabled: bool,
}

/// What the winning rule makes of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Winner {
    pub(crate) rule: RuleId,
    pub(crate) kind: Kind,
    pub(crate) account: Option<AccountId>,
    pub(crate) roles: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wins(Winner),
    Nobody,
    /// A group that cannot be read holds the person, or the connection has no
    /// authority for what the rule wants: as they are.
    Stays,
    /// A readable rule wins, and an unreadable one holds the person too.
    Open,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Gone,
    Here { enabled: bool, verdict: Verdict },
}

/// What the database holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) records: BTreeMap<RecordId, Record>,
    pub(crate) links: BTreeMap<Uuid, LinkRow>,
    pub(crate) reviews: BTreeSet<Uuid>,
}

/// The judge and what it remembers.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    pub(crate) rules: Vec<Rule>,
    pub(crate) ignores_disabled: bool,
    pub(crate) may_employ: bool,
    pub(crate) truth: Truth,
    /// As last judged, with the edits made by hand since.
    pub(crate) expected: State,
    /// Everything each person was since the last judgement, the last now.
    pub(crate) outcomes: BTreeMap<Uuid, Vec<Outcome>>,
    /// Who changed since the last judgement, or was named as changed.
    pub(crate) touched: BTreeSet<Uuid>,
    /// Whose fields may be old or new: what changed while they were frozen.
    tolerant: BTreeSet<Uuid>,
    settled: Truth,
    last_seen: BTreeMap<Uuid, Crowd>,
    /// Who was in a group at any time since the last judgement.
    been_in: BTreeMap<Uuid, BTreeSet<Uuid>>,
    /// Which groups were below a group since the last judgement, or when it was
    /// last seen.
    been_below: BTreeMap<Uuid, BTreeSet<Uuid>>,
    /// Members of groups that cannot be read, now or when they were last seen:
    /// whether they are frozen depends on what was seen of them.
    doubted: BTreeSet<Uuid>,
    /// Who left a group since the last judgement.
    left: BTreeSet<Uuid>,
    /// Every rule there was since the last judgement.
    been_rules: Vec<Rule>,
    rules_moved: bool,
    /// Every world since the last judgement.
    truths: Vec<Truth>,
    /// What the rules of now would have made of people then.
    possible: BTreeMap<Uuid, Vec<Outcome>>,
    /// A list was kept from the engine that it had never read: it cannot know
    /// that somebody is missing.
    pub(crate) blind: bool,
    /// Every address a person had since the last judgement.
    emails: BTreeMap<Uuid, BTreeSet<String>>,
    /// Every value the directory gave since: one may have been taken and stay
    /// when the directory has none any more.
    given: BTreeMap<(Uuid, Field), Vec<Value>>,
    /// Records made inactive by hand.
    pub(crate) by_hand: BTreeSet<RecordId>,
}

impl Judge {
    pub(crate) fn new(on_disabled: OnDisabled, may_employ: bool) -> Self {
        Self {
            ignores_disabled: on_disabled == OnDisabled::Ignore,
            may_employ,
            ..Self::default()
        }
    }

    /// The world or the rules may have changed.
    pub(crate) fn note(&mut self, truth: Truth) {
        for (id, human) in &truth.people {
            if self.truth.people.get(id).is_some_and(|was| was != human) {
                self.touched.insert(*id);
            }
            for field in MAPPED {
                let given = self.given.entry((*id, field)).or_default();
                given.extend(given_value(human, field));
            }
            let addresses = self.emails.entry(*id).or_default();
            addresses.extend(email(human).map(|e| e.to_lowercase()));
        }
        for (id, crowd) in &truth.groups {
            self.last_seen.insert(*id, crowd.clone());
            let inside = truth.inside(*id, true);
            let before = self.truth.inside(*id, true);
            self.left.extend(before.difference(&inside));
            self.been_in.entry(*id).or_default().extend(inside);
            let below = truth.below(*id);
            self.been_below.entry(*id).or_default().extend(below);
        }
        if self.truths.last() != Some(&truth) {
            self.truths.push(truth.clone());
        }
        self.truth = truth;
        let unreadable: Vec<Uuid> = self
            .rules
            .iter()
            .filter(|rule| rule.enabled && !self.truth.groups.contains_key(&rule.group))
            .map(|rule| rule.group)
            .collect();
        if unreadable.is_empty() {
            self.doubted.clear();
        } else {
            // Of whoever was gone meanwhile, nobody knows what was seen last.
            let gone = |past: &&Vec<Outcome>| past.contains(&Outcome::Gone);
            let back = self.outcomes.iter().filter(|(_, past)| gone(past));
            self.doubted.extend(back.map(|(person, _)| *person));
        }
        for group in unreadable {
            self.doubted
                .extend(self.been_in.get(&group).into_iter().flatten());
            let last = self.last_seen.get(&group);
            self.doubted
                .extend(last.into_iter().flat_map(|crowd| &crowd.members));
            // A group that left just before may still be taken to be inside.
            let below = self.been_below.get(&group).into_iter().flatten();
            let inside = below.flat_map(|inner| self.truth.inside(*inner, true));
            self.doubted.extend(inside);
        }
        let known: BTreeSet<Uuid> = self
            .truth
            .people
            .keys()
            .chain(self.outcomes.keys())
            .copied()
            .collect();
        for person in known {
            let outcome = self.outcome(person);
            let past = self.outcomes.entry(person).or_default();
            if past.last() != Some(&outcome) {
                past.push(outcome);
            }
        }
    }

    fn outcome(&self, person: Uuid) -> Outcome {
        match self.truth.people.get(&person) {
            None => Outcome::Gone,
            Some(human) => Outcome::Here {
                enabled: human.enabled || self.ignores_disabled,
                verdict: self.verdict(person, human),
            },
        }
    }

    fn holds(&self, rule: &Rule, person: Uuid, human: &Human) -> bool {
        let fits = match rule.members {
            Members::All => true,
            Members::Members => !human.is_guest,
            Members::Guests => human.is_guest,
        };
        let left_out = rule.without.as_ref().is_some_and(|start| {
            let begins = |text: &str| text.to_lowercase().starts_with(start.as_str());
            begins(&human.upn) || human.mail.as_deref().is_some_and(begins)
        });
        let inside = if self.truth.groups.contains_key(&rule.group) {
            self.truth.inside(rule.group, rule.nested)
        } else {
            let last = self.last_seen.get(&rule.group);
            last.map(|crowd| crowd.members.clone()).unwrap_or_default()
        };
        rule.enabled && fits && !left_out && inside.contains(&person)
    }

    fn verdict(&self, person: Uuid, human: &Human) -> Verdict {
        let mut standing: Vec<&Rule> = self
            .rules
            .iter()
            .filter(|rule| self.holds(rule, person, human))
            .collect();
        let age = |rule: &Rule| self.last_seen.get(&rule.group).map(|c| c.created.clone());
        standing.sort_by_key(|rule| (rule.order, age(rule), rule.made));
        let readable = |rule: &&&Rule| self.truth.groups.contains_key(&rule.group);
        // Somebody who left a group just before it was deleted may be frozen.
        let maybe_frozen = self.doubted.contains(&person);
        let Some(first) = standing.first() else {
            return if maybe_frozen {
                Verdict::Open
            } else {
                Verdict::Nobody
            };
        };
        if !readable(&first) {
            return Verdict::Stays;
        }
        if maybe_frozen || !standing.iter().all(|rule| readable(&rule)) {
            return Verdict::Open;
        }
        if first.kind == Kind::Employee && !self.may_employ {
            return Verdict::Stays;
        }
        Verdict::Wins(Winner {
            rule: first.id,
            kind: first.kind,
            account: first.account,
            roles: first.roles.clone(),
        })
    }

    /// Whether the world ever said, since the last judgement, that the person
    /// behind this record may lose it in this way. Memberships and rules are
    /// read at different moments: any mixture of what was true is a word.
    pub(crate) fn may_lose(&self, person: Uuid, record: &Record, kind: ActionKind) -> bool {
        let past: Vec<&Outcome> = [&self.outcomes, &self.possible]
            .into_iter()
            .filter_map(|all| all.get(&person))
            .flatten()
            .collect();
        let is_out = past
            .iter()
            .any(|o| matches!(o, Outcome::Gone | Outcome::Here { enabled: false, .. }));
        let is_unruled = past.iter().any(|o| {
            matches!(
                o,
                Outcome::Here {
                    verdict: Verdict::Nobody | Verdict::Open,
                    ..
                }
            )
        });
        let open = |o: &&Outcome| {
            matches!(
                o,
                Outcome::Here {
                    verdict: Verdict::Open,
                    ..
                }
            )
        };
        let is_doubtful = self.doubted.contains(&person) || past.iter().any(open);
        let moved = self.left.contains(&person) || self.rules_moved || past.len() > 1;
        match kind {
            // A record made by hand, and its person is of the other kind.
            ActionKind::Archive if !self.is_linked(record.id) => {
                self.blind
                    || is_doubtful
                    || past.iter().any(|o| match o {
                        Outcome::Here {
                            verdict: Verdict::Wins(winner),
                            ..
                        } => winner.kind != record.kind,
                        _ => false,
                    })
            }
            // Which kind a doubtful membership makes of them is not known.
            ActionKind::Archive if is_doubtful => true,
            ActionKind::Archive => {
                moved
                    && self.been_rules.iter().any(|rule| {
                        let been = self.been_in.get(&rule.group);
                        rule.kind != record.kind && been.is_some_and(|been| been.contains(&person))
                    })
            }
            ActionKind::Deactivate => is_out,
            _ => is_out || is_unruled || self.left.contains(&person),
        }
    }

    /// The rules in force are others now.
    pub(crate) fn change_rules(&mut self, rules: Vec<Rule>) {
        self.rules_moved |= !self.rules.is_empty();
        self.been_rules.extend(rules.iter().cloned());
        self.rules = rules;
        let now = self.truth.clone();
        // The engine may not have read what changed last: the new rules meet
        // any world there was since.
        for truth in self.truths.clone() {
            self.truth = truth;
            let people: Vec<Uuid> = self.outcomes.keys().copied().collect();
            for person in people {
                let outcome = self.outcome(person);
                self.possible.entry(person).or_default().push(outcome);
            }
        }
        self.truth = now.clone();
        self.note(now);
    }

    /// Whether an edit by hand now has one right end: nothing about the person
    /// is on its way.
    pub(crate) fn is_quiet(&self, person: Uuid) -> bool {
        self.was_one_thing(person)
            && !self.touched.contains(&person)
            && !self.tolerant.contains(&person)
    }

    /// Whether nothing else was ever said of the person since the last
    /// judgement.
    fn was_one_thing(&self, person: Uuid) -> bool {
        let Some([only]) = self.outcomes.get(&person).map(Vec::as_slice) else {
            return false;
        };
        // New rules may meet memberships that ended, and nobody has read it yet.
        let mut possible = self.possible.get(&person).into_iter().flatten();
        possible.all(|outcome| outcome == only)
    }

    /// Whether a change of the person may not have been applied yet.
    pub(crate) fn is_owed(&self, person: Uuid) -> bool {
        self.tolerant.contains(&person)
    }

    /// Compares, tells what is wrong, and takes what is there as the new past.
    pub(crate) fn judge(&mut self, state: State) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut accounted = BTreeSet::new();
        let people: Vec<Uuid> = self.outcomes.keys().copied().collect();
        for person in people {
            self.judge_person(person, &state, &mut accounted, &mut wrong);
        }
        self.judge_everybody(&state, &accounted, &mut wrong);
        self.settle(state);
        wrong
    }

    fn judge_person(
        &self,
        person: Uuid,
        state: &State,
        accounted: &mut BTreeSet<RecordId>,
        wrong: &mut Vec<String>,
    ) {
        let past = &self.outcomes[&person];
        let now = past.last().unwrap();
        let link = state.links.get(&person);
        let before = self.expected.links.get(&person);
        for row in link.iter().chain(before.iter()) {
            accounted.insert(row.link.record_id);
            accounted.extend(row.link.archived_id);
        }
        let called = self
            .truth
            .people
            .get(&person)
            .map_or("(gone)", |human| &human.upn);
        let mut say = |what: String| wrong.push(format!("{called} {person}: {what}; was {past:?}"));
        if let (Some(before), None) = (before, link) {
            say(format!("the link to {} is gone", before.link.record_id));
            return;
        }
        let candidates = self.candidates(person);
        accounted.extend(candidates.iter().map(|record| record.id));
        let Some(row) = link else {
            let wins = matches!(
                now,
                Outcome::Here {
                    enabled: true,
                    verdict: Verdict::Wins(_)
                }
            );
            if self.should_be_linked(person, past, &candidates, state) {
                say(format!("has no record, and should: {now:?}"));
            } else if wins && !state.reviews.contains(&person) {
                say(format!("has no record, and nobody is asked why: {now:?}"));
            }
            return;
        };
        let Some(record) = state.records.get(&row.link.record_id) else {
            say("is linked to a record that is not there".to_owned());
            return;
        };
        let is_linkable = past.iter().any(could_link);
        if before.is_none() && !is_linkable {
            say(format!("was linked, and nothing said so: {past:?}"));
        }
        if row.link.role != LinkRole::Primary {
            say("is a secondary identity in their only tenant".to_owned());
        }
        for said in self.judge_logins(row, state) {
            say(said);
        }
        let said = match now {
            Outcome::Gone | Outcome::Here { enabled: false, .. } => {
                if self.doubted.contains(&person) {
                    Vec::new()
                } else {
                    closed(record)
                }
            }
            Outcome::Here { verdict, .. } => match verdict {
                Verdict::Open => Vec::new(),
                Verdict::Stays => self.unchanged(person, before, record),
                Verdict::Nobody => without_access(record),
                Verdict::Wins(winner) => {
                    let fresh = before.is_none() && past.len() <= 2;
                    self.judge_winner(person, winner, row, record, &candidates, fresh)
                }
            },
        };
        for said in said {
            say(said);
        }
    }

    /// One person never holds two logins, and what was put aside is closed.
    fn judge_logins(&self, row: &LinkRow, state: &State) -> Vec<String> {
        let Some(id) = row.link.archived_id else {
            return Vec::new();
        };
        let Some(aside) = state.records.get(&id) else {
            return vec![format!("the archived record {id} is gone")];
        };
        let suffixed = |text: &Option<String>| {
            let text = text.as_deref().unwrap_or("_Archived");
            text.rfind("_Archived").is_some_and(|at| {
                let rest = &text[at + "_Archived".len()..];
                rest.chars().all(|c| c.is_ascii_digit())
            })
        };
        let is_aside = aside.status == Status::Archived && !aside.access;
        if is_aside && suffixed(&aside.username) && suffixed(&aside.email) {
            return Vec::new();
        }
        vec![format!(
            "the record put aside is {:?}, access {}, {:?}, {:?}",
            aside.status, aside.access, aside.username, aside.email
        )]
    }

    fn should_be_linked(
        &self,
        person: Uuid,
        past: &[Outcome],
        candidates: &[&Record],
        state: &State,
    ) -> bool {
        let Some(Outcome::Here {
            enabled: true,
            verdict: Verdict::Wins(winner),
        }) = past.last()
        else {
            return false;
        };
        // The record of the address may have become another's meanwhile.
        let address = email(&self.truth.people[&person])
            .unwrap_or_default()
            .to_lowercase();
        let taken = state.links.values().any(|row| {
            let record = state.records.get(&row.link.record_id);
            record.is_some_and(|r| r.email.as_deref().unwrap_or_default().to_lowercase() == address)
        });
        if taken {
            return false;
        }
        // A name that changed hands within one round has many right ends.
        if self.emails.get(&person).is_some_and(|all| all.len() > 1) {
            return false;
        }
        match candidates {
            [] => true,
            [one] => {
                let free = !self.is_linked(one.id);
                let may_archive = one.kind == Kind::Contact || self.may_employ;
                if one.kind != winner.kind && !may_archive {
                    return false;
                }
                let fits = one.kind != winner.kind
                    || one.account_id.is_none()
                    || one.account_id == winner.account;
                free && fits
            }
            _ => false,
        }
    }

    fn is_linked(&self, record: RecordId) -> bool {
        self.expected
            .links
            .values()
            .any(|row| row.link.record_id == record || row.link.archived_id == Some(record))
    }

    /// Records that have one of the person's addresses.
    fn candidates(&self, person: Uuid) -> Vec<&Record> {
        if self.expected.links.contains_key(&person) {
            return Vec::new();
        }
        let mut addresses = self.emails.get(&person).cloned().unwrap_or_default();
        let mail = self
            .truth
            .people
            .get(&person)
            .and_then(|human| human.mail.clone());
        let mail = mail.map(|mail| mail.to_lowercase());
        addresses.extend(mail.filter(|mail| {
            DOMAINS
                .iter()
                .any(|domain| mail.ends_with(&format!("@{domain}")))
        }));
        self.expected
            .records
            .values()
            .filter(|record| record.status != Status::Archived)
            .filter(|record| {
                let email = record.email.as_deref().unwrap_or_default().to_lowercase();
                addresses.contains(&email)
            })
            .collect()
    }

    /// As they were: nothing lost, nothing given.
    fn unchanged(&self, person: Uuid, before: Option<&LinkRow>, record: &Record) -> Vec<String> {
        let was = before.and_then(|row| self.expected.records.get(&row.link.record_id));
        let Some(was) = was.filter(|_| self.was_one_thing(person)) else {
            return Vec::new();
        };
        let mut wrong = Vec::new();
        if was.id != record.id {
            wrong.push(format!("was {}, is {}", was.id, record.id));
        } else if (was.status, was.access) != (record.status, record.access)
            || was.security_roles != record.security_roles
        {
            wrong.push(format!(
                "should stay as they are ({:?}, access {}, {:?}) and are {:?}, access {}, {:?}",
                was.status,
                was.access,
                was.security_roles,
                record.status,
                record.access,
                record.security_roles
            ));
        }
        wrong
    }

    fn judge_winner(
        &self,
        person: Uuid,
        winner: &Winner,
        row: &LinkRow,
        record: &Record,
        candidates: &[&Record],
        fresh: bool,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        if record.kind != winner.kind {
            return vec![format!("is {:?}, should be {:?}", record.kind, winner.kind)];
        }
        let human = &self.truth.people[&person];
        let same_kind = self.record_before(person, winner.kind);
        let adopted = candidates.iter().find(|known| known.id == record.id);
        if let Some(was) = same_kind.filter(|was| was.id != record.id) {
            return vec![format!("had {} and now has {}", was.id, record.id)];
        }
        let is_new = same_kind.is_none() && adopted.is_none();
        if is_new && self.expected.records.contains_key(&record.id) {
            let known = &self.expected.records[&record.id];
            let of_address = known.email.as_deref().unwrap_or_default().to_lowercase();
            if self.is_linked(record.id)
                || email(human).is_none_or(|e| e.to_lowercase() != of_address)
            {
                return vec![format!(
                    "was given {}, a record that is not theirs",
                    record.id
                )];
            }
        }
        let free = candidates.len() == 1 && !self.is_linked(candidates[0].id);
        let one_name = self.emails.get(&person).is_some_and(|all| all.len() == 1);
        if fresh && one_name && is_new && free && candidates[0].kind == winner.kind {
            wrong.push(format!("should have adopted {}", candidates[0].id));
        }
        if self.by_hand.contains(&record.id) {
            // Put aside and brought back meanwhile: whether it comes back
            // closed is not decided anywhere.
            if self.may_lose(person, record, ActionKind::Archive) {
                return wrong;
            }
            if record.status == Status::Active || record.access {
                wrong.push("was made inactive by hand and is open again".to_owned());
            }
            return wrong;
        }
        if self.came_after_closing_by_hand(person, record) {
            if record.access {
                wrong.push("was closed by hand as the other kind and is open".to_owned());
            }
            return wrong;
        }
        if record.status != Status::Active || !record.access || record.access_reason.is_some() {
            wrong.push(format!(
                "should have access and is {:?}, access {}, {:?}",
                record.status, record.access, record.access_reason
            ));
        }
        if record.security_roles != winner.roles {
            wrong.push(format!(
                "has {:?}, should have {:?}",
                record.security_roles, winner.roles
            ));
        }
        if record.kind == Kind::Contact && record.account_id != winner.account {
            wrong.push(format!(
                "is in account {:?}, not {:?}",
                record.account_id, winner.account
            ));
        }
        let was = same_kind.or(adopted.copied());
        wrong.extend(self.judge_fields(person, human, row, record, was));
        wrong
    }

    /// Their record of the other kind was closed by hand: they stay closed.
    fn came_after_closing_by_hand(&self, person: Uuid, record: &Record) -> bool {
        let before = self.expected.links.get(&person);
        before.is_some_and(|row| {
            row.link.record_id != record.id && self.by_hand.contains(&row.link.record_id)
        })
    }

    fn was_of_both_kinds(&self, person: Uuid) -> bool {
        let all = [&self.outcomes, &self.possible].into_iter();
        let past = all.filter_map(|all| all.get(&person)).flatten();
        let kinds: BTreeSet<Kind> = past
            .filter_map(|outcome| match outcome {
                Outcome::Here {
                    verdict: Verdict::Wins(winner),
                    ..
                } => Some(winner.kind),
                _ => None,
            })
            .collect();
        kinds.len() > 1
    }

    fn record_before(&self, person: Uuid, kind: Kind) -> Option<&Record> {
        let row = self.expected.links.get(&person)?;
        let ids = std::iter::once(row.link.record_id).chain(row.link.archived_id);
        ids.filter_map(|id| self.expected.records.get(&id))
            .find(|record| record.kind == kind)
    }

    fn judge_fields(
        &self,
        person: Uuid,
        human: &Human,
        row: &LinkRow,
        record: &Record,
        was: Option<&Record>,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let before = self.expected.links.get(&person);
        let changed = self.settled.people.get(&person) != Some(human);
        let past = &self.outcomes[&person];
        let was_here = matches!(
            past.first(),
            Some(Outcome::Here {
                enabled: true,
                verdict: Verdict::Wins(_)
            })
        );
        // Who was away meanwhile comes back with what the directory says.
        let was_away = past
            .iter()
            .any(|o| matches!(o, Outcome::Gone | Outcome::Here { enabled: false, .. }));
        let kept = before.is_some_and(|before| before.link.record_id == row.link.record_id);
        // So may who was away by our books alone, since a list was kept back.
        let either = self.tolerant.contains(&person)
            || self.blind
            || !was_here
            || was_away
            || (before.is_some() && !kept)
            || self.was_of_both_kinds(person)
            || (self.touched.contains(&person) && !changed);
        let given = self.touched.contains(&person) || before.is_none();
        for field in MAPPED {
            let old = was.and_then(|was| was.get(field));
            let old = if field == Field::Email && was.is_some_and(|w| w.status == Status::Archived)
            {
                was.and_then(|was| was.original_email.clone())
                    .map(Value::Text)
            } else {
                old
            };
            let fallback = (field == Field::JobTitle && record.kind == Kind::Employee)
                .then(|| Value::from(DEFAULT_TITLE));
            let new = given_value(human, field).or(old.clone()).or(fallback);
            let found = record.get(field);
            let passing = self.given[&(person, field)]
                .iter()
                .any(|v| Some(v) == found.as_ref());
            if given_value(human, field).is_none() && given && passing {
                continue;
            }
            let right = if was.is_none() {
                found == new
            } else if either {
                found == old || found == new
            } else if given {
                found == new
            } else {
                found == old
            };
            if !right {
                wrong.push(format!(
                    "{} is {found:?}; the directory says {new:?}, before it was {old:?} (changed {given}, either {either})",
                    field.name()
                ));
            }
        }
        let renamed = self
            .settled
            .people
            .get(&person)
            .is_none_or(|was| was.upn != human.upn);
        let old_name = was.and_then(|was| was.original_username.clone().or(was.username.clone()));
        let name = record.username.clone().unwrap_or_default().to_lowercase();
        let is_theirs = self.emails[&person]
            .iter()
            .any(|email| may_be_called(email, &name));
        if !(is_theirs && (renamed || either || was.is_none())) && record.username != old_name {
            wrong.push(format!(
                "is called {:?}, was {old_name:?} and is {}",
                record.username, human.upn
            ));
        }
        wrong
    }

    /// Local people are never touched; names are unique; nothing disappears.
    fn judge_everybody(
        &self,
        state: &State,
        accounted: &BTreeSet<RecordId>,
        wrong: &mut Vec<String>,
    ) {
        for (id, was) in &self.expected.records {
            match state.records.get(id) {
                None => wrong.push(format!("record {id} is gone")),
                Some(_) if accounted.contains(id) => {}
                Some(record) if record != was => {
                    wrong.push(format!(
                        "{id} is nobody's and was changed: {was:?} to {record:?}"
                    ));
                }
                Some(_) => {}
            }
        }
        let mut names = BTreeSet::new();
        for record in state.records.values() {
            if let Some(name) = &record.username
                && !names.insert(name.to_lowercase())
            {
                wrong.push(format!("two records are called {name}"));
            }
            if record.kind == Kind::Employee
                && !self.may_employ
                && !self.expected.records.contains_key(&record.id)
            {
                wrong.push(format!("employee {} was made without authority", record.id));
            }
        }
        let mut owners = BTreeSet::new();
        for row in state.links.values() {
            if !owners.insert(row.link.record_id) {
                wrong.push(format!("{} belongs to two people", row.link.record_id));
            }
        }
    }

    fn settle(&mut self, state: State) {
        let mut owed = BTreeSet::new();
        for (person, past) in &mut self.outcomes {
            let last = past.pop().unwrap();
            let is_open = matches!(
                last,
                Outcome::Here {
                    enabled: true,
                    verdict: Verdict::Wins(_)
                }
            );
            if !is_open && (self.touched.contains(person) || self.tolerant.contains(person)) {
                owed.insert(*person);
            }
            *past = vec![last];
        }
        self.tolerant = owed;
        self.touched.clear();
        self.by_hand.retain(|id| {
            let record = state.records.get(id);
            record.is_some_and(|record| record.status != Status::Active)
        });
        let closed: Vec<RecordId> = state
            .links
            .iter()
            .filter_map(|(person, row)| {
                let record = state.records.get(&row.link.record_id)?;
                let stays = self.came_after_closing_by_hand(*person, record);
                (stays && record.status != Status::Active).then_some(record.id)
            })
            .collect();
        self.by_hand.extend(closed);
        self.expected = state;
        self.settled = self.truth.clone();
        self.been_in.clear();
        let readable = &self.truth.groups;
        self.been_below
            .retain(|group, _| !readable.contains_key(group));
        self.left.clear();
        self.truths.clear();
        self.possible.clear();
        self.blind = false;
        self.rules_moved = false;
        self.been_rules = self.rules.clone();
        self.emails.clear();
        self.given.clear();
        self.note(self.truth.clone());
    }
}

fn could_link(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Here {
            verdict: Verdict::Wins(_) | Verdict::Open | Verdict::Stays,
            ..
        }
    )
}

fn closed(record: &Record) -> Vec<String> {
    if record.status == Status::Active || record.access {
        return vec![format!(
            "is gone or disabled and is {:?}, access {}",
            record.status, record.access
        )];
    }
    Vec::new()
}

fn without_access(record: &Record) -> Vec<String> {
    if record.access || !record.security_roles.is_empty() {
        return vec![format!(
            "has no rule and has access {}, roles {:?} ({:?}, {:?})",
            record.access, record.security_roles, record.status, record.access_reason
        )];
    }
    Vec::new()
}

/// The address a person is known by.
pub(crate) fn email(human: &Human) -> Option<String> {
    match human.upn.find("#EXT#") {
        None => Some(human.upn.clone()),
        Some(at) => {
            let home = &human.upn[..at];
            match home.rfind('_') {
                Some(cut) => Some(format!("{}@{}", &home[..cut], &home[cut + 1..])),
                None => human.mail.clone(),
            }
        }
    }
}

pub(crate) fn given_value(human: &Human, field: Field) -> Option<Value> {
    let text = match field {
        Field::FirstName => human.given.clone(),
        Field::LastName => human.surname.clone(),
        Field::Email => email(human),
        Field::Phone => human.phone.clone(),
        Field::JobTitle => human.title.clone(),
        _ => None,
    };
    text.map(Value::Text)
}

/// Whether a name is one of the forms of an address.
fn may_be_called(address: &str, name: &str) -> bool {
    let (local, domain) = address.split_once('@').unwrap();
    let label = domain.split('.').next().unwrap();
    let Some(rest) = name.strip_prefix(local) else {
        return false;
    };
    rest.is_empty()
        || rest
            .strip_prefix(&format!("-{label}"))
            .is_some_and(|number| number.chars().all(|c| c.is_ascii_digit()))
}
