//! Whoever calls the API: a token, or somebody signed in with a browser; and
//! what they may do there.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::Actor;
use provisioning::ids::RecordId;
use provisioning::psa::{Kind, Status};
use store::api_tokens::{ApiToken, TokenScope};
use store::journal::Origin;
use store::records::{self, RecordRow};
use store::rights::{Module, Right, Rights};

use super::reach::{Reach, no_right};
use super::session::{self, CurrentUser};
use super::token;
use crate::AppState;
use crate::error::{Problem, Result};

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// A program.
    Token(Box<ApiToken>),
    /// A browser.
    User(Box<CurrentUser>),
}

impl From<CurrentUser> for Caller {
    fn from(user: CurrentUser) -> Self {
        Self::User(Box::new(user))
    }
}

impl Caller {
    /// Who asks, for the journal.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Token(token) => Actor {
                origin: Origin::Api,
                name: token.name.clone(),
            },
            Self::User(user) => user.actor(),
        }
    }

    /// Whether a contact calls: somebody of a client.
    pub(crate) fn is_contact(&self) -> bool {
        match self {
            Self::Token(_) => false,
            Self::User(user) => user.record.record.kind == Kind::Contact,
        }
    }

    /// Whose rights the caller acts with; none for what belongs to the
    /// installation.
    pub(crate) fn person(&self) -> Option<RecordId> {
        match self {
            Self::Token(token) => token.record_id,
            Self::User(user) => Some(user.record.record.id),
        }
    }

    /// What idempotency keys belong to.
    pub(crate) fn principal(&self) -> String {
        match self {
            Self::Token(token) => format!("token:{}", token.id),
            Self::User(user) => format!("record:{}", user.record.record.id),
        }
    }

    /// The caller as the journal names it, if it may administrate: tokens, the
    /// audit log, webhooks, security roles. Else 403.
    pub(crate) fn administrates(&self) -> Result<Actor> {
        match self {
            Self::Token(token) => has(token, TokenScope::Admin)?,
            Self::User(user) => allowed(user, Module::Admin, Right::Edit)?,
        }
        Ok(self.actor())
    }

    /// The caller as the journal names it, if it may do this to everything of
    /// a module; else 403.
    pub(crate) fn may(&self, module: Module, right: Right) -> Result<Actor> {
        match self {
            Self::Token(token) => has(token, scope_of(module, right))?,
            Self::User(user) => allowed(user, module, right)?,
        }
        Ok(self.actor())
    }

    /// Whether the caller may give somebody a role with these rights: nobody
    /// gives what they do not have.
    pub(crate) fn may_give(&self, role: &str, rights: &Rights) -> Result<()> {
        let user = match self {
            Self::Token(token) if rights.administers() => return has(token, TokenScope::Admin),
            Self::Token(_) => return Ok(()),
            // Who may change roles has every right that a role can give.
            Self::User(user) if allowed(user, Module::Admin, Right::Edit).is_ok() => return Ok(()),
            Self::User(user) => user,
        };
        let missing = rights
            .iter()
            .find(|(module, right, scope)| user.rights.scope(*module, *right) < Some(*scope));
        let Some((module, right, _)) = missing else {
            return Ok(());
        };
        let (what, whole) = (right.name(), module.label());
        let detail = format!(
            "security_roles: `{role}` lets people {what} in {whole} further than you can yourself"
        );
        Err(
            Problem::new(StatusCode::FORBIDDEN, "insufficient_rights", detail)
                .cure("Ask an administrator to give the role.")
                .with("module", module.name())
                .with("right", what),
        )
    }

    /// How far the caller reaches in a module; 403 when not at all.
    pub(crate) fn reach(&self, module: Module, right: Right) -> Result<Reach> {
        match self {
            Self::Token(token) => has(token, scope_of(module, right)).map(|()| Reach::All),
            Self::User(user) => user.reach(module, right),
        }
    }

    /// What the caller may do.
    pub(crate) fn scopes(&self) -> Vec<TokenScope> {
        match self {
            Self::Token(token) => {
                let all = TokenScope::ALL.into_iter();
                all.filter(|scope| token.has(*scope)).collect()
            }
            Self::User(user) => {
                let all = TokenScope::ALL.into_iter();
                all.filter(|scope| reaches(&user.rights, *scope)).collect()
            }
        }
    }
}

/// The scope that stands for a right.
fn scope_of(module: Module, right: Right) -> TokenScope {
    match (module, right) {
        (_, Right::View) => TokenScope::Read,
        (Module::Admin, _) => TokenScope::Provisioning,
        _ => TokenScope::People,
    }
}

fn has(token: &ApiToken, scope: TokenScope) -> Result<()> {
    if token.has(scope) {
        return Ok(());
    }
    let detail = format!("this needs the scope `{}`", scope.name());
    let problem = Problem::new(StatusCode::FORBIDDEN, "insufficient_scope", detail);
    Err(problem.with("scope", scope.name()))
}

fn allowed(user: &CurrentUser, module: Module, right: Right) -> Result<()> {
    match user.reach(module, right)? {
        Reach::All => Ok(()),
        Reach::Account(_) | Reach::Own(_) => Err(no_right(module, right)),
    }
}

/// What rights are worth as a scope: the API has no narrower view than
/// everything, so only rights that reach everything count.
fn reaches(rights: &Rights, scope: TokenScope) -> bool {
    let has = |module, right| rights.allows_all(module, right);
    match scope {
        TokenScope::Read => has(Module::Hr, Right::View) && has(Module::Crm, Right::View),
        TokenScope::People => has(Module::Hr, Right::Edit) && has(Module::Crm, Right::Edit),
        TokenScope::Provisioning | TokenScope::Admin => has(Module::Admin, Right::Edit),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::unauthenticated("a token is needed"))
    }
}

/// Finds out who calls, or refuses.
pub(crate) async fn authenticate(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    match identify(&state, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn identify(state: &AppState, headers: &HeaderMap) -> Result<Caller> {
    if let Some(text) = token::bearer(headers)? {
        let mut token = token::find(state, text).await?;
        if let Some(owner) = token.record_id {
            let found = records::get(state.engine.db(), &[owner]).await?.pop();
            let is_in = |row: &RecordRow| row.record.access && row.record.status == Status::Active;
            let owner = found
                .filter(is_in)
                .ok_or_else(|| Problem::unauthenticated("the token's owner has no access"))?;
            // Nobody's token does more than they may do today.
            let rights = session::rights(state, &owner).await?;
            let all = TokenScope::ALL.into_iter();
            token.scopes = all
                .filter(|scope| token.has(*scope) && reaches(&rights, *scope))
                .collect();
        }
        return Ok(Caller::Token(Box::new(token)));
    }
    let user = session::current(state, headers).await?;
    let user = user.ok_or_else(|| {
        Problem::unauthenticated("a token is needed")
            .cure("Send `Authorization: Bearer TOKEN`; `rollcall token create` makes one.")
    })?;
    Ok(Caller::User(Box::new(user)))
}
