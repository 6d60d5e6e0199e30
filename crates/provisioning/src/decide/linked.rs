//! People with a link: updated, closed, opened again. Their email is never
//! looked at for matching again.

use super::{Outcome, Planner, Winner};
use crate::absence::Loss;
use crate::action::ActionKind;
use crate::case::Candidate;
use crate::directory::Presence;
use crate::field::{Field, Value};
use crate::link::{Applied, Link};
use crate::psa::{Record, Status};
use crate::reason::{AccessReason, Cause, ReviewReason, Skip};
use crate::shape::{self, Moment};
use crate::username;

impl Planner<'_> {
    pub(super) fn linked(&mut self, link: &Link, record: &Record) -> Outcome {
        let case = self.context.case;
        if record.status == Status::Archived {
            return self.linked_to_archived(link, record);
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
            return self.revoke(&link.applied, record);
        };
        if winner.is_doubted && !is_held_by(&link.applied, record, winner) {
            return winner.doubted();
        }
        if winner.rule.rule.target.kind() != record.kind {
            return self.change_kind(winner, record, link.archived_id);
        }
        self.update(winner, &link.applied, record)
    }

    /// The connection goes, and takes its people's access along.
    pub(super) fn leave(&mut self, record: &Record) -> Outcome {
        if record.status != Status::Active && !record.access {
            return Outcome::Skipped(Skip::Unchanged);
        }
        let why = AccessReason::ConnectionRemoved;
        self.deactivate(
            record,
            why,
            Cause::ConnectionRemoved,
            Loss::ConnectionRemoved,
        )
    }

    /// Nothing is left to take away; a rule brings the record back.
    fn linked_to_archived(&mut self, link: &Link, record: &Record) -> Outcome {
        let is_here = self.context.case.person.presence == Presence::Live && self.is_enabled;
        let Some(winner) = self.winner.filter(|_| is_here) else {
            return self.done(record);
        };
        if winner.is_doubted {
            return winner.doubted();
        }
        if winner.rule.rule.target.kind() != record.kind {
            return self.change_kind(winner, record, link.archived_id);
        }
        let candidates = self.context.case.candidates.iter();
        let others: Vec<&Candidate> = candidates.filter(|c| c.record.id != record.id).collect();
        if self.is_restore_taken(record, &others) {
            return self.review(winner, ReviewReason::RestoreTaken, vec![record.id]);
        }
        self.restore(winner, record, link.archived_id)
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
        let is_open = record.status == Status::Active || record.access;
        if !is_open && !record.deactivated_by_sync {
            // Closed by hand: stays as it is, for the reason it has.
            return self.done(record);
        }
        let mut next = record.clone();
        shape::deactivate(&mut next, why);
        if is_open {
            let reason = self.reason(cause, Some(loss));
            self.act(ActionKind::Deactivate, record, &next, reason);
        } else {
            // Only the reason is another one.
            let reason = self.reason(cause, None);
            self.act(ActionKind::Update, record, &next, reason);
        }
        self.done(&next)
    }

    fn revoke(&mut self, applied: &Applied, record: &Record) -> Outcome {
        let loss = match self.loss_of_rule(applied) {
            Ok(loss) => loss,
            Err(skip) => return Outcome::Skipped(skip),
        };
        if self.is_protected(record) {
            return Outcome::Skipped(Skip::Protected {
                record_id: record.id,
            });
        }
        let mut current = record.clone();
        let has_rights = record.access || !record.security_roles.is_empty();
        if record.status == Status::Inactive && record.deactivated_by_sync {
            let cause = self.return_cause(record);
            shape::reactivate(&mut current);
            if !has_rights {
                shape::revoke(&mut current);
            }
            let reason = self.reason(cause, None);
            self.act(ActionKind::Reactivate, record, &current, reason);
        }
        if has_rights {
            let mut next = current.clone();
            shape::revoke(&mut next);
            let reason = self.reason(Cause::NoRule, Some(loss));
            self.act(ActionKind::Revoke, &current, &next, reason);
            current = next;
        }
        self.done(&current)
    }

    /// Why no rule applies any more, if that is proven.
    fn loss_of_rule(&self, applied: &Applied) -> Result<Loss, Skip> {
        let changed = Loss::RuleChanged {
            rule_id: applied.rule_id,
        };
        let rule = applied.rule_id.and_then(|id| self.context.policy.rule(id));
        let Some(rule) = rule else {
            return Ok(changed);
        };
        if !rule.rule.group_readable {
            return Err(Skip::Frozen {
                rule_id: rule.rule.id,
            });
        }
        if rule.rule.version != applied.rule_version {
            return Ok(changed);
        }
        // Still in the group, but no longer taken by a filter: read from the
        // person, so no proof of absence is needed.
        let groups = &self.context.case.groups;
        if groups.iter().any(|group| rule.groups.contains_key(group)) {
            return Ok(changed);
        }
        match &self.context.case.absence {
            Some(absence) => Ok(Loss::LeftGroups {
                absence: absence.clone(),
            }),
            None => Err(Skip::NoProof),
        }
    }

    fn return_cause(&self, record: &Record) -> Cause {
        match record.access_reason.as_deref() {
            Some(code) if code == AccessReason::Deleted.code() => Cause::RestoredInDirectory,
            _ => Cause::EnabledAgain,
        }
    }

    fn update(&mut self, winner: Winner<'_>, applied: &Applied, record: &Record) -> Outcome {
        let by_hand = is_closed_by_hand(record);
        let mut current = record.clone();
        let mut next = record.clone();
        if record.status == Status::Inactive && record.deactivated_by_sync {
            shape::reactivate(&mut next);
            if !by_hand {
                self.give_access(&mut next, winner);
            }
            let reason = self.reason(self.return_cause(record), None);
            self.act(ActionKind::Reactivate, &current, &next, reason);
            current.clone_from(&next);
        } else if !record.access && !by_hand && !record.is_root {
            self.give_access(&mut next, winner);
            let reason = self.reason(Cause::RuleOrMembershipChanged, None);
            self.act(ActionKind::Grant, &current, &next, reason);
            current.clone_from(&next);
        }
        if !by_hand {
            self.give_access(&mut next, winner);
        }
        let reapply = self.context.around.reapply;
        let changed = reapply || applied.basis.person_version != self.basis.person_version;
        if changed {
            self.context.write_fields(&mut next, Moment::Later);
            let wanted = username::wanted(&self.context.case.person, self.context.email);
            let before = applied.value(Field::Username);
            if reapply || before != Some(&Some(Value::Text(wanted))) {
                self.context.rename(&mut next, self.claims, Moment::Later);
            }
        } else {
            self.context
                .write_fields(&mut next, Moment::Unchanged(applied));
        }
        self.note_address(&current, &next);
        let cause = match (reapply, changed) {
            (true, _) => Cause::Reapplied,
            (_, true) => Cause::ChangedInDirectory,
            _ => Cause::RuleOrMembershipChanged,
        };
        let reason = self.reason(cause, None);
        self.act(ActionKind::Update, &current, &next, reason);
        self.done(&next)
    }
}

/// Whether the record has its access by just this rule: then it stays in step
/// with the person, also while the membership is doubted.
fn is_held_by(applied: &Applied, record: &Record, winner: Winner<'_>) -> bool {
    let rule = &winner.rule.rule;
    let is_same = applied.rule_id == Some(rule.id) && applied.rule_version == rule.version;
    is_same && record.access
}

/// Whether a person of ours, not the sync, closed the record.
pub(super) fn is_closed_by_hand(record: &Record) -> bool {
    let inactive = record.status == Status::Inactive && !record.deactivated_by_sync;
    let by_hand = record.access_reason.as_deref() == Some(AccessReason::ByHand.code());
    inactive || (!record.access && by_hand)
}
