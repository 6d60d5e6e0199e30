//! Every tenant of the emulator.
//! Finds them by id or domain; what is in one is the tenant's business.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::edit::deleted_property;
use super::membership::Member;
use super::tenant::Tenant;
use crate::schema::Kind;

/// How long a deleted object can be restored.
const RESTORABLE: SignedDuration = SignedDuration::from_hours(24 * 30);

/// All tenants, in the order they were made.
#[derive(Debug, Default)]
pub(crate) struct World {
    tenants: BTreeMap<Uuid, Tenant>,
    order: Vec<Uuid>,
}

impl World {
    pub(crate) fn tenant(&self, id: Uuid) -> Option<&Tenant> {
        self.tenants.get(&id)
    }

    pub(crate) fn tenant_mut(&mut self, id: Uuid) -> Option<&mut Tenant> {
        self.tenants.get_mut(&id)
    }

    pub(crate) fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.order.iter().filter_map(|id| self.tenants.get(id))
    }

    /// A tenant by id or any verified domain.
    pub(crate) fn by_name(&self, id_or_domain: &str) -> Option<&Tenant> {
        match id_or_domain.parse() {
            Ok(id) => self.tenant(id),
            Err(_) => self
                .tenants()
                .find(|tenant| tenant.has_domain(id_or_domain)),
        }
    }

    pub(crate) fn add(&mut self, tenant: Tenant) {
        self.order.push(tenant.id);
        self.tenants.insert(tenant.id, tenant);
    }

    /// Removes for good what has been in a recycle bin for 30 days; tells which tenants that touched.
    pub(crate) fn purge_expired(&mut self, silent: bool, now: Timestamp) -> Vec<Uuid> {
        let limit = now.saturating_sub(RESTORABLE).unwrap_or(Timestamp::MIN);
        let mut touched = Vec::new();
        for tenant in self.tenants.values_mut() {
            let due = expired(tenant, limit);
            if !due.is_empty() {
                touched.push(tenant.id);
            }
            for member in due {
                tenant.purge(member, silent, now);
            }
        }
        touched
    }
}

fn expired(tenant: &Tenant, limit: Timestamp) -> Vec<Member> {
    let mut due = Vec::new();
    for kind in Kind::ALL {
        let objects = tenant.objects(kind);
        for (_, slot) in objects.deleted_after(None) {
            let record = objects.deleted_view(slot);
            let at = record.and_then(|record| record.text(deleted_property(kind)));
            if at
                .and_then(|at| at.parse::<Timestamp>().ok())
                .is_some_and(|at| at <= limit)
            {
                due.push(Member::new(kind, slot));
            }
        }
    }
    due
}
