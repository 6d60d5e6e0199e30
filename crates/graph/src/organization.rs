//! The tenant itself: its name and its verified domains.

use serde::Deserialize;
use uuid::Uuid;

use crate::call::Call;
use crate::client::GraphClient;
use crate::error::{GraphError, Kind};
use crate::wire::{FromWire, Malformed, Text, uuid};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// The tenant id.
    pub tenant_id: Uuid,
    /// The name shown.
    pub display_name: Option<String>,
    /// Domains the tenant has proved to own.
    pub verified_domains: Vec<VerifiedDomain>,
    /// Whether Entra Connect synchronises it: true, was once (false), or never.
    pub on_premises_sync_enabled: Option<bool>,
    /// Two-letter country.
    pub country: Option<String>,
}

/// A domain a tenant has proved to own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedDomain {
    /// The domain name.
    pub name: String,
    /// New people get it.
    #[serde(default)]
    pub is_default: bool,
    /// The `*.onmicrosoft.com` the tenant began with.
    #[serde(default)]
    pub is_initial: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireOrganization<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(default)]
    display_name: Option<String>,
    verified_domains: Vec<VerifiedDomain>,
    #[serde(default)]
    on_premises_sync_enabled: Option<bool>,
    #[serde(default)]
    country_letter_code: Option<String>,
}

impl<'a> FromWire<'a> for Organization {
    type Wire = WireOrganization<'a>;

    fn from_wire(wire: WireOrganization<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            tenant_id: uuid(wire.id.as_str(), "id")?,
            display_name: wire.display_name,
            verified_domains: wire.verified_domains,
            on_premises_sync_enabled: wire.on_premises_sync_enabled,
            country: wire.country_letter_code,
        })
    }
}

impl GraphClient {
    /// The tenant the token is for.
    ///
    /// # Errors
    /// [`Kind::WrongTenant`] when it is not the one this client is for.
    pub async fn organization(&self) -> Result<Organization, GraphError> {
        let doing = "reading the organization";
        let select = "id,displayName,verifiedDomains,onPremisesSyncEnabled,countryLetterCode";
        let call = Call::get(doing, "User.Read", "organization").query("$select", select);
        let page = self.list_page::<Organization>(&call).await?;
        let [organization] = <[_; 1]>::try_from(page.items)
            .map_err(|_| call.malformed("not exactly one organization"))?;
        if organization.tenant_id != self.tenant_id() {
            return Err(GraphError::new(Kind::WrongTenant, doing));
        }
        Ok(organization)
    }
}

#[cfg(test)]
mod tests;
