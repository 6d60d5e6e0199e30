//! What a plan does to one person: actions on records, and the link that
//! results. Data only: stored, hashed, shown, approved, applied.

use serde::{Deserialize, Serialize};

use crate::field::{Field, FieldChange, Value};
use crate::ids::{ObjectId, RecordId, TenantId};
use crate::link::{Applied, Basis, LinkRole};
use crate::psa::Kind;
use crate::reason::{Reason, ReviewReason};

/// What is done to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// A record is made.
    Create,
    /// An existing record is merged into.
    Adopt,
    /// Fields are written.
    Update,
    /// The record is renamed away and closed, since the person is of the other
    /// kind now.
    Archive,
    /// An archived record comes back.
    Restore,
    /// The record is made inactive and loses sign-in.
    Deactivate,
    /// The sync's own deactivation is taken back.
    Reactivate,
    /// Rights and sign-in are taken away.
    Revoke,
    /// Rights and sign-in are given.
    Grant,
    /// A secondary identity is linked.
    Link,
    /// The review queue gets an item.
    Review,
}

impl ActionKind {
    /// All kinds, dangerous ones first.
    pub const ALL: [Self; 11] = [
        Self::Archive,
        Self::Deactivate,
        Self::Revoke,
        Self::Review,
        Self::Restore,
        Self::Adopt,
        Self::Reactivate,
        Self::Grant,
        Self::Update,
        Self::Link,
        Self::Create,
    ];

    /// The name in JSON and SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Adopt => "adopt",
            Self::Update => "update",
            Self::Archive => "archive",
            Self::Restore => "restore",
            Self::Deactivate => "deactivate",
            Self::Reactivate => "reactivate",
            Self::Revoke => "revoke",
            Self::Grant => "grant",
            Self::Link => "link",
            Self::Review => "review",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it takes something away from a person.
    pub fn is_loss(self) -> bool {
        matches!(self, Self::Archive | Self::Deactivate | Self::Revoke)
    }
}

/// One action on one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What is done.
    #[serde(rename = "action")]
    pub kind: ActionKind,
    /// The kind of the record.
    #[serde(rename = "kind")]
    pub record_kind: Kind,
    /// The record; none for a review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_id: Option<RecordId>,
    /// The version of the record this was planned against; 0 for one that is made.
    pub precondition: i64,
    /// Field by field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// Why.
    pub reason: Reason,
}

impl Action {
    /// Whether it takes a security role from somebody who keeps their access.
    pub fn loses_roles(&self) -> bool {
        let names = |value: &Option<Value>| match value {
            Some(Value::Names(names)) => names.clone(),
            _ => Vec::new(),
        };
        let mut changes = self.changes.iter();
        let roles = changes.find(|change| change.field == Field::SecurityRoles);
        !self.kind.is_loss()
            && roles.is_some_and(|change| {
                let kept = names(&change.new);
                names(&change.old).iter().any(|role| !kept.contains(role))
            })
    }
}

/// What the plan makes of the link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkWrite {
    /// Primary or secondary.
    pub role: LinkRole,
    /// The record the person is now.
    pub record_id: RecordId,
    /// The archived record of the other kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_id: Option<RecordId>,
    /// What was applied.
    pub applied: Applied,
    /// What an undo took back: not done again while this stays the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Basis>,
}

/// A review item a plan opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewWrite {
    /// Why.
    pub reason: ReviewReason,
    /// The kind the person would become.
    pub kind: Kind,
    /// The records concerned.
    pub candidates: Vec<RecordId>,
    /// Equal fingerprints mean the same question: it is not asked twice.
    pub fingerprint: String,
}

/// Everything decided about one directory person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The person's tenant.
    pub tenant_id: TenantId,
    /// The person.
    pub object_id: ObjectId,
    /// What to call them.
    pub name: String,
    /// Their email, when they have a usable one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Their username, when they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// What is done, in this order, in one transaction.
    pub actions: Vec<Action>,
    /// The link afterwards; `None` leaves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkWrite>,
    /// The review item opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewWrite>,
}

impl Decision {
    /// The action people think of first: the most dangerous one.
    pub fn headline(&self) -> Option<ActionKind> {
        ActionKind::ALL
            .into_iter()
            .find(|kind| self.actions.iter().any(|action| action.kind == *kind))
    }

    /// Whether something is done that a person would see. A decision may also
    /// only note on the link that nothing needed doing.
    pub fn is_visible(&self) -> bool {
        !self.actions.is_empty()
    }

    /// What is decided about whom, in few bytes; ids of records that are yet to
    /// be made do not count.
    pub fn fingerprint(&self) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(&self.hash().as_bytes()[..16]);
        short
    }

    /// Whether somebody keeps their access and loses a security role.
    pub fn loses_roles(&self) -> bool {
        self.actions.iter().any(Action::loses_roles)
            && !self.actions.iter().any(|action| action.kind.is_loss())
    }

    /// What the approval of a plan binds: everything but ids of records that
    /// are yet to be made.
    pub fn hash(&self) -> blake3::Hash {
        let made = |id: &RecordId| {
            let mut creates = self.actions.iter().filter(|a| a.kind == ActionKind::Create);
            creates.any(|action| action.record_id.as_ref() == Some(id))
        };
        // A hasher is quicker with one long piece than with many short ones.
        let mut text = Vec::with_capacity(1_024);
        put(
            &mut text,
            &(
                self.tenant_id,
                self.object_id,
                &self.name,
                &self.email,
                &self.username,
            ),
        );
        for action in &self.actions {
            let id = action.record_id.filter(|id| !made(id));
            let head = (action.kind, action.record_kind, id, action.precondition);
            put(&mut text, &(head, &action.changes, &action.reason));
        }
        if let Some(link) = &self.link {
            let id = Some(link.record_id).filter(|id| !made(id));
            put(&mut text, &(link.role, id, link.archived_id, &link.applied));
        }
        put(&mut text, &self.review);
        blake3::hash(&text)
    }
}

fn put(text: &mut Vec<u8>, part: &impl Serialize) {
    // Serialising our own plain structs into memory cannot fail.
    let _ = serde_json::to_writer(text, part);
}
