//! A person becomes the other kind: one record is archived, the other one
//! restored, adopted or made, in one decision.

use super::*;

impl Planner<'_> {
    /// The person becomes the other kind: the record is archived, then the
    /// record of the wanted kind is restored, adopted or made.
    pub(super) fn change_kind(
        &mut self,
        winner: Winner<'_>,
        record: &Record,
        earlier: Option<RecordId>,
    ) -> Outcome {
        let rule = &winner.rule.rule;
        let may = self.context.policy.connection.may_provision(record.kind);
        if !may || self.is_protected(record) {
            return self.review(winner, ReviewReason::TypeChangeRefused, vec![record.id]);
        }
        let case = self.context.case;
        let earlier = case
            .archived
            .as_ref()
            .filter(|archived| Some(archived.id) == earlier && archived.kind == rule.target.kind());
        let others: Vec<&Candidate> = case
            .candidates
            .iter()
            .filter(|candidate| candidate.record.id != record.id)
            .collect();
        if let Some(archived) = earlier {
            if self.is_restore_taken(archived, record, &others) {
                let ids = vec![archived.id];
                return self.review(winner, ReviewReason::RestoreTaken, ids);
            }
            self.archive(winner, record);
            return self.restore(winner, archived, record.id);
        }
        match self.correlate(winner, &others) {
            Err(outcome) => outcome,
            Ok(Match::Create) => {
                self.archive(winner, record);
                self.create_after_archive(winner, record)
            }
            Ok(Match::Adopt(found)) => {
                self.archive(winner, record);
                self.adopt(winner, &found, Some(record.id))
            }
            Ok(Match::Review(reason, ids)) => self.review(winner, reason, ids),
            Ok(Match::Skip(skip)) => Outcome::Skipped(skip),
            Ok(Match::ReplaceOtherKind(_) | Match::Secondary(_)) => {
                self.review(winner, ReviewReason::SeveralMatches, vec![record.id])
            }
        }
    }

    /// The archived record frees its name for its successor.
    pub(super) fn create_after_archive(&mut self, winner: Winner<'_>, record: &Record) -> Outcome {
        let freed = record.username.as_deref().map(fold);
        let around = Surroundings {
            usernames: self
                .context
                .around
                .usernames
                .iter()
                .filter(|name| Some(*name) != freed.as_ref())
                .cloned()
                .collect(),
            ..*self.context.around
        };
        let mut inner = Planner {
            context: Context {
                around: &around,
                ..self.context
            },
            winner: self.winner,
            is_enabled: self.is_enabled,
            basis: self.basis.clone(),
            claims: self.claims,
            new_id: self.new_id,
            actions: std::mem::take(&mut self.actions),
        };
        inner.create(winner, Cause::KindChanged, Some(record.id))
    }

    pub(super) fn archive(&mut self, winner: Winner<'_>, record: &Record) {
        let mut next = record.clone();
        self.context.archive(&mut next, self.claims);
        let rule_id = winner.rule.rule.id;
        let reason = self.reason(Cause::KindChanged, Some(Loss::OtherKind { rule_id }));
        self.act(ActionKind::Archive, record, &next, reason);
        self.count_loss(record);
    }

    pub(super) fn restore(
        &mut self,
        winner: Winner<'_>,
        archived: &Record,
        other: RecordId,
    ) -> Outcome {
        let mut next = archived.clone();
        shape::unarchive(&mut next);
        let email = next.email.clone();
        self.context.write_fields(&mut next, Moment::Later);
        next.email = email.or(next.email);
        self.give_access(&mut next, winner);
        let reason = self.reason(Cause::KindReturned, None);
        self.act(ActionKind::Restore, archived, &next, reason);
        self.finish(&next, Some(other))
    }

    pub(super) fn is_restore_taken(
        &self,
        archived: &Record,
        current: &Record,
        others: &[&Candidate],
    ) -> bool {
        let own = current.username.as_deref().map(fold);
        let name = archived.original_username.as_deref().map(fold);
        let name_taken = name.as_ref().is_some_and(|name| {
            Some(name) != own.as_ref() && self.context.is_name_taken(self.claims, name)
        });
        let key = archived.original_email.as_deref().and_then(Address::parse);
        let email_taken = key.is_some_and(|key| {
            let same = |email: &str| Address::parse(email).is_some_and(|e| e.key() == key.key());
            others
                .iter()
                .any(|other| other.record.email.as_deref().is_some_and(same))
        });
        name_taken || email_taken
    }
}
