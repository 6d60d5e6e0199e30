//! Delegated permissions of Microsoft Graph: names, wording on the consent page, and which need an administrator.
//! Source: "Microsoft Graph permissions reference". Does not know who was granted what.

/// A delegated permission.
#[derive(Debug)]
pub(super) struct Permission {
    pub name: &'static str,
    /// An administrator must consent.
    pub admin: bool,
    /// What the consent page says.
    pub text: &'static str,
}

const fn user(name: &'static str, text: &'static str) -> Permission {
    Permission {
        name,
        admin: false,
        text,
    }
}

const fn admin(name: &'static str, text: &'static str) -> Permission {
    Permission {
        name,
        admin: true,
        text,
    }
}

const TABLE: [Permission; 45] = [
    user("User.Read", "Sign you in and read your profile"),
    user("User.ReadBasic.All", "Read all users' basic profiles"),
    user("User.ReadWrite", "Read and update your profile"),
    user("Mail.Read", "Read your mail"),
    user("Mail.ReadWrite", "Read and write your mail"),
    user("Mail.Send", "Send mail as you"),
    user("Calendars.Read", "Read your calendars"),
    user("Calendars.ReadWrite", "Have full access to your calendars"),
    user("Contacts.Read", "Read your contacts"),
    user("Contacts.ReadWrite", "Have full access to your contacts"),
    user("Files.Read", "Read your files"),
    user("Files.ReadWrite", "Have full access to your files"),
    user("People.Read", "Read your relevant people list"),
    user("Tasks.Read", "Read your tasks"),
    user("Notes.Read", "Read your notebooks"),
    admin("User.Read.All", "Read all users' full profiles"),
    admin(
        "User.ReadWrite.All",
        "Read and write all users' full profiles",
    ),
    admin("User.Invite.All", "Invite guest users to the organization"),
    admin(
        "User.EnableDisableAccount.All",
        "Enable and disable user accounts",
    ),
    admin("User.ManageIdentities.All", "Manage user identities"),
    admin("User.DeleteRestore.All", "Delete and restore users"),
    admin("Group.Read.All", "Read all groups"),
    admin("Group.ReadWrite.All", "Read and write all groups"),
    admin("GroupMember.Read.All", "Read group memberships"),
    admin(
        "GroupMember.ReadWrite.All",
        "Read and write group memberships",
    ),
    admin("Member.Read.Hidden", "Read hidden memberships"),
    admin("Directory.Read.All", "Read directory data"),
    admin("Directory.ReadWrite.All", "Read and write directory data"),
    admin("Directory.AccessAsUser.All", "Access the directory as you"),
    admin("Organization.Read.All", "Read organization information"),
    admin(
        "Organization.ReadWrite.All",
        "Read and write organization information",
    ),
    admin("Application.Read.All", "Read applications"),
    admin("Application.ReadWrite.All", "Read and write applications"),
    admin(
        "AppRoleAssignment.ReadWrite.All",
        "Manage app permission grants and app role assignments",
    ),
    admin(
        "DelegatedPermissionGrant.ReadWrite.All",
        "Manage all delegated permission grants",
    ),
    admin(
        "RoleManagement.Read.Directory",
        "Read directory role settings",
    ),
    admin(
        "RoleManagement.ReadWrite.Directory",
        "Read and write directory role settings",
    ),
    admin("AuditLog.Read.All", "Read audit log data"),
    admin("Device.Read.All", "Read all devices"),
    admin("Domain.Read.All", "Read domains"),
    admin("Domain.ReadWrite.All", "Read and write domains"),
    admin("Policy.Read.All", "Read your organization's policies"),
    admin("Reports.Read.All", "Read all usage reports"),
    admin("Sites.Read.All", "Read items in all site collections"),
    admin("Synchronization.Read.All", "Read synchronization data"),
];

/// A permission by its name, letter case apart.
pub(super) fn find(name: &str) -> Option<&'static Permission> {
    TABLE
        .iter()
        .find(|permission| permission.name.eq_ignore_ascii_case(name))
}

/// Whether an administrator must consent. A permission outside the table is taken as one that needs an administrator,
/// except that people may let an application read what is their own (`….Read` with no further part).
pub(super) fn needs_admin(name: &str) -> bool {
    find(name).map_or_else(|| !name.ends_with(".Read"), |permission| permission.admin)
}

/// What the consent page says about a permission.
pub(super) fn wording(name: &str) -> String {
    find(name).map_or_else(
        || format!("Use the permission {name}"),
        |permission| permission.text.to_owned(),
    )
}
