//! Application registrations and the consent tenants and people gave them.
//! Knows no tokens; a registration is what the portal's "App registrations" holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::certificates::Certificate;
use super::scopes::Scopes;
use super::{AppSpec, Principals, SpecError, redirect};

/// Most addresses a registration for work accounts may have.
const MOST_REDIRECT_URIS: usize = 256;

/// A registered application.
#[derive(Clone)]
pub(super) struct App {
    pub id: Uuid,
    pub name: String,
    pub secret: Option<String>,
    pub secret_expires_at: Option<Timestamp>,
    pub certificates: Vec<Certificate>,
    pub redirect_uris: Vec<String>,
    /// Statically registered delegated permissions, which `.default` stands for.
    pub delegated: BTreeSet<String>,
    /// Statically registered application permissions.
    pub application: BTreeSet<String>,
    pub home_tenant: Option<Uuid>,
    pub single_tenant: bool,
    pub disabled: bool,
}

/// What one tenant allowed one application.
#[derive(Clone, Default)]
pub(super) struct Consent {
    /// Delegated permissions for everyone.
    pub organization: BTreeSet<String>,
    /// Delegated permissions single people gave for themselves.
    pub people: HashMap<Uuid, BTreeSet<String>>,
    /// Application permissions.
    pub application: BTreeSet<String>,
}

impl Consent {
    /// Delegated permissions the application has for this person.
    pub(super) fn granted(&self, person: Uuid) -> BTreeSet<String> {
        self.organization
            .iter()
            .chain(self.people.get(&person).into_iter().flatten())
            .cloned()
            .collect()
    }

    /// Whether this person may be signed in to the application without a question.
    pub(super) fn covers(&self, person: Uuid) -> bool {
        !self.organization.is_empty() || self.people.contains_key(&person)
    }
}

/// Registrations and consent.
#[derive(Default)]
pub(super) struct Apps {
    registered: BTreeMap<Uuid, Arc<App>>,
    consents: HashMap<(Uuid, Uuid), Consent>,
}

impl Apps {
    pub(super) fn get(&self, app_id: Uuid) -> Option<Arc<App>> {
        self.registered.get(&app_id).cloned()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<App>> {
        self.registered.values()
    }

    /// Registers or replaces; consent is replaced with it.
    pub(super) fn put(&mut self, app: App, consented: &[Uuid]) {
        self.consents.retain(|(_, app_id), _| *app_id != app.id);
        for tenant_id in consented {
            let consent = Consent {
                organization: app.delegated.clone(),
                people: HashMap::new(),
                application: app.application.clone(),
            };
            self.consents.insert((*tenant_id, app.id), consent);
        }
        self.registered.insert(app.id, Arc::new(app));
    }

    /// Changes a registration in place; false when there is none.
    pub(super) fn change(&mut self, app_id: Uuid, change: impl FnOnce(&mut App)) -> bool {
        let Some(app) = self.registered.get_mut(&app_id) else {
            return false;
        };
        change(Arc::make_mut(app));
        true
    }

    pub(super) fn consent(&self, tenant_id: Uuid, app_id: Uuid) -> Option<&Consent> {
        self.consents.get(&(tenant_id, app_id))
    }

    pub(super) fn consented_tenants(&self, app_id: Uuid) -> Vec<Uuid> {
        let mut tenants: Vec<_> = self
            .consents
            .keys()
            .filter(|key| key.1 == app_id)
            .map(|key| key.0)
            .collect();
        tenants.sort_unstable();
        tenants
    }

    /// Removes the enterprise application from a tenant; false when it had none.
    pub(super) fn withdraw(&mut self, tenant_id: Uuid, app_id: Uuid) -> bool {
        self.consents.remove(&(tenant_id, app_id)).is_some()
    }

    /// A person consents for himself.
    pub(super) fn consent_as_person(
        &mut self,
        tenant_id: Uuid,
        app: &App,
        person: Uuid,
        scopes: &Scopes,
    ) {
        let consent = self.consents.entry((tenant_id, app.id)).or_default();
        consent
            .people
            .entry(person)
            .or_default()
            .extend(wanted(app, scopes));
    }

    /// An administrator consents for everyone; with `.default` to the application's own permissions too.
    pub(super) fn consent_as_organization(&mut self, tenant_id: Uuid, app: &App, scopes: &Scopes) {
        let consent = self.consents.entry((tenant_id, app.id)).or_default();
        consent.organization.extend(wanted(app, scopes));
        if scopes.default {
            consent.application.extend(app.application.iter().cloned());
        }
    }
}

/// Delegated permissions a request asks for: those it names, or all that are registered.
pub(super) fn wanted(app: &App, scopes: &Scopes) -> BTreeSet<String> {
    if scopes.default {
        app.delegated.clone()
    } else {
        scopes.graph.clone()
    }
}

/// Checks a specification and makes the registration, with the tenants that consented already.
pub(super) fn from_spec(
    spec: AppSpec,
    principals: &dyn Principals,
) -> Result<(App, Vec<Uuid>), SpecError> {
    let tenant = |field: String, name: &str| {
        let found = principals.tenant(name).map(|tenant| tenant.id);
        found.ok_or_else(|| SpecError::no_tenant(field, principals, name))
    };
    if spec.redirect_uris.len() > MOST_REDIRECT_URIS {
        return Err(SpecError::new(
            "redirect_uris",
            format!("at most {MOST_REDIRECT_URIS}"),
        ));
    }
    for (at, uri) in spec.redirect_uris.iter().enumerate() {
        redirect::check(uri).map_err(|why| SpecError::new(format!("redirect_uris[{at}]"), why))?;
    }
    let mut certificates = Vec::new();
    for (at, pem) in spec.certificates.iter().enumerate() {
        let read = Certificate::from_pem(pem);
        certificates.push(read.map_err(|why| SpecError::new(format!("certificates[{at}]"), why))?);
    }
    let mut tenants = Vec::new();
    for (at, name) in spec.tenants.iter().enumerate() {
        tenants.push(tenant(format!("tenants[{at}]"), name)?);
    }
    let home_tenant = spec
        .home_tenant
        .map(|name| tenant("home_tenant".to_owned(), &name))
        .transpose()?;
    if spec.single_tenant && home_tenant.is_none() {
        return Err(SpecError::new(
            "home_tenant",
            "a single-tenant application needs one",
        ));
    }
    let app = App {
        id: spec.app_id,
        name: spec
            .display_name
            .unwrap_or_else(|| format!("Application {}", spec.app_id)),
        secret: spec.secret,
        secret_expires_at: spec.secret_expires_at,
        certificates,
        redirect_uris: spec.redirect_uris,
        delegated: names("delegated", &spec.delegated)?,
        application: names("application", &spec.application)?,
        home_tenant,
        single_tenant: spec.single_tenant,
        disabled: false,
    };
    Ok((app, tenants))
}

fn names(field: &str, given: &[String]) -> Result<BTreeSet<String>, SpecError> {
    let check = |(at, name): (usize, &String)| {
        if name.is_empty() || name.contains(|letter: char| letter.is_whitespace() || letter == '/')
        {
            return Err(SpecError::new(
                format!("{field}[{at}]"),
                format!("{name:?} is not the short name of a permission"),
            ));
        }
        Ok(name.clone())
    };
    // OpenID Connect scopes need no registration; people list them beside the others all the same.
    let openid =
        |name: &String| ["openid", "profile", "email", "offline_access"].contains(&name.as_str());
    given
        .iter()
        .enumerate()
        .filter(|(_, name)| !openid(name))
        .map(check)
        .collect()
}

/// How the control surface shows a registration: never with its secret.
pub(super) fn view(app: &App, tenants: &[Uuid]) -> Value {
    json!({
        "app_id": app.id,
        "display_name": app.name,
        "has_secret": app.secret.is_some(),
        "secret_expires_at": app.secret_expires_at,
        "certificates": app.certificates.iter().map(|certificate| &certificate.x5t).collect::<Vec<_>>(),
        "redirect_uris": app.redirect_uris,
        "delegated": app.delegated,
        "application": app.application,
        "tenants": tenants,
        "home_tenant": app.home_tenant,
        "single_tenant": app.single_tenant,
        "disabled": app.disabled,
    })
}
