//! Delta rounds: what changed among people and groups since a link.
//!
//! Each page has a next page or the delta link of the next round, never both
//! and never neither. Whatever Graph refuses about a stored link means that
//! everything has to be read again. Does not keep links or merge changes.
//! Source: <https://learn.microsoft.com/graph/delta-query-overview>.

use uuid::Uuid;

use crate::call::Call;
use crate::client::GraphClient;
use crate::error::{GraphError, Kind};
use crate::groups::{DirectoryGroup, MemberRef, SELECT};
use crate::link::Link;
use crate::page::RawPage;
use crate::person::{Reason, UserChange};
use crate::wire::{FromWire, Malformed, WireRef, uuid};
use crate::wire_group::WireGroup;
use crate::wire_user::reason;

/// How many groups a groups delta can be narrowed to.
pub const MAX_GROUPS: usize = 50;

/// Where a round starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeltaStart {
    /// From now on: one page without changes, and the delta link.
    Latest,
    /// Everything there is.
    Initial,
    /// A stored page or delta link.
    Link(Link),
    /// A stored delta link, where most likely nothing happened: the answer is
    /// small, and asked for without compression.
    Since(Link),
}

impl DeltaStart {
    fn call(&self, doing: &'static str, permission: &'static str) -> Option<Call> {
        match self {
            Self::Link(link) => Some(Call::link(doing, permission, link)),
            Self::Since(link) => Some(Call::link(doing, permission, link).plain()),
            Self::Latest | Self::Initial => None,
        }
    }
}

/// What follows a page of a delta round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The round goes on there.
    Page(Link),
    /// The round is complete; the next one starts there.
    Done(Link),
}

/// A page of changes of people. It may be empty and still not the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserDeltaPage {
    /// In the order they came; of several about one person the last counts.
    pub changes: Vec<UserChange>,
    /// What follows.
    pub next: Next,
}

/// A page of changes of groups. It may be empty and still not the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDeltaPage {
    /// In the order they came; a large group comes many times, each time with
    /// another part of its members.
    pub changes: Vec<GroupChange>,
    /// What follows.
    pub next: Next,
}

/// One entry of a groups delta page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupChange {
    /// Created, restored or changed.
    Changed {
        /// What the answer told of the group.
        group: DirectoryGroup,
        /// Who came and went, a part at a time.
        members: Vec<MemberChange>,
    },
    /// Gone.
    Removed {
        /// The object id.
        id: Uuid,
        /// Softly or for good.
        reason: Reason,
    },
}

/// One member of a group that came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemberChange {
    /// Is a member.
    Added(MemberRef),
    /// Is none any more.
    Removed(MemberRef),
}

/// Which groups a round is about. The links keep it; it counts at the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupDeltaQuery {
    /// At most [`MAX_GROUPS`] ids; empty for all groups.
    pub groups: Vec<Uuid>,
    /// Whether members are told, too.
    pub members: bool,
}

impl<'a> FromWire<'a> for GroupChange {
    type Wire = WireGroup<'a>;

    fn from_wire(mut wire: WireGroup<'a>) -> Result<Self, Malformed> {
        if let Some(removed) = &wire.removed {
            return Ok(Self::Removed {
                id: uuid(wire.id.as_str(), "id")?,
                reason: reason(removed),
            });
        }
        let members = wire.members.take().unwrap_or_default();
        Ok(Self::Changed {
            members: members
                .into_iter()
                .map(member_change)
                .collect::<Result<_, _>>()?,
            group: wire.into_group()?,
        })
    }
}

fn member_change(wire: WireRef<'_>) -> Result<MemberChange, Malformed> {
    let is_removed = wire.removed.is_some();
    let member = MemberRef::from_wire(wire)?;
    Ok(if is_removed {
        MemberChange::Removed(member)
    } else {
        MemberChange::Added(member)
    })
}

impl GraphClient {
    /// A page of changes of people.
    ///
    /// # Errors
    /// [`Kind::ResyncRequired`] when a stored link is of no use any more.
    pub async fn users_delta(&self, start: &DeltaStart) -> Result<UserDeltaPage, GraphError> {
        const PERMISSION: &str = "User.Read.All";
        let doing = "reading changes of people";
        let call = match start.call(doing, PERMISSION) {
            Some(call) => call,
            None => starting_at(
                Call::get(doing, PERMISSION, "users/delta")
                    .query("$select", &self.selection().delta()),
                start,
            ),
        };
        let (changes, next) = self.delta_page(&call, start).await?;
        Ok(UserDeltaPage { changes, next })
    }

    /// A page of changes of groups.
    ///
    /// # Errors
    /// [`Kind::ResyncRequired`] when a stored link is of no use any more.
    pub async fn groups_delta(
        &self,
        query: &GroupDeltaQuery,
        start: &DeltaStart,
    ) -> Result<GroupDeltaPage, GraphError> {
        const PERMISSION: &str = "Group.Read.All";
        let doing = "reading changes of groups";
        if query.groups.len() > MAX_GROUPS {
            let message = format!(
                "{} groups, where {MAX_GROUPS} are allowed",
                query.groups.len()
            );
            return Err(GraphError::new(Kind::Refused, doing).with_message(&message));
        }
        let call = match start.call(doing, PERMISSION) {
            Some(call) => call,
            None => {
                let members = if query.members { ",members" } else { "" };
                let mut call = Call::get(doing, PERMISSION, "groups/delta")
                    .query("$select", &format!("{SELECT}{members}"));
                if !query.groups.is_empty() {
                    call = call.query("$filter", &any_of(&query.groups));
                }
                starting_at(call, start)
            }
        };
        let (changes, next) = self.delta_page(&call, start).await?;
        Ok(GroupDeltaPage { changes, next })
    }

    async fn delta_page<T>(
        &self,
        call: &Call,
        start: &DeltaStart,
    ) -> Result<(Vec<T>, Next), GraphError>
    where
        T: for<'a> FromWire<'a>,
    {
        let is_stored = matches!(start, DeltaStart::Link(_) | DeltaStart::Since(_));
        let page: RawPage<T> = self.raw_page(call).await.map_err(|error| {
            let means_resync = is_stored && refuses_the_link(&error);
            if means_resync {
                error.with_kind(Kind::ResyncRequired)
            } else {
                error
            }
        })?;
        let next = match (&page.next_link, &page.delta_link) {
            (Some(next), None) => Next::Page(self.checked_link(call, next)?),
            (None, Some(delta)) => Next::Done(self.checked_link(call, delta)?),
            (Some(_), Some(_)) => {
                return Err(call.malformed("both a next link and a delta link"));
            }
            (None, None) => return Err(call.malformed("neither a next link nor a delta link")),
        };
        Ok((page.items, next))
    }
}

/// Any 4xx is about the link, but those about the sign-in and the pace.
fn refuses_the_link(error: &GraphError) -> bool {
    error
        .status()
        .is_some_and(|status| (400..500).contains(&status) && !matches!(status, 401 | 403 | 429))
        && !matches!(error.kind(), Kind::Malformed { .. })
}

fn starting_at(call: Call, start: &DeltaStart) -> Call {
    match start {
        DeltaStart::Latest => call.query("$deltatoken", "latest"),
        DeltaStart::Initial | DeltaStart::Link(_) | DeltaStart::Since(_) => call,
    }
}

fn any_of(groups: &[Uuid]) -> String {
    let ids: Vec<String> = groups.iter().map(|id| format!("id eq '{id}'")).collect();
    ids.join(" or ")
}

#[cfg(test)]
mod tests;
