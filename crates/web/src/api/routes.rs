//! A router that remembers its paths, so that a test can hold the published
//! description against what is really there.

use axum::Router;
use axum::routing::MethodRouter;

use crate::AppState;

/// Routes by path.
#[derive(Default)]
pub(super) struct Routes {
    router: Router<AppState>,
    paths: Vec<String>,
}

impl Routes {
    /// Adds a path with its methods.
    pub(super) fn route(mut self, path: &str, methods: MethodRouter<AppState>) -> Self {
        self.router = self.router.route(path, methods);
        self.paths.push(path.to_owned());
        self
    }

    /// Adds the routes of another file.
    pub(super) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.paths.extend(other.paths);
        self
    }

    /// The router itself.
    pub(super) fn into_router(self) -> Router<AppState> {
        self.router
    }

    /// The paths, in the order they were added.
    #[cfg(test)]
    pub(super) fn paths(&self) -> &[String] {
        &self.paths
    }
}
