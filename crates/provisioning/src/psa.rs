//! A record of the PSA's people side: an HR employee or a CRM contact.
//!
//! Both kinds share one shape, one pool of usernames and one life cycle. Does
//! not know how a record is stored, nor who changes it.

use serde::{Deserialize, Serialize};

use crate::field::{Field, FieldChange, Value, names};
use crate::ids::{AccountId, RecordId};

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// HR employee.
    Employee,
    /// CRM contact, possibly a client portal user.
    Contact,
}

impl Kind {
    /// The other kind.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Employee => Self::Contact,
            Self::Contact => Self::Employee,
        }
    }

    /// The name in JSON and SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Employee => "employee",
            Self::Contact => "contact",
        }
    }
}

/// Where a record is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In use.
    Active,
    /// A leaver.
    Inactive,
    /// Replaced by a record of the other kind.
    Archived,
}

impl Status {
    /// The name in JSON and SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Archived => "archived",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Inactive, Self::Archived]
            .into_iter()
            .find(|status| status.name() == name)
    }
}

/// The security role whose holders administrate everything.
pub const ADMINISTRATOR: &str = "Administrator";

/// An employee or contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Ours; never changes.
    pub id: RecordId,
    /// Employee or contact; never changes.
    pub kind: Kind,
    /// Counts writes; a plan is made against one version.
    pub version: i64,
    /// The account made at set-up: exempt from every loss.
    pub is_root: bool,
    /// Never deactivate, archive or strip by sync.
    pub pinned: bool,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Unique regardless of letter case.
    pub username: Option<String>,
    /// Email; of a contact the default address.
    pub email: Option<String>,
    /// Phone; of a contact the default number.
    pub phone: Option<String>,
    /// Mobile phone.
    pub mobile_phone: Option<String>,
    /// Job title.
    pub job_title: Option<String>,
    /// Department.
    pub department: Option<String>,
    /// Location.
    pub location: Option<String>,
    /// Manager.
    pub manager_id: Option<RecordId>,
    /// Employment type.
    pub employment_type: Option<String>,
    /// Employee number.
    pub employee_id: Option<String>,
    /// Billing roles, sorted.
    pub employee_roles: Vec<String>,
    /// Rights, sorted.
    pub security_roles: Vec<String>,
    /// Company of a contact.
    pub account_id: Option<AccountId>,
    /// Life cycle.
    pub status: Status,
    /// Whether the person may sign in.
    pub access: bool,
    /// Why not, in a code of [`crate::reason::AccessReason`].
    pub access_reason: Option<String>,
    /// Whether the sync made the record inactive.
    pub deactivated_by_sync: bool,
    /// Username before archiving.
    pub original_username: Option<String>,
    /// Email before archiving.
    pub original_email: Option<String>,
}

/// A change that does not fit the record it is meant for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The field holds something else than the change says.
    #[error("{} is {found:?}, and the change expects {expected:?}", field.name())]
    Moved {
        /// The field.
        field: Field,
        /// What the change says is there.
        expected: Option<Value>,
        /// What is there.
        found: Option<Value>,
    },
    /// The value is of the wrong type for the field.
    #[error("{} cannot be {value:?}", field.name())]
    WrongValue {
        /// The field.
        field: Field,
        /// The value.
        value: Option<Value>,
    },
}

impl Record {
    /// A record with nothing in it yet: what a create action starts from.
    pub fn blank(id: RecordId, kind: Kind) -> Self {
        Self {
            id,
            kind,
            version: 0,
            is_root: false,
            pinned: false,
            first_name: None,
            last_name: None,
            username: None,
            email: None,
            phone: None,
            mobile_phone: None,
            job_title: None,
            department: None,
            location: None,
            manager_id: None,
            employment_type: None,
            employee_id: None,
            employee_roles: Vec::new(),
            security_roles: Vec::new(),
            account_id: None,
            status: Status::Active,
            access: false,
            access_reason: None,
            deactivated_by_sync: false,
            original_username: None,
            original_email: None,
        }
    }

    /// Whether losing this record would take administration away.
    pub fn is_administrator(&self) -> bool {
        self.kind == Kind::Employee && self.security_roles.iter().any(|role| role == ADMINISTRATOR)
    }

    /// Root or administrator: never matched by email without authority.
    pub fn is_privileged(&self) -> bool {
        self.is_root || self.is_administrator()
    }

    /// Whether a field's value is another one there; cheaper than two values.
    pub(crate) fn differs(&self, other: &Self, field: Field) -> bool {
        match field {
            Field::FirstName => self.first_name != other.first_name,
            Field::LastName => self.last_name != other.last_name,
            Field::Username => self.username != other.username,
            Field::Email => self.email != other.email,
            Field::Phone => self.phone != other.phone,
            Field::MobilePhone => self.mobile_phone != other.mobile_phone,
            Field::JobTitle => self.job_title != other.job_title,
            Field::Department => self.department != other.department,
            Field::Location => self.location != other.location,
            Field::EmploymentType => self.employment_type != other.employment_type,
            Field::EmployeeId => self.employee_id != other.employee_id,
            Field::AccessReason => self.access_reason != other.access_reason,
            Field::OriginalUsername => self.original_username != other.original_username,
            Field::OriginalEmail => self.original_email != other.original_email,
            Field::Manager => self.manager_id != other.manager_id,
            Field::Account => self.account_id != other.account_id,
            Field::Status => self.status != other.status,
            Field::Access => self.access != other.access,
            Field::DeactivatedBySync => self.deactivated_by_sync != other.deactivated_by_sync,
            // Sets: order and repeats are no difference.
            Field::EmployeeRoles | Field::SecurityRoles => self.get(field) != other.get(field),
        }
    }

    /// The value of a field.
    pub fn get(&self, field: Field) -> Option<Value> {
        let text = |text: &Option<String>| text.clone().map(Value::Text);
        match field {
            Field::FirstName => text(&self.first_name),
            Field::LastName => text(&self.last_name),
            Field::Username => text(&self.username),
            Field::Email => text(&self.email),
            Field::Phone => text(&self.phone),
            Field::MobilePhone => text(&self.mobile_phone),
            Field::JobTitle => text(&self.job_title),
            Field::Department => text(&self.department),
            Field::Location => text(&self.location),
            Field::EmploymentType => text(&self.employment_type),
            Field::EmployeeId => text(&self.employee_id),
            Field::AccessReason => text(&self.access_reason),
            Field::OriginalUsername => text(&self.original_username),
            Field::OriginalEmail => text(&self.original_email),
            Field::Manager => self.manager_id.map(|id| Value::Id(id.0)),
            Field::Account => self.account_id.map(|id| Value::Id(id.0)),
            Field::EmployeeRoles => names(self.employee_roles.iter().cloned()),
            Field::SecurityRoles => names(self.security_roles.iter().cloned()),
            Field::Status => Some(self.status.name().into()),
            Field::Access => Some(Value::Flag(self.access)),
            Field::DeactivatedBySync => Some(Value::Flag(self.deactivated_by_sync)),
        }
    }

    /// Sets a field.
    pub fn set(&mut self, field: Field, value: Option<Value>) -> Result<(), ChangeError> {
        let wrong = |value| ChangeError::WrongValue { field, value };
        if let Some(slot) = self.text_slot(field) {
            *slot = match value {
                None => None,
                Some(Value::Text(text)) => Some(text),
                value => return Err(wrong(value)),
            };
            return Ok(());
        }
        match (field, value) {
            (Field::Manager, None) => self.manager_id = None,
            (Field::Manager, Some(Value::Id(id))) => self.manager_id = Some(RecordId(id)),
            (Field::Account, None) => self.account_id = None,
            (Field::Account, Some(Value::Id(id))) => self.account_id = Some(AccountId(id)),
            (Field::EmployeeRoles, None) => self.employee_roles.clear(),
            (Field::EmployeeRoles, Some(Value::Names(list))) => self.employee_roles = list,
            (Field::SecurityRoles, None) => self.security_roles.clear(),
            (Field::SecurityRoles, Some(Value::Names(list))) => self.security_roles = list,
            (Field::Access, Some(Value::Flag(flag))) => self.access = flag,
            (Field::DeactivatedBySync, Some(Value::Flag(flag))) => self.deactivated_by_sync = flag,
            (Field::Status, Some(Value::Text(name))) => match Status::from_name(&name) {
                Some(status) => self.status = status,
                None => return Err(wrong(Some(Value::Text(name)))),
            },
            (_, value) => return Err(wrong(value)),
        }
        Ok(())
    }

    /// Applies changes, each only if the field still holds its old value.
    /// Nothing is changed when one does not fit.
    pub fn apply(&self, changes: &[FieldChange]) -> Result<Self, ChangeError> {
        let mut next = self.clone();
        for change in changes {
            let found = next.get(change.field);
            // A blank record has no status or access yet: old is null there.
            if found != change.old && !(self.version == 0 && change.old.is_none()) {
                return Err(ChangeError::Moved {
                    field: change.field,
                    expected: change.old.clone(),
                    found,
                });
            }
            next.set(change.field, change.new.clone())?;
        }
        Ok(next)
    }

    fn text_slot(&mut self, field: Field) -> Option<&mut Option<String>> {
        Some(match field {
            Field::FirstName => &mut self.first_name,
            Field::LastName => &mut self.last_name,
            Field::Username => &mut self.username,
            Field::Email => &mut self.email,
            Field::Phone => &mut self.phone,
            Field::MobilePhone => &mut self.mobile_phone,
            Field::JobTitle => &mut self.job_title,
            Field::Department => &mut self.department,
            Field::Location => &mut self.location,
            Field::EmploymentType => &mut self.employment_type,
            Field::EmployeeId => &mut self.employee_id,
            Field::AccessReason => &mut self.access_reason,
            Field::OriginalUsername => &mut self.original_username,
            Field::OriginalEmail => &mut self.original_email,
            _ => return None,
        })
    }
}
