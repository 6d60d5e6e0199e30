//! What the identity platform and the rest of the emulator see of each other.
//! Types alone; nothing is decided here.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

/// What the platform asks of the directory. Never called while the platform's own lock is held.
pub(crate) trait Principals: Send + Sync {
    /// The tenant with this id or verified domain, letter case apart.
    fn tenant(&self, id_or_domain: &str) -> Option<TenantInfo>;
    /// Every tenant.
    fn tenants(&self) -> Vec<TenantInfo>;
    /// A person by object id or user principal name; deleted people are not found.
    fn user(&self, tenant_id: Uuid, id_or_upn: &str) -> Option<UserInfo>;
    /// The person with this user principal name, made when missing.
    fn ensure_user(&self, tenant_id: Uuid, upn: &str, now: Timestamp) -> UserInfo;
    /// The virtual clock.
    fn now(&self) -> Timestamp;
    /// Seeded chance.
    fn random(&self, out: &mut [u8]);
    /// Consent to an application makes an enterprise application in the tenant.
    fn service_principal_created(&self, tenant_id: Uuid, app_id: Uuid, display_name: &str);
}

/// A tenant as the sign-in pages and tokens need it.
#[derive(Clone, Debug)]
pub(crate) struct TenantInfo {
    pub id: Uuid,
    pub display_name: String,
    /// Verified domains, the default one first.
    pub domains: Vec<String>,
}

/// A person as the sign-in pages and tokens need it.
#[derive(Clone, Debug)]
pub(crate) struct UserInfo {
    pub id: Uuid,
    pub upn: String,
    pub display_name: String,
    pub mail: Option<String>,
    pub enabled: bool,
    pub guest: bool,
}

/// Who a valid access token speaks for.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub tenant_id: Uuid,
    pub app_id: Uuid,
    /// `None` when the application acts for itself.
    pub user_id: Option<Uuid>,
    pub is_admin: bool,
    /// Delegated scopes, or application roles when there is no user.
    pub permissions: BTreeSet<String>,
    pub expires_at: Timestamp,
}

/// Why an `Authorization` header gives no caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthFailure {
    Missing,
    Malformed,
    Expired,
    Unknown,
}

/// The registration of an application; a second one with the same id replaces the first.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppSpec {
    pub app_id: Uuid,
    pub display_name: Option<String>,
    pub secret: Option<String>,
    pub secret_expires_at: Option<Timestamp>,
    #[serde(default)]
    pub certificates: Vec<String>,
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    #[serde(default)]
    pub tenants: Vec<String>,
    #[serde(default)]
    pub delegated: Vec<String>,
    #[serde(default)]
    pub application: Vec<String>,
    pub home_tenant: Option<String>,
    /// Only accounts of the home tenant may sign in.
    #[serde(default)]
    pub single_tenant: bool,
}

/// A person who can sign in on the pages.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountSpec {
    pub tenant_id: String,
    pub user_principal_name: String,
    #[serde(default)]
    pub auto_consent: bool,
    #[serde(default = "yes")]
    pub admin: bool,
}

fn yes() -> bool {
    true
}

/// What is wrong with a specification and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub(crate) struct SpecError {
    pub field: String,
    pub message: String,
}

impl SpecError {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }

    /// A tenant that does not exist; names the ones that do, as far as there is room.
    pub(super) fn no_tenant(
        field: impl Into<String>,
        principals: &dyn Principals,
        name: &str,
    ) -> Self {
        let domain = |tenant: TenantInfo| tenant.domains.into_iter().next();
        let known: Vec<_> = principals
            .tenants()
            .into_iter()
            .filter_map(domain)
            .take(5)
            .collect();
        let hint = if known.is_empty() {
            "none is made yet".to_owned()
        } else {
            known.join(", ")
        };
        Self::new(field, format!("no tenant {name} (known: {hint})"))
    }
}
