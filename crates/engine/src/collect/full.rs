//! A full read: every mapped group and the groups inside them.
//!
//! Unchanged people are compared and not written. Removals wait until the
//! generation is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use graph::{DeltaStart, GroupDeltaQuery, Next, PageGuard};
use provisioning::absence::{Absence, CompletedGeneration, Ledger};
use provisioning::ids::{GenerationId, GroupId, ObjectId};
use store::cursors::{Cursor, CursorKind, Feed};
use store::directory_groups::{self, DirectoryGroup};
use store::mirror::{self, MirrorWrite};
use store::{Tx, connections, cursors, memberships, pending};

use super::members::{GroupRead, Read};
use super::{Inside, Reading};
use crate::convert;
use crate::error::{Class, EngineError, Result};

/// What a generation changes, once it is complete.
#[derive(Default)]
pub(super) struct Swap {
    /// Groups.
    written: Vec<DirectoryGroup>,
    /// Who is in a group no more, and why that is certain.
    removals: Vec<(GroupId, Vec<ObjectId>, Absence)>,
    /// Who was not seen in a group, and may be there.
    doubts: Vec<(GroupId, Vec<ObjectId>)>,
}

impl Swap {
    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.written.is_empty() && self.removals.is_empty()
    }
}

impl Reading {
    /// Reads everything and swaps the generation in; whether anybody is pending.
    pub(super) async fn full(self: &Arc<Self>) -> Result<bool> {
        self.organization().await?;
        let is_first = !self.engine.has_people(self.connection.id).await?;
        // Taken before the reads: what changes meanwhile comes back as a replay.
        let links = self.fresh_cursors().await?;
        let mapped = self.mapped().await?;
        let id = GenerationId(self.engine.new_id());
        let mut ledger = Ledger::open(id, mapped.keys().copied());
        let roots = mapped.iter().map(|(group, inside)| (*group, *inside));
        let reads = self.read_tree(roots.collect(), None).await?;
        let mut tracked: BTreeSet<GroupId> = reads.iter().map(|read| read.group).collect();
        let mut ended = BTreeSet::new();
        for read in &reads {
            match &read.read {
                Read::Ended { members, .. } => {
                    ledger.ended(read.group, *members);
                    ended.insert(read.group);
                }
                Read::Unreadable => ledger.unreadable(read.group),
            }
        }
        let done = ledger.finish().map_err(|error| {
            EngineError::new("incomplete_read", Class::Unavailable, error.to_string())
        })?;
        let swap = self.compare(&done, reads).await?;
        let mut tx = self.engine.begin_relaxed().await?;
        self.swap(&mut tx, swap).await?;
        if !is_first {
            tx.commit().await?;
            // What is still inside by our books was not read, and is doubted
            // or frozen, not gone.
            tracked.extend(self.whose_groups_count(mapped).await?);
            tracked.extend(self.assigned_groups(mapped).await?);
            self.forget_untracked(&tracked, &ended).await?;
            tx = self.engine.begin_relaxed().await?;
        }
        self.save_cursors(&mut tx, links).await?;
        self.note_cost(&mut tx).await?;
        tx.commit().await?;
        self.hydrate_pending().await
    }

    /// Reads the groups that are not in the mirror yet: for a plan of a rule
    /// that is not saved.
    pub(super) async fn new_groups(self: &Arc<Self>) -> Result<()> {
        let known = directory_groups::list(self.engine.db(), self.connection.id).await?;
        // One whose read was cut off is as good as unknown.
        let known = known.iter().filter(|group| group.read_at.is_some());
        let known: BTreeSet<GroupId> = known.map(|group| group.group_id).collect();
        let mapped = self.mapped().await?;
        let roots = mapped
            .iter()
            .filter(|(group, inside)| !known.contains(group) || **inside == Inside::Groups)
            .map(|(group, inside)| (*group, *inside));
        let reads = self.read_tree(roots.collect(), None).await?;
        let mut rows = self.group_rows().await?;
        let mut written = Vec::new();
        for read in reads {
            let (Read::Ended { members, .. }, Some(mut row)) =
                (read.read, rows.remove(&read.group))
            else {
                continue;
            };
            row.members = members;
            row.read_at = Some(self.engine.now());
            written.push(row);
        }
        let mut tx = self.engine.begin_relaxed().await?;
        directory_groups::upsert(&mut tx, self.connection.id, &written).await?;
        tx.commit().await?;
        Ok(())
    }

    pub(super) async fn group_rows(&self) -> Result<BTreeMap<GroupId, DirectoryGroup>> {
        let rows = directory_groups::list(self.engine.db(), self.connection.id).await?;
        Ok(rows.into_iter().map(|row| (row.group_id, row)).collect())
    }

    async fn fresh_cursors(&self) -> Result<Option<(String, String)>> {
        if self.run_id.is_none() {
            let known = cursors::get(self.engine.db(), self.connection.id, Feed::Users).await?;
            if known.is_some_and(|cursor| cursor.kind == CursorKind::Delta) {
                return Ok(None);
            }
        }
        let users = self.client.users_delta(&DeltaStart::Latest).await?.next;
        let query = group_query();
        let groups = self
            .client
            .groups_delta(&query, &DeltaStart::Latest)
            .await?
            .next;
        match (users, groups) {
            (Next::Done(users), Next::Done(groups)) => Ok(Some((
                users.as_str().to_owned(),
                groups.as_str().to_owned(),
            ))),
            _ => Err(EngineError::new(
                "malformed",
                Class::Upstream,
                "Graph gave no delta link for a change feed that starts now",
            )),
        }
    }

    /// Notes that everything was read, and where the change feeds go on.
    async fn save_cursors(&self, tx: &mut Tx, links: Option<(String, String)>) -> Result<()> {
        let now = self.engine.now();
        if let Some((users, groups)) = links {
            for (feed, link) in [(Feed::Users, users), (Feed::Groups, groups)] {
                let cursor = Cursor {
                    link,
                    kind: CursorKind::Delta,
                    previous_link: None,
                    updated_at: now,
                };
                cursors::set(tx, self.connection.id, feed, &cursor).await?;
            }
        }
        Ok(connections::record_reconcile(tx, self.connection.id, now).await?)
    }

    /// Compares what was read with what is there: who was not seen leaves, with
    /// the proof of the completed generation.
    pub(super) async fn compare(
        &self,
        done: &CompletedGeneration,
        reads: Vec<GroupRead>,
    ) -> Result<Swap> {
        let now = self.engine.now();
        let mut rows = self.group_rows().await?;
        let mut swap = Swap::default();
        for GroupRead { group, read } in reads {
            let Read::Ended {
                members,
                before,
                absent,
                left,
                is_doubtful,
                groups_doubtful,
                ..
            } = read
            else {
                continue;
            };
            let row = rows.remove(&group);
            let is_suspicious = row
                .as_ref()
                .is_some_and(|row| row.suspicious_since.is_some());
            let confirmed =
                is_suspicious && is_doubtful && self.are_out(group, &absent, &left).await?;
            let absence = done.absence_from(group, if confirmed { 0 } else { before });
            let absence = absence.filter(|_| !absent.is_empty());
            let groups_left = !left.is_empty() && (confirmed || !groups_doubtful);
            let of_groups = done.absence_from(group, 0).filter(|_| groups_left);
            let mut doubted = Vec::new();
            if absence.is_none() {
                doubted.extend(&absent);
            }
            if of_groups.is_none() {
                doubted.extend(&left);
            }
            if let Some(row) = row {
                let mut next = row.clone();
                next.members = members;
                let since = row.suspicious_since.unwrap_or(now);
                next.suspicious_since = (!doubted.is_empty()).then_some(since);
                next.read_at = row.read_at.or(Some(now));
                // What did not change is not written, also not that it was read.
                if next != row {
                    next.read_at = Some(now);
                    swap.written.push(next);
                }
            }
            if is_suspicious || !doubted.is_empty() {
                swap.doubts.push((group, doubted));
            }
            let absence = absence.map(|absence| (group, absent, absence));
            let of_groups = of_groups.map(|absence| (group, left, absence));
            swap.removals.extend(absence.into_iter().chain(of_groups));
        }
        Ok(swap)
    }

    /// Writes what a generation changes.
    pub(super) async fn swap(&self, tx: &mut Tx, swap: Swap) -> Result<()> {
        if swap.is_empty() {
            return Ok(());
        }
        let Swap {
            written,
            removals,
            doubts,
        } = swap;
        let (now, id) = (self.engine.now(), self.connection.id);
        directory_groups::upsert(tx, id, &written).await?;
        for (group, absent, absence) in removals {
            memberships::remove(tx, id, group, &absent, &absence).await?;
            for member in &absent {
                self.group_left(tx, GroupId(member.0), &absence).await?;
            }
            pending::add(tx, id, &absent, now).await?;
        }
        for (group, doubted) in doubts {
            let seen = memberships::doubt(tx, id, group, &doubted).await?;
            self.wake(tx, &seen).await?;
        }
        Ok(())
    }

    /// These people, and whoever is in these groups, are decided about again.
    pub(super) async fn wake(&self, tx: &mut Tx, members: &[ObjectId]) -> Result<()> {
        if members.is_empty() {
            return Ok(());
        }
        let (now, id) = (self.engine.now(), self.connection.id);
        pending::add(tx, id, members, now).await?;
        // Nearly all are people: thousands, when a list shows everybody again.
        let tracked = directory_groups::list(&mut *tx, id).await?;
        let tracked: BTreeSet<GroupId> = tracked.iter().map(|row| row.group_id).collect();
        let groups = members.iter().map(|member| GroupId(member.0));
        for group in groups.filter(|group| tracked.contains(group)) {
            pending::add_group(tx, id, group, now).await?;
        }
        Ok(())
    }

    /// The different read that must agree before an empty list is believed.
    async fn are_out(
        &self,
        group: GroupId,
        people: &[ObjectId],
        groups: &[ObjectId],
    ) -> Result<bool> {
        if self.mapped().await?.get(&group) == Some(&Inside::Assigned) {
            return self.nobody_is_assigned(group).await;
        }
        let mut guard = PageGuard::default();
        let mut from = None;
        loop {
            let page = self.client.member_refs_page(group.0, from.as_ref()).await?;
            let ids = page.members.iter().map(|member| ObjectId(member.id));
            for id in ids {
                if people.contains(&id) || groups.contains(&id) {
                    return Ok(false);
                }
            }
            let Some(next) = page.next else {
                return Ok(true);
            };
            guard.follow(&next)?;
            from = Some(next);
        }
    }

    /// Groups that no rule needs any more leave the mirror, and people who are
    /// in none and were never linked with them. Linked people of no group,
    /// members of groups whose reading has not `ended`, and those whose membership
    /// is doubted, are looked for by their ids: no group's list shows what became
    /// of them.
    async fn forget_untracked(
        &self,
        tracked: &BTreeSet<GroupId>,
        ended: &BTreeSet<GroupId>,
    ) -> Result<()> {
        let (db, id) = (self.engine.db(), self.connection.id);
        let mut unread = Vec::new();
        for group in self.group_rows().await?.into_keys() {
            if tracked.contains(&group) {
                if !ended.contains(&group) {
                    unread.push(group);
                }
                continue;
            }
            let now = self.engine.now();
            let mut tx = self.engine.begin_relaxed().await?;
            pending::add_group(&mut tx, id, group, now).await?;
            memberships::drop_group(&mut tx, id, group).await?;
            directory_groups::remove(&mut tx, id, &[group]).await?;
            tx.commit().await?;
        }
        let mut after: Option<ObjectId> = None;
        loop {
            let page = mirror::outside(db, id, &unread, after, 1_000).await?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            after = Some(*last);
            let (wanted, unknown): (Vec<_>, Vec<_>) =
                page.into_iter().partition(|(_, matters)| *matters);
            let ids = |of: Vec<(ObjectId, bool)>| of.into_iter().map(|(id, _)| id).collect();
            let unknown: Vec<ObjectId> = ids(unknown);
            if !unknown.is_empty() {
                let mut tx = self.engine.begin_relaxed().await?;
                mirror::forget(&mut tx, id, &unknown).await?;
                tx.commit().await?;
            }
            self.look_for(ids(wanted)).await?;
        }
    }

    pub(super) fn write_of(
        &self,
        known: Option<provisioning::directory::Person>,
        user: graph::DirectoryUser,
    ) -> MirrorWrite {
        let fingerprint = convert::fingerprint(&user);
        let own = |domain: &provisioning::address::Domain| self.domains.contains(domain);
        MirrorWrite {
            person: convert::merge(self.tenant_id, known, user, &own),
            fingerprint,
            bump: false,
            microsoft_changed_at: None,
        }
    }
}

/// The change feed of groups: all of them, since rules come and go.
pub(super) fn group_query() -> GroupDeltaQuery {
    GroupDeltaQuery {
        groups: Vec::new(),
        members: true,
    }
}
