//! A full read: every mapped group and the groups inside them, page by page.
//!
//! Unchanged people are compared and not written. Removals wait until the
//! generation is complete.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use graph::error::Kind;
use graph::{DeltaStart, GroupDeltaQuery, Link, Next, PageGuard};
use provisioning::absence::{CompletedGeneration, Ledger};
use provisioning::ids::{GenerationId, GroupId, ObjectId};
use serde_json::json;
use store::cursors::{Cursor, CursorKind, Feed};
use store::directory_groups::{self, DirectoryGroup};
use store::mirror::{self, MirrorWrite};
use store::{connections, cursors, mapping_rules, memberships, pending, runs};

use super::Reading;
use crate::convert;
use crate::error::{EngineError, Result};

/// How many pages a list may have before it is taken for endless.
const MOST_PAGES: usize = 1_000_000;

/// One group as it was read: who was in it before, who is in it now.
struct GroupRead {
    before: Vec<ObjectId>,
    seen: Vec<ObjectId>,
}

impl Reading<'_> {
    /// Reads everything and swaps the generation in.
    pub(super) async fn full(&self) -> Result<()> {
        self.organization().await?;
        // Taken before the reads: what changes meanwhile comes back as a replay.
        let links = self.fresh_cursors().await?;
        let id = GenerationId(self.engine.new_id());
        let mut ledger = Ledger::open(id, self.mapped.keys().copied());
        let mut queue: VecDeque<(GroupId, bool)> = self
            .mapped
            .iter()
            .map(|(group, nested)| (*group, *nested))
            .collect();
        let mut asked: BTreeSet<GroupId> = self.mapped.keys().copied().collect();
        let mut reads = BTreeMap::new();
        while let Some((group, nested)) = queue.pop_front() {
            if !self.read_header(group).await? {
                ledger.unreadable(group);
                continue;
            }
            if nested {
                for child in self.read_children(group).await? {
                    if asked.insert(child) {
                        ledger.add(child);
                        queue.push_back((child, true));
                    }
                }
            }
            let read = self.read_members(group).await?;
            ledger.ended(group, read.seen.len() as u64);
            self.note_group(group, read.seen.len() as u64).await?;
            reads.insert(group, read);
        }
        let done = ledger.finish().map_err(|error| {
            EngineError::new(
                "incomplete_read",
                crate::error::Class::Unavailable,
                error.to_string(),
            )
        })?;
        self.swap(&done, reads).await?;
        self.forget_untracked(&asked).await?;
        self.save_cursors(links).await?;
        let now = self.engine.now();
        let mut tx = self.engine.db().begin().await?;
        connections::record_reconcile(&mut tx, self.connection.id, now).await?;
        tx.commit().await?;
        self.hydrate_pending().await
    }

    /// Reads the groups that are not in the mirror yet: for a plan of a rule
    /// that is not saved.
    pub(super) async fn new_groups(&self) -> Result<()> {
        let known = directory_groups::list(self.engine.db(), self.connection.id).await?;
        let known: BTreeSet<GroupId> = known.iter().map(|group| group.group_id).collect();
        let mut queue: VecDeque<(GroupId, bool)> = self
            .mapped
            .iter()
            .filter(|(group, nested)| !known.contains(group) || **nested)
            .map(|(group, nested)| (*group, *nested))
            .collect();
        let mut asked = BTreeSet::new();
        while let Some((group, nested)) = queue.pop_front() {
            if !asked.insert(group) || !self.read_header(group).await? {
                continue;
            }
            if nested {
                let children = self.read_children(group).await?;
                queue.extend(children.into_iter().map(|child| (child, true)));
            }
            let read = self.read_members(group).await?;
            self.note_group(group, read.seen.len() as u64).await?;
        }
        Ok(())
    }

    async fn fresh_cursors(&self) -> Result<Option<(String, String)>> {
        let known = cursors::get(self.engine.db(), self.connection.id, Feed::Users).await?;
        if known.is_some_and(|cursor| cursor.kind == CursorKind::Delta) && self.run_id.is_none() {
            return Ok(None);
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
                crate::error::Class::Upstream,
                "Graph gave no delta link for a change feed that starts now",
            )),
        }
    }

    async fn save_cursors(&self, links: Option<(String, String)>) -> Result<()> {
        let Some((users, groups)) = links else {
            return Ok(());
        };
        let updated_at = self.engine.now();
        let mut tx = self.engine.db().begin().await?;
        for (feed, link) in [(Feed::Users, users), (Feed::Groups, groups)] {
            let cursor = Cursor {
                link,
                kind: CursorKind::Delta,
                previous_link: None,
                updated_at,
            };
            cursors::set(&mut tx, self.connection.id, feed, &cursor).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Reads a group's name and age. `false` when it cannot be read: its
    /// members stay as they are.
    async fn read_header(&self, group: GroupId) -> Result<bool> {
        let found = self.client.group(group.0).await;
        let now = self.engine.now();
        let id = self.connection.id;
        let mut tx = self.engine.db().begin().await?;
        let known = directory_groups::get(&mut tx, id, group).await?;
        let mut row = known.unwrap_or(DirectoryGroup {
            group_id: group,
            name: None,
            created_at: None,
            readable: true,
            unreadable_reason: None,
            members: 0,
            is_mapped: self.mapped.contains_key(&group),
            suspicious_since: None,
            read_at: None,
        });
        row.is_mapped = self.mapped.contains_key(&group);
        let readable = match found {
            Ok(found) => {
                row.name = found.display_name.into_value();
                row.created_at = found.created.into_value();
                row.unreadable_reason = None;
                true
            }
            Err(error) if is_about_the_group(error.kind()) => {
                row.unreadable_reason = Some(error.to_string());
                false
            }
            Err(error) => return Err(error.into()),
        };
        row.readable = readable;
        row.read_at = Some(now);
        let name = row.name.clone();
        let created_at = row.created_at;
        directory_groups::upsert(&mut tx, id, &[row]).await?;
        mapping_rules::set_group(&mut tx, id, group, name.as_deref(), created_at, readable).await?;
        tx.commit().await?;
        Ok(readable)
    }

    async fn note_group(&self, group: GroupId, members: u64) -> Result<()> {
        let id = self.connection.id;
        let mut tx = self.engine.db().begin().await?;
        if let Some(mut row) = directory_groups::get(&mut tx, id, group).await? {
            row.members = members;
            directory_groups::upsert(&mut tx, id, &[row]).await?;
        }
        if let Some(run) = self.run_id {
            let progress = json!({ "phase": "collecting", "group": group, "members": members });
            runs::set_progress(&mut tx, run, &progress).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The groups directly inside a group; they become tracked.
    async fn read_children(&self, group: GroupId) -> Result<Vec<GroupId>> {
        let mut guard = PageGuard::new(MOST_PAGES);
        let mut children = Vec::new();
        let mut from: Option<Link> = None;
        loop {
            let page = self
                .client
                .nested_groups_page(group.0, from.as_ref())
                .await?;
            children.extend(page.groups.iter().map(|child| GroupId(child.id)));
            let Some(next) = page.next else { break };
            guard.follow(&next)?;
            from = Some(next);
        }
        let rows: Vec<(ObjectId, bool)> = children
            .iter()
            .map(|child| (ObjectId(child.0), true))
            .collect();
        let mut tx = self.engine.db().begin().await?;
        memberships::add(&mut tx, self.connection.id, group, &rows).await?;
        tx.commit().await?;
        Ok(children)
    }

    /// Reads a group's people with their properties, writing what changed.
    async fn read_members(&self, group: GroupId) -> Result<GroupRead> {
        let before = self.members_before(group).await?;
        let mut seen: Vec<ObjectId> = Vec::with_capacity(before.len());
        let mut guard = PageGuard::new(MOST_PAGES);
        let mut from: Option<Link> = None;
        loop {
            let page = self.client.members_page(group.0, from.as_ref()).await?;
            let ids: Vec<ObjectId> = page.members.iter().map(|user| ObjectId(user.id)).collect();
            let writes: Vec<MirrorWrite> = page
                .members
                .into_iter()
                .map(|user| self.write_of(None, user))
                .collect();
            let new: Vec<(ObjectId, bool)> = ids
                .iter()
                .filter(|id| before.binary_search(id).is_err())
                .map(|id| (*id, false))
                .collect();
            self.save_page(group, &writes, &new).await?;
            seen.extend(ids);
            let Some(next) = page.next else { break };
            guard.follow(&next)?;
            from = Some(next);
        }
        seen.sort_unstable();
        seen.dedup();
        Ok(GroupRead { before, seen })
    }

    async fn save_page(
        &self,
        group: GroupId,
        writes: &[MirrorWrite],
        new: &[(ObjectId, bool)],
    ) -> Result<()> {
        let (now, id) = (self.engine.now(), self.connection.id);
        let mut tx = self.engine.db().begin().await?;
        let changed = mirror::write(&mut tx, id, writes, now).await?;
        memberships::add(&mut tx, id, group, new).await?;
        // A first sync plans everybody; afterwards only who changed.
        if self.connection.progress.first_sync_done {
            let mut touched: Vec<ObjectId> = new.iter().map(|(member, _)| *member).collect();
            touched.extend(changed);
            touched.sort_unstable();
            touched.dedup();
            pending::add(&mut tx, id, &touched, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn members_before(&self, group: GroupId) -> Result<Vec<ObjectId>> {
        const PAGE: u32 = 10_000;
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let db = self.engine.db();
            let page =
                memberships::members_page(db, self.connection.id, group, after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            all.extend(
                page.iter()
                    .filter(|(_, is_group)| !is_group)
                    .map(|(id, _)| *id),
            );
        }
        all.sort_unstable();
        Ok(all)
    }

    /// Removes who was not seen, with the proof of the completed generation.
    async fn swap(
        &self,
        done: &CompletedGeneration,
        reads: BTreeMap<GroupId, GroupRead>,
    ) -> Result<()> {
        let (now, id) = (self.engine.now(), self.connection.id);
        let mut gone_from_all = Vec::new();
        let mut tx = self.engine.db().begin().await?;
        for (group, read) in reads {
            let absent: Vec<ObjectId> = read
                .before
                .iter()
                .filter(|member| read.seen.binary_search(member).is_err())
                .copied()
                .collect();
            let row = directory_groups::get(&mut tx, id, group).await?;
            let was_suspicious = row
                .as_ref()
                .is_some_and(|row| row.suspicious_since.is_some());
            let confirmed =
                was_suspicious && read.seen.is_empty() && self.is_empty_too(group).await?;
            let before = if confirmed {
                0
            } else {
                read.before.len() as u64
            };
            let absence = done.absence_from(group, before);
            if let Some(mut row) = row {
                let suspicious = absence.is_none() && !absent.is_empty();
                row.suspicious_since = if suspicious {
                    row.suspicious_since.or(Some(now))
                } else {
                    None
                };
                directory_groups::upsert(&mut tx, id, &[row]).await?;
            }
            let Some(absence) = absence else { continue };
            if absent.is_empty() {
                continue;
            }
            memberships::remove(&mut tx, id, group, &absent, &absence).await?;
            pending::add(&mut tx, id, &absent, now).await?;
            gone_from_all.extend(absent);
        }
        tx.commit().await?;
        self.look_for(gone_from_all).await
    }

    /// The different read that must agree before an empty group is believed.
    async fn is_empty_too(&self, group: GroupId) -> Result<bool> {
        let page = self.client.member_refs_page(group.0, None).await?;
        Ok(page.members.is_empty() && page.next.is_none())
    }

    /// Groups that no rule needs any more leave the mirror, and people who are
    /// in none and were never linked with them.
    async fn forget_untracked(&self, tracked: &BTreeSet<GroupId>) -> Result<()> {
        let (db, id) = (self.engine.db(), self.connection.id);
        for group in directory_groups::list(db, id).await? {
            if tracked.contains(&group.group_id) {
                continue;
            }
            let now = self.engine.now();
            let mut tx = db.begin().await?;
            pending::add_group(&mut tx, id, group.group_id, now).await?;
            memberships::drop_group(&mut tx, id, group.group_id).await?;
            directory_groups::remove(&mut tx, id, &[group.group_id]).await?;
            tx.commit().await?;
        }
        let mut after = None;
        loop {
            let page = mirror::orphans(db, id, after, 1_000).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(*last);
            let mut tx = db.begin().await?;
            mirror::forget(&mut tx, id, &page).await?;
            tx.commit().await?;
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

/// Whether the failure says something about this group alone.
fn is_about_the_group(kind: &Kind) -> bool {
    matches!(kind, Kind::NotFound | Kind::PermissionMissing { .. })
}
