//! A person of the directory, and what a delta round says about one.
//!
//! Keeps everything that was read, unjudged: where a person comes from and
//! which address counts is decided elsewhere.
//! Source: <https://learn.microsoft.com/graph/api/resources/user>.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::field::Field;

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

/// Properties read only to notice that they changed, by their names in Graph.
pub(crate) const WATCHED: [&str; 11] = [
    "city",
    "state",
    "country",
    "postalCode",
    "streetAddress",
    "mailNickname",
    "employeeHireDate",
    "externalUserStateChangeDateTime",
    "onPremisesUserPrincipalName",
    "onPremisesDomainName",
    "onPremisesDistinguishedName",
];

/// Hashes of properties that are read only to notice that they changed; their
/// values are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, u64>", into = "BTreeMap<String, u64>")]
pub struct Watched([Option<u64>; WATCHED.len()]);

impl Watched {
    /// The hash of an empty property; `None` is one that was not told.
    const NULL: u64 = 0;

    pub(crate) fn of(properties: [Field<&str>; WATCHED.len()]) -> Self {
        Self(properties.map(|property| match property {
            Field::Absent => None,
            Field::Null => Some(Self::NULL),
            Field::Value(text) => {
                let mut hash = [0; 8];
                hash.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..8]);
                Some(u64::from_le_bytes(hash))
            }
        }))
    }

    fn overlay(&mut self, newer: Self) {
        for (known, newer) in self.0.iter_mut().zip(newer.0) {
            *known = newer.or(*known);
        }
    }

    fn known(&self) -> impl Iterator<Item = (&'static str, u64)> {
        WATCHED
            .into_iter()
            .zip(self.0)
            .filter_map(|(name, hash)| Some((name, hash?)))
    }
}

impl From<BTreeMap<String, u64>> for Watched {
    fn from(stored: BTreeMap<String, u64>) -> Self {
        Self(WATCHED.map(|name| stored.get(name).copied()))
    }
}

impl From<Watched> for BTreeMap<String, u64> {
    fn from(watched: Watched) -> Self {
        watched
            .known()
            .map(|(name, hash)| (name.to_owned(), hash))
            .collect()
    }
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

            /// A hash of everything that was read, the manager apart. Absent
            /// counts as null, since a delta leaves out what a full read
            /// reports as null; the order of lists does not matter.
            pub fn fingerprint(&self) -> [u8; 32] {
                let mut print = Fingerprint::new(self.id);
                $(
                    if let Field::Value(value) = &self.$name {
                        print.property(stringify!($name), value);
                    }
                )*
                for (name, hash) in self.watched.known() {
                    if hash != Watched::NULL {
                        print.bytes(name.as_bytes());
                        print.bytes(&hash.to_le_bytes());
                    }
                }
                print.0.finalize().into()
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

struct Fingerprint(blake3::Hasher);

impl Fingerprint {
    fn new(id: Uuid) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(id.as_bytes());
        Self(hasher)
    }

    fn property(&mut self, name: &str, value: &impl Printed) {
        self.bytes(name.as_bytes());
        value.print(self);
    }

    // The length goes first, so that no two lists of texts look alike.
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}

trait Printed {
    fn print(&self, print: &mut Fingerprint);
}

impl Printed for String {
    fn print(&self, print: &mut Fingerprint) {
        print.bytes(self.as_bytes());
    }
}

impl Printed for bool {
    fn print(&self, print: &mut Fingerprint) {
        print.bytes(&[u8::from(*self)]);
    }
}

impl Printed for Uuid {
    fn print(&self, print: &mut Fingerprint) {
        print.bytes(self.as_bytes());
    }
}

impl Printed for Timestamp {
    fn print(&self, print: &mut Fingerprint) {
        print.bytes(&self.as_nanosecond().to_le_bytes());
    }
}

impl Printed for Identity {
    fn print(&self, print: &mut Fingerprint) {
        for part in [&self.sign_in_type, &self.issuer, &self.issuer_assigned_id] {
            print.bytes(&[u8::from(part.is_some())]);
            print.bytes(part.as_deref().unwrap_or_default().as_bytes());
        }
    }
}

impl<T: Printed + Ord> Printed for Vec<T> {
    fn print(&self, print: &mut Fingerprint) {
        let mut sorted: Vec<&T> = self.iter().collect();
        sorted.sort_unstable();
        print.bytes(&(sorted.len() as u64).to_le_bytes());
        for item in sorted {
            item.print(print);
        }
    }
}

#[cfg(test)]
mod tests;
