//! One tenant: domains, people, groups, memberships, enterprise applications.
//! Reading only; changes go through `edit`, which keeps the log.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use uuid::Uuid;

use super::changes::ChangeLog;
use super::edit::Announcement;
use super::membership::{Member, Memberships};
use super::objects::{Objects, Slot, View};
use crate::schema::Kind;

/// A tenant.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub id: Uuid,
    pub display_name: String,
    /// The `*.onmicrosoft.com` domain.
    pub initial_domain: String,
    /// Verified domains in lower case, the default one first, the initial one among them.
    pub domains: Vec<String>,
    pub created: Timestamp,
    pub users: Objects,
    pub groups: Objects,
    pub members: Memberships,
    pub owners: Memberships,
    pub user_log: ChangeLog,
    pub group_log: ChangeLog,
    pub service_principals: Vec<ServicePrincipal>,
    /// Somebody holds a delta link or a subscription, so that even a bulk creation must be logged one by one.
    tracked: AtomicBool,
    pub(super) outbox: Vec<Announcement>,
}

/// An enterprise application: an application as this tenant knows it.
#[derive(Clone, Debug)]
pub(crate) struct ServicePrincipal {
    pub id: Uuid,
    pub app_id: Uuid,
    pub display_name: String,
    pub assignment_required: bool,
    pub assignments: Vec<Assignment>,
}

/// A user or group assigned to an enterprise application.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    pub id: String,
    pub created: Timestamp,
    pub principal: Member,
    pub app_role_id: Uuid,
}

impl Tenant {
    pub(crate) fn new(
        id: Uuid,
        display_name: String,
        initial_domain: String,
        verified: Vec<String>,
        created: Timestamp,
    ) -> Self {
        let initial_domain = initial_domain.to_lowercase();
        let mut domains: Vec<String> = Vec::new();
        for domain in verified.into_iter().chain([initial_domain.clone()]) {
            let domain = domain.to_lowercase();
            if !domains.contains(&domain) {
                domains.push(domain);
            }
        }
        Self {
            id,
            display_name,
            initial_domain,
            domains,
            created,
            users: Objects::new(Kind::User),
            groups: Objects::new(Kind::Group),
            members: Memberships::default(),
            owners: Memberships::default(),
            user_log: ChangeLog::default(),
            group_log: ChangeLog::default(),
            service_principals: Vec::new(),
            tracked: AtomicBool::new(false),
            outbox: Vec::new(),
        }
    }

    pub(crate) fn default_domain(&self) -> &str {
        &self.domains[0]
    }

    pub(crate) fn has_domain(&self, domain: &str) -> bool {
        self.domains
            .iter()
            .any(|known| known.eq_ignore_ascii_case(domain))
    }

    pub(crate) fn objects(&self, kind: Kind) -> &Objects {
        match kind {
            Kind::User => &self.users,
            Kind::Group => &self.groups,
        }
    }

    pub(crate) fn objects_mut(&mut self, kind: Kind) -> &mut Objects {
        match kind {
            Kind::User => &mut self.users,
            Kind::Group => &mut self.groups,
        }
    }

    pub(crate) fn log(&self, kind: Kind) -> &ChangeLog {
        match kind {
            Kind::User => &self.user_log,
            Kind::Group => &self.group_log,
        }
    }

    pub(super) fn log_mut(&mut self, kind: Kind) -> &mut ChangeLog {
        match kind {
            Kind::User => &mut self.user_log,
            Kind::Group => &mut self.group_log,
        }
    }

    /// A live user by object id or user principal name.
    pub(crate) fn user_slot(&self, id_or_upn: &str) -> Option<Slot> {
        match id_or_upn.parse() {
            Ok(id) => self.users.slot(id),
            Err(_) => self.users.by_upn(id_or_upn),
        }
    }

    /// A live object of either kind.
    pub(crate) fn find(&self, id: Uuid) -> Option<Member> {
        Kind::ALL.into_iter().find_map(|kind| {
            let slot = self.objects(kind).slot(id)?;
            Some(Member::new(kind, slot))
        })
    }

    /// A soft-deleted object of either kind.
    pub(crate) fn find_deleted(&self, id: Uuid) -> Option<Member> {
        Kind::ALL.into_iter().find_map(|kind| {
            let slot = self.objects(kind).deleted_slot(id)?;
            Some(Member::new(kind, slot))
        })
    }

    pub(crate) fn view(&self, member: Member) -> Option<View<'_>> {
        self.objects(member.kind()).view(member.slot())
    }

    pub(crate) fn is_live_group(&self, slot: Slot) -> bool {
        self.groups.view(slot).is_some()
    }

    /// Somebody watches: by a delta link, or a subscription.
    pub(crate) fn track(&self) {
        self.tracked.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_tracked(&self) -> bool {
        self.tracked.load(Ordering::Relaxed)
    }
}
