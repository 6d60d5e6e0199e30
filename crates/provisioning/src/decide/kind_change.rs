//! An employee becomes a contact, or the other way round: one person never
//! holds two logins.

use super::linked::is_closed_by_hand;
use super::{Outcome, Planner, Winner};
use crate::absence::Loss;
use crate::action::ActionKind;
use crate::address::{Address, fold};
use crate::case::Candidate;
use crate::correlation::Match;
use crate::field_mapping;
use crate::ids::RecordId;
use crate::psa::{Record, Status};
use crate::reason::{Cause, ReviewReason};
use crate::shape::{self, Moment};

impl Planner<'_> {
    /// The record is archived, then the record of the wanted kind is restored,
    /// adopted or made. `earlier` is the record the person had of that kind.
    pub(super) fn change_kind(
        &mut self,
        winner: Winner<'_>,
        record: &Record,
        earlier: Option<RecordId>,
    ) -> Outcome {
        let kind = winner.rule.rule.target.kind();
        let connection = &self.context.policy.connection;
        let refused = ReviewReason::TypeChangeRefused;
        let ids = [record.id];
        // A reviewer may stand in for authority, never for protection.
        let may = connection.may_provision(record.kind) || self.is_approved(winner, refused, &ids);
        if !may || self.is_protected(record) {
            return self.review(winner, refused, ids.to_vec());
        }
        self.stays_closed = is_closed_by_hand(record).then_some(record.status);
        let case = self.context.case;
        let earlier = case.archived.as_ref().filter(|archived| {
            Some(archived.id) == earlier
                && archived.kind == kind
                && archived.status == Status::Archived
        });
        let others: Vec<&Candidate> = case
            .candidates
            .iter()
            .filter(|candidate| candidate.record.id != record.id)
            .collect();
        // The record gives its name up to whatever comes in its place.
        if record.status != Status::Archived {
            self.context.freed = record.username.as_deref().map(fold);
        }
        if let Some(archived) = earlier {
            let ids = [archived.id];
            let no_authority = ReviewReason::NoAuthority;
            if !connection.may_provision(kind) && !self.is_approved(winner, no_authority, &ids) {
                return self.review(winner, no_authority, ids.to_vec());
            }
            if !self.is_restore_taken(archived, &others) {
                self.archive(winner, record);
                return self.restore(winner, archived, Some(record.id));
            }
            if !self.is_approved(winner, ReviewReason::RestoreTaken, &ids) {
                return self.review(winner, ReviewReason::RestoreTaken, ids.to_vec());
            }
        }
        match self.correlate(winner, &others) {
            Err(outcome) => outcome,
            Ok(Match::Create) => {
                self.archive(winner, record);
                self.create(winner, Cause::KindChanged, Some(record.id))
            }
            Ok(Match::Adopt(found)) if found.status != Status::Archived => {
                self.archive(winner, record);
                self.adopt(winner, &found, Some(record.id))
            }
            Ok(Match::Review(reason, ids)) => self.review(winner, reason, ids),
            Ok(Match::Skip(skip)) => Outcome::Skipped(skip),
            Ok(Match::Adopt(_) | Match::ReplaceOtherKind(_) | Match::Secondary(_)) => {
                self.review(winner, ReviewReason::SeveralMatches, vec![record.id])
            }
        }
    }

    fn archive(&mut self, winner: Winner<'_>, record: &Record) {
        if record.status == Status::Archived {
            return;
        }
        let mut next = record.clone();
        self.context.archive(&mut next, self.claims);
        let rule_id = winner.rule.rule.id;
        let reason = self.reason(Cause::KindChanged, Some(Loss::OtherKind { rule_id }));
        self.act(ActionKind::Archive, record, &next, reason);
        self.claims.note_readdressed(record.id);
    }

    pub(super) fn restore(
        &mut self,
        winner: Winner<'_>,
        archived: &Record,
        other: Option<RecordId>,
    ) -> Outcome {
        let mut next = archived.clone();
        shape::unarchive(&mut next);
        let original = next
            .email
            .clone()
            .filter(|_| self.is_original_email_kept(archived));
        self.context.write_fields(&mut next, Moment::Later);
        next.email = original.or(next.email);
        self.give_access_in_place(&mut next, winner);
        if let Some(name) = &next.username {
            self.claims.claim_username(&fold(name));
        }
        self.claims.claim_record(next.id);
        self.note_address(archived, &next);
        let reason = self.reason(Cause::KindReturned, None);
        self.act(ActionKind::Restore, archived, &next, reason);
        self.finish(&next, other)
    }

    /// The original email comes back unless the directory has none like it any
    /// more: then the person's address changed meanwhile, and is followed.
    fn is_original_email_kept(&self, archived: &Record) -> bool {
        let original = archived.original_email.as_deref().and_then(Address::parse);
        let Some(original) = original else {
            return archived.original_email.is_some();
        };
        let case = self.context.case;
        let now = field_mapping::matching_addresses(&case.person, self.context.policy);
        now.is_empty() || now.iter().any(|address| address.key() == original.key())
    }

    /// Whether the username or email an archived record comes back with is used
    /// by somebody else.
    pub(super) fn is_restore_taken(&self, archived: &Record, others: &[&Candidate]) -> bool {
        let name = archived.original_username.as_deref().map(fold);
        if name.is_some_and(|name| self.context.is_name_taken(self.claims, &name)) {
            return true;
        }
        let original = archived.original_email.as_deref().and_then(Address::parse);
        let original = original.filter(|_| self.is_original_email_kept(archived));
        let Some(key) = original.as_ref().or(self.context.email).map(Address::key) else {
            return false;
        };
        let same = |email: &str| Address::parse(email).is_some_and(|email| email.key() == key);
        let holder = others.iter().any(|other| {
            let email = other.record.email.as_deref();
            other.record.id != archived.id
                && !self.claims.is_readdressed(other.record.id)
                && email.is_some_and(same)
        });
        holder || self.claims.has_email(key)
    }
}
