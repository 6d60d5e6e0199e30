//! Why something is done, or not done, in codes and in words.
//!
//! Every action carries a [`Reason`]; every person who stays untouched although
//! something changed carries a [`Skip`].

use serde::{Deserialize, Serialize};

use crate::absence::Loss;
use crate::ids::{GroupId, RecordId, RuleId};

/// Why an action is planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What makes it necessary.
    pub cause: Cause,
    /// The winning rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<RuleId>,
    /// From the rule's group down to the group that holds the person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group_path: Vec<GroupId>,
    /// What access is taken away for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
}

/// What makes an action necessary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The person is new in a mapped group.
    NewInGroup,
    /// An existing record has the person's email.
    SameEmail,
    /// A reviewer chose the record.
    ChosenByReviewer,
    /// The person changed in the directory.
    ChangedInDirectory,
    /// The rule or a membership changed.
    RuleOrMembershipChanged,
    /// The person is of the other kind now.
    KindChanged,
    /// The person is of a kind they had before.
    KindReturned,
    /// The account was disabled.
    Disabled,
    /// The account is enabled again.
    EnabledAgain,
    /// The account was deleted.
    Deleted,
    /// The account was restored.
    RestoredInDirectory,
    /// No rule applies any more.
    NoRule,
    /// Another account of a person who is at home in another tenant.
    SecondaryIdentity,
    /// The review queue must decide.
    NeedsReview(ReviewReason),
    /// An administrator pressed Re-apply.
    Reapplied,
    /// An administrator removed the connection and chose to deactivate.
    ConnectionRemoved,
    /// An undo.
    Undone,
}

impl Cause {
    /// The cause as a sentence without its full stop.
    pub fn describe(&self) -> String {
        match self {
            Self::NewInGroup => "The person is in a mapped group and has no record yet".to_owned(),
            Self::SameEmail => "An existing record has the person's email address".to_owned(),
            Self::ChosenByReviewer => "A reviewer linked this record".to_owned(),
            Self::ChangedInDirectory => "The person changed in the directory".to_owned(),
            Self::RuleOrMembershipChanged => {
                "The winning rule or the person's groups changed".to_owned()
            }
            Self::KindChanged => {
                "The winning rule makes the person the other kind; one person never holds two logins"
                    .to_owned()
            }
            Self::KindReturned => "The person is of a kind they had before".to_owned(),
            Self::Disabled => "The account is disabled in the directory".to_owned(),
            Self::EnabledAgain => "The account is enabled again in the directory".to_owned(),
            Self::Deleted => "The account was deleted in the directory".to_owned(),
            Self::RestoredInDirectory => "The account was restored in the directory".to_owned(),
            Self::NoRule => "No mapping rule applies to the person any more".to_owned(),
            Self::SecondaryIdentity => {
                "The email belongs to another connected tenant, where the person is at home"
                    .to_owned()
            }
            Self::NeedsReview(reason) => reason.describe().to_owned(),
            Self::Reapplied => "An administrator re-applied the directory".to_owned(),
            Self::ConnectionRemoved => "The connection is removed with its people".to_owned(),
            Self::Undone => "An administrator undid the change".to_owned(),
        }
    }
}

/// Why a person waits in the review queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewReason {
    /// No usable email address.
    NoEmail,
    /// The connection may not provision this kind of person.
    NoAuthority,
    /// Two or more records have the email.
    SeveralMatches,
    /// The record with the email is linked to somebody else.
    LinkedElsewhere,
    /// The record with the email is root or an administrator.
    Privileged,
    /// The contact with the email belongs to another account.
    OtherAccount,
    /// The email's domain is verified in another connected tenant.
    EmailOfAnotherTenant,
    /// Changing the kind would take the last administrator, root, or a record
    /// the connection has no authority over.
    TypeChangeRefused,
    /// The archived record's username or email is taken meanwhile.
    RestoreTaken,
    /// Every free form of the username is taken.
    NoUsername,
}

impl ReviewReason {
    /// The code in API and SQL.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoEmail => "no_email",
            Self::NoAuthority => "no_authority",
            Self::SeveralMatches => "several_matches",
            Self::LinkedElsewhere => "linked_elsewhere",
            Self::Privileged => "privileged",
            Self::OtherAccount => "other_account",
            Self::EmailOfAnotherTenant => "email_of_another_tenant",
            Self::TypeChangeRefused => "type_change_refused",
            Self::RestoreTaken => "restore_taken",
            Self::NoUsername => "no_username",
        }
    }

    /// The reason as a sentence without its full stop.
    pub fn describe(self) -> &'static str {
        match self {
            Self::NoEmail => "The person has no usable email address in the directory",
            Self::NoAuthority => "This connection may not provision this kind of person",
            Self::SeveralMatches => "Two or more records have the person's email address",
            Self::LinkedElsewhere => {
                "The record with this email address belongs to another directory person"
            }
            Self::Privileged => {
                "The record with this email address is an administrator, and this tenant has not verified the email's domain"
            }
            Self::OtherAccount => "The contact with this email address belongs to another account",
            Self::EmailOfAnotherTenant => "The email's domain belongs to another connected tenant",
            Self::TypeChangeRefused => {
                "The existing record may not be archived by this connection: root, the last administrator, or no authority over its kind"
            }
            Self::RestoreTaken => {
                "The archived record's username or email address is used by somebody else meanwhile"
            }
            Self::NoUsername => "Every form of the person's username is taken",
        }
    }
}

/// Why a person who might have been touched is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// Nothing differs from what was applied last.
    Unchanged,
    /// No rule applies and the person was never linked.
    NotMapped,
    /// A group of the person cannot be read: left as they are.
    Frozen {
        /// The rule whose group cannot be read.
        rule_id: RuleId,
    },
    /// Only a membership that the latest reading did not show makes the rule
    /// apply: nothing is given or changed for it until a second reading agrees
    /// or shows it again.
    Doubted {
        /// The rule that would apply.
        rule_id: RuleId,
    },
    /// Absent without proof: left as they are.
    NoProof,
    /// A reviewer said ignore.
    Ignored,
    /// Waiting in the review queue already.
    InReview,
    /// An undo took it back, and nothing has changed since.
    Suppressed,
    /// A secondary identity never writes.
    Secondary,
    /// A disabled account that was never linked and matches nobody.
    DisabledAndUnknown,
    /// Deleted and never linked.
    DeletedAndUnknown,
    /// The person is at home in another connected tenant, which has not
    /// provisioned them.
    AtHomeElsewhere,
    /// Root, the last active administrator or a pinned record is protected.
    Protected {
        /// The record.
        record_id: RecordId,
    },
}

/// Why a record has no access, as stored in `access_reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessReason {
    /// No mapping rule applies.
    NoRule,
    /// Disabled in the directory.
    Disabled,
    /// Deleted in the directory.
    Deleted,
    /// Replaced by the record of the other kind.
    Archived,
    /// Taken away by hand.
    ByHand,
    /// The connection was removed.
    ConnectionRemoved,
    /// The change that gave access was undone.
    Undone,
}

impl AccessReason {
    /// The code.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoRule => "no_rule",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
            Self::Archived => "archived",
            Self::ByHand => "by_hand",
            Self::ConnectionRemoved => "connection_removed",
            Self::Undone => "undone",
        }
    }
}
