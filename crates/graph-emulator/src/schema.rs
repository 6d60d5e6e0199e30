//! The properties of users and groups as Graph v1.0 names them: shape, limits, and where each is returned.
//! Source: resource pages "user" and "group" of Microsoft Graph, and the v1.0 metadata. Holds no values.

mod group;
mod user;

/// What a property holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Text of at most this many characters.
    Text(usize),
    Bool,
    Integer,
    /// An ISO 8601 instant.
    Instant,
    /// A list of texts.
    Texts,
    /// An object or a list of objects, taken as they come.
    Complex,
    Complexes,
}

/// Where a property is kept and when it is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Returned without `$select`.
    Default,
    /// Returned only when selected.
    Selected,
    /// Selectable, but its changes are not tracked by delta.
    Untracked,
    /// Kept outside the directory: single objects only, never on collections or delta.
    Outside,
    /// A relationship; selectable on delta alone.
    Relationship,
}

/// One property.
#[derive(Debug)]
pub(crate) struct Property {
    pub name: &'static str,
    pub shape: Shape,
    pub place: Place,
}

const fn property(name: &'static str, shape: Shape, place: Place) -> Property {
    Property { name, shape, place }
}

/// The number of a property within its kind.
pub(crate) type PropertyId = u8;

/// Users and groups: what the directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    User,
    Group,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::User, Self::Group];

    pub(crate) fn properties(self) -> &'static [Property] {
        match self {
            Self::User => &user::PROPERTIES,
            Self::Group => &group::PROPERTIES,
        }
    }

    /// A property by its name; names are case-sensitive on values, and `$select` is lenient about case.
    pub(crate) fn find(self, name: &str) -> Option<PropertyId> {
        let at = self
            .properties()
            .iter()
            .position(|known| known.name == name);
        let lenient = || {
            let mut all = self.properties().iter();
            all.position(|known| known.name.eq_ignore_ascii_case(name))
        };
        at.or_else(lenient).and_then(|at| u8::try_from(at).ok())
    }

    pub(crate) fn property(self, id: PropertyId) -> &'static Property {
        &self.properties()[usize::from(id)]
    }

    /// The properties returned without `$select`.
    pub(crate) fn defaults(self) -> PropertySet {
        let mut set = PropertySet::default();
        for (at, property) in self.properties().iter().enumerate() {
            if property.place == Place::Default {
                set.insert(u8::try_from(at).unwrap_or(u8::MAX));
            }
        }
        set
    }

    /// `user` or `group`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }

    /// `users` or `groups`, as in addresses.
    pub(crate) fn collection(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Group => "groups",
        }
    }

    /// `Users` or `Groups`, as in notifications.
    pub(crate) fn resource(self) -> &'static str {
        match self {
            Self::User => "Users",
            Self::Group => "Groups",
        }
    }

    /// `#microsoft.graph.user`.
    pub(crate) fn odata_type(self) -> &'static str {
        match self {
            Self::User => "#microsoft.graph.user",
            Self::Group => "#microsoft.graph.group",
        }
    }
}

/// A set of properties of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PropertySet(pub(crate) u128);

impl PropertySet {
    pub(crate) fn insert(&mut self, id: PropertyId) {
        self.0 |= 1 << id;
    }

    pub(crate) fn contains(self, id: PropertyId) -> bool {
        self.0 >> id & 1 == 1
    }

    pub(crate) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The members in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = PropertyId> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            (rest != 0).then(|| {
                let next = rest.trailing_zeros();
                rest &= rest - 1;
                u8::try_from(next).unwrap_or(u8::MAX)
            })
        })
    }
}

/// Properties the emulator itself reads or writes, by number.
pub(crate) mod known {
    use super::{Kind, PropertyId};

    /// The number of a property named in the tables; looked up while compiling.
    const fn at(kind: Kind, name: &str) -> PropertyId {
        let properties = match kind {
            Kind::User => &super::user::PROPERTIES as &[super::Property],
            Kind::Group => &super::group::PROPERTIES,
        };
        let mut index = 0;
        while index < properties.len() {
            if same(properties[index].name, name) {
                return index as PropertyId;
            }
            index += 1;
        }
        panic!("no such property")
    }

    const fn same(left: &str, right: &str) -> bool {
        let (left, right) = (left.as_bytes(), right.as_bytes());
        if left.len() != right.len() {
            return false;
        }
        let mut index = 0;
        while index < left.len() {
            if left[index] != right[index] {
                return false;
            }
            index += 1;
        }
        true
    }

    macro_rules! numbers {
        ($kind:expr, $($constant:ident $name:literal)*) => {
            $(pub(crate) const $constant: PropertyId = at($kind, $name);)*
        };
    }

    pub(crate) mod user {
        use super::super::{Kind, PropertyId};
        use super::at;
        numbers! { Kind::User,
            ID "id" DELETED "deletedDateTime" ENABLED "accountEnabled" BUSINESS_PHONES "businessPhones"
            CITY "city" COMPANY "companyName" COUNTRY "country" CREATED "createdDateTime"
            CREATION_TYPE "creationType" DEPARTMENT "department" DISPLAY_NAME "displayName"
            EMPLOYEE_ID "employeeId" EXTERNAL_STATE "externalUserState"
            EXTERNAL_STATE_AT "externalUserStateChangeDateTime" GIVEN_NAME "givenName"
            IDENTITIES "identities" JOB_TITLE "jobTitle" MAIL "mail" MAIL_NICKNAME "mailNickname"
            MOBILE "mobilePhone" OFFICE "officeLocation" OTHER_MAILS "otherMails"
            POSTAL_CODE "postalCode" LANGUAGE "preferredLanguage" PROXY_ADDRESSES "proxyAddresses"
            PASSWORD_PROFILE "passwordProfile" SECURITY_ID "securityIdentifier"
            SESSIONS_VALID_FROM "signInSessionsValidFromDateTime" STATE "state" STREET "streetAddress"
            SURNAME "surname" USAGE_LOCATION "usageLocation" UPN "userPrincipalName" USER_TYPE "userType"
            SYNCED "onPremisesSyncEnabled" MANAGER "manager"
        }
    }

    pub(crate) mod group {
        use super::super::{Kind, PropertyId};
        use super::at;
        numbers! { Kind::Group,
            ID "id" DELETED "deletedDateTime" CREATED "createdDateTime" DESCRIPTION "description"
            DISPLAY_NAME "displayName" GROUP_TYPES "groupTypes" MAIL "mail" MAIL_ENABLED "mailEnabled"
            MAIL_NICKNAME "mailNickname" PROXY_ADDRESSES "proxyAddresses" RENEWED "renewedDateTime"
            SECURITY_ENABLED "securityEnabled" SECURITY_ID "securityIdentifier" VISIBILITY "visibility"
            MEMBERS "members" OWNERS "owners"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_fit_a_set() {
        for kind in Kind::ALL {
            let properties = kind.properties();
            assert!(properties.len() <= 128, "{kind:?}");
            for (at, property) in properties.iter().enumerate() {
                let found = kind.find(property.name).map(usize::from);
                assert_eq!(found, Some(at), "{}", property.name);
            }
        }
    }

    #[test]
    fn users_have_the_eleven_documented_defaults() {
        let defaults = Kind::User.defaults();
        let mut names: Vec<_> = defaults
            .iter()
            .map(|id| Kind::User.property(id).name)
            .collect();
        names.sort_unstable();
        let documented = [
            "businessPhones",
            "displayName",
            "givenName",
            "id",
            "jobTitle",
            "mail",
            "mobilePhone",
            "officeLocation",
            "preferredLanguage",
            "surname",
            "userPrincipalName",
        ];
        assert_eq!(names, documented);
    }
}
