//! The permissions the product asks for, and the scopes of a sign-in.
//!
//! Knows names only. Source: <https://learn.microsoft.com/graph/permissions-reference>.

use std::fmt;

/// A delegated Microsoft Graph permission the product asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// The signed-in person's own profile.
    UserRead,
    /// Everybody's profile.
    UserReadAll,
    /// Groups and their members.
    GroupReadAll,
    /// The directory: deleted people, enterprise applications.
    DirectoryReadAll,
}

impl Permission {
    /// All four.
    pub const ALL: [Self; 4] = [
        Self::DirectoryReadAll,
        Self::GroupReadAll,
        Self::UserRead,
        Self::UserReadAll,
    ];

    /// The name, as in the Entra admin center.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserRead => "User.Read",
            Self::UserReadAll => "User.Read.All",
            Self::GroupReadAll => "Group.Read.All",
            Self::DirectoryReadAll => "Directory.Read.All",
        }
    }

    /// Whether `scope`, the space-separated list of a token answer, grants it.
    pub(crate) fn is_in(self, scope: &str) -> bool {
        scope.split_whitespace().any(|granted| {
            let name = granted.rsplit('/').next().unwrap_or(granted);
            name.eq_ignore_ascii_case(self.name())
        })
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a sign-in asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes {
    openid: &'static [&'static str],
    permissions: Vec<Permission>,
}

impl Scopes {
    /// For connecting a tenant: the four permissions, an ID token, a refresh token.
    pub fn connection() -> Self {
        Self {
            openid: &["openid", "profile", "offline_access"],
            permissions: Permission::ALL.to_vec(),
        }
    }

    /// For signing a person in: who they are, and nothing that stays.
    pub fn sign_in() -> Self {
        Self {
            openid: &["openid", "profile", "email"],
            permissions: vec![Permission::UserRead],
        }
    }

    /// The value of the `scope` parameter. Names without a resource mean
    /// Microsoft Graph, in every cloud.
    pub fn parameter(&self) -> String {
        let openid = self.openid.iter().copied();
        join(openid.chain(self.graph()))
    }

    /// The permissions alone, as the admin consent page wants them.
    pub(crate) fn graph_parameter(&self) -> String {
        join(self.graph())
    }

    fn graph(&self) -> impl Iterator<Item = &'static str> {
        self.permissions.iter().map(|permission| permission.name())
    }
}

fn join(names: impl Iterator<Item = &'static str>) -> String {
    names.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
