//! The first path segment of every address: which tenant or tenants a request is about.
//! Knows tenants through the directory alone.

use uuid::{Uuid, uuid};

use super::errors::LoginError;
use super::{Principals, TenantInfo};

/// The tenant of personal accounts.
const PERSONAL: Uuid = uuid!("9188040d-6c67-4c5b-b112-36a304b66dad");

/// What a path segment means.
#[derive(Clone, Debug)]
pub(super) enum Authority {
    Tenant(TenantInfo),
    /// `common` or `organizations`.
    Any(&'static str),
    Consumers,
}

impl Authority {
    /// Reads a path segment.
    ///
    /// # Errors
    /// 90002 for a tenant that does not exist, 900023 for what cannot name one.
    pub(super) fn resolve(principals: &dyn Principals, segment: &str) -> Result<Self, LoginError> {
        for alias in ["common", "organizations"] {
            if segment.eq_ignore_ascii_case(alias) {
                return Ok(Self::Any(alias));
            }
        }
        let id = Uuid::parse_str(segment).ok();
        if segment.eq_ignore_ascii_case("consumers") || id == Some(PERSONAL) {
            return Ok(Self::Consumers);
        }
        if let Some(tenant) = principals.tenant(segment) {
            return Ok(Self::Tenant(tenant));
        }
        let domain = segment.contains('.')
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
        if id.is_none() && !domain {
            return Err(LoginError::new(
                900_023,
                format!(
                    "Specified tenant identifier '{segment}' is neither a valid DNS name, nor a valid external domain."
                ),
            ));
        }
        Err(LoginError::new(
            90002,
            format!(
                "Tenant '{segment}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
            ),
        ))
    }

    /// The tenant, when the segment names one.
    pub(super) fn tenant(&self) -> Option<&TenantInfo> {
        match self {
            Self::Tenant(tenant) => Some(tenant),
            Self::Any(_) | Self::Consumers => None,
        }
    }

    /// The alias, when the segment stands for many tenants.
    pub(super) fn alias(&self) -> Option<&'static str> {
        match self {
            Self::Tenant(_) => None,
            Self::Any(alias) => Some(alias),
            Self::Consumers => Some("consumers"),
        }
    }

    /// How messages name it.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Tenant(tenant) => tenant.display_name.clone(),
            Self::Any(alias) => (*alias).to_owned(),
            Self::Consumers => "Microsoft Accounts".to_owned(),
        }
    }
}
