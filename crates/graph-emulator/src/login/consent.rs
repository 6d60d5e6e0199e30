//! What consent a sign-in still needs, and who may give it. Decides; asks nobody and stores nothing.

use std::collections::BTreeSet;

use super::accounts::Person;
use super::apps::{App, Consent, wanted};
use super::errors::LoginError;
use super::permissions;
use super::scopes::Scopes;

/// Whether people are to be asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    /// Ask for these permissions; there may be none besides the sign-in itself.
    Ask(BTreeSet<String>),
}

/// Compares what is asked with what was given; `again` asks for all of it whatever was given.
///
/// `.default` asks only when nothing was given for the resource ("Scopes and permissions").
pub(super) fn need(
    app: &App,
    scopes: &Scopes,
    given: Option<&Consent>,
    person: &Person,
    again: bool,
) -> Need {
    let all = wanted(app, scopes);
    let Some(given) = given.filter(|given| !again && given.covers(person.user.id)) else {
        return Need::Ask(all);
    };
    let granted = given.granted(person.user.id);
    let enough = if scopes.default {
        !granted.is_empty() || all.is_empty()
    } else {
        all.is_subset(&granted)
    };
    if enough {
        Need::Nothing
    } else {
        Need::Ask(all.difference(&granted).cloned().collect())
    }
}

/// Refuses people who ask for what only an administrator may give.
///
/// # Errors
/// 90094.
pub(super) fn may_give(
    app: &App,
    person: &Person,
    given: Option<&Consent>,
    asked: &BTreeSet<String>,
) -> Result<(), LoginError> {
    // Users of the application's own tenant may let it read their directory ("Microsoft Graph permissions reference").
    let own =
        |name: &str| name == "Directory.Read.All" && app.home_tenant == Some(person.tenant.id);
    let granted = given
        .map(|given| given.granted(person.user.id))
        .unwrap_or_default();
    let beyond = asked
        .iter()
        .any(|name| permissions::needs_admin(name) && !own(name) && !granted.contains(name));
    if beyond && !person.is_admin() {
        Err(admin_required(app))
    } else {
        Ok(())
    }
}

/// 90094.
pub(super) fn admin_required(app: &App) -> LoginError {
    LoginError::new(
        90094,
        format!(
            "Admin consent is required. {} needs permission to access resources in your organization that only an admin can grant. Please ask an admin to grant permission to this app before you can use it.",
            app.name
        ),
    )
}
