//! A delta round: what changed since the last one, users first, then groups.
//!
//! Each page is saved with its cursor in one transaction; replays are harmless.
//! People outside the tracked groups leave nothing behind.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use graph::{
    DeltaStart, GroupChange, GroupDeltaPage, MemberChange, MemberKind, Next, PageGuard, Reason,
    UserChange, UserDeltaPage,
};
use provisioning::absence::Absence;
use provisioning::directory::Presence;
use provisioning::ids::{GroupId, ObjectId};
use store::cursors::{Cursor, CursorKind, Feed};
use store::mirror::{self, MirrorWrite};
use store::rounds::{self, Feeds};
use store::{Tx, cursors, directory_groups, mapping_rules, memberships, pending};

use super::full::group_query;
use super::hydrate::gone_write;
use super::{Inside, Reading};
use crate::error::{Class, EngineError, Result};

/// How long a delta link is used again while nothing happens: they live for a
/// week at least.
const KEEP_CURSOR: Duration = Duration::from_secs(6 * 3600);

impl Reading {
    /// One round of both feeds; whether anybody is pending. `resync_required`
    /// when there is no cursor or it has ended.
    pub(super) async fn delta(self: &Arc<Self>, feeds: Option<Feeds>) -> Result<bool> {
        let feeds = match feeds {
            Some(feeds) => feeds,
            None => rounds::feeds(self.engine.db(), self.connection.id).await?,
        };
        let (users, known_users) = self.start(feeds.users)?;
        let (groups, known_groups) = self.start(feeds.groups)?;
        // Most rounds have one page each, and end with it.
        let query = group_query();
        let (first_users, first_groups) = tokio::try_join!(
            self.client.users_delta(&users),
            self.client.groups_delta(&query, &groups),
        )?;
        let quiet_users = self.is_quiet(
            first_users.changes.is_empty(),
            &first_users.next,
            &known_users,
        );
        let quiet_groups = self.is_quiet(
            first_groups.changes.is_empty(),
            &first_groups.next,
            &known_groups,
        );
        if quiet_users && quiet_groups && !feeds.any_pending && !feeds.follows_assignments {
            return Ok(false);
        }
        if !quiet_users {
            self.users_round(first_users, &known_users).await?;
        }
        if !quiet_groups && let Some(end) = self.groups_round(first_groups, &known_groups).await? {
            self.new_groups().await?;
            let mut tx = self.engine.begin_relaxed().await?;
            self.save_cursor(&mut tx, Feed::Groups, &end, &known_groups)
                .await?;
            tx.commit().await?;
        }
        if feeds.follows_assignments {
            self.assignments_round().await?;
        }
        self.hydrate_pending().await
    }

    fn start(&self, cursor: Option<Cursor>) -> Result<(DeltaStart, Cursor)> {
        let cursor = cursor.ok_or_else(|| {
            EngineError::new(
                "resync_required",
                Class::Unavailable,
                "there is no delta link yet",
            )
        })?;
        // A link to another host than the one that is configured now, as after
        // a move to another cloud, is worth nothing; no token goes there.
        let link = self.client.link(&cursor.link).map_err(|error| {
            EngineError::new(
                "resync_required",
                Class::Unavailable,
                format!("the delta link is of no use any more: {error}"),
            )
        })?;
        let start = match cursor.kind {
            CursorKind::Delta => DeltaStart::Since(link),
            CursorKind::Next => DeltaStart::Link(link),
        };
        Ok((start, cursor))
    }

    /// Whether a page says nothing and the cursor may stay where it is: asked
    /// again from there, the feed says the same and more.
    fn is_quiet(&self, is_empty: bool, next: &Next, known: &Cursor) -> bool {
        let age = self.engine.now().duration_since(known.updated_at);
        is_empty
            && matches!(next, Next::Done(_))
            && known.kind == CursorKind::Delta
            && age.unsigned_abs() < KEEP_CURSOR
    }

    async fn save_cursor(
        &self,
        tx: &mut Tx,
        feed: Feed,
        next: &Next,
        known: &Cursor,
    ) -> Result<()> {
        let (link, kind) = match next {
            Next::Page(link) => (link, CursorKind::Next),
            Next::Done(link) => (link, CursorKind::Delta),
        };
        let previous_link = match known.kind {
            CursorKind::Delta => Some(known.link.clone()),
            CursorKind::Next => known.previous_link.clone(),
        };
        let cursor = Cursor {
            link: link.as_str().to_owned(),
            kind,
            previous_link,
            updated_at: self.engine.now(),
        };
        cursors::set(tx, self.connection.id, feed, &cursor).await?;
        Ok(())
    }

    async fn users_round(&self, first: UserDeltaPage, known: &Cursor) -> Result<()> {
        let mut guard = PageGuard::default();
        let mut page = first;
        loop {
            let mut tx = self.engine.begin_relaxed().await?;
            self.save_users(&mut tx, page.changes).await?;
            self.save_cursor(&mut tx, Feed::Users, &page.next, known)
                .await?;
            tx.commit().await?;
            match page.next {
                Next::Done(_) => return Ok(()),
                Next::Page(link) => {
                    guard.follow(&link)?;
                    page = self.client.users_delta(&DeltaStart::Link(link)).await?;
                }
            }
        }
    }

    async fn save_users(&self, tx: &mut Tx, changes: Vec<UserChange>) -> Result<()> {
        let (now, id) = (self.engine.now(), self.connection.id);
        let ids: Vec<ObjectId> = changes
            .iter()
            .map(|change| ObjectId(id_of(change)))
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let known = mirror::get(&mut *tx, id, &ids).await?;
        let mut known: HashMap<ObjectId, _> = known
            .into_iter()
            .map(|row| (row.person.object_id, row.person))
            .collect();
        let members = memberships::of_members(&mut *tx, id, &ids).await?;
        let members: HashSet<ObjectId> = members.into_iter().map(|(member, _)| member).collect();
        let mut writes: Vec<MirrorWrite> = Vec::new();
        let mut gone = Vec::new();
        for change in changes {
            let person_id = ObjectId(id_of(&change));
            let before = known.get(&person_id).cloned();
            if before.is_none() && !members.contains(&person_id) {
                continue;
            }
            let write = match (change, before) {
                (UserChange::Changed(user), before) => self.write_of(before, user),
                (UserChange::Removed { reason, .. }, Some(person)) => {
                    let presence = match reason {
                        Reason::Changed => Presence::SoftDeleted,
                        Reason::Deleted => Presence::Purged,
                    };
                    gone.push(person_id);
                    // A replay of a removal that is known is no new change.
                    if person.presence == presence {
                        continue;
                    }
                    gone_write(person, presence)
                }
                (UserChange::Removed { .. }, None) => continue,
            };
            known.insert(person_id, write.person.clone());
            writes.push(write);
        }
        let changed = mirror::write(tx, id, &writes, now).await?;
        mirror::set_absence(tx, id, &gone, &Absence::explicit_removal()).await?;
        pending::add(tx, id, &changed, now).await?;
        Ok(())
    }

    /// Follows the groups' feed. From a page on that names nested groups the
    /// cursor stays: it moves to the end that is returned when they were read,
    /// or else their people would look as if they were in none.
    async fn groups_round(&self, first: GroupDeltaPage, known: &Cursor) -> Result<Option<Next>> {
        let mut new_groups = BTreeSet::new();
        let mut guard = PageGuard::default();
        let mut page = first;
        let mapped = self.mapped().await?;
        let open = self.whose_groups_count(mapped).await?;
        let tracked = self.group_rows().await?.into_keys();
        let tracked: BTreeMap<GroupId, bool> = tracked
            .map(|group| (group, open.contains(&group)))
            .collect();
        loop {
            let mut tx = self.engine.begin_relaxed().await?;
            for change in page.changes {
                self.save_group(&mut tx, &tracked, change, &mut new_groups)
                    .await?;
            }
            if new_groups.is_empty() {
                self.save_cursor(&mut tx, Feed::Groups, &page.next, known)
                    .await?;
            }
            tx.commit().await?;
            match page.next {
                Next::Done(_) => return Ok((!new_groups.is_empty()).then_some(page.next)),
                Next::Page(link) => {
                    guard.follow(&link)?;
                    let from = DeltaStart::Link(link);
                    page = self.client.groups_delta(&group_query(), &from).await?;
                }
            }
        }
    }

    /// The groups whose inner groups are followed: those of rules that say so,
    /// and whatever is inside them, be it the group of another rule.
    pub(super) async fn whose_groups_count(
        &self,
        mapped: &BTreeMap<GroupId, Inside>,
    ) -> Result<BTreeSet<GroupId>> {
        let edges = memberships::nested(self.engine.db(), self.connection.id).await?;
        let roots = mapped
            .iter()
            .filter(|(_, inside)| **inside == Inside::Groups);
        let mut open: BTreeSet<GroupId> = roots.map(|(group, _)| *group).collect();
        loop {
            let before = open.len();
            for (group, inside) in &edges {
                if open.contains(group) {
                    open.insert(*inside);
                }
            }
            if open.len() == before {
                return Ok(open);
            }
        }
    }

    async fn save_group(
        &self,
        tx: &mut Tx,
        tracked: &BTreeMap<GroupId, bool>,
        change: GroupChange,
        new_groups: &mut BTreeSet<GroupId>,
    ) -> Result<()> {
        match change {
            GroupChange::Changed { group, members } => {
                let id = GroupId(group.id);
                let Some(nested) = tracked.get(&id) else {
                    return Ok(());
                };
                self.save_group_header(tx, id, &group).await?;
                self.save_members(tx, id, *nested, members, new_groups)
                    .await
            }
            GroupChange::Removed { id, .. } => {
                let id = GroupId(id);
                if tracked.contains_key(&id) {
                    self.mark_unreadable(tx, id).await?;
                }
                Ok(())
            }
        }
    }

    async fn save_group_header(
        &self,
        tx: &mut Tx,
        id: GroupId,
        group: &graph::DirectoryGroup,
    ) -> Result<()> {
        let connection = self.connection.id;
        let Some(mut row) = directory_groups::get(&mut *tx, connection, id).await? else {
            return Ok(());
        };
        let name = group.display_name.as_deref().map(str::to_owned);
        let created = group.created.value().copied();
        let was = (row.name.clone(), row.readable);
        row.name = name.or(row.name);
        row.created_at = created.or(row.created_at);
        row.readable = true;
        row.unreadable_reason = None;
        if was == (row.name.clone(), true) {
            return Ok(());
        }
        let (name, created_at) = (row.name.clone(), row.created_at);
        directory_groups::upsert(tx, connection, &[row]).await?;
        mapping_rules::set_group(tx, connection, id, name.as_deref(), created_at, true).await?;
        pending::add_group(tx, connection, id, self.engine.now()).await?;
        Ok(())
    }

    async fn mark_unreadable(&self, tx: &mut Tx, id: GroupId) -> Result<()> {
        let connection = self.connection.id;
        let Some(mut row) = directory_groups::get(&mut *tx, connection, id).await? else {
            return Ok(());
        };
        row.readable = false;
        row.unreadable_reason = Some("the group was deleted in the directory".to_owned());
        let (name, created_at) = (row.name.clone(), row.created_at);
        directory_groups::upsert(tx, connection, &[row]).await?;
        mapping_rules::set_group(tx, connection, id, name.as_deref(), created_at, false).await?;
        Ok(())
    }

    async fn save_members(
        &self,
        tx: &mut Tx,
        group: GroupId,
        nested: bool,
        members: Vec<MemberChange>,
        new_groups: &mut BTreeSet<GroupId>,
    ) -> Result<()> {
        let (now, id) = (self.engine.now(), self.connection.id);
        // The last word about a member counts.
        let mut last: BTreeMap<ObjectId, (bool, MemberKind)> = BTreeMap::new();
        for change in members {
            let (is_in, member) = match change {
                MemberChange::Added(member) => (true, member),
                MemberChange::Removed(member) => (false, member),
            };
            last.insert(ObjectId(member.id), (is_in, member.kind));
        }
        let mut added = Vec::new();
        let mut removed = Vec::new();
        for (member, (is_in, kind)) in last {
            match (is_in, kind) {
                (true, MemberKind::User) => added.push((member, false)),
                (true, MemberKind::Group) if nested => {
                    added.push((member, true));
                    new_groups.insert(GroupId(member.0));
                }
                (true, _) => {}
                (false, _) => removed.push(member),
            }
        }
        memberships::add(tx, id, group, &added).await?;
        let people: Vec<ObjectId> = added
            .iter()
            .filter(|(_, is_group)| !is_group)
            .map(|(member, _)| *member)
            .collect();
        pending::add(tx, id, &people, now).await?;
        let added: Vec<ObjectId> = added.into_iter().map(|(member, _)| member).collect();
        let believed = memberships::believe(tx, id, group, &added).await?;
        self.wake(tx, &believed).await?;
        let proof = Absence::explicit_removal();
        let gone = memberships::remove(tx, id, group, &removed, &proof).await?;
        for member in &gone {
            self.group_left(tx, GroupId(member.0), &proof).await?;
        }
        pending::add(tx, id, &gone, now).await?;
        Ok(())
    }
}

impl Reading {
    /// A nested group that left takes everybody below it along: the removal is
    /// the proof for them too. Does nothing for an id that is no tracked group.
    pub(super) async fn group_left(
        &self,
        tx: &mut Tx,
        group: GroupId,
        proof: &Absence,
    ) -> Result<()> {
        let (now, id) = (self.engine.now(), self.connection.id);
        let mut left = vec![group];
        let mut done = BTreeSet::new();
        while let Some(group) = left.pop() {
            if !done.insert(group) {
                continue;
            }
            let mut after = None;
            loop {
                let page = memberships::members_page(&mut *tx, id, group, after, 1_000).await?;
                let Some((last, _)) = page.last() else { break };
                after = Some(*last);
                let people = page.iter().filter(|(_, is_group)| !is_group);
                let people: Vec<ObjectId> = people.map(|(person, _)| *person).collect();
                mirror::set_absence(tx, id, &people, proof).await?;
                pending::add(tx, id, &people, now).await?;
                let groups = page.iter().filter(|(_, is_group)| *is_group);
                left.extend(groups.map(|(group, _)| GroupId(group.0)));
            }
        }
        Ok(())
    }
}

fn id_of(change: &UserChange) -> uuid::Uuid {
    match change {
        UserChange::Changed(user) => user.id,
        UserChange::Removed { id, .. } => *id,
    }
}
