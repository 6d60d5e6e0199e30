//! The first start: the root user and the first API token. After it, an
//! operator can sign in; nothing here happens twice.

use anyhow::Result;
use engine::Engine;
use secrecy::SecretString;

use crate::failure::wrong_use;

/// What the environment says about the first start.
#[derive(Debug, Default)]
pub(crate) struct FirstStart {
    /// Root's username.
    pub(crate) username: Option<String>,
    /// Root's password.
    pub(crate) password: Option<SecretString>,
    /// An administrator token.
    pub(crate) token: Option<SecretString>,
}

impl FirstStart {
    /// From `ROLLCALL_ROOT_USERNAME`, `ROLLCALL_ROOT_PASSWORD`, `ROLLCALL_API_TOKEN`.
    pub(crate) fn from_environment() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            username: set("ROLLCALL_ROOT_USERNAME"),
            password: set("ROLLCALL_ROOT_PASSWORD").map(Into::into),
            token: set("ROLLCALL_API_TOKEN").map(Into::into),
        }
    }

    /// Takes what is given, when there is no root user yet; whether it was.
    pub(crate) async fn take(self, engine: &Engine) -> Result<bool> {
        if self.username.is_some() != self.password.is_some() {
            return Err(wrong_use(
                "ROLLCALL_ROOT_USERNAME and ROLLCALL_ROOT_PASSWORD are only taken together",
            ));
        }
        let taken =
            web::auth::bootstrap(engine, self.username.as_deref(), self.password, self.token);
        taken
            .await
            .map_err(|refused| wrong_use(refused.to_string()))
    }
}
