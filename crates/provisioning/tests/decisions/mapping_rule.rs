//! Which rules can be saved.

use provisioning::mapping_rule::{MappingRule, RoleType, ScopeKind, check};

use crate::common::{contacts, employees};

fn role_type(name: &str) -> Option<RoleType> {
    match name {
        "Technician" => Some(RoleType::Internal),
        "Portal User" => Some(RoleType::External),
        _ => None,
    }
}

fn changed(mut rule: MappingRule, change: impl FnOnce(&mut MappingRule)) -> MappingRule {
    change(&mut rule);
    rule
}

#[test]
fn a_rule_is_saved_or_refused_with_what_is_wrong() {
    let roles = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    for (rule, error) in [
        (employees(1), None),
        (contacts(1), None),
        (
            changed(employees(1), |r| r.name = " ".to_owned()),
            Some("name is empty"),
        ),
        (
            changed(employees(1), |r| r.security_roles.clear()),
            Some("security_roles is empty; name at least one internal security role"),
        ),
        (
            changed(contacts(1), |r| r.security_roles.clear()),
            Some("security_roles is empty; name at least one external security role"),
        ),
        (
            changed(employees(1), |r| {
                r.security_roles = roles(&["Technician", "King"])
            }),
            Some("security_roles: there is no security role `King`"),
        ),
        (
            changed(employees(1), |r| r.security_roles = roles(&["Portal User"])),
            Some("security_roles: `Portal User` is for contacts, and this rule makes employees"),
        ),
        (
            changed(contacts(1), |r| r.security_roles = roles(&["Technician"])),
            Some("security_roles: `Technician` is for employees, and this rule makes contacts"),
        ),
        (
            changed(employees(1), |r| r.scope = ScopeKind::Assigned),
            None,
        ),
        (
            changed(employees(1), |r| {
                r.scope = ScopeKind::Assigned;
                r.include_nested = true;
            }),
            Some(
                "include_nested does not go with scope `assigned`: of a group assigned under Users \
                 and groups only direct members count",
            ),
        ),
        (
            changed(employees(1), |r| {
                r.exclude = roles(&["admin-*", "*@x.{com,de}"])
            }),
            None,
        ),
    ] {
        let found = check(&rule, role_type).err().map(|error| error.to_string());
        assert_eq!(found.as_deref(), error);
    }
    let broken = changed(employees(1), |r| r.exclude = roles(&["[a"]));
    let error = check(&broken, role_type).unwrap_err().to_string();
    assert!(
        error.starts_with("exclude: `[a` is not a pattern"),
        "{error}"
    );
}
