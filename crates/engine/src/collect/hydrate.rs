//! Reads people whose id is known and whose properties are not, and looks for
//! people who vanished from every group.

use std::collections::{BTreeMap, BTreeSet};

use provisioning::absence::Absence;
use provisioning::directory::{Person, Presence};
use provisioning::ids::ObjectId;
use store::mirror::{self, MirrorWrite};
use store::pending;

use super::Reading;
use crate::error::Result;

/// Graph's limit for `getByIds`.
const BY_IDS: usize = 1_000;

impl Reading {
    /// Reads the pending people who are not in the mirror; whether anybody is
    /// pending.
    pub(super) async fn hydrate_pending(&self) -> Result<bool> {
        let (db, id) = (self.engine.db(), self.connection.id);
        let mut after = None;
        loop {
            let page = pending::page(db, id, after, 1_000).await?;
            let Some(last) = page.last() else {
                return Ok(after.is_some());
            };
            after = Some(*last);
            let known: BTreeSet<ObjectId> =
                mirror::known(db, id, &page).await?.into_iter().collect();
            let missing: Vec<ObjectId> = page
                .into_iter()
                .filter(|person| !known.contains(person))
                .collect();
            for chunk in missing.chunks(BY_IDS) {
                self.hydrate(chunk).await?;
            }
        }
    }

    async fn hydrate(&self, ids: &[ObjectId]) -> Result<()> {
        let wanted: Vec<uuid::Uuid> = ids.iter().map(|id| id.0).collect();
        let users = self.client.users_by_ids(&wanted).await?;
        let writes: Vec<MirrorWrite> = users
            .into_iter()
            .map(|user| self.write_of(None, user))
            .collect();
        let mut tx = self.engine.begin_relaxed().await?;
        mirror::write(&mut tx, self.connection.id, &writes, self.engine.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Reads people whom no list of a group shows, by id: a change or a deletion
    /// that no feed reported is found here, by Graph's own word.
    pub(super) async fn look_for(&self, people: Vec<ObjectId>) -> Result<()> {
        let (db, id) = (self.engine.db(), self.connection.id);
        for chunk in people.chunks(BY_IDS) {
            let known = mirror::get(db, id, chunk).await?;
            let known = known.into_iter().map(|row| row.person);
            // Nobody comes back who was deleted for good.
            let known: BTreeMap<uuid::Uuid, Person> = known
                .filter(|person| person.presence != Presence::Purged)
                .map(|person| (person.object_id.0, person))
                .collect();
            if known.is_empty() {
                continue;
            }
            let ids: Vec<uuid::Uuid> = known.keys().copied().collect();
            let found = self.client.users_by_ids(&ids).await?;
            let seen: BTreeSet<uuid::Uuid> = found.iter().map(|user| user.id).collect();
            let writes: Vec<MirrorWrite> = found
                .into_iter()
                .map(|user| self.write_of(known.get(&user.id).cloned(), user))
                .collect();
            let now = self.engine.now();
            let mut tx = self.engine.begin_relaxed().await?;
            let changed = mirror::write(&mut tx, id, &writes, now).await?;
            pending::add(&mut tx, id, &changed, now).await?;
            tx.commit().await?;
            let mut gone = BTreeMap::new();
            let live = known
                .values()
                .filter(|person| person.presence == Presence::Live);
            let missing = live.map(|person| person.object_id.0);
            for person in missing.filter(|person| !seen.contains(person)) {
                if self.client.find_deleted_user(person).await?.is_some() {
                    gone.insert(ObjectId(person), Presence::SoftDeleted);
                } else if self.client.find_user(person).await?.is_none() {
                    gone.insert(ObjectId(person), Presence::Purged);
                }
            }
            self.mark_gone(&gone).await?;
        }
        Ok(())
    }

    /// Writes that people are gone, with Graph's explicit word as proof.
    pub(super) async fn mark_gone(&self, gone: &BTreeMap<ObjectId, Presence>) -> Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        let (now, id) = (self.engine.now(), self.connection.id);
        let ids: Vec<ObjectId> = gone.keys().copied().collect();
        let mut tx = self.engine.begin_relaxed().await?;
        let known = mirror::get(&mut tx, id, &ids).await?;
        let writes: Vec<MirrorWrite> = known
            .into_iter()
            .filter_map(|row| {
                let presence = *gone.get(&row.person.object_id)?;
                (row.person.presence != presence).then(|| gone_write(row.person, presence))
            })
            .collect();
        mirror::write(&mut tx, id, &writes, now).await?;
        mirror::set_absence(&mut tx, id, &ids, &Absence::explicit_removal()).await?;
        pending::add(&mut tx, id, &ids, now).await?;
        tx.commit().await?;
        Ok(())
    }
}

pub(super) fn gone_write(mut person: Person, presence: Presence) -> MirrorWrite {
    person.presence = presence;
    MirrorWrite {
        fingerprint: person.fingerprint(),
        person,
        bump: true,
        microsoft_changed_at: None,
    }
}
