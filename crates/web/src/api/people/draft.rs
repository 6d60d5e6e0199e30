//! What a caller may write of a record: checked, and put onto it.

use provisioning::address::Address;
use provisioning::field::{Field, Value, names};
use provisioning::ids::{AccountId, RecordId};
use provisioning::psa::{Kind, Status};
use serde::Deserialize;
use store::records::{EmailType, OtherEmail, OtherPhone, PhoneType, RecordRow};

use crate::error::{Problem, Result};
use crate::extract::given;

/// An address of a contact.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EmailRow {
    address: String,
    #[serde(default, rename = "type")]
    kind: EmailType,
    #[serde(default)]
    is_default: bool,
}

/// A number of a contact.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PhoneRow {
    number: String,
    #[serde(default, rename = "type")]
    kind: PhoneType,
    #[serde(default)]
    is_default: bool,
}

type Slot<T> = Option<Option<T>>;

/// A record as it is written: what is missing stays, `null` clears.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Draft {
    #[serde(deserialize_with = "given")]
    username: Slot<String>,
    #[serde(deserialize_with = "given")]
    first_name: Slot<String>,
    #[serde(deserialize_with = "given")]
    last_name: Slot<String>,
    #[serde(deserialize_with = "given")]
    email: Slot<String>,
    #[serde(deserialize_with = "given")]
    phone: Slot<String>,
    #[serde(deserialize_with = "given")]
    mobile_phone: Slot<String>,
    #[serde(deserialize_with = "given")]
    job_title: Slot<String>,
    #[serde(deserialize_with = "given")]
    department: Slot<String>,
    #[serde(deserialize_with = "given")]
    location: Slot<String>,
    #[serde(deserialize_with = "given")]
    manager_id: Slot<RecordId>,
    #[serde(deserialize_with = "given")]
    employment_type: Slot<String>,
    #[serde(deserialize_with = "given")]
    employee_id: Slot<String>,
    #[serde(deserialize_with = "given")]
    account_id: Slot<AccountId>,
    security_roles: Option<Vec<String>>,
    employee_roles: Option<Vec<String>>,
    emails: Option<Vec<EmailRow>>,
    phones: Option<Vec<PhoneRow>>,
    is_poc: Option<bool>,
    receive_invoices: Option<bool>,
    status: Option<Status>,
    access: Option<String>,
    has_client_portal_access: Option<bool>,
}

impl Draft {
    /// Writes the draft onto a record. Says whether access was asked for, and
    /// which.
    pub(super) fn apply(mut self, row: &mut RecordRow) -> Result<Option<bool>> {
        let kind = row.record.kind;
        self.fits(kind)?;
        if let Some(rows) = self.emails.take() {
            put_emails(row, rows, self.email.is_some())?;
        }
        if let Some(rows) = self.phones.take() {
            put_phones(row, rows, self.phone.is_some())?;
        }
        let texts = [
            (Field::Username, self.username.take()),
            (Field::FirstName, self.first_name.take()),
            (Field::LastName, self.last_name.take()),
            (Field::Email, self.email.take()),
            (Field::Phone, self.phone.take()),
            (Field::MobilePhone, self.mobile_phone.take()),
            (Field::JobTitle, self.job_title.take()),
            (Field::Department, self.department.take()),
            (Field::Location, self.location.take()),
            (Field::EmploymentType, self.employment_type.take()),
            (Field::EmployeeId, self.employee_id.take()),
        ];
        for (field, slot) in texts {
            if let Some(text) = slot {
                let text = text
                    .map(|text| clean(field.name(), &text))
                    .transpose()?
                    .flatten();
                put(row, field, text.map(Value::Text))?;
            }
        }
        if let Some(manager) = self.manager_id {
            row.record.manager_id = manager;
        }
        if let Some(account) = self.account_id {
            row.record.account_id = account;
        }
        if let Some(roles) = self.security_roles.take() {
            put(row, Field::SecurityRoles, names(roles))?;
        }
        if let Some(roles) = self.employee_roles.take() {
            put(row, Field::EmployeeRoles, names(roles))?;
        }
        row.details.is_poc = self.is_poc.unwrap_or(row.details.is_poc);
        row.details.receive_invoices = self
            .receive_invoices
            .unwrap_or(row.details.receive_invoices);
        check_email(row.record.email.as_deref())?;
        self.put_status(row)
    }

    /// Fields that the other kind has.
    fn fits(&self, kind: Kind) -> Result<()> {
        let of_contacts = [
            ("account_id", self.account_id.is_some()),
            ("emails", self.emails.is_some()),
            ("phones", self.phones.is_some()),
            ("is_poc", self.is_poc.is_some()),
            ("receive_invoices", self.receive_invoices.is_some()),
            (
                "has_client_portal_access",
                self.has_client_portal_access.is_some(),
            ),
        ];
        let of_employees = [
            ("department", self.department.is_some()),
            ("location", self.location.is_some()),
            ("manager_id", self.manager_id.is_some()),
            ("employment_type", self.employment_type.is_some()),
            ("employee_id", self.employee_id.is_some()),
            ("employee_roles", self.employee_roles.is_some()),
        ];
        let foreign: &[(&str, bool)] = match kind {
            Kind::Employee => &of_contacts,
            Kind::Contact => &of_employees,
        };
        match foreign.iter().find(|(_, is_given)| *is_given) {
            Some((field, _)) => {
                let detail = format!("unknown field `{field}`: a {} has none", kind.name());
                let status = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
                Err(Problem::new(status, "unknown_field", detail).with("field", *field))
            }
            None => Ok(()),
        }
    }

    fn put_status(&self, row: &mut RecordRow) -> Result<Option<bool>> {
        let access = match self.access.as_deref() {
            None => self.has_client_portal_access,
            Some("granted") => Some(true),
            Some("none") => Some(false),
            Some(other) => {
                let detail = format!("access: `{other}` is neither granted nor none");
                return Err(Problem::invalid(detail));
            }
        };
        if let Some(status) = self.status {
            let (from, to) = (row.record.status, status);
            if from != to && (from == Status::Archived || to == Status::Archived) {
                let detail = "status: a record is archived by a change of kind, and comes back by restoring it";
                return Err(Problem::invalid(detail));
            }
            if from != to {
                row.record.deactivated_by_sync = false;
            }
            row.record.status = status;
        }
        Ok(access)
    }
}

fn put(row: &mut RecordRow, field: Field, value: Option<Value>) -> Result<()> {
    let set = row.record.set(field, value);
    set.map_err(|error| Problem::invalid(error.to_string()))
}

/// The text without blanks around it; blank is no value.
fn clean(field: &str, text: &str) -> Result<Option<String>> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(Problem::invalid(format!(
            "{field}: control characters are not allowed"
        )));
    }
    if text.chars().count() > 256 {
        return Err(Problem::invalid(format!("{field}: at most 256 characters")));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn check_email(email: Option<&str>) -> Result<()> {
    match email {
        Some(email) if Address::parse(email).is_none() => Err(Problem::invalid(format!(
            "email: `{email}` is not an email address"
        ))),
        _ => Ok(()),
    }
}

/// The place of the default row: the flagged one, else the first.
fn default_of(flags: impl Iterator<Item = bool>, what: &str) -> Result<usize> {
    let flagged: Vec<usize> = flags
        .enumerate()
        .filter(|(_, is)| *is)
        .map(|(at, _)| at)
        .collect();
    match flagged.as_slice() {
        [] => Ok(0),
        [at] => Ok(*at),
        _ => Err(Problem::invalid(format!("{what}: only one is the default"))),
    }
}

fn put_emails(row: &mut RecordRow, rows: Vec<EmailRow>, also_single: bool) -> Result<()> {
    if also_single {
        return Err(Problem::invalid("email: give either `email` or `emails`"));
    }
    let at = default_of(rows.iter().map(|row| row.is_default), "emails")?;
    (row.record.email, row.details.other_emails) = (None, Vec::new());
    for (place, email) in rows.into_iter().enumerate() {
        check_email(Some(&email.address))?;
        let Some(address) = clean("emails", &email.address)? else {
            continue;
        };
        if place == at {
            (row.record.email, row.details.email_type) = (Some(address), email.kind);
        } else {
            row.details.other_emails.push(OtherEmail {
                address,
                kind: email.kind,
            });
        }
    }
    Ok(())
}

fn put_phones(row: &mut RecordRow, rows: Vec<PhoneRow>, also_single: bool) -> Result<()> {
    if also_single {
        return Err(Problem::invalid("phone: give either `phone` or `phones`"));
    }
    let at = default_of(rows.iter().map(|row| row.is_default), "phones")?;
    (row.record.phone, row.record.mobile_phone) = (None, None);
    row.details.other_phones.clear();
    for (place, phone) in rows.into_iter().enumerate() {
        let Some(number) = clean("phones", &phone.number)? else {
            continue;
        };
        if place == at {
            (row.record.phone, row.details.phone_type) = (Some(number), phone.kind);
        } else if phone.kind == PhoneType::Mobile && row.record.mobile_phone.is_none() {
            row.record.mobile_phone = Some(number);
        } else {
            row.details.other_phones.push(OtherPhone {
                number,
                kind: phone.kind,
            });
        }
    }
    Ok(())
}
