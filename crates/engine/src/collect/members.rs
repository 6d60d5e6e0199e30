//! The members of many groups: several groups are read at once, and what was
//! read is written meanwhile, in batches across groups.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use graph::{DirectoryUser, Link, PageGuard};
use provisioning::ids::{GroupId, ObjectId, RunId};
use serde_json::json;
use store::deferred_indexes::{self, LARGE, Stage};
use store::directory_groups::DirectoryGroup;
use store::mirror::{self, MirrorRow};
use store::{Backend, Tx, memberships, pending, runs};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::{Inside, Reading};
use crate::convert;
use crate::error::{Class, EngineError, Result, broke_off};

/// How many groups are read at once.
const AT_ONCE: usize = 16;
/// How many pages may wait to be written.
const WAITING: usize = 6;
/// How many people are written by one statement.
const BATCH: usize = 5_000;
/// How many more batches a transaction of SQLite takes along when they are there.
const MORE: usize = 3;
/// How many pages a list may have before it is taken for endless.
pub(super) const MOST_PAGES: usize = 1_000_000;

/// A group as it was read.
pub(super) struct GroupRead {
    pub(super) group: GroupId,
    pub(super) read: Read,
}

/// How the reading of a group ended.
pub(super) enum Read {
    /// With its last page.
    Ended {
        /// The groups directly inside.
        children: Vec<GroupId>,
        /// How many people were seen.
        members: u64,
        /// How many were known before.
        before: u64,
        /// Those of them who were not seen.
        absent: Vec<ObjectId>,
        /// The groups that were inside and were not seen.
        left: Vec<ObjectId>,
        /// It says there is nobody where somebody was: a different read must
        /// agree.
        is_doubtful: bool,
        /// What it says of groups that left is not believed.
        groups_doubtful: bool,
    },
    /// It cannot be read: its members stay as they are.
    Unreadable,
}

/// What is on its way to the database.
pub(super) enum Seen {
    /// Groups, and whether they are as they were.
    Headers(Vec<(DirectoryGroup, bool)>),
    /// Members.
    Page(Page),
}

/// Some members of a group.
pub(super) struct Page {
    pub(super) group: GroupId,
    /// How many people were on it.
    pub(super) read: usize,
    /// Those of them the mirror does not have as they are.
    pub(super) people: Vec<MirrorRow>,
    /// Members who were none before: people and groups.
    pub(super) new: Vec<(ObjectId, bool)>,
}

/// What one transaction writes.
#[derive(Default)]
struct Batch {
    headers: Vec<(DirectoryGroup, bool)>,
    read: usize,
    people: Vec<MirrorRow>,
    new: Vec<(GroupId, ObjectId, bool)>,
}

/// How far a load has come.
#[derive(Default)]
struct Load {
    /// People that were read.
    read: AtomicU64,
    /// Of them, those that are written.
    people: AtomicU64,
    /// How far it was when it was last asked whether it is large.
    asked_at: AtomicU64,
    is_deferred: AtomicBool,
}

impl Reading {
    /// Reads these groups, and of those inside them what counts, except groups
    /// that are `known` well enough.
    pub(super) async fn read_tree(
        self: &Arc<Self>,
        roots: Vec<(GroupId, Inside)>,
        known: Option<BTreeSet<GroupId>>,
    ) -> Result<Vec<GroupRead>> {
        let (send, inbox) = mpsc::channel(WAITING);
        let inbox = Arc::new(Mutex::new(inbox));
        let load = Arc::new(Load::default());
        let hands = match self.engine.db().backend() {
            Backend::Sqlite => 1,
            Backend::Postgres => 2,
        };
        let mut writers = JoinSet::new();
        for _ in 0..hands {
            let (reading, inbox, load) = (self.clone(), inbox.clone(), load.clone());
            writers.spawn(async move { reading.write_pages(&inbox, &load).await });
        }
        drop(inbox);
        let reads = self.read_groups(roots, known, send).await;
        let mut written = Ok(());
        while let Some(done) = writers.join_next().await {
            written = written.and(done.unwrap_or_else(|error| Err(broke_off(&error))));
        }
        if load.is_deferred.load(Ordering::Relaxed) {
            deferred_indexes::restore(self.engine.db()).await?;
        }
        // Readers stop when nobody writes: the writer's error says why.
        written?;
        reads
    }

    async fn read_groups(
        self: &Arc<Self>,
        roots: Vec<(GroupId, Inside)>,
        known: Option<BTreeSet<GroupId>>,
        send: mpsc::Sender<Seen>,
    ) -> Result<Vec<GroupRead>> {
        let everybody = known.is_none();
        let mapped = self.mapped().await?;
        // Groups without those inside come last: one may turn out to be inside
        // another, and then what is inside it counts too.
        let (nested, mut plain): (Vec<_>, Vec<_>) = roots
            .into_iter()
            .partition(|(_, inside)| *inside == Inside::Groups);
        let mut asked: BTreeSet<GroupId> = known.unwrap_or_default();
        asked.retain(|group| plain.iter().all(|(root, _)| root != group));
        asked.extend(nested.iter().map(|(group, _)| *group));
        let mut headers: Vec<GroupId> = nested.iter().map(|(group, _)| *group).collect();
        let mut waiting = VecDeque::from(nested);
        let mut reads = Vec::new();
        let mut readable = BTreeSet::new();
        let mut tasks = JoinSet::new();
        loop {
            if waiting.is_empty() && tasks.is_empty() {
                plain.retain(|(group, _)| asked.insert(*group));
                headers.extend(plain.iter().map(|(group, _)| *group));
                waiting.extend(plain.drain(..));
            }
            readable.extend(self.read_headers(&headers, &send).await?);
            headers.clear();
            while tasks.len() < AT_ONCE
                && let Some((group, inside)) = waiting.pop_front()
            {
                if !readable.contains(&group) {
                    let read = Read::Unreadable;
                    reads.push(GroupRead { group, read });
                    continue;
                }
                let (reading, send) = (self.clone(), send.clone());
                tasks.spawn(async move {
                    match inside {
                        Inside::Assigned => reading.read_assigned(group, everybody, &send).await,
                        Inside::Groups => reading.read_group(group, true, &send).await,
                        Inside::Nothing => reading.read_group(group, false, &send).await,
                    }
                });
            }
            let Some(done) = tasks.join_next().await else {
                if plain.is_empty() {
                    return Ok(reads);
                }
                continue;
            };
            let read = done.unwrap_or_else(|error| Err(broke_off(&error)))?;
            if let Read::Ended { children, .. } = &read.read {
                let below = match mapped.get(&read.group) {
                    Some(Inside::Assigned) => Inside::Nothing,
                    _ => Inside::Groups,
                };
                for child in children.iter().filter(|child| asked.insert(**child)) {
                    headers.push(*child);
                    waiting.push_back((*child, below));
                }
            }
            reads.push(read);
        }
    }

    async fn read_group(
        &self,
        group: GroupId,
        nested: bool,
        send: &mpsc::Sender<Seen>,
    ) -> Result<GroupRead> {
        let mut children = Vec::new();
        if nested {
            children = self.read_children(group).await?;
            let new = children.iter().map(|child| (ObjectId(child.0), true));
            let page = Page {
                group,
                read: 0,
                people: Vec::new(),
                new: new.collect(),
            };
            send.send(Seen::Page(page))
                .await
                .map_err(|_| nobody_writes())?;
        }
        let (before, mut left) = self.members_before(group).await?;
        left.retain(|inside| nested && !children.contains(&GroupId(inside.0)));
        let mut seen: Vec<ObjectId> = Vec::with_capacity(before.len());
        let (mut users, mut new) = (Vec::new(), Vec::new());
        let mut guard = PageGuard::new(MOST_PAGES);
        let mut from: Option<Link> = None;
        loop {
            let page = self.client.members_page(group.0, from.as_ref()).await?;
            let first = seen.len();
            seen.extend(page.members.iter().map(|user| ObjectId(user.id)));
            // In order, what is looked for next is near.
            let page_ids = seen.get_mut(first..).unwrap_or_default();
            page_ids.sort_unstable();
            let added = page_ids.iter();
            let added = added.filter(|id| before.binary_search(id).is_err());
            new.extend(added.map(|id| (*id, false)));
            users.extend(page.members);
            // Many at once are compared with less reading than page by page.
            if !self.connection.progress.first_sync_done
                || users.len() >= BATCH
                || page.next.is_none()
            {
                let page_read = Page {
                    group,
                    read: users.len(),
                    people: self.changed(std::mem::take(&mut users)).await?,
                    new: std::mem::take(&mut new),
                };
                send.send(Seen::Page(page_read))
                    .await
                    .map_err(|_| nobody_writes())?;
            }
            let Some(next) = page.next else { break };
            guard.follow(&next)?;
            from = Some(next);
        }
        seen.sort_unstable();
        seen.dedup();
        let absent = before.iter().filter(|id| seen.binary_search(id).is_err());
        let groups_doubtful = children.is_empty() && !left.is_empty();
        let read = Read::Ended {
            children,
            members: seen.len() as u64,
            before: before.len() as u64,
            absent: absent.copied().collect(),
            left,
            is_doubtful: groups_doubtful || (seen.is_empty() && !before.is_empty()),
            groups_doubtful,
        };
        Ok(GroupRead { group, read })
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
        Ok(children)
    }

    /// The people and the groups that were in the group.
    pub(super) async fn members_before(
        &self,
        group: GroupId,
    ) -> Result<(Vec<ObjectId>, Vec<ObjectId>)> {
        const PAGE: u32 = 10_000;
        let mut all = Vec::new();
        let mut groups = Vec::new();
        let mut after = None;
        loop {
            let db = self.engine.db();
            let page =
                memberships::members_page(db, self.connection.id, group, after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            let people = page.iter().filter(|(_, is_group)| !is_group);
            all.extend(people.map(|(id, _)| *id));
            let inside = page.iter().filter(|(_, is_group)| *is_group);
            groups.extend(inside.map(|(id, _)| *id));
        }
        all.sort_unstable();
        Ok((all, groups))
    }

    /// People of a list as they are written, without those the mirror has as
    /// they are: after the first sync nearly all.
    pub(super) async fn changed(&self, mut users: Vec<DirectoryUser>) -> Result<Vec<MirrorRow>> {
        if self.connection.progress.first_sync_done {
            let ids: Vec<ObjectId> = users.iter().map(|user| ObjectId(user.id)).collect();
            let known = mirror::fingerprints(self.engine.db(), self.connection.id, &ids).await?;
            let known: HashMap<ObjectId, [u8; 16]> = known.into_iter().collect();
            users.retain(|user| known.get(&ObjectId(user.id)) != Some(&convert::fingerprint(user)));
        }
        let rows = users.into_iter();
        let rows: store::Result<Vec<MirrorRow>> =
            rows.map(|user| self.write_of(None, user).row()).collect();
        Ok(rows?)
    }

    async fn write_pages(&self, inbox: &Mutex<mpsc::Receiver<Seen>>, load: &Load) -> Result<()> {
        loop {
            let mut batch = Batch::default();
            let mut is_over = false;
            {
                let mut inbox = inbox.lock().await;
                while batch.read < BATCH && !is_over {
                    match inbox.recv().await {
                        Some(seen) => batch.take(seen),
                        None => is_over = true,
                    }
                }
            }
            if batch.is_written(self.run_id) {
                self.write_batches(batch, inbox, load).await?;
            }
            if is_over {
                return Ok(());
            }
        }
    }

    /// Writes a batch, and what has come meanwhile.
    async fn write_batches(
        &self,
        batch: Batch,
        inbox: &Mutex<mpsc::Receiver<Seen>>,
        load: &Load,
    ) -> Result<()> {
        self.note_load(batch.people.len() as u64, load).await?;
        // On PostgreSQL several hands write: each locks people in the order of
        // their ids, and the run last, once in a transaction. Groups share people.
        let more = match self.engine.db().backend() {
            Backend::Sqlite => MORE,
            Backend::Postgres => 0,
        };
        let mut tx = self.engine.begin_relaxed().await?;
        self.save_batch(&mut tx, batch, load).await?;
        // It goes along, since a page of an index that is changed twice is
        // written once.
        for _ in 0..more {
            let batch = Batch::waiting(inbox);
            if !batch.is_written(self.run_id) {
                break;
            }
            load.people
                .fetch_add(batch.people.len() as u64, Ordering::Relaxed);
            self.save_batch(&mut tx, batch, load).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Asks, each time the load has doubled, whether it is large beside what is
    /// there.
    async fn note_load(&self, count: u64, load: &Load) -> Result<()> {
        let before = load.people.fetch_add(count, Ordering::Relaxed);
        let asked = load.asked_at.load(Ordering::Relaxed);
        if load.is_deferred.load(Ordering::Relaxed) || before < LARGE.max(asked * 2) {
            return Ok(());
        }
        load.asked_at.store(before, Ordering::Relaxed);
        if deferred_indexes::defer_for(self.engine.db(), Stage::Collect, before).await? {
            load.is_deferred.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn save_batch(&self, tx: &mut Tx, batch: Batch, load: &Load) -> Result<()> {
        load.read.fetch_add(batch.read as u64, Ordering::Relaxed);
        let (now, id) = (self.engine.now(), self.connection.id);
        self.save_headers(tx, &batch.headers).await?;
        let changed = mirror::write_rows(tx, id, batch.people, now).await?;
        memberships::add_many(tx, id, &batch.new).await?;
        // A first sync plans everybody; afterwards only who changed.
        if self.connection.progress.first_sync_done {
            let people = batch.new.iter().filter(|(.., is_group)| !is_group);
            let mut touched: Vec<ObjectId> = people.map(|(_, member, _)| *member).collect();
            touched.extend(changed);
            touched.sort_unstable();
            touched.dedup();
            pending::add(tx, id, &touched, now).await?;
        }
        if let Some(run) = self.run_id {
            let people = load.read.load(Ordering::Relaxed);
            let progress = json!({ "phase": "collecting", "people": people });
            runs::set_progress(tx, run, &progress).await?;
        }
        Ok(())
    }
}

impl Batch {
    /// What has come already, if nobody else is taking it.
    fn waiting(inbox: &Mutex<mpsc::Receiver<Seen>>) -> Self {
        let mut batch = Self::default();
        if let Ok(mut inbox) = inbox.try_lock() {
            while batch.read < BATCH
                && let Ok(seen) = inbox.try_recv()
            {
                batch.take(seen);
            }
        }
        batch
    }

    /// Whether there is anything to write: people, or how far a run has come.
    fn is_written(&self, run: Option<RunId>) -> bool {
        let is_progress = run.is_some() && self.read > 0;
        let any_groups = !self.headers.is_empty();
        is_progress || any_groups || !self.people.is_empty() || !self.new.is_empty()
    }

    fn take(&mut self, seen: Seen) {
        let page = match seen {
            Seen::Headers(mut read) => return self.headers.append(&mut read),
            Seen::Page(page) => page,
        };
        self.read += page.read;
        self.people.extend(page.people);
        let new = page.new.into_iter();
        self.new
            .extend(new.map(|(member, is_group)| (page.group, member, is_group)));
    }
}

pub(super) fn nobody_writes() -> EngineError {
    EngineError::new(
        "incomplete_read",
        Class::Unavailable,
        "what was read could not be written",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn groups_inside_are_written_also_when_nobody_came_with_them() {
        let (send, inbox) = mpsc::channel(WAITING);
        let (group, inside) = (GroupId(uuid::Uuid::from_u128(1)), uuid::Uuid::from_u128(2));
        let page = Page {
            group,
            read: 0,
            people: Vec::new(),
            new: vec![(ObjectId(inside), true)],
        };
        send.send(Seen::Page(page)).await.unwrap();
        let batch = Batch::waiting(&Mutex::new(inbox));
        assert_eq!(batch.new, [(group, ObjectId(inside), true)]);
        for run in [None, Some(RunId(uuid::Uuid::from_u128(3)))] {
            assert!(batch.is_written(run));
        }
    }
}
