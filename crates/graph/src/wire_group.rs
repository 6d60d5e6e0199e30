//! A group and a member in Graph's JSON, and the conversion into ours.
//!
//! Knows property names only, no requests.

use serde::Deserialize;

use crate::field::Field;
use crate::groups::{DirectoryGroup, MemberKind, MemberRef};
use crate::wire::{
    FromWire, Malformed, Text, WireRef, WireRemoved, owned, owned_list, timestamp, uuid,
};
use crate::wire_user::USER_TYPE;

pub(crate) const GROUP_TYPE: &str = "#microsoft.graph.group";

/// A group as an answer holds one.
#[derive(Deserialize)]
pub(crate) struct WireGroup<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    #[serde(rename = "@odata.type", borrow, default)]
    odata_type: Option<Text<'a>>,
    #[serde(rename = "@removed", borrow, default)]
    pub(crate) removed: Option<WireRemoved<'a>>,
    #[serde(rename = "members@delta", borrow, default)]
    pub(crate) members: Option<Vec<WireRef<'a>>>,
    #[serde(rename = "displayName", borrow, default)]
    display_name: Field<Text<'a>>,
    #[serde(borrow, default)]
    description: Field<Text<'a>>,
    #[serde(borrow, default)]
    visibility: Field<Text<'a>>,
    #[serde(rename = "createdDateTime", borrow, default)]
    created: Field<Text<'a>>,
    #[serde(rename = "securityEnabled", default)]
    security_enabled: Field<bool>,
    #[serde(rename = "mailEnabled", default)]
    mail_enabled: Field<bool>,
    #[serde(rename = "groupTypes", borrow, default)]
    group_types: Field<Vec<Text<'a>>>,
}

impl WireGroup<'_> {
    pub(crate) fn into_group(self) -> Result<DirectoryGroup, Malformed> {
        if self
            .odata_type
            .is_some_and(|kind| kind.as_str() != GROUP_TYPE)
        {
            return Err(Malformed::new("an item that is not a group"));
        }
        Ok(DirectoryGroup {
            id: uuid(self.id.as_str(), "id")?,
            display_name: owned(self.display_name),
            description: owned(self.description),
            visibility: owned(self.visibility),
            created: self
                .created
                .try_map(|text| timestamp(text.as_str(), "createdDateTime"))?,
            security_enabled: self.security_enabled,
            mail_enabled: self.mail_enabled,
            group_types: owned_list(self.group_types),
        })
    }
}

impl<'a> FromWire<'a> for DirectoryGroup {
    type Wire = WireGroup<'a>;

    fn from_wire(wire: WireGroup<'a>) -> Result<Self, Malformed> {
        match wire.removed {
            None => wire.into_group(),
            Some(_) => Err(Malformed::new("a removed group outside of a delta")),
        }
    }
}

impl<'a> FromWire<'a> for MemberRef {
    type Wire = WireRef<'a>;

    fn from_wire(wire: WireRef<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            id: uuid(wire.id.as_str(), "id")?,
            kind: MemberKind::of(wire.odata_type.as_ref()),
        })
    }
}

impl MemberKind {
    fn of(odata_type: Option<&Text<'_>>) -> Self {
        match odata_type.map(Text::as_str) {
            Some(USER_TYPE) => Self::User,
            Some(GROUP_TYPE) => Self::Group,
            Some(_) => Self::Other,
            None => Self::Unknown,
        }
    }
}
