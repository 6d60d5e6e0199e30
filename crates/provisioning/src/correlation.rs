//! Which record an unlinked person is: the steps of the link policy, in order.
//!
//! Email may propose a first link, inside guards; it is never identity.

use crate::address::Address;
use crate::case::{Answer, Candidate, Case};
use crate::directory::{Presence, UserType};
use crate::ids::RecordId;
use crate::mapping_rule::Target;
use crate::policy::Policy;
use crate::psa::{Kind, Record};
use crate::reason::{ReviewReason, Skip};

/// What an unlinked person turns out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Match {
    /// Nobody yet: make a record.
    Create,
    /// This record: merge into it.
    Adopt(Box<Record>),
    /// This record of the other kind: archive it and go on as if nobody.
    ReplaceOtherKind(Box<Record>),
    /// Another account of the person this record belongs to.
    Secondary(RecordId),
    /// A person must decide.
    Review(ReviewReason, Vec<RecordId>),
    /// Nothing to do.
    Skip(Skip),
}

/// Decides for a person whose winning rule wants `target`, among the records
/// with one of the person's addresses. `email_claimed` says that another
/// person of the same plan has the address already.
pub fn correlate(
    case: &Case,
    candidates: &[&Candidate],
    policy: &Policy,
    target: Target,
    email: Option<&Address>,
    email_claimed: bool,
) -> Match {
    if !policy.connection.may_provision(target.kind()) {
        return Match::Review(ReviewReason::NoAuthority, ids(candidates));
    }
    let Some(email) = email else {
        return Match::Review(ReviewReason::NoEmail, Vec::new());
    };
    if policy.foreign_domains.contains_key(email.domain())
        && !policy.own_domains.contains(email.domain())
    {
        return at_home_elsewhere(case, candidates, policy, email);
    }
    match candidates {
        [] if email_claimed => Match::Review(ReviewReason::LinkedElsewhere, Vec::new()),
        [] => Match::Create,
        [one] => one_candidate(one, case, policy, target, email),
        several => Match::Review(ReviewReason::SeveralMatches, ids(several)),
    }
}

/// What a reviewer's answer to the same question means.
pub fn answered(candidates: &[Candidate], answer: Answer, kind: Kind) -> Match {
    match answer {
        Answer::Ignore => Match::Skip(Skip::Ignored),
        Answer::Create => Match::Create,
        Answer::Link(id) => match candidates.iter().find(|c| c.record.id == id) {
            Some(candidate) if candidate.record.kind == kind => {
                Match::Adopt(Box::new(candidate.record.clone()))
            }
            Some(candidate) => Match::ReplaceOtherKind(Box::new(candidate.record.clone())),
            None => Match::Create,
        },
    }
}

/// The email belongs to another connected tenant: a guest is a secondary
/// identity of whoever that tenant has linked; a member who merely carries
/// such an address decides nothing.
fn at_home_elsewhere(
    case: &Case,
    candidates: &[&Candidate],
    policy: &Policy,
    email: &Address,
) -> Match {
    if case.person.user_type != UserType::Guest {
        return Match::Review(ReviewReason::EmailOfAnotherTenant, ids(candidates));
    }
    let home = policy.foreign_domains.get(email.domain());
    let at_home = candidates
        .iter()
        .find(|candidate| candidate.linked_to.map(|(tenant, _)| tenant).as_ref() == home);
    match at_home {
        Some(candidate) => Match::Secondary(candidate.record.id),
        None => Match::Skip(Skip::AtHomeElsewhere),
    }
}

fn one_candidate(
    candidate: &Candidate,
    case: &Case,
    policy: &Policy,
    target: Target,
    email: &Address,
) -> Match {
    let record = &candidate.record;
    let review = |reason| Match::Review(reason, vec![record.id]);
    let me = (case.person.tenant_id, case.person.object_id);
    if candidate.linked_to.is_some_and(|linked| linked != me) {
        return review(ReviewReason::LinkedElsewhere);
    }
    if record.is_privileged() && !policy.own_domains.contains(email.domain()) {
        return review(ReviewReason::Privileged);
    }
    let account = target.account_id();
    if record.kind == Kind::Contact
        && record.account_id.is_some()
        && account.is_some()
        && record.account_id != account
    {
        return review(ReviewReason::OtherAccount);
    }
    if record.kind == target.kind() {
        return Match::Adopt(Box::new(record.clone()));
    }
    Match::ReplaceOtherKind(Box::new(record.clone()))
}

fn ids(candidates: &[&Candidate]) -> Vec<RecordId> {
    candidates
        .iter()
        .map(|candidate| candidate.record.id)
        .collect()
}

/// Whether somebody unknown is worth making a record for.
pub fn is_worth_creating(case: &Case, enabled: bool) -> Result<(), Skip> {
    match case.person.presence {
        Presence::Live if enabled => Ok(()),
        Presence::Live => Err(Skip::DisabledAndUnknown),
        Presence::SoftDeleted | Presence::Purged => Err(Skip::DeletedAndUnknown),
    }
}
