//! What can go wrong in the engine, in terms a page, the API and the CLI show:
//! what, where, and how to mend it.

use graph::GraphError;
use graph::error::Kind;
use store::StoreError;

/// The result of every function of this crate.
pub type Result<T, E = EngineError> = std::result::Result<T, E>;

/// What sort of failure: decides the HTTP status and the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The request is wrong.
    Invalid,
    /// What it names does not exist.
    NotFound,
    /// It does not fit what is there.
    Conflict,
    /// Somebody else changed it meanwhile.
    Stale,
    /// It is not allowed.
    Forbidden,
    /// Microsoft refused or failed.
    Upstream,
    /// The database or network is away for now.
    Unavailable,
    /// A mistake of ours.
    Internal,
}

/// A failure.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// Stable, for programs.
    pub code: &'static str,
    /// What sort.
    pub class: Class,
    /// What happened, and where.
    pub message: String,
    /// How to mend it.
    pub cure: Option<String>,
    /// More for programs.
    pub detail: Option<serde_json::Value>,
    /// What caused it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl EngineError {
    /// A failure with code, class and message.
    pub fn new(code: &'static str, class: Class, message: impl Into<String>) -> Self {
        Self {
            code,
            class,
            message: message.into(),
            cure: None,
            detail: None,
            source: None,
        }
    }

    /// Something named does not exist.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            "not_found",
            Class::NotFound,
            format!("there is no such {what}"),
        )
    }

    /// A value is not acceptable.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new("validation", Class::Invalid, message)
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    /// Adds detail for programs.
    #[must_use]
    pub fn detail(mut self, detail: serde_json::Value) -> Self {
        self.detail = Some(detail);
        self
    }

    /// The form kept with a failed run.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "code": self.code, "message": self.message, "cure": self.cure,
        })
    }

    /// Whether trying again later makes sense without a person.
    pub fn is_passing(&self) -> bool {
        match &self.source {
            Some(source) => match source.downcast_ref::<GraphError>() {
                Some(graph) => graph.is_passing(),
                None => self.class == Class::Unavailable,
            },
            None => self.class == Class::Unavailable,
        }
    }
}

impl From<GraphError> for EngineError {
    fn from(error: GraphError) -> Self {
        let class = match error.kind() {
            Kind::Transient | Kind::Throttled { .. } => Class::Unavailable,
            Kind::NotFound => Class::NotFound,
            Kind::TenantUnknown | Kind::WrongTenant => Class::Invalid,
            _ => Class::Upstream,
        };
        Self {
            code: error.code(),
            class,
            message: error.to_string(),
            cure: Some(error.cure()),
            detail: error
                .request_id()
                .map(|id| serde_json::json!({ "request_id": id })),
            source: Some(Box::new(error)),
        }
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        let (code, class, cure) = match &error {
            StoreError::NotFound { .. } => ("not_found", Class::NotFound, None),
            StoreError::Conflict { .. } => ("conflict", Class::Conflict, None),
            StoreError::Stale { .. } => (
                "stale",
                Class::Stale,
                Some("Read it again and repeat the change."),
            ),
            StoreError::Fenced => ("fenced", Class::Unavailable, None),
            StoreError::Busy(_) => ("database_busy", Class::Unavailable, Some("Try again.")),
            StoreError::Full(_) => (
                "disk_full",
                Class::Unavailable,
                Some("Free disk space where the database lives; nothing was half-done."),
            ),
            StoreError::Unavailable(_) => (
                "database_unavailable",
                Class::Unavailable,
                Some("Start the database, or check database.url."),
            ),
            StoreError::Sealed(_) => (
                "secret_unreadable",
                Class::Internal,
                Some("Give back the master key this database was made with."),
            ),
            _ => ("database_failed", Class::Internal, None),
        };
        Self {
            code,
            class,
            message: error.to_string(),
            cure: cure.map(str::to_owned),
            detail: None,
            source: Some(Box::new(error)),
        }
    }
}

impl EngineError {
    /// Whether somebody else came first: a record moved, or a username was
    /// taken, since the batch was made ready.
    pub(crate) fn is_race(&self) -> bool {
        let source = self.source.as_ref();
        match source.and_then(|source| source.downcast_ref::<StoreError>()) {
            Some(StoreError::Stale { .. }) => true,
            Some(error) => error.is_conflict("records_username_key"),
            None => false,
        }
    }
}

/// A task that panicked or was ended.
pub(crate) fn broke_off(error: &tokio::task::JoinError) -> EngineError {
    EngineError::new("broke_off", Class::Internal, error.to_string())
}
