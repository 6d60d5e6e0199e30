//! A mapping rule: which security group means which kind of person, with which
//! roles. Also what makes a rule acceptable before it is saved.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, ConnectionId, GroupId, RuleId, TenantId};
use crate::psa::Kind;

/// A rule as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingRule {
    /// Ours.
    pub id: RuleId,
    /// What an administrator calls it.
    pub name: String,
    /// The lowest wins.
    pub order: i64,
    /// The connection whose tenant it reads.
    pub connection_id: ConnectionId,
    /// That tenant.
    pub tenant_id: TenantId,
    /// Whose people it takes.
    #[serde(default)]
    pub scope: ScopeKind,
    /// The security group; for [`ScopeKind::Assigned`] the object id of the
    /// enterprise application, whose assignments are read like a group.
    pub group_id: GroupId,
    /// Its name when last read.
    pub group_name: Option<String>,
    /// When the group was made; unknown counts as youngest.
    pub group_created_at: Option<Timestamp>,
    /// Whether the group can be read; if not, its members are frozen.
    pub group_readable: bool,
    /// What its people become.
    pub target: Target,
    /// The rights they get.
    pub security_roles: Vec<String>,
    /// How the rights are given.
    pub roles_mode: RolesMode,
    /// Whether members of groups inside the group count.
    pub include_nested: bool,
    /// Members, guests or both.
    pub members: Members,
    /// Globs on UPN and mail whose people are left out.
    pub exclude: Vec<String>,
    /// Only people with a licence.
    #[serde(default)]
    pub licensed_only: bool,
    /// Whether it counts.
    pub enabled: bool,
    /// When it was made: the last tie-break but one.
    pub created_at: Timestamp,
    /// Counts changes; links remember the version applied.
    pub version: i64,
}

/// Whose people a rule takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKind {
    /// The members of a security group.
    #[default]
    Group,
    /// Who is assigned to the enterprise application under *Users and groups*:
    /// people, and the direct members of groups.
    Assigned,
}

/// What a rule's people become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Target {
    /// HR employees.
    Employee,
    /// CRM contacts of one account, with client portal access.
    Contact {
        /// The account.
        account_id: AccountId,
    },
}

impl Target {
    /// The kind of record.
    pub fn kind(self) -> Kind {
        match self {
            Self::Employee => Kind::Employee,
            Self::Contact { .. } => Kind::Contact,
        }
    }

    /// The account of contacts.
    pub fn account_id(self) -> Option<AccountId> {
        match self {
            Self::Employee => None,
            Self::Contact { account_id } => Some(account_id),
        }
    }
}

/// How a rule gives its rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolesMode {
    /// The person has exactly these.
    #[default]
    Replace,
    /// The person has at least these.
    Add,
    /// Given once, when access begins.
    OnCreate,
}

/// Which user types a rule takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Members {
    /// Members and guests.
    #[default]
    All,
    /// Members only.
    Members,
    /// Guests only.
    Guests,
}

/// Whether a security role is for employees or for contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleType {
    /// For employees.
    Internal,
    /// For contacts.
    External,
}

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A rule without roles would give sign-in without rights.
    #[error("security_roles is empty; name at least one {0} security role")]
    NoRoles(&'static str),
    /// The role does not exist.
    #[error("security_roles: there is no security role `{0}`")]
    UnknownRole(String),
    /// The role is for the other kind of person.
    #[error("security_roles: `{role}` is for {is_for}, and this rule makes {makes}")]
    WrongRoleType {
        /// The role.
        role: String,
        /// Whom it is for.
        is_for: &'static str,
        /// What the rule makes.
        makes: &'static str,
    },
    /// A pattern that is no glob.
    #[error("exclude: `{pattern}` is not a pattern: {reason}")]
    BadPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// Microsoft counts only direct members of a group that is assigned.
    #[error(
        "include_nested does not go with scope `assigned`: of a group assigned under Users and \
         groups only direct members count"
    )]
    AssignedNested,
    /// A rule needs a name to be told apart.
    #[error("name is empty")]
    NoName,
}

/// Checks a rule against the security roles there are.
pub fn check(
    rule: &MappingRule,
    role_type: impl Fn(&str) -> Option<RoleType>,
) -> Result<(), RuleError> {
    if rule.name.trim().is_empty() {
        return Err(RuleError::NoName);
    }
    if rule.scope == ScopeKind::Assigned && rule.include_nested {
        return Err(RuleError::AssignedNested);
    }
    let (wanted, word, makes) = match rule.target.kind() {
        Kind::Employee => (RoleType::Internal, "internal", "employees"),
        Kind::Contact => (RoleType::External, "external", "contacts"),
    };
    if rule.security_roles.is_empty() {
        return Err(RuleError::NoRoles(word));
    }
    for role in &rule.security_roles {
        match role_type(role) {
            None => return Err(RuleError::UnknownRole(role.clone())),
            Some(found) if found != wanted => {
                let is_for = match found {
                    RoleType::Internal => "employees",
                    RoleType::External => "contacts",
                };
                let role = role.clone();
                return Err(RuleError::WrongRoleType {
                    role,
                    is_for,
                    makes,
                });
            }
            Some(_) => {}
        }
    }
    for pattern in &rule.exclude {
        if let Err(error) = globset::Glob::new(pattern) {
            return Err(RuleError::BadPattern {
                pattern: pattern.clone(),
                reason: error.kind().to_string(),
            });
        }
    }
    Ok(())
}
