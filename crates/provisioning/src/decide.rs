//! What happens to one directory person, and why: the planner.
//!
//! Pure. A decision depends on the case, the policy and what earlier decisions
//! of the same plan claimed; nothing else.

mod kind_change;

use crate::absence::Loss;
use crate::action::{Action, ActionKind, Decision, LinkWrite, ReviewWrite};
use crate::address::{Address, fold};
use crate::case::{Candidate, Case, Surroundings};
use crate::claims::Claims;
use crate::correlation::{self, Match};
use crate::directory::Presence;
use crate::field_mapping;
use crate::ids::{GroupId, RecordId};
use crate::link::{Applied, Basis, LinkRole};
use crate::policy::{CompiledRule, OnDisabled, Policy, hash};
use crate::psa::{Kind, Record, Status};
use crate::reason::{AccessReason, Cause, Reason, ReviewReason, Skip};
use crate::shape::{self, Context, Moment, difference};
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
}

/// The rules that apply to a person, best first.
pub fn applicable<'a>(case: &Case, policy: &'a Policy) -> impl Iterator<Item = Winner<'a>> {
    policy.rules.iter().filter_map(|rule| {
        let path = case
            .groups
            .iter()
            .find_map(|group| rule.groups.get(group))?;
        rule.scope
            .takes(&case.person)
            .then_some(Winner { rule, path })
    })
}

/// Every folded username the decision about a case may have to know about.
pub fn names_needed(case: &Case, policy: &Policy) -> Vec<String> {
    let email = field_mapping::email(&case.person, policy.connection.email_source);
    let wanted = username::wanted(&case.person, email.as_ref());
    let mut names: Vec<String> = username::forms(&wanted, email.as_ref())
        .take(if case.link.is_some() { 1 } else { 4 })
        .map(|form| fold(&form))
        .collect();
    let of_candidates = case.candidates.iter().map(|candidate| &candidate.record);
    for record in case
        .record
        .iter()
        .chain(&case.archived)
        .chain(of_candidates)
    {
        names.extend(record.original_username.as_deref().map(fold));
        if let Some(name) = record.username.as_deref().map(fold) {
            names.push(format!("{name}_archived"));
            names.extend((2..5).map(|n| format!("{name}_archived{n}")));
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
    let winner = applicable(case, policy).next();
    if let Some(winner) = winner
        && !winner.rule.rule.group_readable
    {
        let rule_id = winner.rule.rule.id;
        return Outcome::Skipped(Skip::Frozen { rule_id });
    }
    let email = field_mapping::email(&case.person, policy.connection.email_source);
    let context = Context {
        case,
        policy,
        around,
        email: email.as_ref(),
    };
    let is_enabled = case.person.enabled || policy.connection.on_disabled == OnDisabled::Ignore;
    let basis = Basis {
        person_version: case.person_version,
        stance: hash(&(
            winner.map(|winner| &winner.rule.hash),
            case.person.presence,
            is_enabled,
            &policy.settings_hash,
        )),
    };
    let mut planner = Planner {
        context,
        winner,
        is_enabled,
        basis,
        claims,
        new_id,
        actions: Vec::new(),
    };
    match (&case.link, &case.record) {
        (Some(link), _) if link.role == LinkRole::Secondary => Outcome::Skipped(Skip::Secondary),
        (Some(link), Some(record)) => planner.linked(&link.applied, record),
        _ => planner.unlinked(),
    }
}

struct Planner<'a> {
    context: Context<'a>,
    winner: Option<Winner<'a>>,
    is_enabled: bool,
    basis: Basis,
    claims: &'a mut Claims,
    new_id: &'a mut dyn FnMut() -> RecordId,
    actions: Vec<Action>,
}

impl Planner<'_> {
    fn unlinked(&mut self) -> Outcome {
        let case = self.context.case;
        let Some(winner) = self.winner else {
            return Outcome::Skipped(Skip::NotMapped);
        };
        if case.person.presence != Presence::Live {
            return Outcome::Skipped(Skip::DeletedAndUnknown);
        }
        let candidates: Vec<&Candidate> = case.candidates.iter().collect();
        let found = match self.correlate(winner, &candidates) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        match found {
            Match::Create if !self.is_enabled => Outcome::Skipped(Skip::DisabledAndUnknown),
            Match::Create => self.create(winner, Cause::NewInGroup, None),
            Match::Adopt(record) => self.adopt(winner, &record, None),
            Match::ReplaceOtherKind(record) => self.change_kind(winner, &record, None),
            Match::Secondary(record_id) => self.secondary(record_id),
            Match::Review(reason, candidates) => self.review(winner, reason, candidates),
            Match::Skip(skip) => Outcome::Skipped(skip),
        }
    }

    /// Correlates, and puts a reviewer's answer to the same question in the
    /// question's place.
    fn correlate(
        &mut self,
        winner: Winner<'_>,
        candidates: &[&Candidate],
    ) -> Result<Match, Outcome> {
        let Context {
            case,
            policy,
            email,
            ..
        } = self.context;
        let claimed = email.is_some_and(|email| self.claims.has_email(email.key()));
        let target = winner.rule.rule.target;
        let found = correlation::correlate(case, candidates, policy, target, email, claimed);
        let Match::Review(reason, ids) = &found else {
            return Ok(found);
        };
        let fingerprint = review_fingerprint(*reason, target.kind(), ids);
        match &case.review {
            Some(review) if review.fingerprint == fingerprint => match review.answer {
                None => Err(Outcome::Skipped(Skip::InReview)),
                Some(answer) => Ok(correlation::answered(
                    &case.candidates,
                    answer,
                    target.kind(),
                )),
            },
            _ => Ok(found),
        }
    }

    fn linked(&mut self, applied: &Applied, record: &Record) -> Outcome {
        let case = self.context.case;
        let reapply = self.context.around.reapply;
        let link = case.link.as_ref();
        if !reapply {
            if applied.basis == self.basis {
                return Outcome::Skipped(Skip::Unchanged);
            }
            if link.and_then(|link| link.suppressed.as_ref()) == Some(&self.basis) {
                return Outcome::Skipped(Skip::Suppressed);
            }
        }
        if case.person.presence != Presence::Live {
            let Some(absence) = case.absence.clone() else {
                return Outcome::Skipped(Skip::NoProof);
            };
            let loss = Loss::Deleted { absence };
            return self.deactivate(record, AccessReason::Deleted, Cause::Deleted, loss);
        }
        if !self.is_enabled {
            return self.deactivate(
                record,
                AccessReason::Disabled,
                Cause::Disabled,
                Loss::Disabled,
            );
        }
        let Some(winner) = self.winner else {
            return self.revoke(applied, record);
        };
        if winner.rule.rule.target.kind() != record.kind {
            return self.change_kind(winner, record, link.and_then(|link| link.archived_id));
        }
        self.update(winner, applied, record)
    }

    fn deactivate(
        &mut self,
        record: &Record,
        why: AccessReason,
        cause: Cause,
        loss: Loss,
    ) -> Outcome {
        if self.is_protected(record) {
            return Outcome::Skipped(Skip::Protected {
                record_id: record.id,
            });
        }
        let mut next = record.clone();
        shape::deactivate(&mut next, why);
        let reason = self.reason(cause, Some(loss));
        if self.act(ActionKind::Deactivate, record, &next, reason) {
            self.count_loss(record);
        }
        self.done(&next)
    }

    fn revoke(&mut self, applied: &Applied, record: &Record) -> Outcome {
        let rule = applied.rule_id.and_then(|id| self.context.policy.rule(id));
        let same_rule = rule.is_some_and(|rule| rule.rule.version == applied.rule_version);
        let loss = if same_rule {
            // Still in the group, but no longer taken by a filter: read from
            // the person, so no proof of absence is needed.
            let groups = &self.context.case.groups;
            let still_in =
                rule.is_some_and(|rule| groups.iter().any(|g| rule.groups.contains_key(g)));
            match (&self.context.case.absence, still_in) {
                (Some(absence), false) => Loss::LeftGroups {
                    absence: absence.clone(),
                },
                (None, false) => return Outcome::Skipped(Skip::NoProof),
                (_, true) => Loss::RuleChanged {
                    rule_id: applied.rule_id,
                },
            }
        } else {
            Loss::RuleChanged {
                rule_id: applied.rule_id,
            }
        };
        if self.is_protected(record) {
            return Outcome::Skipped(Skip::Protected {
                record_id: record.id,
            });
        }
        let mut next = record.clone();
        shape::revoke(&mut next);
        let reason = self.reason(Cause::NoRule, Some(loss));
        if record.access || !record.security_roles.is_empty() {
            self.act(ActionKind::Revoke, record, &next, reason);
            self.count_loss(record);
        } else {
            next = record.clone();
        }
        self.done(&next)
    }

    fn update(&mut self, winner: Winner<'_>, applied: &Applied, record: &Record) -> Outcome {
        let by_hand = record.status == Status::Inactive && !record.deactivated_by_sync;
        let changed = self.context.around.reapply
            || applied.basis.person_version != self.basis.person_version;
        let mut current = record.clone();
        if record.status == Status::Inactive && !by_hand {
            let mut next = current.clone();
            shape::reactivate(&mut next);
            self.give_access(&mut next, winner);
            let cause = match record.access_reason.as_deref() {
                Some("deleted") => Cause::RestoredInDirectory,
                _ => Cause::EnabledAgain,
            };
            let reason = self.reason(cause, None);
            self.act(ActionKind::Reactivate, &current, &next, reason);
            current = next;
        } else if !record.access && !by_hand && !record.is_root {
            let mut next = current.clone();
            self.give_access(&mut next, winner);
            let reason = self.reason(Cause::RuleOrMembershipChanged, None);
            self.act(ActionKind::Grant, &current, &next, reason);
            current = next;
        }
        let mut next = current.clone();
        if !by_hand {
            self.give_access(&mut next, winner);
        }
        if changed {
            self.context.write_fields(&mut next, Moment::Later);
            let wanted = username::wanted(&self.context.case.person, self.context.email);
            let before = applied.value(crate::field::Field::Username);
            if before != Some(&Some(crate::field::Value::Text(wanted))) {
                self.context.rename(&mut next, self.claims);
            }
        }
        let cause = match (self.context.around.reapply, changed) {
            (true, _) => Cause::Reapplied,
            (_, true) => Cause::ChangedInDirectory,
            _ => Cause::RuleOrMembershipChanged,
        };
        let reason = self.reason(cause, None);
        self.act(ActionKind::Update, &current, &next, reason);
        self.done(&next)
    }

    fn create(
        &mut self,
        winner: Winner<'_>,
        cause: Cause,
        archived_id: Option<RecordId>,
    ) -> Outcome {
        let kind = winner.rule.rule.target.kind();
        let Some(name) = self.context.new_username(self.claims) else {
            return self.review(winner, ReviewReason::NoUsername, Vec::new());
        };
        if let Some(email) = self.context.email {
            self.claims.claim_email(email.key());
        }
        let blank = Record::blank((self.new_id)(), kind);
        let mut next = blank.clone();
        next.username = Some(name);
        self.context.write_fields(&mut next, Moment::First);
        self.give_access(&mut next, winner);
        let reason = self.reason(cause, None);
        self.act(ActionKind::Create, &blank, &next, reason);
        self.finish(&next, archived_id)
    }

    fn adopt(
        &mut self,
        winner: Winner<'_>,
        record: &Record,
        archived_id: Option<RecordId>,
    ) -> Outcome {
        if let Some(email) = self.context.email {
            self.claims.claim_email(email.key());
        }
        let mut next = record.clone();
        self.context.write_fields(&mut next, Moment::First);
        if next.username.is_none() {
            next.username = self.context.new_username(self.claims);
        } else {
            self.context.rename(&mut next, self.claims);
        }
        let may_lose = !self.is_protected(record);
        if self.is_enabled || !may_lose {
            shape::reactivate(&mut next);
            self.give_access(&mut next, winner);
        } else {
            shape::deactivate(&mut next, AccessReason::Disabled);
        }
        let chosen = self
            .context
            .case
            .review
            .as_ref()
            .is_some_and(|r| r.answer.is_some());
        let cause = if chosen {
            Cause::ChosenByReviewer
        } else {
            Cause::SameEmail
        };
        let loss = (!next.access).then_some(Loss::Disabled);
        let reason = self.reason(cause, loss);
        self.act(ActionKind::Adopt, record, &next, reason);
        self.finish(&next, archived_id)
    }

    fn secondary(&mut self, record_id: RecordId) -> Outcome {
        let record_kind = self
            .context
            .case
            .candidates
            .iter()
            .find(|candidate| candidate.record.id == record_id)
            .map_or(Kind::Contact, |candidate| candidate.record.kind);
        let reason = self.reason(Cause::SecondaryIdentity, None);
        let action = Action {
            kind: ActionKind::Link,
            record_kind,
            record_id: Some(record_id),
            precondition: 0,
            changes: Vec::new(),
            reason,
        };
        self.actions.push(action);
        let mut decision = self.decision();
        decision.link = Some(LinkWrite {
            role: LinkRole::Secondary,
            record_id,
            archived_id: None,
            applied: Applied {
                basis: self.basis.clone(),
                ..Applied::default()
            },
        });
        Outcome::Decided(Box::new(decision))
    }

    fn review(
        &mut self,
        winner: Winner<'_>,
        reason: ReviewReason,
        candidates: Vec<RecordId>,
    ) -> Outcome {
        let kind = winner.rule.rule.target.kind();
        let fingerprint = review_fingerprint(reason, kind, &candidates);
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

    fn give_access(&self, next: &mut Record, winner: Winner<'_>) {
        let keep_admin = self.is_last_administrator(next);
        self.context.give_access(next, winner.rule, keep_admin);
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

    fn count_loss(&mut self, record: &Record) {
        self.claims.administrators_lost += u64::from(is_acting_administrator(record));
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

    /// Records an action if anything differs.
    fn act(&mut self, kind: ActionKind, old: &Record, new: &Record, reason: Reason) -> bool {
        let mut changes = difference(old, new);
        if kind == ActionKind::Create {
            changes.iter_mut().for_each(|change| change.old = None);
        }
        if changes.is_empty() && kind != ActionKind::Adopt {
            return false;
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

fn review_fingerprint(reason: ReviewReason, kind: Kind, candidates: &[RecordId]) -> String {
    let mut sorted = candidates.to_vec();
    sorted.sort_unstable();
    hash(&(reason, kind, sorted))
}
