//! A person in Graph's JSON, and the conversion into ours.
//!
//! Knows property names only, no requests.

use serde::Deserialize;
use uuid::Uuid;

use crate::field::Field;
use crate::hashed::Hashed;
use crate::person::{DirectoryUser, Identity, Reason, UserChange};
use crate::watched::Watched;
use crate::wire::{
    FromWire, Malformed, Text, WireRef, WireRemoved, owned, owned_list, timestamp, uuid,
};

pub(crate) const USER_TYPE: &str = "#microsoft.graph.user";

macro_rules! wire_user {
    (
        texts { $($text:ident = $text_name:literal,)* }
        lists { $($list:ident = $list_name:literal,)* }
        watched { $($watched:ident = $watched_name:literal,)* }
    ) => {
        /// A person as an answer holds one; texts are borrowed from it.
        #[derive(Deserialize)]
        pub(crate) struct WireUser<'a> {
            #[serde(borrow)]
            pub(crate) id: Text<'a>,
            #[serde(rename = "@odata.type", borrow, default)]
            odata_type: Option<Text<'a>>,
            #[serde(rename = "@removed", borrow, default)]
            removed: Option<WireRemoved<'a>>,
            #[serde(rename = "manager@delta", borrow, default)]
            manager: Option<Vec<WireRef<'a>>>,
            #[serde(rename = "deletedDateTime", borrow, default)]
            pub(crate) deleted: Field<Text<'a>>,
            #[serde(rename = "createdDateTime", borrow, default)]
            created: Field<Text<'a>>,
            #[serde(rename = "accountEnabled", default)]
            account_enabled: Field<bool>,
            #[serde(rename = "onPremisesSyncEnabled", default)]
            on_premises_sync_enabled: Field<bool>,
            #[serde(borrow, default)]
            identities: Field<Vec<WireIdentity<'a>>>,
            #[serde(rename = "assignedLicenses", borrow, default)]
            assigned_licenses: Field<Vec<WireLicense<'a>>>,
            $(#[serde(rename = $text_name, borrow, default)] $text: Field<Text<'a>>,)*
            $(#[serde(rename = $list_name, borrow, default)] $list: Field<Vec<Text<'a>>>,)*
            $(#[serde(rename = $watched_name, default)] $watched: Field<Hashed>,)*
        }

        impl WireUser<'_> {
            fn into_user(self) -> Result<DirectoryUser, Malformed> {
                if self.odata_type.is_some_and(|kind| kind.as_str() != USER_TYPE) {
                    return Err(Malformed::new("an item that is not a user"));
                }
                Ok(DirectoryUser {
                    id: uuid(self.id.as_str(), "id")?,
                    $($text: owned(self.$text),)*
                    $($list: owned_list(self.$list),)*
                    account_enabled: self.account_enabled,
                    on_premises_sync_enabled: self.on_premises_sync_enabled,
                    identities: self
                        .identities
                        .map(|all| all.into_iter().map(Identity::from).collect()),
                    assigned_licenses: self
                        .assigned_licenses
                        .try_map(|all| all.iter().map(WireLicense::sku).collect())?,
                    created: self
                        .created
                        .try_map(|text| timestamp(text.as_str(), "createdDateTime"))?,
                    manager: manager(self.manager)?,
                    watched: Watched::of([
                        $(Hashed::field(self.$watched),)*
                    ]),
                })
            }
        }

        #[cfg(test)]
        const READ: &[&str] = &[
            "id", "createdDateTime", "accountEnabled", "onPremisesSyncEnabled", "identities",
            "assignedLicenses", "manager", $($text_name,)* $($list_name,)* $($watched_name,)*
        ];

        #[cfg(test)]
        const WATCHED_HERE: &[&str] = &[$($watched_name,)*];
    };
}

wire_user! {
    texts {
        user_principal_name = "userPrincipalName",
        mail = "mail",
        given_name = "givenName",
        surname = "surname",
        display_name = "displayName",
        job_title = "jobTitle",
        department = "department",
        company_name = "companyName",
        office_location = "officeLocation",
        mobile_phone = "mobilePhone",
        user_type = "userType",
        creation_type = "creationType",
        external_user_state = "externalUserState",
        on_premises_immutable_id = "onPremisesImmutableId",
        on_premises_sam_account_name = "onPremisesSamAccountName",
        employee_id = "employeeId",
        employee_type = "employeeType",
        usage_location = "usageLocation",
        preferred_language = "preferredLanguage",
    }
    lists {
        other_mails = "otherMails",
        proxy_addresses = "proxyAddresses",
        business_phones = "businessPhones",
    }
    watched {
        city = "city",
        state = "state",
        country = "country",
        postal_code = "postalCode",
        street_address = "streetAddress",
        mail_nickname = "mailNickname",
        employee_hired = "employeeHireDate",
        external_user_state_changed = "externalUserStateChangeDateTime",
        on_premises_user_principal_name = "onPremisesUserPrincipalName",
        on_premises_domain_name = "onPremisesDomainName",
        on_premises_distinguished_name = "onPremisesDistinguishedName",
        fax_number = "faxNumber",
        age_group = "ageGroup",
        consent_provided = "consentProvidedForMinor",
        password_policies = "passwordPolicies",
        employee_org_data = "employeeOrgData",
        extension_attributes = "onPremisesExtensionAttributes",
    }
}

/// Of a changed manager the delta tells the old one as removed and the new one.
fn manager(entries: Option<Vec<WireRef<'_>>>) -> Result<Field<Uuid>, Malformed> {
    let Some(entries) = entries else {
        return Ok(Field::Absent);
    };
    let present = entries.iter().rfind(|entry| entry.removed.is_none());
    present.map_or(Ok(Field::Null), |entry| {
        uuid(entry.id.as_str(), "manager@delta").map(Field::Value)
    })
}

#[derive(Deserialize)]
struct WireIdentity<'a> {
    #[serde(rename = "signInType", borrow, default)]
    sign_in_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    issuer: Option<Text<'a>>,
    #[serde(rename = "issuerAssignedId", borrow, default)]
    issuer_assigned_id: Option<Text<'a>>,
}

impl From<WireIdentity<'_>> for Identity {
    fn from(wire: WireIdentity<'_>) -> Self {
        Self {
            sign_in_type: wire.sign_in_type.map(Text::into_string),
            issuer: wire.issuer.map(Text::into_string),
            issuer_assigned_id: wire.issuer_assigned_id.map(Text::into_string),
        }
    }
}

#[derive(Deserialize)]
struct WireLicense<'a> {
    #[serde(rename = "skuId", borrow)]
    sku_id: Text<'a>,
}

impl WireLicense<'_> {
    fn sku(&self) -> Result<Uuid, Malformed> {
        uuid(self.sku_id.as_str(), "skuId")
    }
}

impl<'a> FromWire<'a> for DirectoryUser {
    type Wire = WireUser<'a>;

    fn from_wire(wire: WireUser<'a>) -> Result<Self, Malformed> {
        match wire.removed {
            None => wire.into_user(),
            Some(_) => Err(Malformed::new("a removed person outside of a delta")),
        }
    }
}

impl<'a> FromWire<'a> for UserChange {
    type Wire = WireUser<'a>;

    fn from_wire(wire: WireUser<'a>) -> Result<Self, Malformed> {
        Ok(match &wire.removed {
            None => Self::Changed(wire.into_user()?),
            Some(removed) => Self::Removed {
                id: uuid(wire.id.as_str(), "id")?,
                reason: reason(removed),
            },
        })
    }
}

/// A reason that is not known is taken for the one that can be undone.
pub(crate) fn reason(removed: &WireRemoved<'_>) -> Reason {
    match removed.reason.as_ref().map(Text::as_str) {
        Some("deleted") => Reason::Deleted,
        _ => Reason::Changed,
    }
}

#[cfg(test)]
mod tests;
