//! Reading groups and their direct members.
//!
//! A group that cannot be read is an error, never a group without members.
//! Whoever needs nested members follows the nested groups.

use http::Method;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::call::Call;
use crate::client::GraphClient;
use crate::error::GraphError;
use crate::field::Field;
use crate::link::Link;
use crate::page;
use crate::person::DirectoryUser;
use crate::users::{MAX_IDS, at_most};
use crate::wire::{self, Malformed, WirePage};

const PERMISSION: &str = "Group.Read.All";
/// The properties of groups that are read.
pub(crate) const SELECT: &str = "id,displayName,description,createdDateTime,securityEnabled,\
                                 mailEnabled,groupTypes,visibility";

/// A group as Graph reports one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryGroup {
    /// The object id.
    pub id: Uuid,
    /// The name shown.
    pub display_name: Field<String>,
    /// What it is for.
    pub description: Field<String>,
    /// `Public`, `Private` or `HiddenMembership`.
    pub visibility: Field<String>,
    /// When it was made.
    pub created: Field<Timestamp>,
    /// Whether it is a security group.
    pub security_enabled: Field<bool>,
    /// Whether it has an address.
    pub mail_enabled: Field<bool>,
    /// `Unified`, `DynamicMembership`.
    pub group_types: Field<Vec<String>>,
}

/// A page of groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRefPage {
    /// The groups.
    pub groups: Vec<DirectoryGroup>,
    /// The next page; `None` after the last.
    pub next: Option<Link>,
}

/// A page of the people directly in a group, with every selected property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberPage {
    /// The people.
    pub members: Vec<DirectoryUser>,
    /// How many there are in all, as Graph's index counts them; first page only.
    pub count: Option<u64>,
    /// The next page; `None` after the last.
    pub next: Option<Link>,
}

/// A page of members, by id and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRefPage {
    /// The members.
    pub members: Vec<MemberRef>,
    /// The next page; `None` after the last.
    pub next: Option<Link>,
}

/// A member, by id and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemberRef {
    /// The object id.
    pub id: Uuid,
    /// What it is.
    pub kind: MemberKind,
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemberKind {
    /// A person.
    User,
    /// A nested group.
    Group,
    /// A device, a contact, an application, a role.
    Other,
    /// The answer does not tell.
    Unknown,
}

impl GraphClient {
    /// A page of groups whose name or address starts with or contains
    /// `search`; of all groups without one.
    pub async fn groups_page(
        &self,
        search: Option<&str>,
        from: Option<&Link>,
    ) -> Result<GroupRefPage, GraphError> {
        const DOING: &str = "reading groups";
        let first = || {
            let call = Call::get(DOING, PERMISSION, "groups")
                .query("$select", SELECT)
                .query("$top", page::LARGEST);
            match search.map(searchable).filter(|text| !text.is_empty()) {
                Some(text) => call
                    .query("$search", &format!("\"displayName:{text}\""))
                    .advanced(),
                None => call,
            }
        };
        let mut call = page::call(from, DOING, PERMISSION, first);
        if search.is_some() && from.is_some() {
            call = call.advanced();
        }
        self.group_page(&call).await
    }

    /// One group. [`Kind::NotFound`](crate::error::Kind::NotFound) when deleted.
    pub async fn group(&self, id: Uuid) -> Result<DirectoryGroup, GraphError> {
        let doing = format!("reading group {id}");
        let call = Call::get(doing, PERMISSION, &format!("groups/{id}")).query("$select", SELECT);
        let group: DirectoryGroup = self.item(&call).await?;
        if group.id != id {
            return Err(call.malformed("`id` is that of another object"));
        }
        Ok(group)
    }

    /// The groups with these ids, at most [`MAX_IDS`](crate::users::MAX_IDS).
    /// Ids that are unknown are left out by Graph without a word: ask for such
    /// a group alone to learn what is wrong with it.
    pub async fn groups_by_ids(&self, ids: &[Uuid]) -> Result<Vec<DirectoryGroup>, GraphError> {
        const DOING: &str = "reading groups by id";
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        at_most(ids, MAX_IDS, DOING)?;
        let path = "directoryObjects/getByIds";
        let body = json!({"ids": ids, "types": ["group"]});
        let call = Call::with_body(Method::POST, DOING, PERMISSION, path, &body)
            .query("$select", SELECT)
            .units(2);
        self.read(&call, |answer| {
            let page: WirePage<'_, DirectoryGroup> = wire::parse(&answer.body)?;
            if page.next_link.is_some() {
                return Err(Malformed::new("a next page where none is documented"));
            }
            Ok(page.into_items())
        })
        .await
    }

    /// A page of the people directly in `group`.
    pub async fn members_page(
        &self,
        group: Uuid,
        from: Option<&Link>,
    ) -> Result<MemberPage, GraphError> {
        let doing = format!("reading the members of group {group}");
        let call = self.cast_page(group, "microsoft.graph.user", &doing, from, || {
            self.selection().list()
        });
        let page = self.list_page(&call).await?;
        Ok(MemberPage {
            members: page.items,
            count: page.count,
            next: page.next,
        })
    }

    /// A page of the groups directly in `group`.
    pub async fn nested_groups_page(
        &self,
        group: Uuid,
        from: Option<&Link>,
    ) -> Result<GroupRefPage, GraphError> {
        let doing = format!("reading the groups in group {group}");
        let call = self.cast_page(group, "microsoft.graph.group", &doing, from, || {
            SELECT.to_owned()
        });
        self.group_page(&call).await
    }

    /// A page of all direct members of `group`, by id and kind.
    pub async fn member_refs_page(
        &self,
        group: Uuid,
        from: Option<&Link>,
    ) -> Result<MemberRefPage, GraphError> {
        let doing = format!("reading who is in group {group}");
        let first = || {
            Call::get(&doing, PERMISSION, &format!("groups/{group}/members"))
                .query("$select", "id")
                .query("$top", page::LARGEST)
                .units(2)
        };
        let call = page::call(from, &doing, PERMISSION, first).units(2);
        self.member_ref_page(&call).await
    }

    pub(crate) async fn member_ref_page(&self, call: &Call) -> Result<MemberRefPage, GraphError> {
        let page = self.list_page(call).await?;
        Ok(MemberRefPage {
            members: page.items,
            next: page.next,
        })
    }

    async fn group_page(&self, call: &Call) -> Result<GroupRefPage, GraphError> {
        let page = self.list_page(call).await?;
        Ok(GroupRefPage {
            groups: page.items,
            next: page.next,
        })
    }

    /// Members of one kind. A cast with other options needs advanced query
    /// capabilities, and on the next pages their header.
    fn cast_page(
        &self,
        group: Uuid,
        cast: &str,
        doing: &str,
        from: Option<&Link>,
        select: impl FnOnce() -> String,
    ) -> Call {
        let path = format!("groups/{group}/members/{cast}");
        let first = || {
            Call::get(doing, PERMISSION, &path)
                .query("$select", &select())
                .query("$top", page::LARGEST)
        };
        page::call(from, doing, PERMISSION, first)
            .advanced()
            .units(2)
    }
}

/// Quotes and backslashes would end the search phrase.
fn searchable(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '"' | '\\') && !c.is_control())
        .take(120)
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests;
