//! People without a link: created, merged into an existing record, linked as
//! another account of somebody, or put before a reviewer.

use super::{Outcome, Planner, Winner};
use crate::absence::Loss;
use crate::action::{Action, ActionKind, LinkWrite};
use crate::case::Candidate;
use crate::correlation::{self, Match};
use crate::directory::Presence;
use crate::ids::RecordId;
use crate::link::{Applied, LinkRole};
use crate::psa::{Kind, Record, Status};
use crate::reason::{AccessReason, Cause, ReviewReason, Skip};
use crate::shape::{self, Moment};

impl Planner<'_> {
    pub(super) fn unlinked(&mut self) -> Outcome {
        let case = self.context.case;
        let Some(winner) = self.winner else {
            return Outcome::Skipped(Skip::NotMapped);
        };
        if case.person.presence != Presence::Live {
            return Outcome::Skipped(Skip::DeletedAndUnknown);
        }
        if winner.is_doubted {
            return winner.doubted();
        }
        let candidates: Vec<&Candidate> = case.candidates.iter().collect();
        let found = match self.correlate(winner, &candidates) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        match found {
            // A disabled account makes nobody new, of neither kind.
            Match::Create | Match::ReplaceOtherKind(_) if !self.is_enabled => {
                Outcome::Skipped(Skip::DisabledAndUnknown)
            }
            Match::Create => self.create(winner, Cause::NewInGroup, None),
            Match::Adopt(record) if record.status == Status::Archived => {
                self.restore_chosen(winner, &record)
            }
            Match::Adopt(record) => self.adopt(winner, &record, None),
            Match::ReplaceOtherKind(record) => self.change_kind(winner, &record, None),
            Match::Secondary(record_id) => self.secondary(record_id),
            Match::Review(reason, candidates) => self.review(winner, reason, candidates),
            Match::Skip(skip) => Outcome::Skipped(skip),
        }
    }

    /// Correlates, and puts a reviewer's answer to the same question in the
    /// question's place.
    pub(super) fn correlate(
        &mut self,
        winner: Winner<'_>,
        candidates: &[&Candidate],
    ) -> Result<Match, Outcome> {
        let context = &self.context;
        let target = winner.rule.rule.target;
        let found = correlation::correlate(
            context.case,
            candidates,
            context.policy,
            target,
            context.email,
            context.around,
            self.claims,
        );
        let Match::Review(reason, ids) = &found else {
            return Ok(found);
        };
        let fingerprint = self.fingerprint(*reason, target.kind(), ids);
        match &self.context.case.review {
            Some(review) if review.fingerprint == fingerprint => match review.answer {
                None => Err(Outcome::Skipped(Skip::InReview)),
                Some(answer) => Ok(correlation::answered(
                    self.context.case,
                    answer,
                    target.kind(),
                )),
            },
            _ => Ok(found),
        }
    }

    pub(super) fn create(
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
        self.give_access_in_place(&mut next, winner);
        let reason = self.reason(cause, None);
        self.act(ActionKind::Create, &blank, &next, reason);
        self.finish(&next, archived_id)
    }

    /// Merges into a record. Of a disabled account the record is closed too,
    /// which is an action of its own, since it takes something away.
    pub(super) fn adopt(
        &mut self,
        winner: Winner<'_>,
        record: &Record,
        archived_id: Option<RecordId>,
    ) -> Outcome {
        let mut next = record.clone();
        self.context.write_fields(&mut next, Moment::First);
        if next.username.is_some() {
            self.context.rename(&mut next, self.claims, Moment::First);
        } else if let Some(name) = self.context.new_username(self.claims) {
            next.username = Some(name);
        } else {
            return self.review(winner, ReviewReason::NoUsername, Vec::new());
        }
        self.claims.claim_record(record.id);
        if let Some(email) = self.context.email {
            self.claims.claim_email(email.key());
        }
        self.note_address(record, &next);
        if self.is_enabled && self.stays_closed.is_some() {
            // The record gets its rights, and no more access than it has.
            let access = (next.access, next.access_reason.clone());
            self.give_access(&mut next, winner);
            (next.access, next.access_reason) = access;
        } else if self.is_enabled {
            shape::reactivate(&mut next);
            self.give_access(&mut next, winner);
        }
        let review = self.context.case.review.as_ref();
        let cause = match review.and_then(|review| review.answer) {
            Some(_) => Cause::ChosenByReviewer,
            None => Cause::SameEmail,
        };
        let reason = self.reason(cause, None);
        self.act(ActionKind::Adopt, record, &next, reason);
        let is_open = next.status == Status::Active || next.access;
        if !self.is_enabled && is_open && !self.is_protected(record) {
            let mut closed = next.clone();
            shape::deactivate(&mut closed, AccessReason::Disabled);
            let reason = self.reason(Cause::Disabled, Some(Loss::Disabled));
            self.act(ActionKind::Deactivate, &next, &closed, reason);
            next = closed;
        }
        self.finish(&next, archived_id)
    }

    /// A reviewer chose an archived record of the wanted kind.
    fn restore_chosen(&mut self, winner: Winner<'_>, archived: &Record) -> Outcome {
        if !self.is_enabled {
            return Outcome::Skipped(Skip::DisabledAndUnknown);
        }
        let case = self.context.case;
        let others: Vec<&Candidate> = case.candidates.iter().collect();
        if self.is_restore_taken(archived, &others) {
            return self.review(winner, ReviewReason::RestoreTaken, vec![archived.id]);
        }
        self.restore(winner, archived, None)
    }

    fn secondary(&mut self, record_id: RecordId) -> Outcome {
        let candidates = &self.context.case.candidates;
        let candidate = candidates.iter().find(|c| c.record.id == record_id);
        let record_kind = candidate.map_or(Kind::Contact, |candidate| candidate.record.kind);
        let reason = self.reason(Cause::SecondaryIdentity, None);
        self.actions.push(Action {
            kind: ActionKind::Link,
            record_kind,
            record_id: Some(record_id),
            precondition: 0,
            changes: Vec::new(),
            reason,
        });
        let mut decision = self.decision();
        decision.link = Some(LinkWrite {
            role: LinkRole::Secondary,
            record_id,
            archived_id: None,
            applied: Applied {
                basis: self.basis.clone(),
                ..Applied::default()
            },
            suppressed: None,
        });
        Outcome::Decided(Box::new(decision))
    }
}
