//! The directory as the identity platform sees it.
//! Knows people and tenants; tokens and consent are the platform's.

use jiff::Timestamp;
use uuid::Uuid;

use crate::core::Core;
use crate::directory::identity::is_external;
use crate::directory::objects::{Slot, View};
use crate::directory::record::Changes;
use crate::directory::tenant::{ServicePrincipal, Tenant};
use crate::login::{Principals, TenantInfo, UserInfo};
use crate::schema::{Kind, known::user};

fn tenant_info(tenant: &Tenant) -> TenantInfo {
    TenantInfo {
        id: tenant.id,
        display_name: tenant.display_name.clone(),
        domains: tenant.domains.clone(),
    }
}

/// Whether a user is a guest in the tenant.
pub(crate) fn is_guest(view: &View<'_>) -> bool {
    view.text(user::USER_TYPE).as_deref() == Some("Guest")
}

fn user_info(tenant: &Tenant, slot: Slot) -> Option<UserInfo> {
    let view = tenant.users.view(slot)?;
    let upn = view.text(user::UPN).unwrap_or_default();
    Some(UserInfo {
        id: view.id(),
        display_name: view.text(user::DISPLAY_NAME).unwrap_or_else(|| upn.clone()),
        mail: view.text(user::MAIL),
        enabled: view.is_true(user::ENABLED),
        guest: is_guest(&view),
        upn,
    })
}

/// `adele.vance` becomes `Adele Vance`.
fn name_from_upn(upn: &str) -> String {
    let name = upn.split(['@', '#']).next().unwrap_or(upn);
    let words = name.split(['.', '_', '-']).filter(|word| !word.is_empty());
    let capitalized = words.map(|word| {
        let mut letters = word.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect::<String>()
    });
    capitalized.collect::<Vec<_>>().join(" ")
}

/// Completes a person of whom the name is known: what a sign-up form would have filled in.
pub(crate) fn fill_account(changes: &mut Changes, upn: &str) {
    let name = name_from_upn(upn);
    changes.fill(user::UPN, upn);
    changes.fill(user::DISPLAY_NAME, name.clone());
    if let Some((given, surname)) = name.split_once(' ') {
        changes.fill(user::GIVEN_NAME, given);
        changes.fill(user::SURNAME, surname);
    }
    changes.fill(user::MAIL_NICKNAME, upn.split('@').next().unwrap_or(upn));
    if !is_external(upn) {
        changes.fill(user::MAIL, upn);
    }
}

fn account_changes(upn: &str) -> Changes {
    let mut changes = Changes::default();
    fill_account(&mut changes, upn);
    changes
}

impl Principals for Core {
    fn tenant(&self, id_or_domain: &str) -> Option<TenantInfo> {
        self.world().by_name(id_or_domain).map(tenant_info)
    }

    fn tenants(&self) -> Vec<TenantInfo> {
        self.world().tenants().map(tenant_info).collect()
    }

    fn user(&self, tenant_id: Uuid, id_or_upn: &str) -> Option<UserInfo> {
        let world = self.world();
        let tenant = world.tenant(tenant_id)?;
        user_info(tenant, tenant.user_slot(id_or_upn)?)
    }

    fn ensure_user(&self, tenant_id: Uuid, upn: &str, _now: Timestamp) -> UserInfo {
        let made = self.edit(tenant_id, |tenant, now| {
            let slot = match tenant.users.by_upn(upn) {
                Some(slot) => Some(slot),
                None => tenant
                    .create(Kind::User, self.chance.uuid(), account_changes(upn), now)
                    .ok(),
            };
            slot.and_then(|slot| user_info(tenant, slot))
        });
        // The platform asks only for tenants it has just been told of.
        made.flatten().unwrap_or_else(|| UserInfo {
            id: Uuid::nil(),
            upn: upn.to_owned(),
            display_name: upn.to_owned(),
            mail: None,
            enabled: false,
            guest: false,
        })
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn random(&self, out: &mut [u8]) {
        self.chance.fill(out);
    }

    fn service_principal_created(&self, tenant_id: Uuid, app_id: Uuid, display_name: &str) {
        self.edit(tenant_id, |tenant, _| {
            let known = tenant
                .service_principals
                .iter_mut()
                .find(|known| known.app_id == app_id);
            match known {
                Some(known) => display_name.clone_into(&mut known.display_name),
                None => tenant.service_principals.push(ServicePrincipal {
                    id: self.chance.uuid(),
                    app_id,
                    display_name: display_name.to_owned(),
                    assignment_required: false,
                    assignments: Vec::new(),
                }),
            }
        });
    }
}
