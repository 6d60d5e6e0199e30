//! What happens to one directory person, and why: the planner.
//!
//! Pure. A decision depends on the case, the policy and what earlier decisions
//! of the same plan claimed; nothing else. People who are linked are decided
//! about in `linked`, others in `unlinked`, a change of kind in `kind_change`.

mod kind_change;
mod linked;
mod unlinked;

use crate::absence::Loss;
use crate::action::{Action, ActionKind, Decision, LinkWrite, ReviewWrite};
use crate::address::{Address, fold};
use crate::case::{Answer, Case, Surroundings};
use crate::claims::Claims;
use crate::directory::Presence;
use crate::field_mapping;
use crate::ids::{GroupId, RecordId};
use crate::link::{Applied, Basis, LinkRole};
use crate::policy::{CompiledRule, Leaving, OnDisabled, Policy, hash};
use crate::psa::{Kind, Record, Status};
use crate::reason::{AccessReason, Cause, Reason, ReviewReason, Skip};
use crate::shape::{Context, difference};
use crate::username;

/// What the planner says about a person.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Nothing, and why.
    Skipped(Skip),
    /// This. Without actions it only notes on the link that nothing needed
    /// doing.
    Decided(Box<Decision>),
}

/// The rule that wins for a person, and the path to the group that holds them.
#[derive(Debug, Clone, Copy)]
pub struct Winner<'a> {
    /// The rule.
    pub rule: &'a CompiledRule,
    /// From the rule's group down.
    pub path: &'a [GroupId],
    /// Whether every way from the person to the rule's group is doubted.
    pub is_doubted: bool,
}

/// The rules that apply to a person, best first. Of several paths to the person
/// one that is not doubted counts, then the shortest, then the least, whatever
/// order the groups come in.
pub fn applicable<'a>(case: &Case, policy: &'a Policy) -> impl Iterator<Item = Winner<'a>> {
    policy.rules_of(&case.groups).filter_map(|rule| {
        let ways = case.groups.iter().filter_map(|group| {
            let way = rule.groups.get(group)?;
            let is_doubted = way.is_doubted || case.doubted.contains(group);
            Some((is_doubted, way.path.len(), way.path.as_slice()))
        });
        let (is_doubted, _, path) = ways.min()?;
        rule.scope.takes(&case.person).then_some(Winner {
            rule,
            path,
            is_doubted,
        })
    })
}

impl Winner<'_> {
    fn doubted(&self) -> Outcome {
        let rule_id = self.rule.rule.id;
        Outcome::Skipped(Skip::Doubted { rule_id })
    }
}

/// Every folded username the decision about a case may have to know about.
pub fn names_needed(case: &Case, policy: &Policy) -> Vec<String> {
    let Some(winner) = applicable(case, policy).next() else {
        return Vec::new();
    };
    let email = field_mapping::email(&case.person, policy.connection.email_source);
    let wanted = username::wanted(&case.person, email.as_ref());
    let kind = winner.rule.rule.target.kind();
    let linked = case.link.as_ref().and(case.record.as_ref());
    if linked.is_some_and(|record| record.kind == kind && record.status != Status::Archived) {
        return vec![fold(&wanted)];
    }
    let id = case.person.object_id.0;
    let forms = username::forms(&wanted, email.as_ref(), id);
    let mut names: Vec<String> = forms.map(|form| fold(&form)).collect();
    if username::is_reserved(&wanted) {
        // A record that is merged into may bear it.
        names.push(fold(&wanted));
    }
    let of_candidates = case.candidates.iter().map(|candidate| &candidate.record);
    for record in case
        .record
        .iter()
        .chain(&case.archived)
        .chain(of_candidates)
    {
        names.extend(record.original_username.as_deref().map(fold));
        if let Some(name) = record.username.as_deref().filter(|_| record.kind != kind) {
            let suffixes = username::archived_suffixes(record.id.0);
            names.extend(suffixes.map(|suffix| fold(&format!("{name}{suffix}"))));
        }
    }
    names
}

/// Decides about one person. `new_id` gives ids for records that are made.
pub fn decide(
    case: &Case,
    policy: &Policy,
    around: &Surroundings,
    claims: &mut Claims,
    new_id: &mut dyn FnMut() -> RecordId,
) -> Outcome {
    let link = case.link.as_ref();
    if link.is_some_and(|link| link.role == LinkRole::Secondary) {
        return Outcome::Skipped(Skip::Secondary);
    }
    if policy.leaving == Some(Leaving::Keep) {
        return Outcome::Skipped(Skip::Unchanged);
    }
    let winner = applicable(case, policy).next();
    if policy.leaving.is_none()
        && let Some(winner) = winner
        && !winner.rule.rule.group_readable
    {
        let rule_id = winner.rule.rule.id;
        return Outcome::Skipped(Skip::Frozen { rule_id });
    }
    let is_enabled = case.person.enabled || policy.connection.on_disabled == OnDisabled::Ignore;
    let stance = stance(winner, case.person.presence, is_enabled, policy);
    let basis = Basis {
        person_version: case.person_version,
        stance,
    };
    if let Some(link) = link
        && case.record.is_some()
        && !around.reapply
    {
        if link.applied.basis == basis {
            return Outcome::Skipped(Skip::Unchanged);
        }
        if link.suppressed.as_ref() == Some(&basis) {
            return Outcome::Skipped(Skip::Suppressed);
        }
    }
    let email = field_mapping::email(&case.person, policy.connection.email_source);
    let mut planner = Planner {
        context: Context {
            case,
            policy,
            around,
            email: email.as_ref(),
            freed: None,
        },
        winner,
        is_enabled,
        basis,
        claims,
        new_id,
        actions: Vec::new(),
        stays_closed: None,
    };
    match (link, &case.record) {
        (Some(_), Some(record)) if policy.leaving.is_some() => planner.leave(record),
        _ if policy.leaving.is_some() => Outcome::Skipped(Skip::NotMapped),
        (Some(link), Some(record)) => planner.linked(link, record),
        _ => planner.unlinked(),
    }
}

/// A short hash of everything but the person that decides about them.
fn stance(
    winner: Option<Winner<'_>>,
    presence: Presence,
    is_enabled: bool,
    policy: &Policy,
) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(policy.settings_hash.as_bytes());
    hasher.update(&[presence as u8, u8::from(is_enabled)]);
    if let Some(winner) = winner {
        hasher.update(winner.rule.hash.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

struct Planner<'a> {
    context: Context<'a>,
    winner: Option<Winner<'a>>,
    is_enabled: bool,
    basis: Basis,
    claims: &'a mut Claims,
    new_id: &'a mut dyn FnMut() -> RecordId,
    actions: Vec<Action>,
    /// The status of the record of the other kind, if it was closed by hand:
    /// whoever was closed by hand stays so, also as the other kind.
    stays_closed: Option<Status>,
}

impl Planner<'_> {
    fn review(
        &mut self,
        winner: Winner<'_>,
        reason: ReviewReason,
        candidates: Vec<RecordId>,
    ) -> Outcome {
        let kind = winner.rule.rule.target.kind();
        let fingerprint = self.fingerprint(reason, kind, &candidates);
        if let Some(review) = &self.context.case.review
            && review.fingerprint == fingerprint
        {
            let skip = review.answer.map_or(Skip::InReview, |_| Skip::Ignored);
            return Outcome::Skipped(skip);
        }
        self.actions.clear();
        let cause = self.reason(Cause::NeedsReview(reason), None);
        self.actions.push(Action {
            kind: ActionKind::Review,
            record_kind: kind,
            record_id: None,
            precondition: 0,
            changes: Vec::new(),
            reason: cause,
        });
        let mut decision = self.decision();
        decision.review = Some(ReviewWrite {
            reason,
            kind,
            candidates,
            fingerprint,
        });
        Outcome::Decided(Box::new(decision))
    }

    /// Whether a reviewer has said yes to this very question.
    fn is_approved(&self, winner: Winner<'_>, reason: ReviewReason, ids: &[RecordId]) -> bool {
        let fingerprint = self.fingerprint(reason, winner.rule.rule.target.kind(), ids);
        let review = self.context.case.review.as_ref();
        review.is_some_and(|review| {
            let yes = matches!(review.answer, Some(Answer::Create | Answer::Link(_)));
            yes && review.fingerprint == fingerprint
        })
    }

    /// Equal fingerprints are the same question. Who else has an address may
    /// only be known once a plan is applied, so there the address counts.
    fn fingerprint(&self, reason: ReviewReason, kind: Kind, candidates: &[RecordId]) -> String {
        if reason == ReviewReason::LinkedElsewhere {
            return hash(&(reason, kind, self.context.email.map(Address::key)));
        }
        let mut sorted = candidates.to_vec();
        sorted.sort_unstable();
        hash(&(reason, kind, sorted))
    }

    fn give_access(&self, next: &mut Record, winner: Winner<'_>) {
        let keep_admin = self.is_last_administrator(next);
        self.context.give_access(next, winner.rule, keep_admin);
    }

    /// Gives access to a record that comes in the place of another, unless that
    /// one was closed by hand.
    fn give_access_in_place(&mut self, next: &mut Record, winner: Winner<'_>) {
        self.give_access(next, winner);
        if let Some(status) = self.stays_closed {
            next.access = false;
            next.access_reason = Some(AccessReason::ByHand.code().to_owned());
            next.status = status;
            next.deactivated_by_sync = false;
        }
    }

    /// Root, pinned, or the last active administrator.
    fn is_protected(&self, record: &Record) -> bool {
        record.is_root || record.pinned || self.is_last_administrator(record)
    }

    fn is_last_administrator(&self, record: &Record) -> bool {
        let left = self.context.around.administrators;
        let left = left.saturating_sub(self.claims.administrators_lost);
        is_acting_administrator(record) && left <= 1
    }

    /// What the rest of the plan must know about a record's new address.
    fn note_address(&mut self, old: &Record, new: &Record) {
        let key = |record: &Record| {
            let email = record.email.as_deref().and_then(Address::parse);
            email.map(|email| email.key().to_owned())
        };
        if !old.differs(new, crate::field::Field::Email) || key(old) == key(new) {
            return;
        }
        self.claims.note_readdressed(old.id);
        if let Some(key) = key(new) {
            self.claims.claim_email(&key);
        }
    }

    fn reason(&self, cause: Cause, loss: Option<Loss>) -> Reason {
        Reason {
            cause,
            rule_id: self.winner.map(|winner| winner.rule.rule.id),
            group_path: self
                .winner
                .map(|winner| winner.path.to_vec())
                .unwrap_or_default(),
            loss,
        }
    }

    /// Records an action if anything differs, and counts an administrator who
    /// is none afterwards.
    fn act(&mut self, kind: ActionKind, old: &Record, new: &Record, reason: Reason) -> bool {
        let mut changes = difference(old, new);
        if kind == ActionKind::Create {
            changes.iter_mut().for_each(|change| change.old = None);
        }
        if changes.is_empty() && kind != ActionKind::Adopt {
            return false;
        }
        if is_acting_administrator(old) && !is_acting_administrator(new) {
            self.claims.administrators_lost += 1;
        }
        self.actions.push(Action {
            kind,
            record_kind: old.kind,
            record_id: Some(old.id),
            precondition: old.version,
            changes,
            reason,
        });
        true
    }

    fn done(&mut self, next: &Record) -> Outcome {
        let archived_id = self
            .context
            .case
            .link
            .as_ref()
            .and_then(|link| link.archived_id);
        self.finish(next, archived_id)
    }

    fn finish(&mut self, next: &Record, archived_id: Option<RecordId>) -> Outcome {
        let rule = self.winner.map(|winner| &winner.rule.rule);
        let previous = self.context.case.link.as_ref().map(|link| &link.applied);
        let link = LinkWrite {
            role: LinkRole::Primary,
            record_id: next.id,
            archived_id,
            applied: Applied {
                basis: self.basis.clone(),
                rule_id: rule
                    .map(|rule| rule.id)
                    .or_else(|| previous.and_then(|applied| applied.rule_id)),
                rule_version: rule
                    .map(|rule| rule.version)
                    .or_else(|| previous.map(|applied| applied.rule_version))
                    .unwrap_or_default(),
                values: self.context.source_values(next.kind),
            },
            suppressed: None,
        };
        let mut decision = self.decision();
        decision.username.clone_from(&next.username);
        decision.link = Some(link);
        Outcome::Decided(Box::new(decision))
    }

    fn decision(&mut self) -> Decision {
        let person = &self.context.case.person;
        Decision {
            tenant_id: person.tenant_id,
            object_id: person.object_id,
            name: person.name().to_owned(),
            email: self.context.email.map(|email| email.written().to_owned()),
            username: None,
            actions: std::mem::take(&mut self.actions),
            link: None,
            review: None,
        }
    }
}

fn is_acting_administrator(record: &Record) -> bool {
    record.is_administrator() && record.access && record.status == Status::Active
}
