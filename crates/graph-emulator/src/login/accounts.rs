//! Accounts that can sign in, the browser sessions they leave, and who an account is in another tenant.
//! Knows no applications. There are no passwords: choosing an account on the page signs it in.

use std::collections::VecDeque;

use axum::http::{HeaderMap, header};
use uuid::Uuid;

use super::authority::Authority;
use super::errors::LoginError;
use super::{Principals, TenantInfo, UserInfo};

const COOKIE: &str = "emulator_session";
const MOST_SESSIONS: usize = 1_000;

/// An account made through the control surface.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub tenant_id: Uuid,
    pub user_id: Uuid,
    pub upn: String,
    pub auto_consent: bool,
    pub admin: bool,
}

impl Account {
    pub(super) fn key(&self) -> (Uuid, Uuid) {
        (self.tenant_id, self.user_id)
    }

    /// How forms name the account.
    pub(super) fn form_value(&self) -> String {
        format!("{}/{}", self.tenant_id, self.user_id)
    }
}

/// An account as it appears in the tenant signed in to.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub tenant: TenantInfo,
    pub user: UserInfo,
    pub account: Account,
}

impl Person {
    /// An administrator at home is none as a guest elsewhere.
    pub(super) fn is_admin(&self) -> bool {
        self.account.admin && self.account.tenant_id == self.tenant.id
    }
}

/// Accounts, the newest last, and browser sessions.
#[derive(Default)]
pub(super) struct Accounts {
    all: Vec<Account>,
    sessions: VecDeque<(String, (Uuid, Uuid))>,
}

impl Accounts {
    /// Adds an account as the newest, in place of an older one for the same person.
    pub(super) fn put(&mut self, account: Account) {
        self.all.retain(|known| known.key() != account.key());
        self.all.push(account);
    }

    pub(super) fn all(&self) -> &[Account] {
        &self.all
    }

    pub(super) fn open_session(&mut self, token: String, account: (Uuid, Uuid)) {
        if self.sessions.len() == MOST_SESSIONS {
            self.sessions.pop_front();
        }
        self.sessions.push_back((token, account));
    }

    /// The account the browser is signed in with.
    pub(super) fn session(&self, headers: &HeaderMap) -> Option<(Uuid, Uuid)> {
        let token = session_cookie(headers)?;
        self.sessions
            .iter()
            .rev()
            .find(|(known, _)| known == token)
            .map(|(_, account)| *account)
    }

    pub(super) fn close_session(&mut self, headers: &HeaderMap) {
        if let Some(token) = session_cookie(headers) {
            self.sessions.retain(|(known, _)| known != token);
        }
    }
}

fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// The `Set-Cookie` that keeps a session.
pub(super) fn set_cookie(token: &str) -> String {
    format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax")
}

/// Who `account` is when signing in at `authority`; `None` when it has no place there.
pub(super) fn person(
    principals: &dyn Principals,
    authority: &Authority,
    account: &Account,
) -> Option<Person> {
    let home = principals.tenant(&account.tenant_id.to_string())?;
    let at_home = |tenant| {
        let user = principals.user(account.tenant_id, &account.user_id.to_string())?;
        Some(Person {
            tenant,
            user,
            account: account.clone(),
        })
    };
    match authority {
        Authority::Consumers => None,
        Authority::Any(_) => at_home(home),
        Authority::Tenant(tenant) if tenant.id == account.tenant_id => at_home(home),
        Authority::Tenant(tenant) => {
            let user = guest(principals, tenant, &account.upn)?;
            Some(Person {
                tenant: tenant.clone(),
                user,
                account: account.clone(),
            })
        }
    }
}

/// The guest an outside account is in `tenant`: `name_domain#EXT#@` one of its domains.
pub(super) fn guest(
    principals: &dyn Principals,
    tenant: &TenantInfo,
    upn: &str,
) -> Option<UserInfo> {
    let local = upn.replace('@', "_");
    tenant
        .domains
        .iter()
        .find_map(|domain| principals.user(tenant.id, &format!("{local}#EXT#@{domain}")))
}

/// Who `account` is at `authority`, if it may sign in there.
///
/// # Errors
/// 50034 and 50057.
pub(super) fn usable_person(
    principals: &dyn Principals,
    authority: &Authority,
    account: &Account,
) -> Result<Person, LoginError> {
    let person =
        person(principals, authority, account).ok_or_else(|| not_found(&authority.label()))?;
    let user = usable(Some(person.user), &person.tenant.display_name)?;
    Ok(Person {
        tenant: person.tenant,
        user,
        account: person.account,
    })
}

fn not_found(tenant: &str) -> LoginError {
    LoginError::new(
        50034,
        format!(
            "The user account {{EUII Hidden}} does not exist in the {tenant} directory. To sign into this application, the account must be added to the directory."
        ),
    )
}

/// Refuses people who were deleted or disabled.
///
/// # Errors
/// 50034 and 50057.
pub(super) fn usable(user: Option<UserInfo>, tenant: &str) -> Result<UserInfo, LoginError> {
    let user = user.ok_or_else(|| not_found(tenant))?;
    if user.enabled {
        Ok(user)
    } else {
        Err(LoginError::new(50057, "The user account is disabled."))
    }
}
