//! What a security role allows: for each module which rights, each within a
//! scope. Knows nothing of who holds a role or how roles are stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

macro_rules! named {
    ($(#[$doc:meta])* $type:ident { $($(#[$item:meta])* $variant:ident $name:literal $label:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$item])* #[serde(rename = $name)] $variant,)*
        }

        impl $type {
            /// All of them, in the order they are shown.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in JSON.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The name for people.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)*
                }
            }
        }
    };
}

named! {
    /// A part of the product.
    Module {
        /// Settings, provisioning, security roles, tokens, audit log.
        Admin "admin" "Admin",
        /// Accounts and contacts.
        Crm "crm" "CRM",
        /// Employees.
        Hr "hr" "HR",
        /// Tickets.
        ServiceDesk "service_desk" "Service Desk",
        /// Projects.
        Projects "projects" "Projects",
        /// Invoices.
        Finance "finance" "Finance",
        /// Stock.
        Inventory "inventory" "Inventory",
        /// Reports.
        Reports "reports" "Reports",
        /// What clients see.
        ClientPortal "client_portal" "Client Portal",
        /// The own profile.
        My "my" "My",
    }
}

named! {
    /// What may be done.
    Right {
        /// Look at it.
        View "view" "View",
        /// Add to it.
        Create "create" "Create",
        /// Change it.
        Edit "edit" "Edit",
        /// Remove from it.
        Delete "delete" "Delete",
    }
}

named! {
    /// How far a right reaches; each scope includes the ones before it.
    Scope {
        /// What is the person's own.
        Own "own" "Own",
        /// What is the person's account's.
        Account "account" "Account",
        /// Everything.
        All "all" "All",
    }
}

/// The rights of a role, or of several together. In JSON
/// `{"service_desk": {"view": "all", "edit": "own"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rights(BTreeMap<Module, BTreeMap<Right, Scope>>);

impl Rights {
    /// No rights.
    pub fn none() -> Self {
        Self::default()
    }

    /// Every right to everything.
    pub fn everything() -> Self {
        let all: BTreeMap<_, _> = Right::ALL
            .iter()
            .map(|right| (*right, Scope::All))
            .collect();
        Self(
            Module::ALL
                .iter()
                .map(|module| (*module, all.clone()))
                .collect(),
        )
    }

    /// How far a right reaches; none without it.
    pub fn scope(&self, module: Module, right: Right) -> Option<Scope> {
        self.0.get(&module)?.get(&right).copied()
    }

    /// Whether there is the right, at whatever scope.
    pub fn allows(&self, module: Module, right: Right) -> bool {
        self.scope(module, right).is_some()
    }

    /// Whether the right reaches everything.
    pub fn allows_all(&self, module: Module, right: Right) -> bool {
        self.scope(module, right) == Some(Scope::All)
    }

    /// Whether something of Admin can be changed with them: the way to every
    /// other right.
    pub fn administers(&self) -> bool {
        let changes = [Right::Create, Right::Edit, Right::Delete];
        changes
            .into_iter()
            .any(|right| self.allows(Module::Admin, right))
    }

    /// Gives a right, or changes its scope.
    pub fn grant(&mut self, module: Module, right: Right, scope: Scope) {
        self.0.entry(module).or_default().insert(right, scope);
    }

    /// Takes a right away.
    pub fn withdraw(&mut self, module: Module, right: Right) {
        if let Some(rights) = self.0.get_mut(&module) {
            rights.remove(&right);
            if rights.is_empty() {
                self.0.remove(&module);
            }
        }
    }

    /// What several roles give together: each right at its widest scope.
    pub fn union<'a>(roles: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut union = Self::none();
        for (module, right, scope) in roles.into_iter().flat_map(Self::iter) {
            let widest = union.scope(module, right).max(Some(scope)).unwrap_or(scope);
            union.grant(module, right, widest);
        }
        union
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Every right with its scope, in the order they are shown.
    pub fn iter(&self) -> impl Iterator<Item = (Module, Right, Scope)> + '_ {
        let modules = self.0.iter();
        modules.flat_map(|(module, rights)| {
            rights
                .iter()
                .map(|(right, scope)| (*module, *right, *scope))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(list: &[(Module, Right, Scope)]) -> Rights {
        let mut rights = Rights::none();
        for (module, right, scope) in list {
            rights.grant(*module, *right, *scope);
        }
        rights
    }

    #[test]
    fn several_roles_give_each_right_at_its_widest_scope() {
        use {Module::*, Right::*, Scope::*};
        let one = rights(&[(ServiceDesk, View, Own), (My, Edit, Own)]);
        let two = rights(&[(ServiceDesk, View, Account), (Finance, View, All)]);
        for union in [Rights::union([&one, &two]), Rights::union([&two, &one])] {
            assert_eq!(union.scope(ServiceDesk, View), Some(Account));
            assert!(union.allows(My, Edit) && !union.allows_all(My, Edit));
            assert!(union.allows_all(Finance, View));
            assert!(!union.allows(Finance, Edit));
        }
        assert!(Rights::union([]).is_empty());
    }

    #[test]
    fn a_right_withdrawn_is_gone() {
        let mut rights = rights(&[(Module::Crm, Right::View, Scope::All)]);
        rights.withdraw(Module::Crm, Right::View);
        assert_eq!(rights, Rights::none());
    }

    #[test]
    fn rights_in_json_go_by_names_and_nothing_unknown_is_one() {
        let text = r#"{"service_desk":{"view":"all","edit":"own"}}"#;
        let rights: Rights = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&rights).unwrap(), text);
        assert!(serde_json::from_str::<Rights>(r#"{"kitchen":{"view":"all"}}"#).is_err());
        assert!(serde_json::from_str::<Rights>(r#"{"crm":{"burn":"all"}}"#).is_err());
        assert_eq!(Rights::everything().iter().count(), 40);
    }
}
