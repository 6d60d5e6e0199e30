//! Why a person is as they are: the rule that won and those that lost, the way
//! through the groups, where each value is from and since when, and what would
//! change it; or, in plain words, why nothing is decided.

use engine::Why;
use provisioning::field::Field;
use provisioning::psa::{Kind, Status};
use provisioning::why::Standing;
use store::links::LinkRow;
use store::records::RecordRow;
use store::rights::{Module, Right};

use super::super::auth_provision::HERE;
use super::super::frame::needs;
use super::super::people::place;
use super::super::words::{Names, quoted};
use super::{Value, lines};
use crate::auth::CurrentUser;

/// A rule in an explanation.
pub(super) struct Ruled {
    pub(super) name: String,
    /// For those who may look at it.
    pub(super) href: Option<String>,
    pub(super) order: i64,
    pub(super) lost: Option<&'static str>,
}

/// The explanation.
pub(super) struct Reason {
    pub(super) winner: Option<Ruled>,
    pub(super) losers: Vec<Ruled>,
    pub(super) path: Vec<String>,
    pub(super) notes: Vec<&'static str>,
    pub(super) what_if: Vec<String>,
    pub(super) values: Vec<Value>,
}

/// Why nothing is decided.
pub(super) struct Undecided {
    pub(super) says: Vec<String>,
    /// Where the person is instead: address and words.
    pub(super) instead: Option<(String, &'static str)>,
}

fn ruled(one: &Standing, user: &CurrentUser) -> Ruled {
    let may_look = needs(user, Module::Admin, Right::Edit).is_ok();
    Ruled {
        name: one.name.clone(),
        href: may_look.then(|| format!("{HERE}/rules/{}", one.rule_id)),
        order: one.order,
        lost: one.lost_by.map(|by| match by {
            "higher Order" => "loses: its Order is higher",
            "younger group" => "loses: the same Order, but its group is younger",
            "younger rule" => "loses: the same Order and group, but the rule is younger",
            _ => "loses: as old as the other, so its id decided",
        }),
    }
}

/// What the directory's property for a field is called.
fn property(field: Field) -> Option<&'static str> {
    Some(match field {
        Field::FirstName => "givenName",
        Field::LastName => "surname",
        Field::Username => "userPrincipalName",
        Field::Email => "userPrincipalName or mail",
        Field::Phone => "businessPhones",
        Field::MobilePhone => "mobilePhone",
        Field::JobTitle => "jobTitle",
        Field::Department => "department",
        Field::Location => "officeLocation",
        Field::EmployeeId => "employeeId",
        _ => return None,
    })
}

pub(super) fn reason(
    user: &CurrentUser,
    row: &RecordRow,
    names: &Names,
    why: Why,
    is_suppressed: bool,
    now: jiff::Timestamp,
) -> Reason {
    let inside = [
        Field::AccessReason,
        Field::DeactivatedBySync,
        Field::OriginalUsername,
        Field::OriginalEmail,
    ];
    let mut values = lines(row, names, Some(&why), now, &inside);
    for value in &mut values {
        if value.is_from_directory {
            value.property = property(value.field);
        }
    }
    let mut notes = Vec::new();
    if row.record.pinned {
        notes.push("The record is pinned: whatever the rule says, the directory changes nothing until the pin is taken off.");
    }
    if is_suppressed {
        notes.push("What the rule gave was undone: nothing of it is done again until the person changes in the directory, the rule changes, or somebody re-applies the directory.");
    }
    if why.winner.is_none() {
        notes.push("No mapping rule takes the person: they have no access through the directory.");
    }
    Reason {
        winner: why.winner.as_ref().map(|one| ruled(one, user)),
        losers: why.losers.iter().map(|one| ruled(one, user)).collect(),
        path: why.group_path,
        notes,
        what_if: why.what_if.iter().map(|text| quoted(text)).collect(),
        values,
    }
}

/// In plain words why no rule decides about a record.
pub(super) fn undecided(row: &RecordRow, link: Option<&LinkRow>, is_connected: bool) -> Undecided {
    let record = &row.record;
    let (kind, other) = match record.kind {
        Kind::Employee => ("an employee", Kind::Contact),
        Kind::Contact => ("a contact", Kind::Employee),
    };
    let is_replaced = link.is_some_and(|link| link.link.record_id != record.id);
    if record.status == Status::Archived {
        let mut says = vec![format!(
            "This record is archived, so nothing is decided about it: the person is no longer {kind}."
        )];
        if is_replaced {
            says.push(format!(
                "A mapping rule that makes the person {kind} again brings this very record back, with its tickets and invoices."
            ));
        } else {
            says.push("Restore brings it back, inactive and without access.".to_owned());
        }
        let instead = link.filter(|_| is_replaced).map(|link| {
            let base = place(other).base;
            let words = match other {
                Kind::Employee => "The employee they are now",
                Kind::Contact => "The contact they are now",
            };
            (format!("{base}/{}", link.link.record_id), words)
        });
        return Undecided { says, instead };
    }
    let says = match link {
        None if record.is_root => {
            "This is root: kept here alone and exempt from every loss, so that somebody can always sign in."
        }
        None => {
            "This record is local: no directory person is linked to it. No mapping rule decides about it; it stays as it is edited here."
        }
        Some(_) if !is_connected => {
            "The connection this person came through was removed. The record is local since then: no mapping rule decides about it; it stays as it is edited here."
        }
        Some(_) => {
            "The record is linked to a directory person who is not among those read last. Nothing is decided until the directory shows them again, or a full sync proves that they are gone."
        }
    };
    Undecided {
        says: vec![says.to_owned()],
        instead: None,
    }
}
