//! Which members of a rule's group the rule takes.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::directory::{Person, UserType};
use crate::mapping_rule::{MappingRule, Members};

/// A rule's filters, compiled.
#[derive(Debug, Clone)]
pub struct Scope {
    members: Members,
    licensed_only: bool,
    exclude: GlobSet,
}

impl Scope {
    /// The filters of a rule. A pattern that is no glob excludes nobody; such
    /// a rule cannot be saved.
    pub fn of(rule: &MappingRule) -> Self {
        let mut exclude = GlobSetBuilder::new();
        for pattern in &rule.exclude {
            if let Ok(glob) = GlobBuilder::new(pattern).case_insensitive(true).build() {
                exclude.add(glob);
            }
        }
        Self {
            members: rule.members,
            licensed_only: rule.licensed_only,
            exclude: exclude.build().unwrap_or_else(|_| GlobSet::empty()),
        }
    }

    /// Whether the rule takes this person.
    pub fn takes(&self, person: &Person) -> bool {
        let type_fits = match self.members {
            Members::All => true,
            Members::Members => person.user_type == UserType::Member,
            Members::Guests => person.user_type == UserType::Guest,
        };
        let licence_fits = !self.licensed_only || person.licensed == Some(true);
        let mut names = person.upn.iter().chain(&person.mail);
        type_fits && licence_fits && !names.any(|name| self.exclude.is_match(name))
    }
}
