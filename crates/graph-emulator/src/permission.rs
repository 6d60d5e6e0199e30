//! Which permission each call needs, and what a person may do besides.
//! Source: the permission tables of each Graph page. The first of each list is the least one.

use crate::login::Caller;
use crate::schema::Kind;

/// Any one of these is enough.
pub(crate) type AnyOf = &'static [&'static str];

#[rustfmt::skip]
pub(crate) const USERS_READ: AnyOf = &[
    "User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All",
    "Directory.AccessAsUser.All", "User.ReadBasic.All",
];
#[rustfmt::skip]
pub(crate) const USERS_DELTA: AnyOf = &[
    "User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All",
];
#[rustfmt::skip]
pub(crate) const USERS_WRITE: AnyOf = &[
    "User.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All",
];
#[rustfmt::skip]
pub(crate) const USERS_RESTORE: AnyOf = &[
    "User.DeleteRestore.All", "User.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All",
];
#[rustfmt::skip]
pub(crate) const GROUPS_READ: AnyOf = &[
    "Group.Read.All", "GroupMember.Read.All", "Group.ReadWrite.All", "GroupMember.ReadWrite.All",
    "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All",
];
#[rustfmt::skip]
pub(crate) const GROUPS_DELTA: AnyOf = &[
    "Group.Read.All", "Group.ReadWrite.All", "GroupMember.Read.All", "Directory.Read.All",
    "Directory.ReadWrite.All",
];
#[rustfmt::skip]
pub(crate) const GROUPS_WRITE: AnyOf = &[
    "Group.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All",
];
#[rustfmt::skip]
pub(crate) const MEMBERS_WRITE: AnyOf = &[
    "GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All",
];
#[rustfmt::skip]
pub(crate) const ORGANIZATION_READ: AnyOf = &[
    "User.Read", "Organization.Read.All", "Organization.ReadWrite.All", "User.Read.All", "User.ReadWrite.All",
    "Directory.Read.All", "Directory.ReadWrite.All",
];
#[rustfmt::skip]
pub(crate) const ME_READ: AnyOf = &[
    "User.Read", "User.ReadWrite", "User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All",
    "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All",
];
#[rustfmt::skip]
pub(crate) const APPLICATIONS_READ: AnyOf = &[
    "Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
];
pub(crate) const APPLICATIONS_WRITE: AnyOf =
    &["Application.ReadWrite.All", "Directory.ReadWrite.All"];
pub(crate) const ASSIGNMENTS_WRITE: AnyOf = &["AppRoleAssignment.ReadWrite.All"];
pub(crate) const INVITE: AnyOf = &[
    "User.Invite.All",
    "User.ReadWrite.All",
    "Directory.ReadWrite.All",
];
pub(crate) const HIDDEN_MEMBERS: AnyOf = &["Member.Read.Hidden"];
pub(crate) const SIGN_IN_ACTIVITY: AnyOf = &["AuditLog.Read.All"];

/// Reading one object or a list of this kind.
pub(crate) fn read(kind: Kind) -> AnyOf {
    match kind {
        Kind::User => USERS_READ,
        Kind::Group => GROUPS_READ,
    }
}

/// Making, changing and deleting objects of this kind.
pub(crate) fn write(kind: Kind) -> AnyOf {
    match kind {
        Kind::User => USERS_WRITE,
        Kind::Group => GROUPS_WRITE,
    }
}

/// Restoring and purging objects of this kind.
pub(crate) fn restore(kind: Kind) -> AnyOf {
    match kind {
        Kind::User => USERS_RESTORE,
        Kind::Group => GROUPS_WRITE,
    }
}

/// Tracking and subscribing to this kind.
pub(crate) fn delta(kind: Kind) -> AnyOf {
    match kind {
        Kind::User => USERS_DELTA,
        Kind::Group => GROUPS_DELTA,
    }
}

/// Whether the caller's token carries one of the permissions.
pub(crate) fn has(caller: &Caller, any_of: AnyOf) -> bool {
    any_of.iter().any(|name| caller.permissions.contains(*name))
}
