//! Unit tests of `error`.

use super::*;

#[test]
fn says_what_where_and_how_to_mend_it() {
    let error = GraphError::new(
        Kind::PermissionMissing {
            permission: "Group.Read.All",
        },
        "reading groups",
    )
    .with_provider_code(Some("Authorization_RequestDenied".to_owned()))
    .with_message("Insufficient privileges\r\nto complete the operation.");
    assert_eq!(error.code(), "permission_missing");
    assert!(error.cure().contains("Group.Read.All"));
    assert!(error.needs_a_person());
    assert_eq!(
        error.to_string(),
        "reading groups: the permission Group.Read.All is missing \
         (Authorization_RequestDenied): Insufficient privileges"
    );
}

#[test]
fn messages_are_one_bounded_line() {
    assert_eq!(tidy("  a\tb\r\nTrace ID: x"), "ab");
    assert_eq!(tidy(&"é".repeat(1000)).chars().count(), 400);
}
