//! Reading people: all of them, one, some by id, deleted ones, and the groups
//! somebody is in.

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::call::Call;
use crate::client::GraphClient;
use crate::error::{GraphError, Kind};
use crate::groups::MemberRefPage;
use crate::link::Link;
use crate::page;
use crate::person::DirectoryUser;
use crate::wire::{self, FromWire, Item, Malformed, WirePage, timestamp, uuid};
use crate::wire_user::WireUser;

/// How many ids [`GraphClient::users_by_ids`] takes.
pub const MAX_IDS: usize = 1_000;
/// How many groups [`GraphClient::check_member_groups`] takes.
pub const MAX_GROUPS: usize = 20;

const PERMISSION: &str = "User.Read.All";

/// A page of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPage {
    /// The people.
    pub users: Vec<DirectoryUser>,
    /// The next page; `None` after the last.
    pub next: Option<Link>,
}

/// A soft-deleted person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedUser {
    /// The object id.
    pub id: Uuid,
    /// When; restorable for 30 days from then.
    pub deleted: Option<Timestamp>,
}

impl<'a> FromWire<'a> for DeletedUser {
    type Wire = WireUser<'a>;

    fn from_wire(wire: WireUser<'a>) -> Result<Self, Malformed> {
        let deleted = wire.deleted.into_value();
        Ok(Self {
            id: uuid(wire.id.as_str(), "id")?,
            deleted: deleted
                .map(|text| timestamp(text.as_str(), "deletedDateTime"))
                .transpose()?,
        })
    }
}

#[derive(Deserialize)]
struct Ids {
    value: Vec<Uuid>,
}

impl GraphClient {
    /// A page of all people, with every selected property.
    pub async fn users_page(&self, from: Option<&Link>) -> Result<UserPage, GraphError> {
        const DOING: &str = "reading people";
        let first = || {
            Call::get(DOING, PERMISSION, "users")
                .query("$select", &self.selection().list())
                .query("$top", page::LARGEST)
        };
        let call = page::call(from, DOING, PERMISSION, first);
        let page = self.list_page(&call).await?;
        Ok(UserPage {
            users: page.items,
            next: page.next,
        })
    }

    /// One person. [`Kind::NotFound`] when deleted, or not visible yet.
    pub async fn user(&self, id: Uuid) -> Result<DirectoryUser, GraphError> {
        let path = format!("users/{id}");
        let call = Call::get(format!("reading person {id}"), PERMISSION, &path)
            .query("$select", &self.selection().list());
        let user: DirectoryUser = self.item(&call).await?;
        same_id(&call, id, user.id)?;
        Ok(user)
    }

    /// One person, or `None` when Graph itself says there is no such object.
    /// A new person may not be visible yet, so one `None` proves little.
    pub async fn find_user(&self, id: Uuid) -> Result<Option<DirectoryUser>, GraphError> {
        none_if_unknown(self.user(id).await)
    }

    /// The signed-in person. Delegated connections only.
    pub async fn me(&self) -> Result<DirectoryUser, GraphError> {
        let call = Call::get("reading the connecting account", "User.Read", "me")
            .query("$select", "id,displayName,userPrincipalName,userType");
        self.item(&call).await
    }

    /// A soft-deleted person, or `None` when Graph says there is none.
    pub async fn find_deleted_user(&self, id: Uuid) -> Result<Option<DeletedUser>, GraphError> {
        let path = format!("directory/deletedItems/{id}");
        let doing = format!("looking for person {id} among the deleted");
        let call = Call::get(doing, "Directory.Read.All", &path);
        let deleted: Option<DeletedUser> = none_if_unknown(self.item(&call).await)?;
        if let Some(deleted) = &deleted {
            same_id(&call, id, deleted.id)?;
        }
        Ok(deleted)
    }

    /// The people with these ids, at most [`MAX_IDS`]. Ids that are unknown
    /// are left out by Graph without a word, so their absence proves nothing.
    pub async fn users_by_ids(&self, ids: &[Uuid]) -> Result<Vec<DirectoryUser>, GraphError> {
        const DOING: &str = "reading people by id";
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        at_most(ids, MAX_IDS, DOING)?;
        let path = "directoryObjects/getByIds";
        let body = json!({"ids": ids, "types": ["user"]});
        let call = Call::with_body(Method::POST, DOING, PERMISSION, path, &body)
            .query("$select", &self.selection().list())
            .units(2);
        self.read(&call, |answer| {
            let page: WirePage<'_, DirectoryUser> = wire::parse(&answer.body)?;
            if page.next_link.is_some() {
                return Err(Malformed::new("a next page where none is documented"));
            }
            Ok(page.into_items())
        })
        .await
    }

    /// Which of `groups`, at most [`MAX_GROUPS`], the person is in, directly
    /// or through other groups.
    pub async fn check_member_groups(
        &self,
        user: Uuid,
        groups: &[Uuid],
    ) -> Result<Vec<Uuid>, GraphError> {
        const DOING: &str = "checking memberships";
        at_most(groups, MAX_GROUPS, DOING)?;
        let path = format!("users/{user}/checkMemberGroups");
        let body = json!({"groupIds": groups});
        let call = Call::with_body(Method::POST, DOING, "Group.Read.All", &path, &body).units(4);
        self.ids(&call).await
    }

    /// Every group the person is in, directly or through other groups.
    pub async fn member_groups(&self, user: Uuid) -> Result<Vec<Uuid>, GraphError> {
        let path = format!("users/{user}/getMemberGroups");
        let body = json!({"securityEnabledOnly": false});
        let doing = "reading memberships";
        let call = Call::with_body(Method::POST, doing, "Group.Read.All", &path, &body).units(2);
        self.ids(&call).await
    }

    /// A page of what the person is directly in: groups, and roles and
    /// administrative units among them.
    pub async fn groups_of_page(
        &self,
        user: Uuid,
        from: Option<&Link>,
    ) -> Result<MemberRefPage, GraphError> {
        const PERMISSION: &str = "Group.Read.All";
        let doing = format!("reading the groups of person {user}");
        let first = || {
            Call::get(&doing, PERMISSION, &format!("users/{user}/memberOf"))
                .query("$select", "id")
                .query("$top", page::LARGEST)
        };
        let call = page::call(from, &doing, PERMISSION, first);
        self.member_ref_page(&call).await
    }

    /// One object.
    pub(crate) async fn item<T>(&self, call: &Call) -> Result<T, GraphError>
    where
        T: for<'a> FromWire<'a>,
    {
        self.read(call, |answer| {
            wire::parse::<Item<T>>(&answer.body).map(|item| item.0)
        })
        .await
    }

    async fn ids(&self, call: &Call) -> Result<Vec<Uuid>, GraphError> {
        self.read(call, |answer| {
            wire::parse::<Ids>(&answer.body).map(|ids| ids.value)
        })
        .await
    }
}

/// Only Graph's own word counts: a proxy's 404 knows nothing of people.
fn none_if_unknown<T>(result: Result<T, GraphError>) -> Result<Option<T>, GraphError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error)
            if error.kind() == &Kind::NotFound
                && error.provider_code() == Some("Request_ResourceNotFound") =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn same_id(call: &Call, asked: Uuid, answered: Uuid) -> Result<(), GraphError> {
    if asked == answered {
        return Ok(());
    }
    Err(call.malformed("`id` is that of another object"))
}

pub(crate) fn at_most(ids: &[Uuid], most: usize, doing: &str) -> Result<(), GraphError> {
    if ids.len() <= most {
        return Ok(());
    }
    Err(GraphError::new(Kind::Refused, doing)
        .with_message(&format!("{} ids, where {most} are allowed", ids.len())))
}

#[cfg(test)]
mod tests;
