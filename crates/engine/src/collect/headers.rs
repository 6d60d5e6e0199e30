//! What a group is called and how old it is; whether it can be read at all.

use std::collections::{BTreeSet, HashMap};

use graph::DirectoryGroup as Found;
use graph::error::Kind;
use provisioning::ids::GroupId;
use store::directory_groups::{self, DirectoryGroup};
use store::{Tx, mapping_rules};
use tokio::sync::mpsc;

use super::members::{Seen, nobody_writes};
use super::{Inside, Reading};
use crate::error::Result;

/// Up to so many groups cost less one by one.
const FEW: usize = 2;
/// Graph's limit for `getByIds`.
const BY_IDS: usize = 1_000;

impl Reading {
    /// Reads the names and ages of groups, and sends them on; those that can be
    /// read. The members of the others stay as they are.
    pub(super) async fn read_headers(
        &self,
        groups: &[GroupId],
        send: &mpsc::Sender<Seen>,
    ) -> Result<BTreeSet<GroupId>> {
        if groups.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut found: HashMap<uuid::Uuid, Found> = HashMap::new();
        if groups.len() > FEW {
            for chunk in groups.chunks(BY_IDS) {
                let ids: Vec<uuid::Uuid> = chunk.iter().map(|group| group.0).collect();
                let of_chunk = self.client.groups_by_ids(&ids).await?;
                found.extend(of_chunk.into_iter().map(|group| (group.id, group)));
            }
        }
        let mapped = self.mapped().await?;
        let mut rows = self.group_rows().await?;
        let mut readable = BTreeSet::new();
        let mut read = Vec::new();
        for group in groups {
            let known = rows.remove(group);
            let mut row = known.clone().unwrap_or_else(|| unknown(*group));
            row.is_mapped = mapped.contains_key(group);
            if mapped.get(group) == Some(&Inside::Assigned) {
                self.application_header(&mut row).await?;
                if row.readable {
                    readable.insert(*group);
                }
                let is_new = known.as_ref() != Some(&row);
                read.push((row, is_new));
                continue;
            }
            // What a list leaves out is asked for alone: the answer says why.
            let answer = match found.remove(&group.0) {
                Some(found) => Ok(found),
                None => self.client.group(group.0).await,
            };
            match answer {
                Ok(found) => {
                    row.name = found.display_name.into_value();
                    row.created_at = found.created.into_value();
                    row.readable = true;
                    row.unreadable_reason = None;
                    readable.insert(*group);
                }
                Err(error) if is_about_the_group(error.kind()) => {
                    row.readable = false;
                    row.unreadable_reason = Some(error.to_string());
                }
                Err(error) => return Err(error.into()),
            }
            let is_new = known.as_ref() != Some(&row);
            read.push((row, is_new));
        }
        send.send(Seen::Headers(read))
            .await
            .map_err(|_| nobody_writes())?;
        Ok(readable)
    }

    /// Writes what is new of groups, to them and to the rules that name them.
    pub(super) async fn save_headers(
        &self,
        tx: &mut Tx,
        read: &[(DirectoryGroup, bool)],
    ) -> Result<()> {
        let id = self.connection.id;
        let new = read.iter().filter(|(_, is_new)| *is_new);
        let new: Vec<DirectoryGroup> = new.map(|(row, _)| row.clone()).collect();
        directory_groups::upsert(tx, id, &new).await?;
        for (row, _) in read.iter().filter(|(row, _)| row.is_mapped) {
            let name = row.name.as_deref();
            let (group, created) = (row.group_id, row.created_at);
            mapping_rules::set_group(tx, id, group, name, created, row.readable).await?;
        }
        Ok(())
    }
}

fn unknown(group: GroupId) -> DirectoryGroup {
    DirectoryGroup {
        group_id: group,
        name: None,
        created_at: None,
        readable: true,
        unreadable_reason: None,
        members: 0,
        is_mapped: false,
        suspicious_since: None,
        read_at: None,
    }
}

/// Whether the failure says something about this group alone.
fn is_about_the_group(kind: &Kind) -> bool {
    matches!(kind, Kind::NotFound | Kind::PermissionMissing { .. })
}
