//! The tenant itself.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::call::{Answer, Call, Reply};
use super::entity::context_name;
use crate::clock::iso;
use crate::directory::tenant::Tenant;
use crate::error::GraphError;
use crate::odata::select::names;
use crate::permission::ORGANIZATION_READ;

fn entity(tenant: &Tenant) -> Value {
    let domains = tenant.domains.iter().enumerate().map(|(at, name)| {
        json!({
            "capabilities": "Email, OfficeCommunicationsOnline",
            "isDefault": at == 0,
            "isInitial": *name == tenant.initial_domain,
            "name": name,
            "type": "Managed",
        })
    });
    json!({
        "id": tenant.id,
        "deletedDateTime": null,
        "businessPhones": [],
        "city": null,
        "country": null,
        "countryLetterCode": "US",
        "createdDateTime": iso(tenant.created),
        "defaultUsageLocation": null,
        "displayName": tenant.display_name,
        "onPremisesLastSyncDateTime": null,
        "onPremisesSyncEnabled": null,
        "partnerTenantType": null,
        "postalCode": null,
        "preferredLanguage": "en",
        "privacyProfile": null,
        "securityComplianceNotificationMails": [],
        "securityComplianceNotificationPhones": [],
        "state": null,
        "street": null,
        "technicalNotificationMails": [],
        "tenantType": "AAD",
        "assignedPlans": [],
        "provisionedPlans": [],
        "verifiedDomains": domains.collect::<Vec<_>>(),
    })
}

fn selected(call: &Call<'_>, tenant: &Tenant) -> Result<Value, GraphError> {
    call.options.only(&["$select", "$top", "$format"])?;
    let whole = entity(tenant);
    let Some(text) = call.options.get("$select") else {
        return Ok(whole);
    };
    let mut part = json!({"id": tenant.id});
    for name in names(text) {
        let value = whole.get(name).ok_or_else(|| {
            GraphError::gateway(format!(
                "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.organization'."
            ))
        })?;
        part[name] = value.clone();
    }
    Ok(part)
}

/// `GET /organization`: a list of exactly one.
pub(super) fn list(call: &Call<'_>) -> Answer {
    call.require(ORGANIZATION_READ)?;
    let world = call.core().world();
    let organization = selected(call, call.tenant(&world)?)?;
    let set = context_name("organization", call.options.get("$select"));
    let body = json!({"@odata.context": call.context(&set), "value": [organization]});
    Ok(Reply::json(StatusCode::OK, &body))
}

/// `GET /organization/{id}`.
pub(super) fn get(call: &Call<'_>, id: &str) -> Answer {
    call.require(ORGANIZATION_READ)?;
    let world = call.core().world();
    let tenant = call.tenant(&world)?;
    if !tenant.id.to_string().eq_ignore_ascii_case(id) {
        return Err(GraphError::not_found(id));
    }
    let mut organization = selected(call, tenant)?;
    let set = context_name("organization", call.options.get("$select"));
    organization["@odata.context"] = call.context(&format!("{set}/$entity")).into();
    Ok(Reply::json(StatusCode::OK, &organization))
}
