//! Every change to a tenant: each leaves a line in the log and word for the notifications, in one step.
//! Checks what the directory itself guards (unique names); rights and request shapes are checked before.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::changes::What;
use super::identity;
use super::membership::Member;
use super::objects::Slot;
use super::record::{Changes, Record};
use super::tenant::Tenant;
use crate::clock::iso;
use crate::schema::{Kind, PropertySet, known};

/// Why a change is not possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EditError {
    #[error("Another object with the same value for property userPrincipalName already exists.")]
    UpnTaken,
    #[error("the object does not exist")]
    Missing,
}

/// What subscribers of users or groups are told.
#[derive(Clone, Debug)]
pub(crate) struct Announcement {
    pub kind: Kind,
    pub id: Uuid,
    pub at: Timestamp,
    /// Deleted for good; anything else is an update to them.
    pub deleted: bool,
    /// A member that came (`false`) or went (`true`).
    pub member: Option<(Uuid, Kind, bool)>,
}

impl Tenant {
    /// Makes an object; what is not given is completed as the service would.
    pub(crate) fn create(
        &mut self,
        kind: Kind,
        id: Uuid,
        mut changes: Changes,
        now: Timestamp,
    ) -> Result<Slot, EditError> {
        match kind {
            Kind::User => {
                self.check_upn(changes.text(known::user::UPN), None)?;
                identity::complete_user(&mut changes, id, &self.initial_domain, &iso(now));
            }
            Kind::Group => {
                identity::complete_group(&mut changes, id, &self.initial_domain, &iso(now));
            }
        }
        let mut record = Record::new(id);
        record.apply(changes);
        let slot = self.objects_mut(kind).insert(record);
        self.note(kind, id, What::Created, now);
        Ok(slot)
    }

    fn check_upn(&self, upn: Option<&str>, own: Option<Slot>) -> Result<(), EditError> {
        let taken = upn.and_then(|upn| self.users.by_upn(upn));
        match taken {
            Some(slot) if Some(slot) != own => Err(EditError::UpnTaken),
            _ => Ok(()),
        }
    }

    /// Changes an object; gives back what differs now. Nothing is logged when nothing does.
    pub(crate) fn update(
        &mut self,
        kind: Kind,
        slot: Slot,
        mut changes: Changes,
        now: Timestamp,
    ) -> Result<PropertySet, EditError> {
        if kind == Kind::User {
            self.check_upn(changes.text(known::user::UPN), Some(slot))?;
        }
        let changed = self.objects_mut(kind).change(slot, |record| {
            if kind == Kind::User {
                identity::follow_up(record, &mut changes);
            }
            (record.id, record.apply(changes))
        });
        let (id, changed) = changed.ok_or(EditError::Missing)?;
        if changed != PropertySet::default() {
            self.note(kind, id, What::Updated(changed), now);
        }
        Ok(changed)
    }

    /// Moves an object to the recycle bin, where its name is free for others.
    pub(crate) fn delete(&mut self, kind: Kind, slot: Slot, now: Timestamp) {
        let Some(id) = self.objects(kind).view(slot).map(|view| view.id()) else {
            return;
        };
        self.objects_mut(kind).soft_delete(slot, |record| {
            record.set(deleted_property(kind), iso(now).into());
            if kind == Kind::User
                && let Some(upn) = record.text(known::user::UPN)
            {
                let parked = format!("{}{upn}", id.simple());
                record.set(known::user::UPN, parked.into());
            }
        });
        self.note(kind, id, What::Deleted, now);
    }

    /// Takes an object out of the recycle bin.
    pub(crate) fn restore(
        &mut self,
        kind: Kind,
        slot: Slot,
        now: Timestamp,
    ) -> Result<(), EditError> {
        let record = self
            .objects(kind)
            .deleted_view(slot)
            .ok_or(EditError::Missing)?;
        let id = record.id;
        let upn = (kind == Kind::User)
            .then(|| record.text(known::user::UPN))
            .flatten();
        let upn = upn.map(|upn| {
            upn.strip_prefix(&id.simple().to_string())
                .unwrap_or(upn)
                .to_owned()
        });
        self.check_upn(upn.as_deref(), None)?;
        self.objects_mut(kind).restore(slot, |record| {
            record.forget(deleted_property(kind));
            if let Some(upn) = upn {
                record.set(known::user::UPN, upn.into());
            }
        });
        self.note(kind, id, What::Restored, now);
        Ok(())
    }

    /// Removes an object for good, and with it every membership it had. `silent`: the groups do not say so.
    pub(crate) fn purge(&mut self, member: Member, silent: bool, now: Timestamp) {
        let (kind, slot) = (member.kind(), member.slot());
        let objects = self.objects(kind);
        let live = objects.view(slot).map(|view| view.id());
        let Some(id) = live.or_else(|| objects.deleted_view(slot).map(|record| record.id)) else {
            return;
        };
        let mut holding: Vec<Slot> = self.members.groups_of(member).collect();
        holding.sort_unstable();
        for group in holding {
            self.members.remove(group, member);
            if !silent && let Some(group) = self.groups.view(group).map(|view| view.id()) {
                let what = What::Member {
                    id,
                    kind,
                    removed: true,
                };
                self.group_log.push(now, group, what);
            }
        }
        let owned: Vec<Slot> = self.owners.groups_of(member).collect();
        for group in owned {
            self.owners.remove(group, member);
        }
        if kind == Kind::Group {
            self.members.drop_group(slot);
            self.owners.drop_group(slot);
        }
        for principal in &mut self.service_principals {
            principal
                .assignments
                .retain(|assignment| assignment.principal != member);
        }
        self.objects_mut(kind).purge(slot);
        self.note(kind, id, What::Purged, now);
    }

    /// Adds a direct member; `false` when it was one.
    pub(crate) fn add_member(&mut self, group: Slot, member: Member, now: Timestamp) -> bool {
        let added = self.members.add(group, member);
        if added {
            self.note_member(group, member, false, now);
        }
        added
    }

    /// Removes a direct member; `false` when it was none.
    pub(crate) fn remove_member(&mut self, group: Slot, member: Member, now: Timestamp) -> bool {
        let removed = self.members.remove(group, member);
        if removed {
            self.note_member(group, member, true, now);
        }
        removed
    }

    fn note_member(&mut self, group: Slot, member: Member, removed: bool, now: Timestamp) {
        let Some(group_id) = self.groups.view(group).map(|view| view.id()) else {
            return;
        };
        let objects = self.objects(member.kind());
        let live = objects.view(member.slot()).map(|view| view.id());
        let id = live.or_else(|| objects.deleted_view(member.slot()).map(|record| record.id));
        if let Some(id) = id {
            let what = What::Member {
                id,
                kind: member.kind(),
                removed,
            };
            self.note(Kind::Group, group_id, what, now);
        }
    }

    pub(super) fn note(&mut self, kind: Kind, id: Uuid, what: What, now: Timestamp) {
        self.log_mut(kind).push(now, id, what);
        let member = match what {
            What::Member { id, kind, removed } => Some((id, kind, removed)),
            _ => None,
        };
        self.outbox.push(Announcement {
            kind,
            id,
            at: now,
            deleted: what == What::Purged,
            member,
        });
    }

    /// Sets or clears a user's manager.
    pub(crate) fn set_manager(
        &mut self,
        user: Slot,
        manager: Option<Uuid>,
        now: Timestamp,
    ) -> Result<(), EditError> {
        let mut changes = Changes::default();
        let manager = manager.map_or(Value::Null, |id| id.to_string().into());
        changes.set(known::user::MANAGER, manager);
        self.update(Kind::User, user, changes, now).map(|_| ())
    }

    /// What happened since the last call, for the notifications.
    pub(crate) fn take_announcements(&mut self) -> Vec<Announcement> {
        std::mem::take(&mut self.outbox)
    }
}

/// `deletedDateTime` of a kind.
pub(crate) fn deleted_property(kind: Kind) -> crate::schema::PropertyId {
    match kind {
        Kind::User => known::user::DELETED,
        Kind::Group => known::group::DELETED,
    }
}
