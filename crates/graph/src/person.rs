//! A person of the directory, and what a delta round says about one.
//!
//! Keeps everything that was read, unjudged: where a person comes from and
//! which address counts is decided elsewhere.
//! Source: <https://learn.microsoft.com/graph/api/resources/user>.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::field::Field;
use crate::fingerprint::Fingerprint;
use crate::watched::Watched;

/// One way a person signs in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// `federated`, `userPrincipalName`, `emailAddress`, …
    pub sign_in_type: Option<String>,
    /// Who vouches: `ExternalAzureAD`, `MicrosoftAccount`, a domain, a URI.
    pub issuer: Option<String>,
    /// The name there.
    pub issuer_assigned_id: Option<String>,
}

macro_rules! directory_user {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        /// A person as Graph reports one. Serialises to JSON and back without loss.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct DirectoryUser {
            /// The object id, unchangeable, equal to the `oid` of tokens.
            pub id: Uuid,
            $(
                $(#[$doc])*
                #[serde(default, skip_serializing_if = "Field::is_absent")]
                pub $name: Field<$type>,
            )*
            /// The manager's object id. Told by the delta only, and not part
            /// of the fingerprint.
            #[serde(default, skip_serializing_if = "Field::is_absent")]
            pub manager: Field<Uuid>,
            /// Hashes of further properties.
            #[serde(default)]
            pub watched: Watched,
        }

        impl DirectoryUser {
            /// A person of whom nothing but the id is known.
            pub fn new(id: Uuid) -> Self {
                Self {
                    id,
                    $($name: Field::Absent,)*
                    manager: Field::Absent,
                    watched: Watched::default(),
                }
            }

            /// Takes over every property `newer` tells; what it leaves out stays.
            pub fn overlay(&mut self, newer: Self) {
                self.id = newer.id;
                $(self.$name.overlay(newer.$name);)*
                self.manager.overlay(newer.manager);
                self.watched.overlay(newer.watched);
            }

            /// A hash of everything that was read, the manager apart. Absent,
            /// null and an empty list count as one, since a delta leaves out
            /// what a full read reports so; the order of lists does not matter.
            pub fn fingerprint(&self) -> [u8; 32] {
                let mut print = Fingerprint::new(self.id);
                $(
                    if let Field::Value(value) = &self.$name {
                        print.property(stringify!($name), value);
                    }
                )*
                for (name, hash) in self.watched.present() {
                    print.property(name, &hash);
                }
                print.finish()
            }
        }
    };
}

directory_user! {
    /// The user principal name; holds `#EXT#` for people homed elsewhere.
    user_principal_name: String,
    /// The mail address.
    mail: String,
    /// Further mail addresses.
    other_mails: Vec<String>,
    /// Addresses of the mailbox: `SMTP:` the primary, `smtp:` aliases.
    proxy_addresses: Vec<String>,
    /// First name.
    given_name: String,
    /// Last name.
    surname: String,
    /// The name shown.
    display_name: String,
    /// Job title.
    job_title: String,
    /// Department.
    department: String,
    /// Company.
    company_name: String,
    /// Office.
    office_location: String,
    /// Office phone: at most one.
    business_phones: Vec<String>,
    /// Mobile phone.
    mobile_phone: String,
    /// Whether the person may sign in to Microsoft.
    account_enabled: bool,
    /// `Member` or `Guest`.
    user_type: String,
    /// `Invitation`, `EmailVerified`, `LocalAccount`; null for ordinary accounts.
    creation_type: String,
    /// `PendingAcceptance` or `Accepted` for invited people.
    external_user_state: String,
    /// Ways to sign in.
    identities: Vec<Identity>,
    /// True: synchronised from on premises; false: was once; null: never.
    on_premises_sync_enabled: bool,
    /// The anchor of Entra Connect.
    on_premises_immutable_id: String,
    /// The account name on premises.
    on_premises_sam_account_name: String,
    /// The number the organization gave the person.
    employee_id: String,
    /// The kind of employment.
    employee_type: String,
    /// Two-letter country of use.
    usage_location: String,
    /// Language, as `en-US`.
    preferred_language: String,
    /// SKU ids of the licenses.
    assigned_licenses: Vec<Uuid>,
    /// When the object was made.
    created: Timestamp,
}

/// How a person left the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Soft-deleted: may be restored within 30 days.
    Changed,
    /// Deleted for good.
    Deleted,
}

/// One entry of a users delta page.
#[derive(Debug, Clone, PartialEq, Eq)]
// Nearly all entries are changes, so boxing them would only cost.
#[allow(clippy::large_enum_variant)]
pub enum UserChange {
    /// Created, restored or changed; holds what the answer told.
    Changed(DirectoryUser),
    /// Gone.
    Removed {
        /// The object id.
        id: Uuid,
        /// Softly or for good.
        reason: Reason,
    },
}

impl UserChange {
    /// Whom it is about.
    pub fn id(&self) -> Uuid {
        match self {
            Self::Changed(user) => user.id,
            Self::Removed { id, .. } => *id,
        }
    }
}

#[cfg(test)]
mod tests;
