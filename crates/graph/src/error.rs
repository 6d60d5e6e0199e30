//! The connector's one error: what went wrong, where, and how to mend it.
//!
//! Holds no token, secret or link, so it may be logged and shown. Does not
//! know what the caller will do about it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::cure;
use crate::transport::{TransportError, TransportFailure};

/// What kind of failure it is: decides what the engine does next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The sign-in has run out or was revoked: a person must connect again.
    NeedsReconnect,
    /// The registration or our settings are wrong.
    Configuration,
    /// Nobody has consented for this tenant, or consent was withdrawn.
    ConsentMissing,
    /// Consent was asked for and refused.
    ConsentDeclined,
    /// A permission is missing.
    PermissionMissing {
        /// The permission the call needs.
        permission: &'static str,
    },
    /// The tenant lives in another Microsoft cloud.
    WrongCloud,
    /// No such tenant.
    TenantUnknown,
    /// The person signed in to another tenant than the connection is for.
    WrongTenant,
    /// The application key is wrong.
    WrongSecret,
    /// The application key has expired.
    SecretExpired,
    /// No such application in this tenant.
    AppUnknown,
    /// The application was switched off in this tenant.
    AppDisabled,
    /// A Conditional Access policy stops the sign-in.
    ConditionalAccess,
    /// Only assigned people may use the application.
    AssignmentRequired,
    /// The signed-in account is a guest, which may not read the directory.
    GuestAccount,
    /// Microsoft asks us to wait.
    Throttled {
        /// How long, when it says.
        retry_after: Option<Duration>,
    },
    /// A passing failure of the network or of Microsoft.
    Transient,
    /// The object is not there: deleted, or not visible yet.
    NotFound,
    /// The delta link is of no use any more: read everything again.
    ResyncRequired,
    /// The page link has expired: start this list again.
    PageExpired,
    /// The pages do not end.
    EndlessPages,
    /// A link leads away from the configured Graph host; no token was sent.
    NotATokenHost,
    /// The answer is not what the documentation promises.
    Malformed {
        /// The property, and the item when there is one.
        what: String,
    },
    /// The ID token was not accepted.
    IdTokenInvalid {
        /// The check that failed.
        reason: &'static str,
    },
    /// The host's certificate is not trusted here.
    CertificateUntrusted,
    /// Microsoft could not validate our notification address.
    NotificationAddress,
    /// Too many subscriptions.
    SubscriptionQuota,
    /// A subscription for the same resource exists already.
    SubscriptionExists {
        /// Its id, when the message names it.
        id: Option<Uuid>,
    },
    /// The rotated refresh token could not be stored.
    TokenNotStored,
    /// Microsoft refused the request for a reason that is ours to fix.
    Refused,
}

impl Kind {
    /// A stable name for logs, metrics and the API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NeedsReconnect => "needs_reconnect",
            Self::Configuration => "configuration",
            Self::ConsentMissing => "consent_missing",
            Self::ConsentDeclined => "consent_declined",
            Self::PermissionMissing { .. } => "permission_missing",
            Self::WrongCloud => "wrong_cloud",
            Self::TenantUnknown => "tenant_unknown",
            Self::WrongTenant => "wrong_tenant",
            Self::WrongSecret => "wrong_secret",
            Self::SecretExpired => "secret_expired",
            Self::AppUnknown => "app_unknown",
            Self::AppDisabled => "app_disabled",
            Self::ConditionalAccess => "conditional_access",
            Self::AssignmentRequired => "assignment_required",
            Self::GuestAccount => "guest_account",
            Self::Throttled { .. } => "throttled",
            Self::Transient => "transient",
            Self::NotFound => "not_found",
            Self::ResyncRequired => "resync_required",
            Self::PageExpired => "page_expired",
            Self::EndlessPages => "endless_pages",
            Self::NotATokenHost => "not_a_token_host",
            Self::Malformed { .. } => "malformed",
            Self::IdTokenInvalid { .. } => "id_token_invalid",
            Self::CertificateUntrusted => "certificate_untrusted",
            Self::NotificationAddress => "notification_address",
            Self::SubscriptionQuota => "subscription_quota",
            Self::SubscriptionExists { .. } => "subscription_exists",
            Self::TokenNotStored => "token_not_stored",
            Self::Refused => "request_refused",
        }
    }
}

/// A failure of the connector. Cheap to clone.
#[derive(Clone)]
pub struct GraphError(Arc<Detail>);

#[derive(Debug, Clone)]
struct Detail {
    kind: Kind,
    during: String,
    status: Option<u16>,
    provider_code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
    cure: Option<&'static str>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl GraphError {
    /// A failure of `kind` while doing `during`.
    pub fn new(kind: Kind, during: impl fmt::Display) -> Self {
        Self(Arc::new(Detail {
            kind,
            during: during.to_string(),
            status: None,
            provider_code: None,
            message: None,
            request_id: None,
            cure: None,
            source: None,
        }))
    }

    /// A failure of the network while doing `during`.
    pub(crate) fn from_transport(error: TransportError, during: impl fmt::Display) -> Self {
        let kind = match error.failure {
            TransportFailure::Certificate => Kind::CertificateUntrusted,
            TransportFailure::Request => Kind::Refused,
            TransportFailure::TooLong => Kind::Malformed {
                what: "the answer is longer than allowed".to_owned(),
            },
            TransportFailure::Connect
            | TransportFailure::Timeout
            | TransportFailure::Interrupted => Kind::Transient,
        };
        Self::new(kind, during)
            .with_message(&error.to_string())
            .with_source(error)
    }

    pub(crate) fn with_kind(self, kind: Kind) -> Self {
        self.change(|detail| detail.kind = kind)
    }

    pub(crate) fn with_status(self, status: http::StatusCode) -> Self {
        self.change(|detail| detail.status = Some(status.as_u16()))
    }

    pub(crate) fn with_provider_code(self, code: Option<String>) -> Self {
        self.change(|detail| detail.provider_code = code)
    }

    pub(crate) fn with_message(self, message: &str) -> Self {
        let message = tidy(message);
        self.change(|detail| detail.message = (!message.is_empty()).then_some(message))
    }

    pub(crate) fn with_request_id(self, id: Option<String>) -> Self {
        self.change(|detail| detail.request_id = id)
    }

    pub(crate) fn with_cure(self, cure: Option<&'static str>) -> Self {
        self.change(|detail| detail.cure = cure)
    }

    pub(crate) fn with_source(
        self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let source = source.into();
        self.change(|detail| detail.source = Some(Arc::from(source)))
    }

    fn change(mut self, change: impl FnOnce(&mut Detail)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// A stable name of the kind.
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// What was being done.
    pub fn during(&self) -> &str {
        &self.0.during
    }

    /// The HTTP status, when an answer came.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Microsoft's own code: `AADSTS…` or a Graph error code.
    pub fn provider_code(&self) -> Option<&str> {
        self.0.provider_code.as_deref()
    }

    /// Microsoft's own words.
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// The id to give to Microsoft's support.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// One sentence that tells an operator what to do.
    pub fn cure(&self) -> String {
        self.0
            .cure
            .map_or_else(|| cure::of(&self.0.kind), str::to_owned)
    }

    /// Whether waiting may help and nobody needs to act.
    pub fn is_passing(&self) -> bool {
        matches!(
            self.0.kind,
            Kind::Throttled { .. } | Kind::Transient | Kind::PageExpired
        )
    }

    /// Whether the connection cannot work until a person acts.
    pub fn needs_a_person(&self) -> bool {
        matches!(
            self.0.kind,
            Kind::NeedsReconnect
                | Kind::Configuration
                | Kind::ConsentMissing
                | Kind::ConsentDeclined
                | Kind::PermissionMissing { .. }
                | Kind::WrongCloud
                | Kind::TenantUnknown
                | Kind::WrongTenant
                | Kind::WrongSecret
                | Kind::SecretExpired
                | Kind::AppUnknown
                | Kind::AppDisabled
                | Kind::ConditionalAccess
                | Kind::AssignmentRequired
                | Kind::GuestAccount
                | Kind::CertificateUntrusted
        )
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = &*self.0;
        write!(f, "{}: {}", detail.during, cure::what(&detail.kind))?;
        if let Some(code) = &detail.provider_code {
            write!(f, " ({code})")?;
        }
        if let Some(message) = &detail.message {
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Detail {
            kind,
            during,
            status,
            provider_code,
            message,
            request_id,
            ..
        } = &*self.0;
        f.debug_struct("GraphError")
            .field("kind", kind)
            .field("during", during)
            .field("status", status)
            .field("provider_code", provider_code)
            .field("message", message)
            .field("request_id", request_id)
            .finish()
    }
}

impl std::error::Error for GraphError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source as &(dyn std::error::Error + 'static))
    }
}

/// Microsoft's words, on one line and not without end.
fn tidy(message: &str) -> String {
    const LONGEST: usize = 400;
    let line = message.split(['\r', '\n']).next().unwrap_or_default();
    let line = line.trim();
    line.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect()
}

#[cfg(test)]
mod tests;
