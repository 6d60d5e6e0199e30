//! Request bodies that make or change a user or a group: names, shapes and limits of every property.
//! Source: the resource pages. What is read-only at Microsoft is taken here, so that a test can stage any person.

use serde_json::{Map, Value};

use crate::directory::record::Changes;
use crate::directory::tenant::Tenant;
use crate::error::GraphError;
use crate::schema::{Kind, Place, Property, PropertyId, Shape, known};

fn invalid(kind: Kind, name: &str) -> GraphError {
    let resource = kind.resource().trim_end_matches('s');
    GraphError::bad_request(format!(
        "Invalid value specified for property '{name}' of resource '{resource}'."
    ))
}

/// Reads a body; annotations (`@odata.type`, `members@odata.bind`) are left to the caller.
///
/// # Errors
/// 400 naming the property that does not exist or does not hold such a value.
pub(crate) fn changes(
    kind: Kind,
    tenant: &Tenant,
    body: &Map<String, Value>,
) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    for (name, value) in body {
        if name.contains('@') {
            continue;
        }
        let property = kind
            .properties()
            .iter()
            .position(|known| known.name == name);
        let property = property.and_then(|at| PropertyId::try_from(at).ok());
        let Some(id) = property.filter(|id| kind.property(*id).place != Place::Relationship) else {
            let resource = kind.resource().trim_end_matches('s');
            return Err(GraphError::bad_request(format!(
                "Property '{name}' does not exist as a declared property or extension property of resource '{resource}'."
            )));
        };
        if id == known::user::ID {
            return Err(GraphError::bad_request(
                "Property 'id' is read-only and cannot be set.",
            ));
        }
        check_shape(kind, kind.property(id), value)?;
        changes.set(id, value.clone());
    }
    match kind {
        Kind::User => check_user(tenant, &changes)?,
        Kind::Group => check_group(&changes)?,
    }
    Ok(changes)
}

fn check_shape(kind: Kind, property: &Property, value: &Value) -> Result<(), GraphError> {
    let fits = match (property.shape, value) {
        (_, Value::Null) => true,
        (Shape::Text(most), Value::String(text)) => {
            !text.is_empty() && text.chars().count() <= most
        }
        (Shape::Bool, Value::Bool(_)) => true,
        (Shape::Integer, Value::Number(number)) => number.is_i64(),
        (Shape::Instant, Value::String(text)) => text.parse::<jiff::Timestamp>().is_ok(),
        (Shape::Texts, Value::Array(items)) => items.iter().all(Value::is_string),
        (Shape::Complex, Value::Object(_)) => true,
        (Shape::Complexes, Value::Array(items)) => items.iter().all(Value::is_object),
        _ => false,
    };
    fits.then_some(())
        .ok_or_else(|| invalid(kind, property.name))
}

fn check_user(tenant: &Tenant, changes: &Changes) -> Result<(), GraphError> {
    use known::user::{BUSINESS_PHONES, DISPLAY_NAME, ENABLED, UPN};
    for id in [DISPLAY_NAME, ENABLED, UPN] {
        if changes.get(id).is_some_and(Value::is_null) {
            return Err(invalid(Kind::User, Kind::User.property(id).name));
        }
    }
    let phones = changes.get(BUSINESS_PHONES).and_then(Value::as_array);
    if phones.is_some_and(|phones| phones.len() > 1) {
        return Err(invalid(Kind::User, "businessPhones"));
    }
    changes
        .text(UPN)
        .map_or(Ok(()), |upn| check_upn(tenant, upn))
}

fn check_upn(tenant: &Tenant, upn: &str) -> Result<(), GraphError> {
    let (name, domain) = upn.rsplit_once('@').unwrap_or(("", ""));
    let fits = !name.is_empty()
        && !name.contains(|letter: char| {
            letter.is_whitespace() || "@\\\"/<>[]:;|=,+*?".contains(letter)
        });
    if !fits {
        return Err(GraphError::bad_request(
            "Property userPrincipalName is invalid.",
        ));
    }
    if !tenant.has_domain(domain) {
        return Err(GraphError::bad_request(
            "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your organization.",
        ));
    }
    Ok(())
}

fn check_group(changes: &Changes) -> Result<(), GraphError> {
    use known::group::{DISPLAY_NAME, MAIL_NICKNAME, VISIBILITY};
    for id in [DISPLAY_NAME, MAIL_NICKNAME] {
        if changes.get(id).is_some_and(Value::is_null) {
            return Err(invalid(Kind::Group, Kind::Group.property(id).name));
        }
    }
    let visibility = changes.text(VISIBILITY);
    if visibility.is_some_and(|text| !["Public", "Private", "HiddenMembership"].contains(&text)) {
        return Err(invalid(Kind::Group, "visibility"));
    }
    Ok(())
}

/// Refuses a creation that lacks what Graph insists on.
///
/// # Errors
/// 400 naming the first property that is missing.
pub(crate) fn check_complete(kind: Kind, changes: &Changes) -> Result<(), GraphError> {
    use known::{group, user};
    let required: &[PropertyId] = match kind {
        Kind::User => &[
            user::ENABLED,
            user::DISPLAY_NAME,
            user::MAIL_NICKNAME,
            user::UPN,
        ],
        Kind::Group => &[
            group::DISPLAY_NAME,
            group::MAIL_ENABLED,
            group::MAIL_NICKNAME,
            group::SECURITY_ENABLED,
        ],
    };
    if let Some(missing) = required.iter().find(|id| changes.get(**id).is_none()) {
        let name = kind.property(*missing).name;
        let resource = kind.resource().trim_end_matches('s');
        let message =
            format!("A value is required for property '{name}' of resource '{resource}'.");
        return Err(GraphError::bad_request(message));
    }
    if kind == Kind::User && needs_password(changes) {
        let password = changes
            .get(user::PASSWORD_PROFILE)
            .and_then(|profile| profile["password"].as_str());
        if password.is_none_or(str::is_empty) {
            return Err(GraphError::bad_request(
                "A password must be specified to create a new user.",
            ));
        }
    }
    Ok(())
}

/// People who come from elsewhere (invited, federated, synchronised) have no password here.
fn needs_password(changes: &Changes) -> bool {
    use known::user::{CREATION_TYPE, IDENTITIES, SYNCED, UPN};
    let external = changes
        .text(UPN)
        .is_some_and(crate::directory::identity::is_external);
    let elsewhere = [CREATION_TYPE, IDENTITIES, SYNCED];
    !external
        && elsewhere
            .iter()
            .all(|id| changes.get(*id).is_none_or(Value::is_null))
}
