//! Who is assigned to the application under *Users and groups*.
//!
//! Assignment says who may be seen through a tenant, not what they become.
//! Source: <https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignedto>.

use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use crate::call::Call;
use crate::client::GraphClient;
use crate::error::{GraphError, Kind};
use crate::link::Link;
use crate::page;
use crate::wire::{FromWire, Malformed, Text, timestamp, uuid};

/// Application.Read.All would do as well, but is not among the product's four.
const PERMISSION: &str = "Directory.Read.All";

/// The application as it exists in the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePrincipal {
    /// Its object id there.
    pub id: Uuid,
    /// What it is called there.
    pub name: Option<String>,
    /// Whether only assigned people may sign in.
    pub assignment_required: bool,
}

/// A page of assignments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppAssignments {
    /// The assignments.
    pub assignments: Vec<AppAssignment>,
    /// The next page; `None` after the last.
    pub next: Option<Link>,
}

/// One assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppAssignment {
    /// Who is assigned.
    pub principal_id: Uuid,
    /// What that is. Of a group only direct members count.
    pub principal_type: PrincipalType,
    /// The name shown.
    pub principal_name: Option<String>,
    /// In which role; nil for the default one.
    pub app_role_id: Uuid,
    /// Since when.
    pub created: Option<Timestamp>,
}

/// What can be assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalType {
    /// A person.
    User,
    /// A group.
    Group,
    /// Another application.
    ServicePrincipal,
    /// Something newer than this connector.
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WirePrincipal<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, default)]
    display_name: Option<Text<'a>>,
    #[serde(default)]
    app_role_assignment_required: Option<bool>,
}

impl<'a> FromWire<'a> for ServicePrincipal {
    type Wire = WirePrincipal<'a>;

    fn from_wire(wire: WirePrincipal<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            id: uuid(wire.id.as_str(), "id")?,
            name: wire.display_name.map(Text::into_string),
            assignment_required: wire.app_role_assignment_required.unwrap_or(false),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireAssignment<'a> {
    #[serde(borrow)]
    principal_id: Text<'a>,
    #[serde(borrow)]
    principal_type: Text<'a>,
    #[serde(borrow, default)]
    principal_display_name: Option<Text<'a>>,
    #[serde(borrow)]
    app_role_id: Text<'a>,
    #[serde(borrow, default)]
    created_date_time: Option<Text<'a>>,
}

impl<'a> FromWire<'a> for AppAssignment {
    type Wire = WireAssignment<'a>;

    fn from_wire(wire: WireAssignment<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            principal_id: uuid(wire.principal_id.as_str(), "principalId")?,
            principal_type: match wire.principal_type.as_str() {
                "User" => PrincipalType::User,
                "Group" => PrincipalType::Group,
                "ServicePrincipal" => PrincipalType::ServicePrincipal,
                _ => PrincipalType::Other,
            },
            principal_name: wire.principal_display_name.map(Text::into_string),
            app_role_id: uuid(wire.app_role_id.as_str(), "appRoleId")?,
            created: wire
                .created_date_time
                .map(|text| timestamp(text.as_str(), "createdDateTime"))
                .transpose()?,
        })
    }
}

/// The assignments expanded with the application.
struct Sample(Vec<AppAssignment>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSample<'a> {
    #[serde(borrow)]
    app_role_assigned_to: Vec<WireAssignment<'a>>,
}

impl<'a> FromWire<'a> for Sample {
    type Wire = WireSample<'a>;

    fn from_wire(wire: WireSample<'a>) -> Result<Self, Malformed> {
        let assignments = wire.app_role_assigned_to.into_iter();
        let assignments: Result<_, _> = assignments.map(AppAssignment::from_wire).collect();
        Ok(Self(assignments?))
    }
}

impl GraphClient {
    /// This application as it exists in the tenant.
    ///
    /// # Errors
    /// [`Kind::AppUnknown`] when it does not.
    pub async fn service_principal(&self) -> Result<ServicePrincipal, GraphError> {
        let doing = "looking up the enterprise application";
        let filter = format!("appId eq '{}'", self.application_id());
        let call = Call::get(doing, PERMISSION, "servicePrincipals")
            .query("$filter", &filter)
            .query("$select", "id,displayName,appRoleAssignmentRequired");
        let mut page = self.list_page::<ServicePrincipal>(&call).await?;
        match (page.items.pop(), page.items.len(), &page.next) {
            (Some(found), 0, _) => Ok(found),
            (None, _, None) => Err(GraphError::new(Kind::AppUnknown, doing)),
            _ => Err(call.malformed("not exactly one enterprise application")),
        }
    }

    /// Some of who is assigned, read another way: with the application itself.
    /// Graph expands about twenty of them, which is enough to doubt a list that
    /// says there is nobody.
    pub async fn assignments_sample(
        &self,
        service_principal: Uuid,
    ) -> Result<Vec<AppAssignment>, GraphError> {
        let doing = "reading the enterprise application with who is assigned to it";
        let path = format!("servicePrincipals/{service_principal}");
        let call = Call::get(doing, PERMISSION, &path)
            .query("$select", "id")
            .query("$expand", "appRoleAssignedTo");
        let Sample(assignments) = self.item(&call).await?;
        Ok(assignments)
    }

    /// A page of who is assigned to the application.
    pub async fn assignments_page(
        &self,
        service_principal: Uuid,
        from: Option<&Link>,
    ) -> Result<AppAssignments, GraphError> {
        const DOING: &str = "reading who is assigned to the application";
        let path = format!("servicePrincipals/{service_principal}/appRoleAssignedTo");
        let first = || Call::get(DOING, PERMISSION, &path).query("$top", page::LARGEST);
        let call = page::call(from, DOING, PERMISSION, first);
        let page = self.list_page(&call).await?;
        Ok(AppAssignments {
            assignments: page.items,
            next: page.next,
        })
    }
}

#[cfg(test)]
mod tests;
