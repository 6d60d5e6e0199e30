//! The lines of a connection's self-check.
//!
//! Words only; `check` finds out.

use std::fmt;

use uuid::Uuid;

use crate::error::GraphError;
use crate::permission::Permission;

/// One line of the check.
#[derive(Debug, Clone)]
pub struct CheckLine {
    /// What was checked.
    pub subject: CheckSubject,
    /// How it went.
    pub outcome: CheckOutcome,
}

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckSubject {
    /// An access token can be got.
    Token,
    /// The connecting account may read the directory.
    Account,
    /// A permission is granted.
    Permission(Permission),
    /// The organization can be read and is the right one.
    Organization,
    /// People can be read.
    Users,
    /// Groups can be read.
    Groups,
    /// The members of this group can be read.
    GroupMembers(Uuid),
    /// *Users and groups* of the enterprise application can be read.
    Assignments,
    /// Graph can reach the notification address.
    Notifications,
}

impl fmt::Display for CheckSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => f.write_str("access token"),
            Self::Account => f.write_str("connecting account"),
            Self::Permission(permission) => write!(f, "permission {permission}"),
            Self::Organization => f.write_str("organization"),
            Self::Users => f.write_str("people"),
            Self::Groups => f.write_str("groups"),
            Self::GroupMembers(group) => write!(f, "members of group {group}"),
            Self::Assignments => f.write_str("application assignments"),
            Self::Notifications => f.write_str("notifications"),
        }
    }
}

/// How a line went.
#[derive(Debug, Clone)]
pub enum CheckOutcome {
    /// It works.
    Passed {
        /// What was found, in a few words.
        detail: String,
    },
    /// It does not; the error tells what happened and how to mend it.
    Failed(GraphError),
    /// It could not be checked.
    Skipped {
        /// Why not.
        reason: String,
    },
}

impl CheckOutcome {
    /// Whether the line failed.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }

    pub(crate) fn of(result: Result<String, GraphError>) -> Self {
        match result {
            Ok(detail) => Self::Passed { detail },
            Err(error) => Self::Failed(error),
        }
    }

    pub(crate) fn skipped(reason: &str) -> Self {
        Self::Skipped {
            reason: reason.to_owned(),
        }
    }
}
