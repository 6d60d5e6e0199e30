//! The `$select` list: which properties of a person are read.
//!
//! A name that a cloud does not support makes Graph refuse the whole query, so
//! a start-up probe drops the ones it reports. Knows names only.

use crate::call::Call;
use crate::client::GraphClient;
use crate::error::GraphError;
use crate::watched::WATCHED;

/// Properties kept with their values.
const KEPT: [&str; 28] = [
    "id",
    "userPrincipalName",
    "mail",
    "otherMails",
    "proxyAddresses",
    "givenName",
    "surname",
    "displayName",
    "jobTitle",
    "department",
    "companyName",
    "officeLocation",
    "businessPhones",
    "mobilePhone",
    "accountEnabled",
    "userType",
    "creationType",
    "externalUserState",
    "identities",
    "onPremisesSyncEnabled",
    "onPremisesImmutableId",
    "onPremisesSamAccountName",
    "employeeId",
    "employeeType",
    "usageLocation",
    "preferredLanguage",
    "assignedLicenses",
    "createdDateTime",
];

/// A navigation that only the delta can select.
const DELTA_ONLY: &str = "manager";

/// Without these nobody can be recognised, so they are never dropped.
const NEEDED: [&str; 3] = ["id", "userPrincipalName", "accountEnabled"];

/// The properties that are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    names: Vec<&'static str>,
}

impl Default for Selection {
    fn default() -> Self {
        let names = KEPT
            .into_iter()
            .chain(WATCHED)
            .chain([DELTA_ONLY])
            .collect();
        Self { names }
    }
}

impl Selection {
    /// The names, as in Graph.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// The value of `$select` where lists and single people are read.
    pub(crate) fn list(&self) -> String {
        self.join(|name| name != DELTA_ONLY)
    }

    /// The value of `$select` for the delta.
    pub(crate) fn delta(&self) -> String {
        self.join(|_| true)
    }

    fn join(&self, keep: impl Fn(&str) -> bool) -> String {
        let names: Vec<&str> = self
            .names
            .iter()
            .copied()
            .filter(|name| keep(name))
            .collect();
        names.join(",")
    }

    /// The selection without the names that stand in an error message, or
    /// `None` when it names none that can be left out.
    fn without_reported(&self, message: &str) -> Option<Self> {
        let words: Vec<&str> = message
            .split(|c: char| !c.is_ascii_alphanumeric())
            .collect();
        let (dropped, names): (Vec<_>, Vec<_>) = self
            .names
            .iter()
            .partition(|name| words.contains(*name) && !NEEDED.contains(*name));
        (!dropped.is_empty()).then_some(Self { names })
    }
}

impl GraphClient {
    /// Tries the selection on the delta and on the list of people, drops the
    /// names Graph reports as unsupported, and returns what works.
    ///
    /// # Errors
    /// Whatever else keeps the two queries from working.
    pub async fn probe_selection(&self) -> Result<Selection, GraphError> {
        let mut selection = self.selection().clone();
        loop {
            let Err(error) = self.try_selection(&selection).await else {
                return Ok(selection);
            };
            let refused = matches!(error.status(), Some(400 | 501));
            let smaller = error
                .message()
                .filter(|_| refused)
                .and_then(|message| selection.without_reported(message));
            let Some(smaller) = smaller else {
                return Err(error);
            };
            tracing::warn!(
                message = error.message(),
                "properties are not supported here and are left out"
            );
            selection = smaller;
        }
    }

    async fn try_selection(&self, selection: &Selection) -> Result<(), GraphError> {
        let doing = "trying which properties are supported";
        let permission = "User.Read.All";
        let delta = Call::get(doing, permission, "users/delta")
            .query("$select", &selection.delta())
            .query("$deltatoken", "latest");
        self.send(&delta).await?;
        let list = Call::get(doing, permission, "users")
            .query("$select", &selection.list())
            .query("$top", "1");
        self.send(&list).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
