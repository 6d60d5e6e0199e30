//! Everything known about one directory person when a plan is made: the
//! directory's side, the link, the records concerned. Gathered by the engine
//! from the mirror and the PSA; the planner reads nothing else.

use std::collections::{HashMap, HashSet};

use crate::absence::Absence;
use crate::address::Domain;
use crate::directory::Person;
use crate::ids::{GroupId, ObjectId, RecordId, TenantId};
use crate::link::Link;
use crate::psa::Record;
use crate::reason::ReviewReason;

/// One person's case.
#[derive(Debug, Clone)]
pub struct Case {
    /// The person, as the mirror has them.
    pub person: Person,
    /// The mirror's version of the person: grows with every change of
    /// anything that is read, and with every notification that names them.
    pub person_version: i64,
    /// The proof for the latest membership or presence the person lost.
    pub absence: Option<Absence>,
    /// The tracked groups the person is a direct member of.
    pub groups: Vec<GroupId>,
    /// Those of them whose latest reading did not show the person, and is not
    /// believed either.
    pub doubted: Vec<GroupId>,
    /// The link, if there is one.
    pub link: Option<Link>,
    /// The linked record.
    pub record: Option<Record>,
    /// The archived record of the other kind.
    pub archived: Option<Record>,
    /// Records with one of the person's addresses; never archived ones.
    pub candidates: Vec<Candidate>,
    /// The person's item in the review queue.
    pub review: Option<ReviewState>,
}

/// A record that has one of the person's addresses.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The record.
    pub record: Record,
    /// Who is linked to it as primary, if anybody.
    pub linked_to: Option<(TenantId, ObjectId)>,
}

/// An item of the review queue, open or answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewState {
    /// Why it was opened.
    pub reason: ReviewReason,
    /// The question's fingerprint.
    pub fingerprint: String,
    /// The answer, if one was given.
    pub answer: Option<Answer>,
}

/// A reviewer's answer; remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// This record is the person's.
    Link(RecordId),
    /// Make a new record.
    Create,
    /// Leave the person out.
    Ignore,
}

/// What a batch of cases needs to know about everybody else.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Folded usernames in use, complete for every name
    /// [`crate::username::forms`] gives for a person of the batch.
    pub usernames: HashSet<String>,
    /// Other connected tenants by their verified domains, complete for the
    /// domain of every address of a person of the batch who may find a record.
    pub homes: HashMap<Domain, TenantId>,
    /// How many active administrators with access there are, root included.
    pub administrators: u64,
    /// Whether applying again from the directory was asked for: local edits go.
    pub reapply: bool,
}
