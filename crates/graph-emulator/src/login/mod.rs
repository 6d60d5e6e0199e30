//! The identity platform: sign-in, consent and tokens, as `login.microsoftonline.com` does them.
//! Knows applications, accounts, consent and tokens; it does not know the directory's objects beyond [`Principals`].

mod accounts;
mod admin_consent;
mod apps;
mod assertion;
mod authority;
mod authorize;
mod certificates;
mod client;
mod consent;
mod context;
mod control;
mod discovery;
mod errors;
mod grants;
mod id_token;
mod keys;
mod pages;
mod permissions;
mod redirect;
mod request;
mod scopes;
mod seam;
mod session;
#[cfg(test)]
mod tests;
mod token;
mod tokens;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use accounts::{Account, Accounts};
use apps::Apps;
use axum::Router;
use axum::routing::{get, post};
use keys::Keys;
pub(crate) use seam::{
    AccountSpec, AppSpec, AuthFailure, Caller, Principals, SpecError, TenantInfo, UserInfo,
};
use tokens::Tokens;
use uuid::Uuid;

/// What the platform remembers.
struct State {
    apps: Apps,
    accounts: Accounts,
    tokens: Tokens,
    keys: Keys,
    /// Faults by tenant and application: token requests fail with this code.
    conditional_access: HashMap<(Uuid, Uuid), u32>,
}

impl State {
    /// An empty memory. `epoch` sets its token key apart from those before: seeded chance may have been rewound, and
    /// tokens from before a reset must not be taken.
    fn new(principals: &dyn Principals, epoch: u64) -> Self {
        let mut key = [0; 32];
        principals.random(&mut key);
        let key = *blake3::keyed_hash(&key, &epoch.to_be_bytes()).as_bytes();
        Self {
            apps: Apps::default(),
            accounts: Accounts::default(),
            tokens: Tokens::new(key),
            keys: Keys::default(),
            conditional_access: HashMap::new(),
        }
    }
}

/// The identity platform of one emulator.
pub(crate) struct Login {
    principals: Arc<dyn Principals>,
    state: Mutex<State>,
    resets: AtomicU64,
    https: AtomicBool,
}

impl Login {
    /// A platform with no applications and no accounts.
    pub(crate) fn new(principals: Arc<dyn Principals>) -> Arc<Self> {
        let state = Mutex::new(State::new(principals.as_ref(), 0));
        Arc::new(Self {
            principals,
            state,
            resets: AtomicU64::new(0),
            https: AtomicBool::new(false),
        })
    }

    /// The scheme of absolute addresses: `http` until told otherwise.
    pub(crate) fn set_scheme(&self, scheme: &'static str) {
        self.https.store(scheme == "https", Ordering::Relaxed);
    }

    fn scheme(&self) -> &'static str {
        if self.https.load(Ordering::Relaxed) {
            "https"
        } else {
            "http"
        }
    }

    /// Every path of the login host, and the control paths for applications and accounts.
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route(
                "/{tenant}/oauth2/v2.0/authorize",
                get(authorize::start).post(authorize::submit),
            )
            .route(
                "/{tenant}/oauth2/v2.0/token",
                get(token::wrong_verb).post(token::v2),
            )
            .route(
                "/{tenant}/oauth2/token",
                get(token::wrong_verb).post(token::v1),
            )
            .route(
                "/{tenant}/v2.0/adminconsent",
                get(admin_consent::start).post(admin_consent::submit),
            )
            .route(
                "/{tenant}/adminconsent",
                get(admin_consent::start_v1).post(admin_consent::submit_v1),
            )
            .route(
                "/{tenant}/oauth2/v2.0/logout",
                get(session::logout).post(session::logout),
            )
            .route(
                "/{tenant}/oauth2/logout",
                get(session::logout).post(session::logout),
            )
            .route(
                "/{tenant}/v2.0/.well-known/openid-configuration",
                get(discovery::v2),
            )
            .route(
                "/{tenant}/.well-known/openid-configuration",
                get(discovery::v1),
            )
            .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
            .route("/{tenant}/discovery/keys", get(discovery::keys))
            .route("/common/discovery/instance", get(discovery::instance))
            .route(
                "/oidc/userinfo",
                get(session::userinfo).post(session::userinfo),
            )
            .route("/error", get(pages::error_lookup))
            .route("/login/style.css", get(pages::stylesheet))
            .route("/login/form-post.js", get(pages::form_post_script))
            .route(
                "/emulator/v1/apps",
                get(control::list_apps).post(control::put_app),
            )
            .route(
                "/emulator/v1/apps/{app_id}",
                get(control::show_app).patch(control::patch_app),
            )
            .route(
                "/emulator/v1/apps/{app_id}/withdraw",
                post(control::withdraw).delete(control::withdraw),
            )
            .route(
                "/emulator/v1/accounts",
                get(control::list_accounts).post(control::put_account),
            )
            .route("/emulator/v1/accounts/revoke", post(control::revoke))
            .route(
                "/emulator/v1/conditional-access",
                post(control::conditional_access),
            )
            .route("/emulator/v1/keys/roll", post(control::roll_keys))
            .with_state(Arc::clone(self))
    }

    /// Who an `Authorization` header speaks for.
    pub(crate) fn authenticate(&self, authorization: Option<&str>) -> Result<Caller, AuthFailure> {
        let now = self.principals.now();
        self.state().tokens.caller(authorization, now)
    }

    /// Registers an application or replaces its registration and consent.
    ///
    /// # Errors
    /// Names the field that is not right.
    pub(crate) fn add_app(&self, spec: AppSpec) -> Result<(), SpecError> {
        let (app, tenants) = apps::from_spec(spec, self.principals())?;
        let (app_id, name) = (app.id, app.name.clone());
        self.state().apps.put(app, &tenants);
        for tenant_id in tenants {
            self.principals
                .service_principal_created(tenant_id, app_id, &name);
        }
        Ok(())
    }

    /// Makes an account, and the person behind it when missing.
    ///
    /// # Errors
    /// Names the field that is not right.
    pub(crate) fn add_account(&self, spec: AccountSpec) -> Result<UserInfo, SpecError> {
        let tenant = self.principals.tenant(&spec.tenant_id);
        let tenant = tenant
            .ok_or_else(|| SpecError::no_tenant("tenant_id", self.principals(), &spec.tenant_id))?;
        let upn = spec.user_principal_name;
        if !upn
            .split_once('@')
            .is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty())
        {
            return Err(SpecError::new(
                "user_principal_name",
                format!("{upn:?} is not of the form name@domain"),
            ));
        }
        let user = self
            .principals
            .ensure_user(tenant.id, &upn, self.principals.now());
        if self
            .principals
            .user(tenant.id, &user.id.to_string())
            .is_none()
        {
            let why = format!("{upn} cannot be a person of {}", tenant.display_name);
            return Err(SpecError::new("user_principal_name", why));
        }
        let account = Account {
            tenant_id: tenant.id,
            user_id: user.id,
            upn: user.upn.clone(),
            auto_consent: spec.auto_consent,
            admin: spec.admin,
        };
        self.state().accounts.put(account);
        Ok(user)
    }

    /// Forgets applications, accounts and everything issued.
    pub(crate) fn reset(&self) {
        let epoch = self.resets.fetch_add(1, Ordering::Relaxed) + 1;
        let fresh = State::new(self.principals(), epoch);
        *self.state() = fresh;
    }

    fn principals(&self) -> &dyn Principals {
        self.principals.as_ref()
    }

    /// The memory; a panic elsewhere leaves it usable, every change to it is a single step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A random text that cannot be guessed: 32 bytes, base64url.
    fn random_text(&self) -> String {
        use base64::Engine as _;
        let mut bytes = [0; 32];
        self.principals.random(&mut bytes);
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    }
}
