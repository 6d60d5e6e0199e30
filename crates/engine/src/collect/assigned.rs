//! Who is assigned to the application under *Users and groups*: read like a
//! group whose id is the enterprise application's.
//!
//! Graph tells no changes of assignments, neither by notification nor by a
//! feed that says whom, so each round reads the list again; the groups that are
//! assigned are followed like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use graph::error::Kind;
use graph::{AppAssignment, Link, PageGuard, PrincipalType};
use provisioning::absence::Ledger;
use provisioning::ids::{GenerationId, GroupId, ObjectId};
use store::directory_groups::DirectoryGroup;
use store::memberships;
use tokio::sync::mpsc;

use super::members::{GroupRead, MOST_PAGES, Page, Read, Seen, nobody_writes};
use super::{Inside, Reading};
use crate::error::{Class, EngineError, Result};
use crate::rules::assigned_name;

/// Graph's limit for `getByIds`.
const BY_IDS: usize = 1_000;

impl Reading {
    /// Reads who is assigned and what is new of it, for the rules that ask for it.
    pub(super) async fn assignments_round(self: &Arc<Self>) -> Result<()> {
        let mapped = self.mapped().await?.iter();
        let assigned = mapped.filter(|(_, inside)| **inside == Inside::Assigned);
        let roots: Vec<_> = assigned.map(|(id, inside)| (*id, *inside)).collect();
        if roots.is_empty() {
            return Ok(());
        }
        let id = GenerationId(self.engine.new_id());
        let mut ledger = Ledger::open(id, roots.iter().map(|(id, _)| *id));
        let known = self.group_rows().await?.into_values();
        let known = known.filter(|group| group.read_at.is_some());
        let known: BTreeSet<GroupId> = known.map(|group| group.group_id).collect();
        let reads = self.read_tree(roots, Some(known)).await?;
        for GroupRead { group, read } in &reads {
            match read {
                Read::Ended { members, .. } => ledger.ended(*group, *members),
                Read::Unreadable => ledger.unreadable(*group),
            }
        }
        let done = ledger.finish().map_err(|error| {
            EngineError::new("incomplete_read", Class::Unavailable, error.to_string())
        })?;
        let swap = self.compare(&done, reads).await?;
        if swap.is_empty() {
            return Ok(());
        }
        let mut tx = self.engine.begin_relaxed().await?;
        self.swap(&mut tx, swap).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Reads the list of assignments to its end. People are read with all
    /// their properties: of `everybody`, or of those who are new.
    pub(super) async fn read_assigned(
        &self,
        application: GroupId,
        everybody: bool,
        send: &mpsc::Sender<Seen>,
    ) -> Result<GroupRead> {
        let (mut people, mut groups) = (BTreeSet::new(), BTreeSet::new());
        let mut guard = PageGuard::new(MOST_PAGES);
        let mut from: Option<Link> = None;
        loop {
            let page = self
                .client
                .assignments_page(application.0, from.as_ref())
                .await?;
            for AppAssignment {
                principal_id,
                principal_type,
                ..
            } in page.assignments
            {
                match principal_type {
                    PrincipalType::User => people.insert(ObjectId(principal_id)),
                    PrincipalType::Group => groups.insert(ObjectId(principal_id)),
                    PrincipalType::ServicePrincipal | PrincipalType::Other => false,
                };
            }
            let Some(next) = page.next else { break };
            guard.follow(&next)?;
            from = Some(next);
        }
        let (people_before, groups_before) = self.members_before(application).await?;
        let new: Vec<ObjectId> = people
            .iter()
            .filter(|id| people_before.binary_search(id).is_err())
            .copied()
            .collect();
        let wanted: Vec<ObjectId> = match everybody {
            true => people.iter().copied().collect(),
            false => new.clone(),
        };
        let mut rows = Vec::with_capacity(wanted.len());
        for chunk in wanted.chunks(BY_IDS) {
            let ids: Vec<uuid::Uuid> = chunk.iter().map(|id| id.0).collect();
            rows.extend(self.changed(self.client.users_by_ids(&ids).await?).await?);
        }
        let new_groups = groups.iter().filter(|id| !groups_before.contains(id));
        let new = new.into_iter().map(|id| (id, false));
        let page = Page {
            group: application,
            read: wanted.len(),
            people: rows,
            new: new.chain(new_groups.map(|id| (*id, true))).collect(),
        };
        send.send(Seen::Page(page))
            .await
            .map_err(|_| nobody_writes())?;
        let absent = people_before.iter().filter(|id| !people.contains(id));
        let left = groups_before.iter().filter(|id| !groups.contains(id));
        let before = (people_before.len() + groups_before.len()) as u64;
        let members = (people.len() + groups.len()) as u64;
        let read = Read::Ended {
            children: groups.iter().map(|id| GroupId(id.0)).collect(),
            members,
            before,
            absent: absent.copied().collect(),
            left: left.copied().collect(),
            // One list says both: if it names anybody, it is believed.
            is_doubtful: members == 0 && before > 0,
            groups_doubtful: members == 0,
        };
        Ok(GroupRead {
            group: application,
            read,
        })
    }

    /// The application's name; an application that is gone, or was made anew
    /// under another id, says nothing about anybody.
    pub(super) async fn application_header(&self, row: &mut DirectoryGroup) -> Result<()> {
        let reason = match self.client.service_principal().await {
            Ok(found) if found.id == row.group_id.0 => {
                row.name = Some(assigned_name(found.name.as_deref()));
                None
            }
            Ok(_) => Some(
                "the enterprise application was removed and made anew in the tenant; save the \
                 rule again to follow the new one"
                    .to_owned(),
            ),
            Err(error) if is_about_the_application(error.kind()) => Some(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        row.readable = reason.is_none();
        row.unreadable_reason = reason;
        Ok(())
    }

    /// The different read that must agree before a list of nobody is believed.
    pub(super) async fn nobody_is_assigned(&self, application: GroupId) -> Result<bool> {
        let sample = self.client.assignments_sample(application.0).await?;
        Ok(sample.is_empty())
    }

    /// The groups that are assigned by our books.
    pub(super) async fn assigned_groups(
        &self,
        mapped: &BTreeMap<GroupId, Inside>,
    ) -> Result<BTreeSet<GroupId>> {
        let edges = memberships::nested(self.engine.db(), self.connection.id).await?;
        let assigned = |id: &GroupId| mapped.get(id) == Some(&Inside::Assigned);
        let inside = edges.into_iter().filter(|(parent, _)| assigned(parent));
        Ok(inside.map(|(_, group)| group).collect())
    }
}

fn is_about_the_application(kind: &Kind) -> bool {
    matches!(kind, Kind::AppUnknown | Kind::PermissionMissing { .. })
}
