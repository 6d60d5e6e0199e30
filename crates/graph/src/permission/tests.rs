//! Unit tests of `permission`.

use super::*;

#[test]
fn a_sign_in_asks_for_no_refresh_token() {
    let scope = Scopes::sign_in().parameter();
    assert_eq!(scope, "openid profile email User.Read");
}

#[test]
fn granted_scopes_are_recognised_with_and_without_the_resource() {
    let granted = "openid https://graph.microsoft.com/User.Read.All group.read.all";
    let found: Vec<_> = Permission::ALL
        .into_iter()
        .filter(|p| p.is_in(granted))
        .collect();
    assert_eq!(found, [Permission::GroupReadAll, Permission::UserReadAll]);
}
