//! Which record an unlinked person is: the steps of the link policy, in order.
//!
//! Email may propose a first link, inside guards; it is never identity.

use crate::address::{Address, is_external_upn};
use crate::case::{Answer, Candidate, Case, Surroundings};
use crate::claims::Claims;
use crate::directory::UserType;
use crate::ids::{RecordId, TenantId};
use crate::mapping_rule::Target;
use crate::policy::Policy;
use crate::psa::{Kind, Record, Status};
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
/// with one of the person's addresses. `claims` tells what other people of the
/// same plan have taken already, or given up.
pub fn correlate(
    case: &Case,
    candidates: &[&Candidate],
    policy: &Policy,
    target: Target,
    email: Option<&Address>,
    around: &Surroundings,
    claims: &Claims,
) -> Match {
    if !policy.connection.may_provision(target.kind()) {
        return Match::Review(ReviewReason::NoAuthority, ids(candidates));
    }
    let Some(email) = email else {
        return Match::Review(ReviewReason::NoEmail, Vec::new());
    };
    if let Some(home) = around.homes.get(email.domain())
        && !policy.own_domains.contains(email.domain())
    {
        return at_home_elsewhere(case, candidates, *home);
    }
    let open: Vec<&Candidate> = candidates
        .iter()
        .filter(|candidate| candidate.record.status != Status::Archived)
        .filter(|candidate| !claims.is_readdressed(candidate.record.id))
        .copied()
        .collect();
    match open.as_slice() {
        [] if claims.has_email(email.key()) => {
            Match::Review(ReviewReason::LinkedElsewhere, Vec::new())
        }
        [] => Match::Create,
        [one] if claims.has_record(one.record.id) => {
            Match::Review(ReviewReason::LinkedElsewhere, vec![one.record.id])
        }
        [one] => one_candidate(one, case, policy, target, email),
        several => Match::Review(ReviewReason::SeveralMatches, ids(several)),
    }
}

/// What a reviewer's answer to the same question means. A record that is linked
/// to somebody else gets the person as a secondary identity: two people never
/// write one record.
pub fn answered(case: &Case, answer: Answer, kind: Kind) -> Match {
    let id = match answer {
        Answer::Ignore => return Match::Skip(Skip::Ignored),
        Answer::Create => return Match::Create,
        Answer::Link(id) => id,
    };
    let me = (case.person.tenant_id, case.person.object_id);
    let chosen = case.candidates.iter().find(|c| c.record.id == id);
    match chosen {
        Some(chosen) if chosen.linked_to.is_some_and(|linked| linked != me) => Match::Secondary(id),
        Some(chosen) if chosen.record.kind == kind => Match::Adopt(Box::new(chosen.record.clone())),
        Some(chosen) => Match::ReplaceOtherKind(Box::new(chosen.record.clone())),
        // The chosen record is not there any more: nothing is done without it.
        None => Match::Skip(Skip::InReview),
    }
}

/// The email belongs to another connected tenant: a guest, or an external
/// member, is a secondary identity of whoever that tenant has linked; a member
/// who merely carries such an address decides nothing.
fn at_home_elsewhere(case: &Case, candidates: &[&Candidate], home: TenantId) -> Match {
    let is_external = case.person.upn.as_deref().is_some_and(is_external_upn);
    if case.person.user_type != UserType::Guest && !is_external {
        return Match::Review(ReviewReason::EmailOfAnotherTenant, ids(candidates));
    }
    let at_home = candidates.iter().filter(|candidate| {
        candidate
            .linked_to
            .is_some_and(|(tenant, _)| tenant == home)
    });
    match at_home.map(|candidate| candidate.record.id).min() {
        Some(record_id) => Match::Secondary(record_id),
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
    // The address they share decides, which need not be the mapped one.
    let shared = record.email.as_deref().and_then(Address::parse);
    let shared = shared.as_ref().unwrap_or(email);
    if record.is_privileged() && !policy.own_domains.contains(shared.domain()) {
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
    let mut ids: Vec<RecordId> = candidates.iter().map(|c| c.record.id).collect();
    ids.sort_unstable();
    ids
}
