//! Answers hold what the v1.0 metadata declares, in the shapes it declares.

use serde_json::Value;

use crate::world::World;

/// Name and shape: `s` text, `b` yes or no, `t` instant, `S` texts, `O` object, `C` objects.
const USER: &[(&str, char)] = &[
    ("id", 's'),
    ("accountEnabled", 'b'),
    ("businessPhones", 'S'),
    ("city", 's'),
    ("companyName", 's'),
    ("country", 's'),
    ("createdDateTime", 't'),
    ("creationType", 's'),
    ("deletedDateTime", 't'),
    ("department", 's'),
    ("displayName", 's'),
    ("employeeHireDate", 't'),
    ("employeeId", 's'),
    ("employeeOrgData", 'O'),
    ("employeeType", 's'),
    ("externalUserState", 's'),
    ("externalUserStateChangeDateTime", 't'),
    ("givenName", 's'),
    ("identities", 'C'),
    ("imAddresses", 'S'),
    ("jobTitle", 's'),
    ("lastPasswordChangeDateTime", 't'),
    ("mail", 's'),
    ("mailNickname", 's'),
    ("mobilePhone", 's'),
    ("officeLocation", 's'),
    ("onPremisesExtensionAttributes", 'O'),
    ("onPremisesImmutableId", 's'),
    ("onPremisesSamAccountName", 's'),
    ("onPremisesSyncEnabled", 'b'),
    ("otherMails", 'S'),
    ("postalCode", 's'),
    ("preferredLanguage", 's'),
    ("proxyAddresses", 'S'),
    ("state", 's'),
    ("streetAddress", 's'),
    ("surname", 's'),
    ("usageLocation", 's'),
    ("userPrincipalName", 's'),
    ("userType", 's'),
    ("assignedLicenses", 'C'),
];

const GROUP: &[(&str, char)] = &[
    ("id", 's'),
    ("createdDateTime", 't'),
    ("deletedDateTime", 't'),
    ("description", 's'),
    ("displayName", 's'),
    ("groupTypes", 'S'),
    ("mail", 's'),
    ("mailEnabled", 'b'),
    ("mailNickname", 's'),
    ("membershipRule", 's'),
    ("proxyAddresses", 'S'),
    ("renewedDateTime", 't'),
    ("securityEnabled", 'b'),
    ("securityIdentifier", 's'),
    ("visibility", 's'),
    ("onPremisesSyncEnabled", 'b'),
    ("isAssignableToRole", 'b'),
    ("theme", 's'),
];

fn fits(value: &Value, shape: char) -> bool {
    match shape {
        's' => value.is_string() || value.is_null(),
        'b' => value.is_boolean() || value.is_null(),
        't' => {
            value.is_null()
                || value.as_str().is_some_and(|text| {
                    text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
                })
        }
        'S' => value
            .as_array()
            .is_some_and(|items| items.iter().all(Value::is_string)),
        'O' => value.is_object() || value.is_null(),
        'C' => value
            .as_array()
            .is_some_and(|items| items.iter().all(Value::is_object)),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn every_property_has_its_declared_shape() {
    let world = World::new().await;
    world.add_person("amy").await;
    world.add_group("sales").await;
    world.generate(5, 1, 5).await;
    for (set, table) in [("users", USER), ("groups", GROUP)] {
        let names: Vec<_> = table.iter().map(|(name, _)| *name).collect();
        let page = world
            .read(&format!("{set}?$select={}", names.join(",")))
            .await;
        for object in page["value"].as_array().unwrap() {
            for (name, shape) in table {
                assert!(
                    fits(&object[name], *shape),
                    "{set}.{name}: {}",
                    object[name]
                );
            }
        }
    }
}
