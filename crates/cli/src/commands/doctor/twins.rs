//! Records that look like one person twice: the same email, or one that differs
//! only by letter case or by the way its letters are encoded. Worth a look, and
//! no failure: somebody may be an employee and a client's contact.

use std::collections::BTreeMap;

use anyhow::Result;
use provisioning::psa::{Kind, Status};
use store::Db;
use store::records::{self, Addressee};
use unicode_normalization::UnicodeNormalization as _;

use super::Findings;

/// How many pairs are named.
const MOST: usize = 20;
/// How many addresses are read at a time.
const PAGE: i64 = 2_000;

/// Goes through all addresses in order; only those beyond ASCII have to be kept
/// in mind, since their forms stand far apart.
pub(super) async fn look(db: &Db, findings: &mut Findings) -> Result<()> {
    let mut found = Vec::new();
    let mut same: Vec<Addressee> = Vec::new();
    let mut encoded: BTreeMap<String, Vec<Addressee>> = BTreeMap::new();
    loop {
        let page = records::addressees(db, same.last(), PAGE).await?;
        let is_last = page.is_empty();
        for next in page {
            if same
                .last()
                .is_some_and(|last| last.email_key != next.email_key)
            {
                keep(&mut found, &mut encoded, std::mem::take(&mut same));
            }
            same.push(next);
        }
        if is_last {
            break;
        }
    }
    keep(&mut found, &mut encoded, same);
    found.extend(encoded.into_values());
    let mut notes: Vec<String> = found.iter().filter_map(|group| told(group)).collect();
    let more = notes.len().saturating_sub(MOST);
    notes.truncate(MOST);
    if notes.is_empty() {
        findings.good("same email", "no two records look like one person");
    }
    let cure = "Where it is one person, deactivate the record that is not used; else give each its own address.";
    for note in notes {
        findings.add("same email", None, note, Some(cure.to_owned()));
    }
    if more > 0 {
        let note = format!("and {more} more pairs");
        findings.add("same email", None, note, Some(cure.to_owned()));
    }
    Ok(())
}

/// Puts those with one key where they are compared.
fn keep(
    found: &mut Vec<Vec<Addressee>>,
    encoded: &mut BTreeMap<String, Vec<Addressee>>,
    same: Vec<Addressee>,
) {
    match same.first() {
        Some(first) if !first.email_key.is_ascii() => {
            let form = first.email_key.nfkc().collect::<String>().to_lowercase();
            encoded.entry(form).or_default().extend(same);
        }
        _ if same.len() > 1 => found.push(same),
        _ => {}
    }
}

/// What there is to say of records with one address: nothing unless two of them
/// are in use, or they are written in different ways.
fn told(group: &[Addressee]) -> Option<String> {
    let (first, others) = group.split_first()?;
    let active = |one: &&Addressee| one.status == Status::Active;
    let is_written_twice = others.iter().any(|other| other.email != first.email);
    if others.is_empty() || !(is_written_twice || group.iter().filter(active).count() > 1) {
        return None;
    }
    let what = if others
        .iter()
        .any(|other| other.email_key != first.email_key)
    {
        "differ only by the encoding of their letters"
    } else if is_written_twice {
        "differ only by letter case"
    } else {
        "have one email"
    };
    let named = group.iter().map(|one| {
        let kind = match one.kind {
            Kind::Employee => "employee",
            Kind::Contact => "contact",
        };
        let rests = if active(&one) { "" } else { ", inactive" };
        format!("{} ({kind} {}{rests})", one.email, one.id)
    });
    let named: Vec<String> = named.collect();
    Some(format!("{}: {what}", named.join(" and ")))
}

#[cfg(test)]
mod tests {
    use provisioning::ids::RecordId;
    use store::keys;

    use super::*;

    fn one(n: u128, kind: Kind, status: Status, email: &str) -> Addressee {
        Addressee {
            id: RecordId(uuid::Uuid::from_u128(n)),
            kind,
            status,
            email: email.to_owned(),
            email_key: keys::email(Some(email)).unwrap(),
        }
    }

    #[test]
    fn two_in_use_and_two_ways_of_writing_are_told_and_a_retired_twin_is_not() {
        use Kind::{Contact, Employee};
        use Status::{Active, Inactive};
        for (others, expected) in [
            (
                vec![(Contact, Active, "ada@x.example")],
                Some("have one email"),
            ),
            (vec![(Contact, Inactive, "ada@x.example")], None),
            (
                vec![(Employee, Inactive, "ADA@x.example")],
                Some("differ only by letter case"),
            ),
            (vec![], None),
        ] {
            let mut group = vec![one(0, Employee, Active, "ada@x.example")];
            for (n, (kind, status, email)) in (1..).zip(others) {
                group.push(one(n, kind, status, email));
            }
            let said = told(&group);
            assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
            assert!(
                said.unwrap_or_default()
                    .contains(expected.unwrap_or_default())
            );
        }
    }

    #[test]
    fn letters_that_are_encoded_in_two_ways_come_together() {
        let (mut found, mut encoded) = (Vec::new(), BTreeMap::new());
        for email in [
            "rene\u{301}@x.example",
            "ren\u{e9}@x.example",
            "rene@x.example",
        ] {
            let kind = Kind::Employee;
            keep(
                &mut found,
                &mut encoded,
                vec![one(1, kind, Status::Active, email)],
            );
        }
        assert!(found.is_empty());
        let groups: Vec<usize> = encoded.values().map(Vec::len).collect();
        assert_eq!(groups, [2]);
        let said = told(encoded.values().next().unwrap()).unwrap();
        assert!(said.contains("encoding"), "{said}");
    }
}
