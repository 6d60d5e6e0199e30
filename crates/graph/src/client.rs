//! The client of one tenant: what all its calls share.
//!
//! The calls themselves stand in the modules of what they read.

use std::sync::{Arc, Mutex, MutexGuard};

use url::Url;
use uuid::Uuid;

use crate::budget::{ApplicationBudgets, Budget, locked};
use crate::cloud::Cloud;
use crate::cost::{Cost, Counters};
use crate::environment::Environment;
use crate::error::GraphError;
use crate::identity::{Application, IdentityPlatform};
use crate::link::Link;
use crate::retry::RetryPolicy;
use crate::selection::Selection;
use crate::token::{AccessToken, TokenCache, TokenSource};

/// How a client behaves.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// How patient it is.
    pub retry: RetryPolicy,
    /// Which properties of people it reads.
    pub selection: Selection,
    /// The longest body it accepts, in bytes after decompression.
    pub max_body_bytes: usize,
    /// What the application may spend in all tenants: the same for every client
    /// of a process.
    pub budgets: ApplicationBudgets,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            selection: Selection::default(),
            max_body_bytes: 64 * 1024 * 1024,
            budgets: ApplicationBudgets::default(),
        }
    }
}

/// Reads one tenant as one application. Clones are cheap and share the token,
/// the budget and the counters: make one client per connection, and clone it.
#[derive(Clone)]
pub struct GraphClient {
    shared: Arc<Shared>,
    selection: Arc<Selection>,
}

struct Shared {
    environment: Environment,
    cloud: Cloud,
    graph_base: Url,
    tenant_id: Uuid,
    application_id: Uuid,
    retry: RetryPolicy,
    max_body_bytes: usize,
    is_delegated: bool,
    tokens: TokenCache,
    budget: Mutex<Budget>,
    application_budget: Arc<Mutex<Budget>>,
    counters: Counters,
}

impl GraphClient {
    /// A client for `tenant_id`. Nothing is sent yet.
    pub fn new(
        environment: Environment,
        cloud: Cloud,
        tenant_id: Uuid,
        application: Application,
        source: TokenSource,
        options: ClientOptions,
    ) -> Self {
        let application_budget = options.budgets.of(application.id);
        let platform =
            IdentityPlatform::new(environment.clone(), cloud.clone()).with_retry(options.retry);
        Self {
            selection: Arc::new(options.selection),
            shared: Arc::new(Shared {
                graph_base: cloud.graph_base(),
                environment,
                cloud,
                tenant_id,
                application_id: application.id,
                retry: options.retry,
                max_body_bytes: options.max_body_bytes,
                is_delegated: matches!(source, TokenSource::Delegated { .. }),
                tokens: TokenCache::new(platform, application, tenant_id, source),
                budget: Mutex::new(Budget::of_tenant()),
                application_budget,
                counters: Counters::default(),
            }),
        }
    }

    /// The same client reading other properties of people.
    #[must_use]
    pub fn with_selection(mut self, selection: Selection) -> Self {
        self.selection = Arc::new(selection);
        self
    }

    /// What this client and its clones have cost so far.
    pub fn cost(&self) -> Cost {
        self.shared.counters.read()
    }

    /// The tenant it reads.
    pub fn tenant_id(&self) -> Uuid {
        self.shared.tenant_id
    }

    /// A stored link made usable again.
    ///
    /// # Errors
    /// [`Kind::NotATokenHost`](crate::error::Kind::NotATokenHost) when it leads
    /// elsewhere, as after a change of cloud.
    pub fn link(&self, text: &str) -> Result<Link, GraphError> {
        Link::parse(&self.shared.cloud, text, "using a stored link")
    }

    pub(crate) async fn token(&self) -> Result<AccessToken, GraphError> {
        self.shared.tokens.get().await
    }

    pub(crate) async fn discard_token(&self, token: &AccessToken) {
        self.shared.tokens.discard(token).await;
    }

    /// The scopes that came with the token, when they were told.
    pub(crate) async fn granted(&self) -> Option<String> {
        self.shared.tokens.granted().await
    }

    pub(crate) fn selection(&self) -> &Selection {
        &self.selection
    }

    pub(crate) fn is_delegated(&self) -> bool {
        self.shared.is_delegated
    }

    pub(crate) fn application_id(&self) -> Uuid {
        self.shared.application_id
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.shared.environment
    }

    pub(crate) fn cloud(&self) -> &Cloud {
        &self.shared.cloud
    }

    pub(crate) fn graph_base(&self) -> &Url {
        &self.shared.graph_base
    }

    pub(crate) fn retry_policy(&self) -> &RetryPolicy {
        &self.shared.retry
    }

    pub(crate) fn max_body_bytes(&self) -> usize {
        self.shared.max_body_bytes
    }

    /// What the application may spend in this tenant.
    pub(crate) fn budget(&self) -> MutexGuard<'_, Budget> {
        locked(&self.shared.budget)
    }

    /// What it may spend in all its tenants.
    pub(crate) fn application_budget(&self) -> MutexGuard<'_, Budget> {
        locked(&self.shared.application_budget)
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.shared.counters
    }
}

impl std::fmt::Debug for GraphClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GraphClient")
            .field("tenant_id", &self.shared.tenant_id)
            .field("cloud", &self.shared.cloud.name())
            .finish_non_exhaustive()
    }
}
