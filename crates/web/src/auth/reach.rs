//! How far somebody's rights reach in a module: pages and the API ask the same.

use axum::http::StatusCode;
use provisioning::ids::{AccountId, RecordId};
use store::rights::{Module, Right, Scope};

use super::session::CurrentUser;
use crate::error::{Problem, Result};

/// How far a right reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To everything.
    All,
    /// To what is the account's, and to the person's own.
    Account(AccountId),
    /// To what is the person's own.
    Own(RecordId),
}

/// Whose something is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Belongs {
    /// The account it is about.
    pub(crate) account: Option<AccountId>,
    /// The contact it is about.
    pub(crate) contact: Option<RecordId>,
    /// Who works on it.
    pub(crate) assignee: Option<RecordId>,
}

impl Reach {
    /// Whether it reaches something.
    pub(crate) fn covers(self, it: Belongs) -> bool {
        match self {
            Self::All => true,
            Self::Account(account) => it.account == Some(account),
            Self::Own(person) => it.contact == Some(person) || it.assignee == Some(person),
        }
    }
}

impl CurrentUser {
    /// How far this person's right reaches; 403 without it.
    pub(crate) fn reach(&self, module: Module, right: Right) -> Result<Reach> {
        let record = &self.record.record;
        let scope = self.rights.scope(module, right);
        match (scope, record.account_id) {
            (None, _) => Err(no_right(module, right)),
            (Some(Scope::All), _) => Ok(Reach::All),
            (Some(Scope::Account), Some(account)) => Ok(Reach::Account(account)),
            (Some(Scope::Account | Scope::Own), _) => Ok(Reach::Own(record.id)),
        }
    }
}

/// 403: the right is missing.
pub(crate) fn no_right(module: Module, right: Right) -> Problem {
    let (what, whole) = (right.name(), module.label());
    let detail = format!("your security roles do not let you {what} all of {whole}");
    Problem::new(StatusCode::FORBIDDEN, "insufficient_rights", detail)
        .cure("Ask your administrator for a security role that does.")
        .with("module", module.name())
        .with("right", what)
}
